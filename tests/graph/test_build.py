"""From tables to the graph: every label and relation of graph_schema/schema.toml, worked out by hand."""

from __future__ import annotations

import logging
import tomllib
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.dataset import Dataset
from kgrec.graph.build import EVENT_RELATIONS, graph_from_dataset, relation_names
from kgrec.graph.knowledge_graph import KnowledgeGraph

SCHEMA = Path(__file__).parents[2] / "graph_schema" / "schema.toml"

#   p1 --HAS_BRAND--> Acme <--HAS_BRAND-- p2        p1 -> Beauty > Face -> Beauty      p2 -> Beauty      p3: nothing
#   p1 --also bought--> p2      p1 --made in--> France      France --part of--> Europe      maker --made--> p3
ITEMS = {
    "item_id": ["p1", "p2", "p3"],
    "title": ["Cream", "Soap", None],
    "brand": ["Acme", "Acme", None],
    "category": ["Beauty > Face", "Beauty", None],
    "price": [9.5, None, 1.0],
    "attributes": ['{"color": ["red", "blue"], "size": 2}', '{"color": "red", "new": true}', None],
    "stock": [3, 4, None],
    "image": [[0.5], [0.25], [0.0]],
}
EVENTS = [
    ("u", "p1", "click", 10, None),
    ("u", "p1", "click", 30, 1),
    ("u", "p1", "click", 40, 0),
    ("u", "p1", "purchase", None, None),
    ("v", "p2", "view", 5, None),
    ("w", "p2", "impression", 6, None),
]
TRIPLES = {
    "head": ["p1", "p1", "France", "maker", "p1"],
    "relation": ["also bought", "made in", "part of", "made", "also bought"],
    "tail": ["p2", "France", "Europe", "p3", "p2"],
}


def shop(**tables: object) -> Dataset:
    events = pl.DataFrame(EVENTS, schema=["user_id", "item_id", "event", "timestamp", "label"], orient="row")
    return Dataset(**{"items": ITEMS, "events": events, **tables})  # type: ignore[arg-type]


def edges(graph: KnowledgeGraph, head: str, rel_type: str, tail: str) -> list[tuple[object, ...]]:
    return graph.edges[head, rel_type, tail].select("head_id", "tail_id").rows()


def test_build_products_carry_text_price_and_scalar_extras() -> None:
    products = graph_from_dataset(shop()).nodes["Product"]
    assert products.columns == ["id", "price", "stock", "title"]  # nobody has a description; image is no scalar
    assert products.rows() == [("p1", 9.5, 3, "Cream"), ("p2", None, 4, "Soap"), ("p3", 1.0, None, None)]


def test_build_brand_is_one_node_per_name() -> None:
    graph = graph_from_dataset(shop())
    assert graph.nodes["Brand"].rows() == [("Acme", "Acme")]
    assert edges(graph, "Product", "HAS_BRAND", "Brand") == [("p1", "Acme"), ("p2", "Acme")]


def test_build_category_tree_has_every_level_and_products_hang_at_the_deepest() -> None:
    items = {"item_id": ["p1", "p2"], "category": ["A > B > C", "A > D"]}
    graph = graph_from_dataset(Dataset(items=items, events={"user_id": ["u"], "item_id": ["p1"]}))
    assert graph.nodes["Category"].select("id", "name", "level").rows() == [
        ("A", "A", 1),
        ("A > B", "B", 2),
        ("A > B > C", "C", 3),
        ("A > D", "D", 2),
    ]
    assert edges(graph, "Product", "IN_CATEGORY", "Category") == [("p1", "A > B > C"), ("p2", "A > D")]
    assert edges(graph, "Category", "SUBCATEGORY_OF", "Category") == [
        ("A > B", "A"),
        ("A > B > C", "A > B"),
        ("A > D", "A"),
    ]


def test_build_attribute_values_are_shared_and_lists_give_several_edges() -> None:
    graph = graph_from_dataset(shop())
    assert graph.nodes["AttributeValue"].select("id", "name", "value").rows() == [
        ("color=blue", "color", "blue"),
        ("color=red", "color", "red"),
        ("new=true", "new", "true"),
        ("size=2", "size", "2"),
    ]
    assert edges(graph, "Product", "HAS_ATTRIBUTE", "AttributeValue") == [
        ("p1", "color=blue"),
        ("p1", "color=red"),
        ("p1", "size=2"),
        ("p2", "color=red"),
        ("p2", "new=true"),
    ]


def test_build_attribute_names_with_equals_sign_do_not_collide() -> None:
    items = {"item_id": ["p1"], "attributes": ['{"a=b": "c", "a": "b=c", "a\\\\": "=b=c"}']}
    graph = graph_from_dataset(Dataset(items=items, events={"user_id": ["u"], "item_id": ["p1"]}))
    assert graph.nodes["AttributeValue"].sort("name").select("id", "name", "value").rows() == [
        ("a=b=c", "a", "b=c"),
        ("a\\=b=c", "a=b", "c"),
        ("a\\\\==b=c", "a\\", "=b=c"),
    ]


def test_build_repeated_value_of_one_attribute_is_one_edge() -> None:
    items = {"item_id": ["p1"], "attributes": ['{"a": ["x", "x"], "n": [1, "1"]}']}
    graph = graph_from_dataset(Dataset(items=items, events={"user_id": ["u"], "item_id": ["p1"]}))
    assert edges(graph, "Product", "HAS_ATTRIBUTE", "AttributeValue") == [("p1", "a=x"), ("p1", "n=1")]


def test_build_triples_join_products_and_entities() -> None:
    graph = graph_from_dataset(shop(triples=TRIPLES))
    assert graph.nodes["Entity"]["id"].to_list() == ["Europe", "France", "maker"]
    assert edges(graph, "Product", "ALSO_BOUGHT", "Product") == [("p1", "p2")]
    assert edges(graph, "Product", "MADE_IN", "Entity") == [("p1", "France")]
    assert edges(graph, "Entity", "PART_OF", "Entity") == [("France", "Europe")]
    assert edges(graph, "Entity", "MADE", "Product") == [("maker", "p3")]


def test_build_one_relation_with_mixed_ends_is_one_type_per_pair_of_labels() -> None:
    triples = {"head": ["p1", "p1", "x"], "relation": ["r"] * 3, "tail": ["p2", "x", "p1"]}
    graph = graph_from_dataset(shop(triples=triples))
    found = {edge_type for edge_type in graph.edges if edge_type[1] == "R"}
    assert found == {("Product", "R", "Product"), ("Product", "R", "Entity"), ("Entity", "R", "Product")}


def test_build_triple_relation_with_a_built_in_name_is_a_type_of_its_own() -> None:
    graph = graph_from_dataset(shop(triples={"head": ["p3"], "relation": ["has brand"], "tail": ["Acme"]}))
    assert edges(graph, "Product", "HAS_BRAND", "Brand") == [("p1", "Acme"), ("p2", "Acme")]
    assert edges(graph, "Product", "HAS_BRAND", "Entity") == [("p3", "Acme")]


def test_build_relations_that_collide_are_kept_apart_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    triples = {"head": ["p1", "p2"], "relation": ["made-in", "made in"], "tail": ["x", "x"]}
    with caplog.at_level(logging.INFO, logger="kgrec.graph.build"):
        graph = graph_from_dataset(shop(triples=triples))
    names = relation_names(triples["relation"])
    assert edges(graph, "Product", names["made in"], "Entity") == [("p2", "x")]
    assert edges(graph, "Product", names["made-in"], "Entity") == [("p1", "x")]
    assert f"made in -> MADE_IN, made-in -> {names['made-in']}" in caplog.text


def test_build_says_which_item_columns_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    graph = graph_from_dataset(shop())
    assert "image" not in graph.nodes["Product"].columns
    assert "item column 'image' (List(Float32)) is no property" in caplog.text
    assert "stock" not in caplog.text


def test_build_extra_column_named_id_is_kept_beside_the_key() -> None:
    items = {"item_id": ["p1"], "id": ["7"], "id_": ["8"]}
    products = graph_from_dataset(Dataset(items=items, events={"user_id": ["u"], "item_id": ["p1"]})).nodes["Product"]
    assert products.select("id", "id_", "id__").rows() == [("p1", "8", "7")]


def test_build_without_users_has_no_user() -> None:
    graph = graph_from_dataset(shop())
    assert "User" not in graph.nodes
    assert not any("User" in edge_type for edge_type in graph.edges)


def test_build_with_users_sums_up_interactions_only() -> None:
    graph = graph_from_dataset(shop(), users=True)
    assert graph.nodes["User"]["id"].to_list() == ["u", "v"]  # w has only seen an impression
    clicked = graph.edges["User", "CLICKED", "Product"].select("head_id", "tail_id", "count", "last_at")
    assert clicked.rows() == [("u", "p1", 2, 30)]  # the click at 40 is a negative
    purchased = graph.edges["User", "PURCHASED", "Product"]
    assert purchased.select("head_id", "tail_id", "count").rows() == [("u", "p1", 1)]
    assert "last_at" not in purchased.columns
    assert edges(graph, "User", "VIEWED", "Product") == [("v", "p2")]


def test_build_with_users_of_a_part_has_no_event_of_another() -> None:
    events = {"user_id": ["u"] * 4, "item_id": ["p1", "p2", "p3", "p1"], "timestamp": [1, 2, 3, 4]}
    split = Dataset(items=ITEMS, events=events).split("leave_last_out")  # type: ignore[arg-type]
    graph = graph_from_dataset(split.train, users=True)
    assert edges(graph, "User", "CLICKED", "Product") == [("u", "p1"), ("u", "p2")]
    assert graph.edges["User", "CLICKED", "Product"]["last_at"].to_list() == [1, 2]
    assert graph_from_dataset(split.test) == graph_from_dataset(split.train)


def test_build_of_bare_items_is_products_alone() -> None:
    graph = graph_from_dataset(Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]}))
    assert list(graph.nodes) == ["Product"]
    assert graph.num_edges == 0


def test_build_equals_the_entry_point_and_ignores_the_order_of_rows() -> None:
    shuffled = {name: values[::-1] for name, values in ITEMS.items()}
    graph = KnowledgeGraph.from_dataset(shop(triples=TRIPLES), users=True)
    assert graph == graph_from_dataset(shop(items=shuffled, triples=TRIPLES), users=True)


def test_build_makes_only_what_the_schema_declares() -> None:
    schema = tomllib.loads(SCHEMA.read_text())
    graph = graph_from_dataset(shop(), users=True)
    assert set(graph.nodes) <= set(schema["labels"])
    for head, rel_type, tail in graph.edges:
        assert (schema["relations"][rel_type]["from"], schema["relations"][rel_type]["to"]) == (head, tail)
    assert set(EVENT_RELATIONS.values()) <= set(schema["relations"])
    for label in ("Brand", "Category", "AttributeValue"):
        assert set(graph.nodes[label].columns) == {"id", *schema["labels"][label]["properties"]}


@pytest.mark.parametrize(
    ("relation", "name"),
    [
        ("music.artist.origin", "MUSIC_ARTIST_ORIGIN"),
        ("alsoBought", "ALSOBOUGHT"),
        ("also__bought!", "ALSO_BOUGHT"),
        ("3d", "REL_3D"),
        ("`) DETACH DELETE n //", "DETACH_DELETE_N"),
        ("http://schema.org/brand", "HTTP_SCHEMA_ORG_BRAND"),
        ("кирилл", "REL"),
        ("ß", "SS"),
    ],
)
def test_relation_name_is_upper_snake(relation: str, name: str) -> None:
    assert relation_names([relation]) == {relation: name}


@given(st.lists(st.text(alphabet="ab_-. 1é", max_size=4), unique=True, max_size=30))
def test_relation_names_are_safe_distinct_and_free_of_order(relations: list[str]) -> None:
    names = relation_names(relations)
    assert set(names) == set(relations)
    assert len(set(names.values())) == len(relations)
    assert all(name.isascii() and name.isidentifier() and name == name.upper() for name in names.values())
    assert relation_names(reversed(relations)) == names


def test_category_names_may_have_line_breaks() -> None:
    whole = Dataset(items={"item_id": ["a"], "category": ["A\nx > B"]}, events={"user_id": ["u"], "item_id": ["a"]})
    names = KnowledgeGraph.from_dataset(whole).nodes["Category"]["name"].to_list()
    assert sorted(names) == ["A\nx", "B"]
