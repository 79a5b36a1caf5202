"""Vectors that the store keeps for search outlive a load, and are no part of the graph read back."""

from __future__ import annotations

import polars as pl

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from tests.same_graph import assert_same_graph

PRODUCTS = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1", "p2"], "title": ["Lamp", "Mat"]})}, {})
EMBEDDED = "MATCH (p:Product {id: 'p1'}) SET p.embedding = [0.5, 1.5] RETURN p.embedding"


def test_vectors_of_the_schema_outlive_a_load(graph_store: GraphStore) -> None:
    graph_store.load(PRODUCTS)
    graph_store.query(EMBEDDED, write=True)
    graph_store.load(KnowledgeGraph({"Product": PRODUCTS.nodes["Product"].select("id")}, {}))
    answer = graph_store.query("MATCH (p:Product) RETURN p.embedding AS e, p.title AS t ORDER BY p.id")
    assert answer["e"].to_list() == [[0.5, 1.5], None]
    assert answer["t"].to_list() == [None, None]


def test_vectors_of_the_schema_are_left_out_of_the_graph_read_back(graph_store: GraphStore) -> None:
    graph_store.load(PRODUCTS)
    graph_store.query(EMBEDDED, write=True)
    assert_same_graph(graph_store.read_graph(), PRODUCTS)


def test_property_that_is_called_like_a_vector_and_holds_text_is_read_back(graph_store: GraphStore) -> None:
    text = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1", "p2"], "embedding": ["0.5 1.5", None]})}, {})
    graph_store.load(text)
    assert_same_graph(graph_store.read_graph(), text)
