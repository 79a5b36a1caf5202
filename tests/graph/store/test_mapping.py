"""A graph that a team already has, read by a mapping, on the local server and on a real Neo4j alike."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import GraphError, StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from kgrec.graph.store.mapping import EdgeMapping, GraphMapping, NodeMapping
from kgrec.recommender import KGRecommender
from tests.same_graph import assert_same_graph
from tests.tiny import SMALL, checkerboard

# (:Maker {no: 7})-[:MAKES {since: 1999}]->(:Item:Sale {no: 1}), twice   (:Item {no: 2})-[:OF]->(:Kind {no: "k"})
# (:Kind {no: "k"})-[:PART_OF]->(:Kind {no: 3.0})     (:Sale {no: 9}), (:Shelf)-[:HOLDS]->(:Item {no: 1}): not ours
THEIRS = """
CREATE (m:Maker {no: 7, called: 'Acme'}), (a:Item:Sale {no: 1, name: 'Lamp', id: 'x'}), (b:Item {no: 2, cost: 1.5}),
       (k:Kind {no: 'k'}), (top:Kind {no: 3.0}), (:Sale {no: 9}), (s:Shelf)
CREATE (m)-[:MAKES {since: 1999}]->(a), (m)-[:MAKES {since: 2001}]->(a), (b)-[:OF]->(k), (k)-[:PART_OF]->(top),
       (s)-[:HOLDS]->(a)
"""
MAPPING = GraphMapping(
    nodes={
        "Item": NodeMapping(label="Product", key="no"),
        "Maker": NodeMapping(label="Brand", key="no", properties={"called": "name"}),
        "Kind": NodeMapping(label="Category", key="no"),
    },
    edges={
        "MAKES": EdgeMapping(relation="HAS_BRAND", reversed=True),
        "OF": EdgeMapping(relation="IN_CATEGORY"),
        "PART_OF": EdgeMapping(relation="SUBCATEGORY_OF"),
    },
)


def ends(head: str, tail: str, **properties: object) -> pl.DataFrame:
    return pl.DataFrame({"head_id": [head], "tail_id": [tail], **{name: [value] for name, value in properties.items()}})


def test_graph_of_others_is_read_under_our_names(graph_store: GraphStore, caplog: pytest.LogCaptureFixture) -> None:
    graph_store.query(THEIRS, write=True)
    with caplog.at_level(logging.INFO, logger="kgrec"):
        read = graph_store.read_graph(MAPPING)
    products = {"id": ["1", "2"], "name": ["Lamp", None], "cost": [None, 1.5], "id_": ["x", None]}
    assert_same_graph(
        read,
        KnowledgeGraph(
            {
                "Product": pl.DataFrame(products),
                "Brand": pl.DataFrame({"id": ["7"], "name": ["Acme"]}),
                "Category": pl.DataFrame({"id": ["k", "3"]}),
            },
            {
                ("Product", "HAS_BRAND", "Brand"): ends("1", "7", since=2001),  # of two edges, the larger
                ("Product", "IN_CATEGORY", "Category"): ends("2", "k"),
                ("Category", "SUBCATEGORY_OF", "Category"): ends("k", "3"),
            },
        ),
    )
    assert "the mapping leaves out 2 nodes and 1 edges" in caplog.text


def test_node_with_several_mapped_labels_is_read_by_the_first(graph_store: GraphStore) -> None:
    graph_store.query(THEIRS, write=True)
    nodes = {
        "Sale": NodeMapping(label="Offer", key="no", properties={}),
        "Item": NodeMapping(label="Product", key="no"),
    }
    read = graph_store.read_graph(GraphMapping(nodes=nodes))
    assert read.nodes["Offer"]["id"].to_list() == ["1", "9"]
    assert read.nodes["Product"]["id"].to_list() == ["2"]


def test_several_labels_may_become_one(graph_store: GraphStore) -> None:
    graph_store.query(THEIRS, write=True)
    nodes = {name: NodeMapping(label="Thing", key="no", properties={}) for name in ("Item", "Maker", "Kind")}
    edges = {"OF": EdgeMapping(relation="TO"), "MAKES": EdgeMapping(relation="TO", properties={})}
    read = graph_store.read_graph(GraphMapping(nodes=nodes, edges=edges))
    assert read.nodes["Thing"]["id"].to_list() == ["1", "2", "3", "7", "k"]
    assert read.edges["Thing", "TO", "Thing"].rows() == [("2", "k"), ("7", "1")]


def test_mapping_that_does_not_fit_lists_every_fault(graph_store: GraphStore) -> None:
    graph_store.query(THEIRS, write=True)
    nodes = {"Item": NodeMapping(label="Product", key="no"), "Nosuch": NodeMapping(label="Brand")}
    with pytest.raises(StoreError) as caught:
        graph_store.read_graph(GraphMapping(nodes=nodes, edges={"NOSUCH": EdgeMapping(relation="X")}))
    assert "read by the mapping: 2 faults" in str(caught.value)
    assert "the database has no label 'Nosuch'; it has 'Item', 'Kind', 'Maker', 'Sale', 'Shelf'" in str(caught.value)
    assert "no relation 'NOSUCH'; it has 'HOLDS', 'MAKES', 'OF', 'PART_OF'" in str(caught.value)


def test_nodes_without_their_key_or_with_a_shared_one_are_faults(graph_store: GraphStore) -> None:
    graph_store.query("CREATE (:A {no: 1}), (:A {no: '1'}), (:A {no: 1.5}), (:A), (:A {no: true})", write=True)
    with pytest.raises(StoreError) as caught:
        graph_store.read_graph(GraphMapping(nodes={"A": NodeMapping(label="A", key="no", properties={"x": "y"})}))
    assert "3 faults" in str(caught.value)
    assert "nodes 'A': 2 nodes have no text or number as their key 'no'" in str(caught.value)
    assert "A: 1 keys that several nodes share: '1'" in str(caught.value)
    assert "nodes 'A' have no property 'x'; they have" in str(caught.value)


def test_graph_that_kgrec_stored_reads_alike_by_the_mapping_of_its_own_names(
    graph_store: GraphStore, graph: KnowledgeGraph
) -> None:
    graph_store.load(graph)
    same = GraphMapping(
        nodes={label: NodeMapping(label=label) for label in graph.nodes},
        edges={name: EdgeMapping(relation=name) for _, name, _ in graph.edges},
    )
    assert_same_graph(graph_store.read_graph(same), graph)


def test_recommender_trains_on_a_graph_of_others(graph_store: GraphStore) -> None:
    dataset = checkerboard()
    rows = [{"no": item, "maker": brand} for item, brand in dataset.items.select("item_id", "brand").iter_rows()]
    cypher = "UNWIND $rows AS row MERGE (m:Maker {no: row.maker}) CREATE (m)-[:MAKES]->(:Item {no: row.no})"
    graph_store.query(cypher, {"rows": rows}, write=True)
    nodes = {"Item": NodeMapping(label="Product", key="no"), "Maker": NodeMapping(label="Brand", key="no")}
    graph = graph_store.read_graph(GraphMapping(nodes=nodes, edges={"MAKES": MAPPING.edges["MAKES"]}))
    recommender = KGRecommender(config=replace(SMALL, epochs=2), seed=0).fit(dataset, graph=graph)
    assert recommender.recommend(["u00"], k=3).height == 3


def test_mapping_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "theirs.toml").write_text(
        '[nodes.Item]\nlabel = "Product"\nkey = "no"\n\n[nodes.Maker]\nlabel = "Brand"\nkey = "no"\n'
        'properties = { called = "name" }\n\n[nodes.Kind]\nlabel = "Category"\nkey = "no"\n\n'
        '[edges.MAKES]\nrelation = "HAS_BRAND"\nreversed = true\n\n[edges.OF]\nrelation = "IN_CATEGORY"\n\n'
        '[edges.PART_OF]\nrelation = "SUBCATEGORY_OF"\n'
    )
    assert GraphMapping.from_toml(tmp_path / "theirs.toml") == MAPPING


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("[nodes.", ["can't be read as TOML"]),
        ("", ["it maps no label"]),
        ("[node.A]\nlabel = 'B'\n", ["the table 'node' is unknown"]),
        (
            "[nodes.A]\nlable = 'B'\nkey = 1\n[edges.X]\nproperties = { a = 1 }\n",
            [
                "nodes.A: 'label' is missing",
                "'lable' is unknown",
                "'key' must be a str",
                "map names to names",
                "5 faults",
            ],
        ),
        (
            "[nodes.A]\nlabel = ''\nproperties = { a = 'id', b = 'c', d = 'c' }\n",
            ["a name is empty", "no property may become 'id'", "several properties become 'c'"],
        ),
    ],
)
def test_mapping_file_with_faults_lists_them(tmp_path: Path, text: str, parts: list[str]) -> None:
    (tmp_path / "theirs.toml").write_text(text)
    with pytest.raises(GraphError) as caught:
        GraphMapping.from_toml(tmp_path / "theirs.toml")
    for part in parts:
        assert part in str(caught.value)


def test_mapping_file_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="nosuch.toml: can't be read"):
        GraphMapping.from_toml(tmp_path / "nosuch.toml")
