from __future__ import annotations

import polars as pl

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.check import schema_faults
from kgrec.graph.schema.types import read_schema


def test_graph_as_the_schema_says_has_no_fault() -> None:
    graph = KnowledgeGraph(
        {"Product": pl.DataFrame({"id": ["p"], "price": [1.0]}), "Brand": pl.DataFrame({"id": ["b"], "name": ["B"]})},
        {("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ["p"], "tail_id": ["b"]})},
    )
    assert schema_faults(read_schema(), graph) == []


def test_graph_unlike_the_schema_lists_every_fault() -> None:
    """(p)-[:HAS_BRAND]->(p), (p)-[:LIKES]->(g) and (u)-[:VIEWED {count: "2", by: "mail"}]->(p)"""
    edge = {"head_id": ["p"], "tail_id": ["p"]}
    graph = KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["p"], "price": ["cheap"], "stock": [3]}),
            "Gadget": pl.DataFrame({"id": ["g", "h"]}),
            "User": pl.DataFrame({"id": ["u"]}),
        },
        {
            ("Product", "HAS_BRAND", "Product"): pl.DataFrame(edge),
            ("Product", "LIKES", "Gadget"): pl.DataFrame({"head_id": ["p"], "tail_id": ["g"]}),
            ("User", "VIEWED", "Product"): pl.DataFrame(
                {"head_id": ["u"], "tail_id": ["p"], "count": ["2"], "by": ["mail"]}
            ),
        },
    )
    assert schema_faults(read_schema(), graph) == [
        "label 'Gadget' is not in the schema (2 nodes)",
        "Product: property 'price' holds values of type string; the schema has float",
        "Product: property 'stock' (integer) is not in the schema",
        "(Product)-[HAS_BRAND]->(Product): 1 edges with these ends; the schema has (Product)-[HAS_BRAND]->(Brand)",
        "(Product)-[LIKES]->(Gadget): the relation is not in the schema (1 edges)",
        "(User)-[VIEWED]->(Product): property 'by' (string) is not in the schema",
        "(User)-[VIEWED]->(Product): property 'count' holds values of type string; the schema has integer",
    ]
