"""Sentiment in the graph: of products and of the edges of users, in and out of every form.

u --REVIEWED {-0.5}--> p1 <--REVIEWED {1.0}-- v --PURCHASED {no text}--> p1        p2: no review
u --PURCHASED {0.25, the mean of 0.5 and 0}--> p1
"""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.graph.build import graph_from_dataset
from kgrec.graph.networkx_graph import from_networkx, to_networkx
from kgrec.graph.rdf import read_rdf, validate, write_rdf
from kgrec.graph.store import GraphStore
from tests.same_graph import assert_same_graph

EVENTS = [
    ("u", "p1", "review", 10, -0.5),
    ("v", "p1", "review", 20, 1.0),
    ("v", "p1", "purchase", 15, None),
    ("u", "p1", "purchase", 1, 0.5),
    ("u", "p1", "purchase", 2, 0.0),
]


def shop(sentiment: bool = True, **columns: list[object]) -> Dataset:
    events = pl.DataFrame(EVENTS, schema=["user_id", "item_id", "event", "timestamp", "sentiment"], orient="row")
    items = {"item_id": ["p1", "p2"], "title": ["Cream", "Soap"], **columns}
    return Dataset(items=items, events=events if sentiment else events.drop("sentiment"))  # type: ignore[arg-type]


def test_build_products_have_the_sentiment_of_their_reviews() -> None:
    products = graph_from_dataset(shop()).nodes["Product"]
    # the mean of all four and that of p1 are the same 0.25
    assert products.select("id", "sentiment", "num_reviews").rows() == [("p1", 0.25, 4), ("p2", None, None)]


def test_build_edges_have_the_mean_of_user_product_and_event() -> None:
    graph = graph_from_dataset(shop(), users=True)
    reviewed = graph.edges["User", "REVIEWED", "Product"].select("head_id", "tail_id", "count", "last_at", "sentiment")
    assert reviewed.rows() == [("u", "p1", 1, 10, -0.5), ("v", "p1", 1, 20, 1.0)]
    purchased = graph.edges["User", "PURCHASED", "Product"].select("head_id", "count", "sentiment")
    assert purchased.rows() == [("u", 2, 0.25), ("v", 1, None)]


def test_build_without_reviews_has_no_such_property() -> None:
    graph = graph_from_dataset(shop(sentiment=False), users=True)
    assert graph.nodes["Product"].columns == ["id", "title"]
    assert {tuple(table.columns) for table in graph.edges.values()} == {("head_id", "tail_id", "count", "last_at")}


def test_build_of_the_train_part_knows_no_later_review() -> None:
    data = Dataset(
        items={"item_id": ["p1", "p2", "p3"]},
        events={
            "user_id": ["u"] * 3,
            "item_id": ["p1", "p2", "p3"],
            "timestamp": [1, 2, 3],
            "sentiment": [1.0, -1.0, -1.0],
        },
    )
    products = graph_from_dataset(data.split("leave_last_out").train).nodes["Product"]
    assert products["sentiment"].to_list() == [1.0, None, None]


def test_build_keeps_what_the_items_say_of_themselves(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="kgrec.graph.build"):
        products = graph_from_dataset(shop(num_reviews=[120, 3])).nodes["Product"]
    assert products.columns == ["id", "num_reviews", "title"]
    assert products["num_reviews"].to_list() == [120, 3]
    assert "the items' own 'num_reviews' is kept" in caplog.text


def test_build_with_sentiment_ignores_the_order_of_rows() -> None:
    generator = list(range(40))
    events = pl.DataFrame(
        {
            "user_id": [f"u{place % 2}" for place in generator],
            "item_id": [f"p{place % 3}" for place in generator],
            "sentiment": [(place * 7 % 19) / 19 - 0.3 for place in generator],
        }
    )
    items = {"item_id": ["p0", "p1", "p2"]}
    one = graph_from_dataset(Dataset(items=items, events=events), users=True)
    other = graph_from_dataset(Dataset(items=items, events=events.sample(fraction=1, shuffle=True, seed=1)), users=True)
    assert one == other


def test_sentiment_survives_the_store_and_can_be_asked_for(graph_store: GraphStore) -> None:
    graph = graph_from_dataset(shop(), users=True)
    graph_store.load(graph)
    assert_same_graph(graph_store.read_graph(), graph)
    found = graph_store.query("MATCH (u:User)-[r:REVIEWED]->(p:Product) WHERE r.sentiment < 0 RETURN u.id, p.sentiment")
    assert found.rows() == [("u", 0.25)]


def test_sentiment_survives_rdf_and_networkx(tmp_path: Path) -> None:
    graph = graph_from_dataset(shop(), users=True)
    assert from_networkx(to_networkx(graph)) == graph
    for suffix in (".ttl", ".nt", ".jsonld"):
        write_rdf(graph, tmp_path / f"shop{suffix}")
        assert read_rdf(tmp_path / f"shop{suffix}") == graph
    assert validate(graph).conforms
