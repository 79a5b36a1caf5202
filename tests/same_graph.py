from __future__ import annotations

from kgrec.testing import assert_graph_equal as assert_same_graph

__all__ = ["assert_same_graph"]
