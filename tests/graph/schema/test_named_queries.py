"""Every named query on a shop of twelve nodes, on both servers; the answers were worked out by hand."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.queries import list_queries
from kgrec.graph.store import GraphStore

Rows = list[tuple[Any, ...]]


@pytest.fixture
def shop() -> KnowledgeGraph:
    """
    acme <--HAS_BRAND-- p1, p2     bolt <--HAS_BRAND-- p4     p5: no edge at all
    p1 --IN_CATEGORY--> "Home > Lamps" --SUBCATEGORY_OF--> "Home" <--IN_CATEGORY-- p2
    p1 --HAS_ATTRIBUTE--> color=red <--HAS_ATTRIBUTE-- p3     p1 --ALSO_BOUGHT--> p3
    u --PURCHASED {2 times, at 100}--> p1     u --PURCHASED {once, at 200}--> p2
    v --PURCHASED {once}--> p1                v --VIEWED {3 times, at 400}--> p3
    """
    ends = {
        ("Product", "HAS_BRAND", "Brand"): [("p1", "acme"), ("p2", "acme"), ("p4", "bolt")],
        ("Product", "IN_CATEGORY", "Category"): [("p1", "Home > Lamps"), ("p2", "Home")],
        ("Category", "SUBCATEGORY_OF", "Category"): [("Home > Lamps", "Home")],
        ("Product", "HAS_ATTRIBUTE", "AttributeValue"): [("p1", "color=red"), ("p3", "color=red")],
        ("Product", "ALSO_BOUGHT", "Product"): [("p1", "p3")],
    }
    events = {
        "PURCHASED": [("u", "p1", 2, 100), ("u", "p2", 1, 200), ("v", "p1", 1, None)],
        "VIEWED": [("v", "p3", 3, 400)],
    }
    edges = {key: pl.DataFrame(pairs, schema=["head_id", "tail_id"], orient="row") for key, pairs in ends.items()}
    columns = ["head_id", "tail_id", "count", "last_at"]
    for kind, rows in events.items():
        edges["User", kind, "Product"] = pl.DataFrame(rows, schema=columns, orient="row")
    titles = ["Red lamp", "Mat", " red\t LAMP", "Fan", "Cup"]
    products = {"id": ["p1", "p2", "p3", "p4", "p5"], "title": titles, "price": [10.0, 30.0, None, 5.0, None]}
    categories = {"id": ["Home", "Home > Lamps"], "name": ["Home", "Lamps"], "level": [1, 2]}
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame(products),
            "Brand": pl.DataFrame({"id": ["acme", "bolt"], "name": ["Acme", "Bolt"]}),
            "Category": pl.DataFrame(categories),
            "AttributeValue": pl.DataFrame({"id": ["color=red"], "name": ["color"], "value": ["red"]}),
            "User": pl.DataFrame({"id": ["u", "v"]}),
        },
        edges,
    )


ANSWERS: dict[str, tuple[dict[str, object], Rows]] = {
    "attributes_of_category": ({"category": "Home"}, [("color", 1, 1)]),
    "bought_together": (
        {"id": "p1"},  # bought by u and v; u alone bought p2 too: 1 of 2
        [("p2", "Mat", 1, 1, 0.5, False), ("p3", " red\t LAMP", 0, 0, 0.0, True)],
    ),
    "brand_category_matrix": ({}, [("acme", "Home", 2)]),
    "brands_of_category": ({"category": "Home"}, [("acme", 2)]),
    "category_depth": ({}, [(1, 1, 1, 0), (2, 1, 1, 0)]),
    "category_tree": ({}, [("Home", 1, 1, 2), ("Home > Lamps", 2, 1, 1)]),
    "co_purchased_pairs": ({"at_least": 1}, [("p1", "Red lamp", "p2", "Mat", 1)]),
    "degree_distribution": (
        {},
        [
            *[("AttributeValue", 2, 1), ("Brand", 1, 1), ("Brand", 2, 1), ("Category", 2, 2)],
            *[("Product", 0, 1), ("Product", 1, 1), ("Product", 3, 2), ("Product", 6, 1), ("User", 2, 2)],
        ],
    ),
    "duplicate_titles": ({}, [("red lamp", 2, ["p1", "p3"])]),
    "most_connected_attributes": ({}, [("color", 2, 1, "red", 2)]),
    "most_connected_nodes": ({"limit": 2}, [("Product", "p1", "Red lamp", 6), ("Product", "p2", "Mat", 3)]),
    "orphans": ({}, [("Product", "p5", "Cup")]),
    "paths_between_products": (
        {"head": "p2", "tail": "p3"},
        [
            (
                3,
                ["Product p2", f"{middle}", "Product p1", "Product p3"],
                [relation, relation, "ALSO_BOUGHT"],
            )
            for middle, relation in [("Brand acme", "HAS_BRAND"), ("User u", "PURCHASED")]
        ],
    ),
    "prices_by_brand": ({}, [("acme", 2, 10.0, 20.0, 30.0), ("bolt", 1, 5.0, 5.0, 5.0)]),
    "prices_by_category": ({}, [("Home", 2, 10.0, 20.0, 30.0)]),
    "product_neighbourhood": (
        {"id": "p1"},
        [
            ("ALSO_BOUGHT", "out", "Product", "p3", " red\t LAMP"),
            ("HAS_ATTRIBUTE", "out", "AttributeValue", "color=red", "color"),
            ("HAS_BRAND", "out", "Brand", "acme", "Acme"),
            ("IN_CATEGORY", "out", "Category", "Home > Lamps", "Lamps"),
            ("PURCHASED", "in", "User", "u", "u"),
            ("PURCHASED", "in", "User", "v", "v"),
        ],
    ),
    "products_linked_only_by_brand": ({}, [("p4", "Fan", "bolt", 1)]),
    "products_of_brand": ({"brand": "acme"}, [("p1", "Red lamp", 10.0, "Home > Lamps"), ("p2", "Mat", 30.0, "Home")]),
    "products_of_category": (
        {"category": "Home"},
        [("p1", "Red lamp", "acme", 10.0, "Home > Lamps"), ("p2", "Mat", "acme", 30.0, "Home")],
    ),
    "products_with_attribute": (
        {"name": "color", "value": "red"},
        [("p1", "Red lamp", 10.0), ("p3", " red\t LAMP", None)],
    ),
    "products_without_brand_or_category": (
        {},
        [("p3", " red\t LAMP", False, False), ("p4", "Fan", True, False), ("p5", "Cup", False, False)],
    ),
    "products_without_events": ({}, [("p4", "Fan", None), ("p5", "Cup", None)]),
    "property_coverage": (
        {},
        [
            *[("AttributeValue", name, 1, 1, 100.0) for name in ("id", "name", "value")],
            *[("Brand", name, 2, 2, 100.0) for name in ("id", "name")],
            *[("Category", name, 2, 2, 100.0) for name in ("id", "level", "name")],
            *[("Product", "id", 5, 5, 100.0), ("Product", "price", 3, 5, 60.0), ("Product", "title", 5, 5, 100.0)],
            ("User", "id", 2, 2, 100.0),
        ],
    ),
    "relation_counts": (
        {},
        [
            ("Product", "HAS_BRAND", "Brand", 3),
            ("User", "PURCHASED", "Product", 3),
            ("Product", "HAS_ATTRIBUTE", "AttributeValue", 2),
            ("Product", "IN_CATEGORY", "Category", 2),
            ("Category", "SUBCATEGORY_OF", "Category", 1),
            ("Product", "ALSO_BOUGHT", "Product", 1),
            ("User", "VIEWED", "Product", 1),
        ],
    ),
    "relation_coverage": (
        {},
        [
            ("ALSO_BOUGHT", "Product", 1, 20.0, 1),
            ("HAS_ATTRIBUTE", "AttributeValue", 2, 40.0, 2),
            ("HAS_BRAND", "Brand", 3, 60.0, 3),
            ("IN_CATEGORY", "Category", 2, 40.0, 2),
        ],
    ),
    "shared_by_products": (
        {"head": "p1", "tail": "p2"},
        [("HAS_BRAND", "Brand", "acme", "Acme"), ("PURCHASED", "User", "u", "u")],
    ),
    "similar_products": ({"id": "p1"}, [("p2", "Mat", 1, ["Acme"]), ("p3", " red\t LAMP", 1, ["red"])]),
    "top_products": ({}, [("p1", "Red lamp", 2, 3), ("p2", "Mat", 1, 1)]),
    "user_history": (
        {"user": "u"},
        [
            ("1970-01-01T00:03:20Z", "PURCHASED", 1, "p2", "Mat"),
            ("1970-01-01T00:01:40Z", "PURCHASED", 2, "p1", "Red lamp"),
        ],
    ),
    "user_interests": (
        {"user": "u"},
        [
            ("Brand", "acme", "Acme", 2, 3),
            ("AttributeValue", "color=red", "color", 1, 2),
            ("Category", "Home > Lamps", "Lamps", 1, 2),
            ("Category", "Home", "Home", 1, 1),
        ],
    ),
    "values_of_attribute": ({"name": "color"}, [("red", 2)]),
    "values_of_one_product": (
        {},
        [("AttributeValue", 1, 0, 0.0), ("Brand", 2, 1, 50.0), ("Category", 2, 2, 100.0)],
    ),
}


def test_named_queries_on_the_tiny_shop_give_the_answers_by_hand(graph_store: GraphStore, shop: KnowledgeGraph) -> None:
    graph_store.load(shop)
    found = {name: graph_store.run_named(name, parameters).rows() for name, (parameters, _) in ANSWERS.items()}
    assert {name: repr(rows) for name, rows in found.items()} == {
        name: repr(rows) for name, (_, rows) in ANSWERS.items()
    }  # by their repr: 1 is not 1.0 there


def test_every_named_query_has_a_purpose_and_an_answer_above() -> None:
    queries = list_queries()
    assert [query.name for query in queries] == sorted(ANSWERS)
    assert all(query.purpose.endswith(".") for query in queries)
    assert len(queries) >= 20


def test_user_history_of_events_without_a_time_comes_last(graph_store: GraphStore, shop: KnowledgeGraph) -> None:
    graph_store.load(shop)
    rows = graph_store.run_named("user_history", {"user": "v"}).rows()
    assert rows == [
        ("1970-01-01T00:06:40Z", "VIEWED", 3, "p3", " red\t LAMP"),
        (None, "PURCHASED", 1, "p1", "Red lamp"),
    ]


def test_named_queries_on_an_empty_store_answer_nothing(graph_store: GraphStore) -> None:
    for name, (parameters, _) in ANSWERS.items():
        assert graph_store.run_named(name, parameters).height == 0, name
