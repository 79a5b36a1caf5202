from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema import types
from kgrec.graph.schema.constraints import constraint_statements, constraints_text, quote
from kgrec.graph.schema.queries import list_queries, read_query
from kgrec.graph.schema.types import read_schema, schema_folder
from kgrec.graph.store import GraphStore


@pytest.fixture
def shop() -> KnowledgeGraph:
    """
    p1 --HAS_BRAND--> acme     p1 --IN_CATEGORY--> "Home > Lamps" --SUBCATEGORY_OF--> "Home"
    p2 --HAS_BRAND--> acme     p2 --IN_CATEGORY--> "Home"
    p3 --HAS_ATTRIBUTE--> color=red <--HAS_ATTRIBUTE-- p1            p4, bolt: no edge at all
    """
    ends = {
        ("Product", "HAS_BRAND", "Brand"): [("p1", "acme"), ("p2", "acme")],
        ("Product", "IN_CATEGORY", "Category"): [("p1", "Home > Lamps"), ("p2", "Home")],
        ("Category", "SUBCATEGORY_OF", "Category"): [("Home > Lamps", "Home")],
        ("Product", "HAS_ATTRIBUTE", "AttributeValue"): [("p1", "color=red"), ("p3", "color=red")],
    }
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["p1", "p2", "p3", "p4"], "title": ["Lamp", "Mat", "Cup", "Fan"]}),
            "Brand": pl.DataFrame({"id": ["acme", "bolt"], "name": ["Acme", "Bolt"]}),
            "Category": pl.DataFrame({"id": ["Home", "Home > Lamps"], "name": ["Home", "Lamps"]}),
            "AttributeValue": pl.DataFrame({"id": ["color=red"], "name": ["color"], "value": ["red"]}),
        },
        {key: pl.DataFrame(pairs, schema=["head_id", "tail_id"], orient="row") for key, pairs in ends.items()},
    )


ANSWERS: dict[str, tuple[dict[str, object], list[tuple[object, ...]]]] = {
    "product_neighbourhood": (
        {"id": "p1"},
        [
            ("HAS_ATTRIBUTE", "out", "AttributeValue", "color=red", "color"),
            ("HAS_BRAND", "out", "Brand", "acme", "Acme"),
            ("IN_CATEGORY", "out", "Category", "Home > Lamps", "Lamps"),
        ],
    ),
    "products_of_brand": ({"brand": "acme"}, [("p1", "Lamp", None, "Home > Lamps"), ("p2", "Mat", None, "Home")]),
    "brands_of_category": ({"category": "Home"}, [("acme", 2)]),
    "products_without_brand_or_category": ({}, [("p3", "Cup", False, False), ("p4", "Fan", False, False)]),
    "orphans": ({}, [("Brand", "bolt", "Bolt"), ("Product", "p4", "Fan")]),
    "degree_distribution": (
        {},
        [
            *[("AttributeValue", 2, 1), ("Brand", 0, 1), ("Brand", 2, 1), ("Category", 2, 2)],
            *[("Product", 0, 1), ("Product", 1, 1), ("Product", 2, 1), ("Product", 3, 1)],
        ],
    ),
    "relation_counts": (
        {},
        [
            ("Product", "HAS_ATTRIBUTE", "AttributeValue", 2),
            ("Product", "HAS_BRAND", "Brand", 2),
            ("Product", "IN_CATEGORY", "Category", 2),
            ("Category", "SUBCATEGORY_OF", "Category", 1),
        ],
    ),
    "paths_between_products": (
        {"head": "p2", "tail": "p3"},
        [
            (
                4,
                ["Product p2", "Brand acme", "Product p1", "AttributeValue color=red", "Product p3"],
                ["HAS_BRAND", "HAS_BRAND", "HAS_ATTRIBUTE", "HAS_ATTRIBUTE"],
            )
        ],
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_named_query_on_the_tiny_shop_gives_the_answer_by_hand(
    graph_store: GraphStore, shop: KnowledgeGraph, name: str
) -> None:
    graph_store.load(shop)
    parameters, rows = ANSWERS[name]
    assert graph_store.run_named(name, parameters).rows() == rows


def test_every_named_query_has_a_purpose_and_an_answer_above() -> None:
    queries = list_queries()
    assert [query.name for query in queries] == sorted(ANSWERS)
    assert all(query.purpose.endswith(".") for query in queries)


def test_named_query_parameters_are_those_its_text_uses() -> None:
    for query in list_queries():
        body = "\n".join(line for line in query.cypher.splitlines() if not line.startswith("//"))
        for parameter in query.parameters:
            assert f"${parameter.name}" in body
        assert body.count("$") == len(query.parameters)


def test_named_query_without_a_value_for_a_parameter_lists_the_faults() -> None:
    with pytest.raises(GraphError) as caught:
        read_query("paths_between_products").bind({"head": "p1", "nope": 1})
    assert "'tail' needs a value: item_id of the other" in str(caught.value)
    assert "'nope' is unknown" in str(caught.value)


def test_named_query_defaults_are_filled_in() -> None:
    query = read_query("products_of_brand")
    assert query.bind({"brand": "acme"}) == {"brand": "acme", "limit": 50}
    assert query.defaults == {"limit": 50}


def test_read_query_of_unknown_name_lists_the_names() -> None:
    with pytest.raises(GraphError, match="no query is named 'nope'; there are: brands_of_category"):
        read_query("nope")


def test_schema_has_the_labels_and_relations_of_the_catalogue() -> None:
    found = read_schema()
    assert {"Product", "Brand", "Category", "AttributeValue", "Entity", "User"} == set(found.labels)
    assert found.labels["Product"].properties["price"] == "float"
    assert (found.relations["HAS_BRAND"].head, found.relations["HAS_BRAND"].tail) == ("Product", "Brand")


@pytest.mark.parametrize("inside", [True, False], ids=["installed", "checkout"])
def test_schema_folder_is_found_inside_the_package_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    folder = (tmp_path / "kgrec" if inside else tmp_path) / "graph_schema"
    folder.mkdir(parents=True)
    (folder / "schema.toml").touch()
    monkeypatch.setattr(types, "__file__", str(tmp_path / "kgrec" / "graph" / "schema" / "types.py"))
    assert schema_folder() == folder


def test_schema_folder_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "__file__", str(tmp_path / "kgrec" / "graph" / "schema" / "types.py"))
    with pytest.raises(GraphError, match="graph_schema is missing from the installation"):
        schema_folder()


def test_committed_constraints_are_those_of_the_schema() -> None:
    committed = (schema_folder() / "constraints.cypher").read_text("utf-8")
    assert committed == constraints_text(), "stale: run python -m kgrec.graph.schema.generate"


def test_constraint_statements_cover_labels_outside_the_schema() -> None:
    assert constraint_statements(["Gadget"]) == [
        "CREATE CONSTRAINT `kgrec_Gadget_id` IF NOT EXISTS FOR (n:`Gadget`) REQUIRE n.id IS UNIQUE"
    ]


def test_constraint_statements_add_the_indexes_of_the_schema() -> None:
    assert constraint_statements(["Product"])[1:] == [
        "CREATE INDEX `kgrec_Product_title` IF NOT EXISTS FOR (n:`Product`) ON (n.`title`)"
    ]


def test_quote_with_a_backtick_doubles_it() -> None:
    assert quote("a`b") == "`a``b`"


def test_schema_with_faults_lists_every_one(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[labels.A]\nmeaning = "x"\nproperties = { size = "number" }\nindexes = ["other"]\n'
        '[relations.TO]\nmeaning = "y"\nfrom = "A"\nto = "B"\n'
    )
    with pytest.raises(GraphError) as caught:
        read_schema(path)
    assert "own.toml: 3 faults" in str(caught.value)
    for part in ("A.size: type 'number'", "TO: its end 'B' is no label", "A: index on 'other'"):
        assert part in str(caught.value)


def test_schema_that_is_not_toml_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text("labels = [")
    with pytest.raises(GraphError, match="own.toml: can't be read as TOML"):
        read_schema(tmp_path / "own.toml")
