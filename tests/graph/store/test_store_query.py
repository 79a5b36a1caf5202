"""Cypher through `store.query`, on the local server and on a real Neo4j alike."""

from __future__ import annotations

import datetime as dt
from typing import Any

import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from tests.same_graph import assert_same_graph

WRITES = [
    "CREATE (:Product {id: 'new'})",
    "CREATE (:Fresh {id: 'new'}) RETURN 1 AS one",
    "MERGE (p:Product {id: 'new'}) RETURN p",
    "MATCH (p:Product {id: 'p1'}) SET p.title = 'changed' RETURN p.title",
    "MATCH (p:Product {id: 'p1'}) SET p:Fresh",
    "MATCH (p:Product {id: 'p1'}) REMOVE p.title",
    "MATCH (p:Product {id: 'p1'}) FOREACH (x IN [1] | SET p.price = x)",
    "MATCH (p:Product {id: 'p1'}), (b:Brand {id: 'bolt'}) MERGE (p)-[:HAS_BRAND]->(b)",
    "MATCH ()-[r:HAS_BRAND]->() DELETE r",
    "MATCH (n) DETACH DELETE n",
    "CALL { CREATE (:Product {id: 'new'}) }",
    "CREATE CONSTRAINT fresh IF NOT EXISTS FOR (n:Fresh) REQUIRE n.id IS UNIQUE",
    "CREATE INDEX fresh IF NOT EXISTS FOR (n:Product) ON (n.stock)",
    "// MATCH (n) RETURN n\nMATCH (p:Product {id: 'p1'}) SET p.title = 'RETURN 1'",
    "CREATE USER fresh SET PASSWORD 'not-a-secret-1'",
]


@pytest.mark.parametrize("cypher", WRITES)
def test_query_that_writes_without_leave_is_refused(
    graph_store: GraphStore, graph: KnowledgeGraph, cypher: str
) -> None:
    graph_store.load(graph)
    with pytest.raises(StoreError, match="pass write=True if that is meant"):
        graph_store.query(cypher)
    assert_same_graph(graph_store.read_graph(), graph)


def test_query_that_writes_with_leave_changes_the_graph(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    answer = graph_store.query("MATCH (p:Product {id: 'p1'}) SET p.title = $t RETURN p.title", {"t": "x"}, write=True)
    assert answer.rows() == [("x",)]
    assert graph_store.read_graph().nodes["Product"]["title"].to_list() == ["x", "Mat", None]


def test_query_that_writes_and_fails_leaves_nothing_behind(graph_store: GraphStore) -> None:
    with pytest.raises(StoreError, match="/ by zero"):
        graph_store.query("UNWIND [1, 0] AS x CREATE (:A {id: toString(x), y: 1 / x})", write=True)
    assert graph_store.counts().height == 0


def test_query_in_transactions_of_its_own_runs(graph_store: GraphStore) -> None:
    cypher = "UNWIND range(1, 9) AS x CALL (x) { CREATE (:A {id: toString(x)}) } IN TRANSACTIONS OF 4 ROWS"
    graph_store.query(cypher, write=True)
    assert graph_store.counts()["count"].to_list() == [9]


def test_query_parameters_are_values_and_never_cypher(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    cypher = "MATCH (p:Product) WHERE p.id = $id OR p.title = $id RETURN p.id AS id"
    assert graph_store.query(cypher, {"id": "x' OR true //"}).height == 0
    assert graph_store.query(cypher, {"id": "Mat"}).rows() == [("p2",)]


def test_query_answer_is_a_typed_frame(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    frame = graph_store.query(
        "MATCH (p:Product) RETURN p.id AS id, p.price AS price, p.stock AS stock, p.sold AS sold, p.tags AS tags,"
        " p.none AS none ORDER BY id"
    )
    assert frame.schema == {
        "id": pl.String,
        "price": pl.Float64,
        "stock": pl.Int64,
        "sold": pl.Boolean,
        "tags": pl.List(pl.String),
        "none": pl.List(pl.Null),
    }
    assert frame.row(0) == ("p1", 1.0, 1, True, ["a", "b"], [])


def test_query_answer_without_rows_is_an_empty_frame(graph_store: GraphStore) -> None:
    answer = graph_store.query("MATCH (n:Nothing) RETURN n.id AS id, 1 AS one")
    assert answer.height == 0
    assert answer.columns == ([] if graph_store.is_local else ["id", "one"])  # the local server does not name them


def test_query_answer_with_nodes_edges_and_paths_holds_them_as_structs(
    graph_store: GraphStore, graph: KnowledgeGraph
) -> None:
    graph_store.load(graph)
    row = graph_store.query(
        "MATCH path = (p:Product {id: 'p1'})-[r:ALSO_BOUGHT]->(q) "
        "RETURN q, r, path, [q] AS many, q {.id, .stock} AS map"
    ).to_dicts()[0]
    node = {"labels": ["Product"], "properties": {"id": "p2", "level": float("inf"), "none": [], "sold": False,
            "stock": 2**62, "tags": [], "title": "Mat"}}  # fmt: skip
    edge = {"type": "ALSO_BOUGHT", "head_id": "p1", "tail_id": "p2", "properties": {"weight": 0.5}}
    assert row["q"] == node
    assert row["r"] == edge
    assert row["many"] == [node]
    assert row["map"] == {"id": "p2", "stock": 2**62}
    assert [one["properties"]["id"] for one in row["path"]["nodes"]] == ["p1", "p2"]
    assert row["path"]["relationships"] == [edge]


def test_query_answer_of_unlike_values_is_json_text(graph_store: GraphStore) -> None:
    assert graph_store.query("UNWIND [1, 'a', null] AS x RETURN x")["x"].to_list() == ["1", '"a"', None]


def test_query_answer_with_dates_holds_dates(graph_store: GraphStore) -> None:
    row = graph_store.query("RETURN date('2024-01-31') AS day, datetime('2024-01-31T10:00:00+02:00') AS moment").row(0)
    assert row[0] == dt.date(2024, 1, 31)
    assert row[1] == dt.datetime(2024, 1, 31, 8, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("cypher", "parameters", "part"),
    [
        ("MATCH (n RETURN n", {}, "SyntaxError"),
        ("RETURN $missing", {}, "missing"),
        ("RETURN nothing", {}, "nothing"),
        ("RETURN 1 / 0", {}, "/ by zero"),
        ("RETURN $x", {"x": object()}, "Values of type"),
        ("RETURN $x", {"x": 2**70}, "too large"),
    ],
)
def test_query_the_server_can_not_run_raises_with_its_message(
    graph_store: GraphStore, cypher: str, parameters: dict[str, Any], part: str
) -> None:
    with pytest.raises(StoreError, match=part):
        graph_store.query(cypher, parameters)
    assert graph_store.query("RETURN 1 AS one").rows() == [(1,)]
