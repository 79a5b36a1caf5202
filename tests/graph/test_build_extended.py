"""Tables to a graph by a schema that a shop has extended: columns and triples as labels of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.errors import GraphError
from kgrec.graph.item_columns import as_declared, text_lists
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.check import schema_faults
from kgrec.graph.schema.types import GraphSchema, read_schema

SCHEMA = """
[labels.Product]
properties = { size = "string", weight = "float", tags = "string_list" }
[labels.Supplier]
meaning = "Who delivers a product"
properties = { name = "string" }
[labels.Country]
meaning = "Where things are made"
[relations.SUPPLIED_BY]
meaning = "Who delivers the product"
from = "Product"
to = "Supplier"
column = "supplier"
[relations.VARIANT_OF]
meaning = "The product this one is a variant of"
from = "Product"
to = "Product"
column = "parent"
[relations.MADE_IN]
meaning = "Where the product is made"
from = "Product"
to = "Country"
triple = "made in"
[relations.OWNED_BY]
meaning = "The brand that a brand belongs to"
from = "Brand"
to = "Brand"
triple = "owner"
"""
EVENTS = {"user_id": ["u"], "item_id": ["p1"]}
Table = dict[str, list[Any]]


def items(**columns: list[Any]) -> Table:
    return {"item_id": ["p1", "p2", "p3"], "supplier": [None] * 3, "parent": [None] * 3, **columns}


@pytest.fixture
def schema(tmp_path: Path) -> GraphSchema:
    path = tmp_path / "shop.toml"
    path.write_text(SCHEMA, "utf-8")
    return read_schema(path)


def graph_of(schema: GraphSchema, table: Table, triples: Table | None = None) -> KnowledgeGraph:
    dataset = Dataset(items=table, events=EVENTS, triples=triples)  # type: ignore[arg-type]
    return KnowledgeGraph.from_dataset(dataset, schema=schema)


def edges(graph: KnowledgeGraph, head: str, rel_type: str, tail: str) -> list[tuple[Any, ...]]:
    return graph.edges[head, rel_type, tail].select("head_id", "tail_id").rows()


@pytest.mark.parametrize(
    ("cells", "pairs"),
    [
        (["North", " North ", ""], [("p1", "North"), ("p2", "North")]),
        ([7, None, 12], [("p1", "7"), ("p3", "12")]),
        ([7.0, 0.5, None], [("p1", "7"), ("p2", "0.5")]),
        ([["a", "b"], ["b", ""], None], [("p1", "a"), ("p1", "b"), ("p2", "b")]),
        (['["a", " b"]', "[a]", "[1]"], [("p1", "a"), ("p1", "b"), ("p2", "[a]"), ("p3", "[1]")]),
    ],
    ids=["text", "integers", "floats", "lists", "json"],
)
def test_build_column_of_a_relation_is_a_node_per_value(
    schema: GraphSchema, cells: list[Any], pairs: list[tuple[str, str]]
) -> None:
    graph = graph_of(schema, items(supplier=cells))
    assert edges(graph, "Product", "SUPPLIED_BY", "Supplier") == pairs
    values = sorted({value for _, value in pairs})
    assert graph.nodes["Supplier"].select("id", "name").rows() == [(value, value) for value in values]
    assert "supplier" not in graph.nodes["Product"].columns


def test_build_column_between_products_joins_them(schema: GraphSchema) -> None:
    assert edges(graph_of(schema, items(parent=["p2", None, "p2"])), "Product", "VARIANT_OF", "Product") == [
        ("p1", "p2"),
        ("p3", "p2"),
    ]
    with pytest.raises(GraphError, match="1 tail_id not among the Product nodes: 'p9'"):
        graph_of(schema, items(parent=["p9", None, None]))


def test_build_column_that_is_missing_or_of_numbers_lists_every_fault(schema: GraphSchema) -> None:
    with pytest.raises(GraphError) as caught:
        graph_of(schema, {"item_id": ["p1"], "supplier": [[1.0, 2.0]]})
    assert "items, by the schema of the graph: 2 faults" in str(caught.value)
    assert "SUPPLIED_BY: the column 'supplier' holds List(Float32), expected text" in str(caught.value)
    assert "VARIANT_OF is taken from the column 'parent', which is missing ('item_id', " in str(caught.value)


def test_build_declared_properties_have_the_types_of_the_schema(schema: GraphSchema) -> None:
    table = items(size=[38, None, 40], weight=[1, 2, None], tags=["new", '["new", "sale"]', None], stock=[1, 2, 3])
    products = graph_of(schema, table).nodes["Product"]
    assert products.select("size", "weight", "tags", "stock").rows() == [
        ("38", 1.0, ["new"], 1),
        (None, 2.0, ["new", "sale"], 2),
        ("40", None, None, 3),
    ]
    assert products.schema["weight"] == pl.Float64


def test_build_triples_of_a_declared_relation_get_its_name_and_labels(schema: GraphSchema) -> None:
    triples = {
        "head": ["p1", "p2", "x", "Acme", "p1"],
        "relation": ["made in", "made in", "made in", "owner", "made-in"],
        "tail": ["Italy", "p3", "Italy", "Bolt", "Italy"],
    }
    graph = graph_of(schema, items(brand=["Acme", None, None]), triples)
    assert edges(graph, "Product", "MADE_IN", "Country") == [("p1", "Italy")]
    assert edges(graph, "Product", "MADE_IN", "Product") == [("p2", "p3")]  # an item_id is that product
    assert edges(graph, "Entity", "MADE_IN", "Country") == [("x", "Italy")]  # x is no item, so no product
    assert edges(graph, "Brand", "OWNED_BY", "Brand") == [("Acme", "Bolt")]
    assert graph.nodes["Brand"].rows() == [("Acme", "Acme"), ("Bolt", "Bolt")]
    assert graph.nodes["Country"].rows() == [("Italy",)]
    others = {rel_type for head, rel_type, tail in graph.edges if (head, tail) == ("Product", "Entity")}
    assert others == {"MADE_IN_8AC9F28B"}  # "made-in" is another relation: its name is kept apart


def test_build_by_an_extended_schema_has_no_fault_by_it(schema: GraphSchema) -> None:
    triples = {"head": ["p1"], "relation": ["made in"], "tail": ["Italy"]}
    table = items(supplier=["North", None, None], size=[1, 2, 3], brand=["Acme", None, None])
    graph = graph_of(schema, table, triples)
    assert schema_faults(schema, graph) == []
    assert schema_faults(read_schema(), graph) == [
        "label 'Country' is not in the schema (1 nodes)",
        "Product: property 'size' (string) is not in the schema",
        "label 'Supplier' is not in the schema (1 nodes)",
        "(Product)-[MADE_IN]->(Country): the relation is not in the schema (1 edges)",
        "(Product)-[SUPPLIED_BY]->(Supplier): the relation is not in the schema (1 edges)",
    ]


def test_build_from_csv_reads_json_arrays_in_a_column(schema: GraphSchema, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text(
        'item_id,supplier,parent\np1,"[""a"", ""b""]",\np2,"[""a""]",p1\n', encoding="utf-8"
    )
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,p1\n", encoding="utf-8")
    graph = KnowledgeGraph.from_dataset(read_dataset(tmp_path), schema=schema)
    assert edges(graph, "Product", "SUPPLIED_BY", "Supplier") == [("p1", "a"), ("p1", "b"), ("p2", "a")]


def test_as_declared_loses_nothing() -> None:
    assert as_declared(pl.Series("x", [1.5, 2.0]), "integer").to_list() == [1.5, 2.0]  # type: ignore[union-attr]
    assert as_declared(pl.Series("x", [1.0, None]), "integer").to_list() == [1, None]  # type: ignore[union-attr]
    assert as_declared(pl.Series("x", ["a"]), "float").to_list() == ["a"]  # type: ignore[union-attr]
    assert as_declared(pl.Series("x", [True]), "string").to_list() == ["true"]  # type: ignore[union-attr]
    assert as_declared(pl.Series("x", [[0.5]]), None) is None
    assert as_declared(pl.Series("x", [[0.5]]), "string_list") is None


def test_text_lists_of_an_empty_column_are_null() -> None:
    assert text_lists(pl.Series("x", [None, None], dtype=pl.String)).to_list() == [None, None]  # type: ignore[union-attr]
    assert text_lists(pl.Series("x", [], dtype=pl.String)).to_list() == []  # type: ignore[union-attr]
