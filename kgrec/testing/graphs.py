"""A graph small enough to check by hand."""

from __future__ import annotations

import polars as pl

from kgrec.graph.knowledge_graph import HEAD_ID, TAIL_ID, KnowledgeGraph


def make_product_graph() -> KnowledgeGraph:
    """The graph of the fixture `product_graph`, where it is drawn: 9 nodes, 11 edges."""
    nodes = {
        "Product": pl.DataFrame(
            {
                "id": ["p1", "p2", "p3"],
                "title": ["Red lamp", "Blue lamp", "Red mat"],
                "price": [20.0, 25.5, None],
            }
        ),
        "Brand": pl.DataFrame({"id": ["Acme", "Bolt"], "name": ["Acme", "Bolt"]}),
        "Category": pl.DataFrame(
            {"id": ["Home", "Home > Lamps"], "name": ["Home", "Lamps"], "level": [1, 2]}
        ),
        "AttributeValue": pl.DataFrame(
            {"id": ["colour=blue", "colour=red"], "name": ["colour", "colour"], "value": ["blue", "red"]}
        ),
    }  # fmt: skip
    edges = {
        ("Product", "HAS_BRAND", "Brand"): [("p1", "Acme"), ("p2", "Acme"), ("p3", "Bolt")],
        ("Product", "IN_CATEGORY", "Category"): [("p1", "Home > Lamps"), ("p2", "Home > Lamps"), ("p3", "Home")],
        ("Category", "SUBCATEGORY_OF", "Category"): [("Home > Lamps", "Home")],
        ("Product", "HAS_ATTRIBUTE", "AttributeValue"): [
            ("p1", "colour=red"),
            ("p2", "colour=blue"),
            ("p3", "colour=red"),
        ],
        ("Product", "ALSO_BOUGHT", "Product"): [("p1", "p3")],
    }
    return KnowledgeGraph(
        nodes, {key: pl.DataFrame(pairs, schema=[HEAD_ID, TAIL_ID], orient="row") for key, pairs in edges.items()}
    )
