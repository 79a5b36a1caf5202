from __future__ import annotations

from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph
from tests.graph.any_graphs import any_graphs
from tests.same_graph import assert_same_graph

HAS_BRAND: EdgeType = ("Product", "HAS_BRAND", "Brand")
ALSO_BOUGHT: EdgeType = ("Product", "ALSO_BOUGHT", "Product")


@pytest.fixture
def graph() -> KnowledgeGraph:
    """
    p1 --HAS_BRAND--> acme          p1 --ALSO_BOUGHT 0.5--> p2
    p2 --HAS_BRAND--> acme          p3 --ALSO_BOUGHT------> p2
    p3 (no brand)                   bolt (no product)
    """
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["p3", "p1", "p2"], "price": [3, None, 1], "title": ["C", "A", "B"]}),
            "Brand": pl.DataFrame({"id": ["bolt", "acme"]}),
        },
        {
            HAS_BRAND: pl.DataFrame({"head_id": ["p2", "p1"], "tail_id": ["acme", "acme"]}),
            ALSO_BOUGHT: pl.DataFrame({"head_id": ["p3", "p1"], "tail_id": ["p2", "p2"], "weight": [None, 0.5]}),
        },
    )


def test_graph_tables_are_sorted_by_id_with_columns_by_name(graph: KnowledgeGraph) -> None:
    assert graph.nodes["Product"].to_dict(as_series=False) == {
        "id": ["p1", "p2", "p3"],
        "price": [None, 1, 3],
        "title": ["A", "B", "C"],
    }
    assert list(graph.nodes) == ["Brand", "Product"]
    assert graph.edges[HAS_BRAND].rows() == [("p1", "acme"), ("p2", "acme")]


def test_graph_counts_every_table(graph: KnowledgeGraph) -> None:
    assert (graph.num_nodes, graph.num_edges) == (5, 4)
    assert repr(graph) == "KnowledgeGraph(5 nodes of 2 labels, 4 edges of 2 types)"


def test_graph_column_without_a_value_is_dropped() -> None:
    nodes = pl.DataFrame({"id": ["a"], "nothing": [None]}, schema_overrides={"nothing": pl.Float64})
    assert KnowledgeGraph({"A": nodes}, {}).nodes["A"].columns == ["id"]


@pytest.mark.parametrize(
    ("given_type", "kept_type"),
    [(pl.Int8, pl.Int64), (pl.UInt32, pl.Int64), (pl.Float32, pl.Float64), (pl.Categorical(), pl.String)],
)
def test_graph_property_type_is_widened_to_a_stored_one(given_type: pl.DataType, kept_type: pl.DataType) -> None:
    values = pl.Series("x", ["1", "2"]) if kept_type == pl.String else pl.Series("x", [1, 2])
    nodes = pl.DataFrame({"id": ["a", "b"], "x": values.cast(given_type)})
    assert KnowledgeGraph({"A": nodes}, {}).nodes["A"].schema["x"] == kept_type


def test_graph_edge_type_without_edges_is_dropped(graph: KnowledgeGraph) -> None:
    none = graph.edges[HAS_BRAND].clear()
    assert list(KnowledgeGraph(graph.nodes, {HAS_BRAND: none}).edges) == []


def test_graph_label_without_nodes_is_dropped(graph: KnowledgeGraph) -> None:
    assert (
        KnowledgeGraph({**graph.nodes, "Shop": pl.DataFrame({"id": []}, schema={"id": pl.String})}, {}).nodes.keys()
        == graph.nodes.keys()
    )


def test_edge_index_points_at_rows_of_the_node_tables(graph: KnowledgeGraph) -> None:
    # rows: Brand acme 0, bolt 1; Product p1 0, p2 1, p3 2
    assert graph.edge_index(HAS_BRAND).tolist() == [[0, 1], [0, 0]]
    assert graph.edge_index(ALSO_BOUGHT).tolist() == [[0, 2], [1, 1]]
    assert graph.edge_index(HAS_BRAND).dtype == np.int64


@given(order=st.permutations([0, 1, 2]), columns=st.permutations(["id", "price", "title"]))
def test_graphs_of_the_same_facts_in_any_order_are_equal(order: list[int], columns: list[str]) -> None:
    nodes = pl.DataFrame({"id": ["a", "b", "c"], "price": [1.0, None, 3.0], "title": ["x", None, "z"]})
    edges = pl.DataFrame({"head_id": ["a", "b", "c"], "tail_id": ["b", "c", "a"]})
    one = KnowledgeGraph({"A": nodes}, {("A", "TO", "A"): edges})
    other = KnowledgeGraph({"A": nodes[order].select(columns)}, {("A", "TO", "A"): edges[order]})
    assert one == other


@given(graph=any_graphs(), order=st.randoms(use_true_random=False))
def test_graph_made_again_of_its_tables_in_any_order_is_equal(graph: KnowledgeGraph, order: Random) -> None:
    def shuffled(table: pl.DataFrame) -> pl.DataFrame:
        rows, columns = list(range(table.height)), list(table.columns)
        order.shuffle(rows)
        order.shuffle(columns)
        return table[rows][columns]

    nodes = {label: shuffled(table) for label, table in graph.nodes.items()}
    again = KnowledgeGraph(nodes, {edge_type: shuffled(table) for edge_type, table in graph.edges.items()})
    assert_same_graph(again, graph)


@pytest.mark.parametrize("change", ["value", "type", "label", "edge"])
def test_graphs_that_differ_in_one_fact_are_not_equal(change: str) -> None:
    base = {"id": ["a", "b"], "x": [1, 2]}
    to: EdgeType = ("A", "TO", "A")
    edge = pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})
    graph = KnowledgeGraph({"A": pl.DataFrame(base)}, {to: edge})
    others = {
        "value": lambda: KnowledgeGraph({"A": pl.DataFrame({**base, "x": [1, 3]})}, {to: edge}),
        "type": lambda: KnowledgeGraph({"A": pl.DataFrame({**base, "x": [1.0, 2.0]})}, {to: edge}),
        "label": lambda: KnowledgeGraph({"A": pl.DataFrame(base), "B": pl.DataFrame({"id": ["a"]})}, {to: edge}),
        "edge": lambda: KnowledgeGraph({"A": pl.DataFrame(base)}, {}),
    }
    assert graph != others[change]()


def test_graph_equality_with_another_kind_of_object_is_false(graph: KnowledgeGraph) -> None:
    assert graph != "graph"


def test_graph_with_many_faults_lists_every_one() -> None:
    with pytest.raises(GraphError) as caught:
        KnowledgeGraph(
            {
                "Product": pl.DataFrame({"id": ["p1", "p1", None], "when": [b"x", b"y", b"z"]}),
                "": pl.DataFrame({"id": ["x"]}),
                "Number": pl.DataFrame({"id": [1]}),
                "NoId": pl.DataFrame({"name": ["x"]}),
            },
            {
                ("Product", "", "Product"): pl.DataFrame({"head_id": ["p1"], "tail_id": ["p1"]}),
                ("Product", "TO", "Nowhere"): pl.DataFrame({"head_id": ["p1"], "tail_id": ["x"]}),
                ("Product", "LIKE", "Product"): pl.DataFrame({"head_id": ["p1", "p1"], "tail_id": ["p9", "p9"]}),
            },
        )
    message = str(caught.value)
    for part in (
        "a label is empty; name it",
        "nodes 'Product': 1 rows without 'id'",
        "nodes 'Product': 1 repeated id: ('p1',)",
        "property 'when' has type Binary",
        "nodes 'Number': column 'id' must hold strings",
        "nodes 'NoId': column 'id' is missing",
        "[]->(Product): the relation's name is empty",
        "[TO]->(Nowhere): no node table for 'Nowhere'",
        "[LIKE]->(Product): 1 repeated head_id/tail_id: ('p1', 'p9')",
        "[LIKE]->(Product): 2 tail_id not among the Product nodes: 'p9'",
    ):
        assert part in message
    assert message.startswith("knowledge graph: 10 faults")


def test_graph_takes_a_property_name_that_is_a_pattern_to_polars_as_a_name() -> None:
    odd = {"*": [1, 2], "^.*$": ["x", "y"], "^.$": [0.5, 1.5]}
    nodes = {"Product": pl.DataFrame({"id": ["b", "a"], **odd}, schema_overrides={"*": pl.Int32})}
    edges = {("Product", "LIKE", "Product"): pl.DataFrame({"head_id": ["b", "a"], "tail_id": ["a", "b"], **odd})}
    graph = KnowledgeGraph(nodes, edges)
    assert graph.nodes["Product"].rows(named=True)[0] == {"id": "a", "*": 2, "^.$": 1.5, "^.*$": "y"}
    table = graph.edges["Product", "LIKE", "Product"]
    assert table.rows(named=True)[0] == {"head_id": "a", "tail_id": "b", "*": 2, "^.$": 1.5, "^.*$": "y"}
