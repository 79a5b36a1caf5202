"""Graph fixtures for pytest, for kgrec's own tests and for anybody's. Importing this loads nothing heavy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.testing.comparing import assert_graph_equal

__all__ = ["assert_graph_equal"]


def __getattr__(name: str) -> Any:  # imported on first use: pytest loads this package in every run
    if name != "assert_graph_equal":
        raise AttributeError(f"module 'kgrec.testing' has no attribute {name!r}")
    from kgrec.testing.comparing import assert_graph_equal

    return assert_graph_equal
