"""A load of what changed, on the local server and on a real Neo4j alike."""

from __future__ import annotations

import datetime as dt

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from kgrec.graph.store.changes import Time, changed_nodes, changed_part
from tests.same_graph import assert_same_graph

NOON, LATER = 1_700_000_000, 1_700_003_600


def shop(*, moved: bool) -> KnowledgeGraph:
    """
    p1 (old)      acme, All > Low            u1 clicked p1 at noon
    p2 (changes)  acme -> fresh, All > Low -> All > New > Deep         u1 clicked p2 at noon, u2 p1 later
    """
    items = pl.DataFrame(
        {
            "item_id": ["p1", "p2"],
            "title": ["Lamp", "New mat" if moved else "Mat"],
            "brand": ["acme", "fresh" if moved else "acme"],
            "category": ["All > Low", "All > New > Deep" if moved else "All > Low"],
            "updated_at": [NOON, LATER if moved else NOON],
        }
    )
    rows = [("u1", "p1", NOON), ("u1", "p2", NOON), *([("u2", "p1", LATER)] if moved else [])]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return KnowledgeGraph.from_dataset(Dataset(items=items, events=events), users=True)


def test_load_since_a_time_makes_the_store_hold_the_new_graph(graph_store: GraphStore) -> None:
    graph_store.load(shop(moved=False))
    report = graph_store.load(shop(moved=True), since=LATER)
    assert_same_graph(graph_store.read_graph(), shop(moved=True))
    assert report.removed_edges == {
        ("Product", "HAS_BRAND", "Brand"): 1,
        ("Product", "IN_CATEGORY", "Category"): 1,
    }
    assert report.nodes["Category"] == 3  # All > New > Deep and those above it
    assert report.edges["User", "CLICKED", "Product"] == 2  # u1 on the changed p2, and u2's new one


def test_load_since_a_time_sends_only_what_changed(graph_store: GraphStore) -> None:
    graph_store.load(shop(moved=True))
    later = shop(moved=True)
    graph_store.query("MATCH (p:Product {id: 'p1'}) SET p.title = 'theirs'", write=True)
    graph_store.load(later, since=LATER + 1)
    assert graph_store.query("MATCH (p:Product {id: 'p1'}) RETURN p.title AS t")["t"].to_list() == ["theirs"]


def test_load_since_a_time_with_prune_removes_what_left_the_catalogue(graph_store: GraphStore) -> None:
    graph_store.load(shop(moved=False))
    graph_store.load(shop(moved=True), since=LATER)
    gone = KnowledgeGraph({"Product": shop(moved=True).nodes["Product"].filter(pl.col("id") == "p2")}, {})
    assert graph_store.load(gone, since=LATER, prune=True).removed_nodes == {"Product": 1}


@pytest.mark.parametrize(
    "since", [LATER, float(LATER), "2023-11-14T23:13:20Z", dt.datetime(2023, 11, 14, 23, 13, 20, tzinfo=dt.UTC)]
)
def test_time_of_every_form_finds_the_changed_nodes(since: Time) -> None:
    assert changed_nodes(shop(moved=True), since)["Product"].to_list() == ["p2"]


def test_time_within_a_second_finds_what_changed_in_that_second() -> None:
    """Times of nodes are whole seconds: what changed later in the second can't be told from what changed before."""
    nodes = {
        "Product": pl.DataFrame({"id": ["p1", "p2"], "updated_at": ["2026-01-01T12:00:00Z", "2026-01-01T11:59:59Z"]})
    }
    graph = KnowledgeGraph(nodes, {})
    assert changed_nodes(graph, "2026-01-01T12:00:00.5Z")["Product"].to_list() == ["p1"]


def test_changed_part_has_no_other_products_and_no_brand_that_stayed() -> None:
    graph = shop(moved=True)
    part = changed_part(graph, changed_nodes(graph, LATER), LATER)
    assert part.nodes["Brand"]["id"].to_list() == ["fresh"]
    assert part.nodes["Product"]["id"].to_list() == ["p1", "p2"]  # p1 as the end of u2's click
    assert part.nodes["User"]["id"].to_list() == ["u1", "u2"]
    assert ("p1", "acme") not in part.edges["Product", "HAS_BRAND", "Brand"].rows()


def test_changed_nodes_of_iso_text_are_found() -> None:
    nodes = pl.DataFrame({"id": ["a", "b", "c"], "updated_at": ["2023-11-14", "2023-11-15T10:00:00+01:00", None]})
    assert changed_nodes(KnowledgeGraph({"A": nodes}, {}), "2023-11-15")["A"].to_list() == ["b"]


@pytest.mark.parametrize(
    ("since", "part"),
    [
        ("noon", "'noon' is no time"),
        (True, "True is no time"),
        (object, "is no time"),
        (1000 * LATER, "looks like milliseconds"),
        (str(1000 * LATER), "looks like milliseconds"),
        ("20231114", "looks like a date; write it as 2014-07-21"),
        (LATER, "'updated_at' are no time: 'x'"),
    ],
)
def test_load_since_of_what_is_no_time_says_so(local_store: GraphStore, since: Time, part: str) -> None:
    graph = KnowledgeGraph({"A": pl.DataFrame({"id": ["a"], "updated_at": ["x"]})}, {})
    with pytest.raises(StoreError, match=part):
        local_store.load(graph, since=since)


def test_load_since_of_a_graph_without_times_says_what_is_missing(local_store: GraphStore) -> None:
    with pytest.raises(StoreError, match="nothing in this graph says when it changed: no node has 'updated_at'"):
        local_store.load(KnowledgeGraph({"A": pl.DataFrame({"id": ["a"]})}, {}), since=0)


def test_item_times_of_a_dataset_are_read_as_epoch_seconds() -> None:
    items = pl.DataFrame({"item_id": ["p"], "updated_at": ["2023-11-14T23:13:20Z"]})
    events = pl.DataFrame({"user_id": ["u"], "item_id": ["p"]})
    graph = KnowledgeGraph.from_dataset(Dataset(items=items, events=events))
    assert graph.nodes["Product"]["updated_at"].to_list() == [LATER]
