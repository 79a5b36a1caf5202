from __future__ import annotations

import polars as pl
import pytest

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.testing import assert_graph_equal


def graph(**columns: object) -> KnowledgeGraph:
    """a --TO--> b, and the columns given."""
    return KnowledgeGraph(
        {"A": pl.DataFrame({"id": ["a", "b"], **columns})},
        {("A", "TO", "A"): pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})},
    )


def difference(found: KnowledgeGraph, expected: KnowledgeGraph) -> list[str]:
    with pytest.raises(AssertionError) as caught:
        assert_graph_equal(found, expected)
    return str(caught.value).split("\n  - ")


def test_assert_graph_equal_of_equal_graphs_passes(product_graph: KnowledgeGraph) -> None:
    assert_graph_equal(product_graph, KnowledgeGraph(product_graph.nodes, product_graph.edges))
    assert_graph_equal(graph(x=[float("nan"), None]), graph(x=[float("nan"), None]))


def test_assert_graph_equal_names_tables_of_one_side_only(product_graph: KnowledgeGraph) -> None:
    nodes = {label: table for label, table in product_graph.nodes.items() if label in ("Product", "Brand")}
    edges = {key: table for key, table in product_graph.edges.items() if key[2] in nodes}
    smaller = KnowledgeGraph(nodes, edges)
    lines = difference(smaller, product_graph)
    assert lines[0] == "the graphs differ: found 5 nodes and 4 edges, expected 9 and 11"
    assert "nodes 'Category': found no such table, expected 2 rows" in lines
    assert "edges (Category)-[SUBCATEGORY_OF]->(Category): found no such table, expected 1 row" in lines
    assert "nodes 'Category': found 2 rows, expected no such table" in difference(product_graph, smaller)


def test_assert_graph_equal_names_rows_of_one_side_only() -> None:
    one = KnowledgeGraph({"A": pl.DataFrame({"id": [f"n{place}" for place in range(7)]})}, {})
    other = KnowledgeGraph({"A": pl.DataFrame({"id": ["n0", "z"]})}, {})
    assert difference(one, other)[1:] == [
        "nodes 'A': 6 rows not expected: 'n1', 'n2', 'n3', 'n4', 'n5', ... (6 in all)",
        "nodes 'A': 1 row missing: 'z'",
    ]


def test_assert_graph_equal_names_edges_by_their_ends() -> None:
    nodes = {"A": pl.DataFrame({"id": ["a", "b"]})}
    one = KnowledgeGraph(nodes, {("A", "TO", "A"): pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})})
    other = KnowledgeGraph(nodes, {("A", "TO", "A"): pl.DataFrame({"head_id": ["b"], "tail_id": ["a"]})})
    assert difference(one, other)[1:] == [
        "edges (A)-[TO]->(A): 1 row not expected: 'a'->'b'",
        "edges (A)-[TO]->(A): 1 row missing: 'b'->'a'",
    ]


def test_assert_graph_equal_names_columns_and_their_types() -> None:
    lines = difference(graph(x=[1, 2], mine=[True, None]), graph(x=[1.0, 2.0], theirs=["t", "u"]))
    assert lines[1:] == [
        "nodes 'A': column 'mine' is not expected (set in 1 row: 'a')",
        "nodes 'A': column 'theirs' is missing (set in 2 rows: 'a', 'b')",
        "nodes 'A': column 'x' is Int64, expected Float64",
    ]


def test_assert_graph_equal_names_values() -> None:
    lines = difference(graph(x=[1, None], tags=[["a"], []]), graph(x=[1, 2], tags=[["b"], []]))
    assert lines[1:] == [
        "nodes 'A': 1 row with another 'tags': 'a': ['a'], expected ['b']",
        "nodes 'A': 1 row with another 'x': 'b': None, expected 2",
    ]


def test_assert_graph_equal_cuts_long_values() -> None:
    (_, line) = difference(graph(x=["y" * 2**20, ""]), graph(x=["z" * 2**20, ""]))
    assert len(line) < 250


def test_product_graph_is_what_its_picture_shows(product_graph: KnowledgeGraph) -> None:
    assert (product_graph.num_nodes, product_graph.num_edges) == (9, 11)
    brands = product_graph.edges["Product", "HAS_BRAND", "Brand"]
    assert brands.rows() == [("p1", "Acme"), ("p2", "Acme"), ("p3", "Bolt")]
    assert product_graph.nodes["Product"]["price"].to_list() == [20.0, 25.5, None]
