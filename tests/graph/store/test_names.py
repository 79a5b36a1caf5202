"""Names that could be taken for Cypher are stored and read back as data, on the local server and on a real Neo4j."""

from __future__ import annotations

import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from tests.same_graph import assert_same_graph

HOSTILE = [
    *("A) DETACH DELETE n //", "a b", "a.b", "`", "``", "'", '"', "\\", "\\\\", "/", "..", "%00", "%", "?", ":", "A:B"),
    *("\\u0060", "\\\\u0060", "a\\u0060) DETACH DELETE n //", "\\u005C", "\n.", "é", "🦊", "$x", "|", "{", "}", "#"),
    *("match", "1a", "@type", "V", "x" * 200),
]
SAFE = pl.DataFrame({"id": ["a", "b"]})
A_TO_B = pl.DataFrame({"head_id": ["a"], "tail_id": ["b"], "weight": [0.5]})


def test_store_with_hostile_relation_names_gives_them_back(graph_store: GraphStore) -> None:
    edges = {("A", f"{name}.", "A"): A_TO_B for name in HOSTILE[:-1]}  # the dot: see the labels below
    hostile = KnowledgeGraph({"A": SAFE}, edges)
    graph_store.load(hostile)
    assert_same_graph(graph_store.read_graph(), hostile)
    assert graph_store.load(hostile, prune=True).removed_edges == {}
    assert_same_graph(graph_store.read_graph(), hostile)


def test_store_with_hostile_labels_gives_them_back(graph_store: GraphStore) -> None:
    # on the local server labels and relations share one set of names, for as long as the server lives
    hostile = KnowledgeGraph(dict.fromkeys(HOSTILE, SAFE), {(name, "TO_OTHER", HOSTILE[0]): A_TO_B for name in HOSTILE})
    graph_store.load(hostile)
    assert_same_graph(graph_store.read_graph(), hostile)
    assert graph_store.load(hostile, prune=True).removed_nodes == {}


def test_store_with_hostile_property_names_that_escape_keeps_the_graph(graph_store: GraphStore) -> None:
    nodes = SAFE.with_columns(pl.lit(1).alias(name) for name in HOSTILE if name != "@type")
    hostile = KnowledgeGraph({"A": nodes}, {})
    graph_store.load(hostile)
    assert_same_graph(graph_store.read_graph(), hostile)


def test_load_of_names_that_no_server_holds_lists_them_and_stores_nothing(graph_store: GraphStore) -> None:
    graph = KnowledgeGraph(
        {"A": SAFE.with_columns(pl.lit(1).alias("")), "A\0": SAFE, "x" * 20_000: SAFE}, {("A", "T\0O", "A"): A_TO_B}
    )
    with pytest.raises(StoreError) as caught:
        graph_store.load(graph)
    message = str(caught.value)
    assert "holds a label whose name is empty or has a NUL character: 'A\\x00'" in message
    assert "holds a relation whose name is empty or has a NUL character: 'T\\x00O'" in message
    assert "holds a property whose name is empty or has a NUL character: ''" in message
    assert "label names are longer than 16,000 characters: 'xxx" in message
    assert graph_store.counts().height == 0


def test_load_of_names_that_only_the_local_server_refuses_lists_them(local_store: GraphStore) -> None:
    names = ["a*", "a,b", "a~b", " ", "é" * 40, "x" * 201]
    graph = KnowledgeGraph({"A": SAFE, **dict.fromkeys(names, SAFE)}, {("A", "bucket:x", "A"): A_TO_B})
    with pytest.raises(StoreError, match="1 fault\n.*can't hold labels and relations that have one") as caught:
        local_store.load(graph)
    assert "(7 in all)" in str(caught.value)
    assert local_store.counts().height == 0


def test_load_of_names_that_only_the_local_server_refuses_works_on_neo4j(neo4j_store: GraphStore) -> None:
    names = ["a*", "a,b", "a~b", " ", "é" * 40, "x" * 201]
    graph = KnowledgeGraph({"A": SAFE, **dict.fromkeys(names, SAFE)}, {("A", "bucket:x", "A"): A_TO_B})
    neo4j_store.load(graph)
    assert_same_graph(neo4j_store.read_graph(), graph)
