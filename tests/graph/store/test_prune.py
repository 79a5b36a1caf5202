"""What a load removes when asked to, on the local server and on a real Neo4j alike."""

from __future__ import annotations

import polars as pl

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.types import read_schema
from kgrec.graph.store import GraphStore
from kgrec.graph.store.prune import owned_edge_types
from tests.same_graph import assert_same_graph

# before:  p1 -HAS_BRAND-> acme <-HAS_BRAND- p2   p3 -HAS_BRAND-> bolt   p1 -ALSO_BOUGHT-> p2 -ALSO_BOUGHT-> p3
# after:   p1 -HAS_BRAND-> bolt    p2 (no brand)   p3 and acme are gone   p1 -ALSO_BOUGHT-> p2
BEFORE = KnowledgeGraph(
    {"Product": pl.DataFrame({"id": ["p1", "p2", "p3"]}), "Brand": pl.DataFrame({"id": ["acme", "bolt"]})},
    {
        ("Product", "HAS_BRAND", "Brand"): pl.DataFrame(
            {"head_id": ["p1", "p2", "p3"], "tail_id": ["acme", "acme", "bolt"]}
        ),
        ("Product", "ALSO_BOUGHT", "Product"): pl.DataFrame({"head_id": ["p1", "p2"], "tail_id": ["p2", "p3"]}),
    },
)
AFTER = KnowledgeGraph(
    {"Product": pl.DataFrame({"id": ["p1", "p2"]}), "Brand": pl.DataFrame({"id": ["bolt"]})},
    {
        ("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ["p1"], "tail_id": ["bolt"]}),
        ("Product", "ALSO_BOUGHT", "Product"): pl.DataFrame({"head_id": ["p1"], "tail_id": ["p2"]}),
    },
)


def test_load_with_prune_leaves_exactly_the_new_graph(graph_store: GraphStore) -> None:
    graph_store.load(BEFORE)
    report = graph_store.load(AFTER, prune=True)
    assert_same_graph(graph_store.read_graph(), AFTER)
    assert report.removed_nodes == {"Product": 1, "Brand": 1}
    assert report.removed_edges == {("Product", "HAS_BRAND", "Brand"): 3, ("Product", "ALSO_BOUGHT", "Product"): 1}
    assert "; 2 nodes and 4 edges removed" in str(report)


def test_load_with_prune_again_removes_nothing(graph_store: GraphStore) -> None:
    graph_store.load(BEFORE)
    graph_store.load(AFTER, prune=True, batch_size=1)
    report = graph_store.load(AFTER, prune=True)
    assert (report.removed_nodes, report.removed_edges) == ({}, {})
    assert "removed" not in str(report)
    assert_same_graph(graph_store.read_graph(), AFTER)


def test_load_without_prune_removes_nothing(graph_store: GraphStore) -> None:
    graph_store.load(BEFORE)
    graph_store.load(AFTER)
    assert graph_store.counts()["count"].to_list() == [2, 3, 2, 4]


def test_load_with_prune_never_touches_what_is_not_kgrecs(graph_store: GraphStore) -> None:
    graph_store.load(BEFORE)
    graph_store.query(
        "MATCH (p:Product {id: 'p1'}), (q:Product {id: 'p2'}) "
        "CREATE (p)-[:STORED_IN]->(:Warehouse {id: 'w'}), (p)-[:OFTEN_RETURNED_WITH]->(q), (:Product {sku: 7})",
        write=True,
    )
    graph_store.load(AFTER, prune=True)
    left = graph_store.query("MATCH (n) OPTIONAL MATCH (n)-[r]->() RETURN n.id AS id, type(r) AS r ORDER BY id, r")
    assert left.rows() == [
        ("bolt", None),
        *(("p1", name) for name in ("ALSO_BOUGHT", "HAS_BRAND", "OFTEN_RETURNED_WITH", "STORED_IN")),
        ("p2", None),
        ("w", None),
        (None, None),  # a product of theirs that has no id
    ]


def test_load_of_a_catalogue_with_prune_keeps_users_and_their_events(graph_store: GraphStore) -> None:
    clicked = pl.DataFrame({"head_id": ["u"], "tail_id": ["p1"], "count": [1]})
    users = KnowledgeGraph(
        {**AFTER.nodes, "User": pl.DataFrame({"id": ["u"]})}, {**AFTER.edges, ("User", "CLICKED", "Product"): clicked}
    )
    graph_store.load(users)
    report = graph_store.load(AFTER, prune=True)
    assert (report.removed_nodes, report.removed_edges) == ({}, {})
    assert_same_graph(graph_store.read_graph(), users)


def test_load_with_prune_removes_edges_of_a_schema_relation_that_the_graph_no_longer_has(
    graph_store: GraphStore,
) -> None:
    graph_store.load(BEFORE)
    products = KnowledgeGraph({"Product": BEFORE.nodes["Product"]}, {})  # no product has a brand any more
    report = graph_store.load(products, prune=True)
    assert report.removed_edges == {("Product", "HAS_BRAND", "Brand"): 3}
    assert report.removed_nodes == {}  # brands are no label of this graph


def test_owned_edge_types_are_the_graphs_and_those_of_the_schema_that_start_at_its_labels() -> None:
    owned = owned_edge_types(AFTER, read_schema())
    assert ("Product", "ALSO_BOUGHT", "Product") in owned
    assert ("Product", "IN_CATEGORY", "Category") in owned
    assert ("User", "CLICKED", "Product") not in owned
