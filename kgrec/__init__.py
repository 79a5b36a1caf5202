"""kgrec: a shop's catalogue and event log -> a knowledge graph and an explainable ranker."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.config import RecommenderConfig
    from kgrec.data.dataset import Dataset, Split
    from kgrec.data.reading import read_dataset
    from kgrec.errors import KgrecError
    from kgrec.graph.knowledge_graph import KnowledgeGraph
    from kgrec.graph.store import GraphStore, open_graph
    from kgrec.recommender import KGRecommender

__version__ = "0.1.0"
__all__ = [
    "Dataset",
    "GraphStore",
    "KGRecommender",
    "KgrecError",
    "KnowledgeGraph",
    "RecommenderConfig",
    "Split",
    "open_graph",
    "read_dataset",
]

_HOME = {
    "Dataset": "kgrec.data.dataset",
    "GraphStore": "kgrec.graph.store",
    "KGRecommender": "kgrec.recommender",
    "KgrecError": "kgrec.errors",
    "KnowledgeGraph": "kgrec.graph.knowledge_graph",
    "RecommenderConfig": "kgrec.config",
    "Split": "kgrec.data.dataset",
    "open_graph": "kgrec.graph.store",
    "read_dataset": "kgrec.data.reading",
}


def __getattr__(name: str) -> Any:  # imported on first use: `import kgrec` loads no torch
    if name not in _HOME:
        raise AttributeError(f"module 'kgrec' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
