"""The graph of the store tests: every property type, nulls, and nodes without edges."""

from __future__ import annotations

import polars as pl
import pytest

from kgrec.graph.knowledge_graph import KnowledgeGraph


@pytest.fixture
def graph() -> KnowledgeGraph:
    """
    p1 --HAS_BRAND--> acme <--HAS_BRAND-- p2          p3, bolt: no brand, no product
    p1 --ALSO_BOUGHT {weight 0.5}--> p2 --ALSO_BOUGHT {weight 1.0, count 3}--> p2
    """
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame(
                {
                    "id": ["p1", "p2", "p3"],
                    "title": ["Red lamp", "Mat", None],
                    "price": [1.0, None, 2.5],
                    "stock": [1, 2**62, None],
                    "sold": [True, False, None],
                    "tags": [["a", "b"], [], None],
                    "none": pl.Series([[], [], None], dtype=pl.List(pl.String)),
                    "level": [float("nan"), float("inf"), -0.0],
                }
            ),
            "Brand": pl.DataFrame({"id": ["acme", "bolt"]}),
        },
        {
            ("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ["p1", "p2"], "tail_id": ["acme", "acme"]}),
            ("Product", "ALSO_BOUGHT", "Product"): pl.DataFrame(
                {"head_id": ["p1", "p2"], "tail_id": ["p2", "p2"], "weight": [0.5, 1.0], "count": [None, 3]}
            ),
        },
    )
