"""The knowledge graph, its store and its pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.graph.drawing import draw

__all__ = ["draw"]


def __getattr__(name: str) -> Any:  # imported on first use: drawing needs packages that the rest of the graph does not
    if name != "draw":
        raise AttributeError(f"module 'kgrec.graph' has no attribute {name!r}")
    from kgrec.graph.drawing import draw

    return draw
