"""Loads that meet lost connections, deadlocks and other writers go on and end in the same graph."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import neo4j
import polars as pl
import pytest
from neo4j.exceptions import IncompleteCommit, TransientError

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from kgrec.graph.store.bolt import BoltConnection
from tests.graph.store.wire import Login, Proxy
from tests.neo4j_server import Neo4jServer
from tests.same_graph import assert_same_graph

NODES = KnowledgeGraph({"A": pl.DataFrame({"id": [f"n{place}" for place in range(10)]})}, {})


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    """A ring of 1,000 nodes, each with five edges. (A label that no full-text index waits for.)"""
    ids = [f"n{place:04}" for place in range(1_000)]
    pairs = [(ids[place], ids[(place + step) % 1_000]) for place in range(1_000) for step in range(1, 6)]
    edges = pl.DataFrame(pairs, schema=["head_id", "tail_id"], orient="row")
    return KnowledgeGraph({"A": pl.DataFrame({"id": ids})}, {("A", "TO", "A"): edges})


def test_load_whose_connection_drops_at_random_moments_ends_in_the_same_graph(
    login: Login, proxy: Proxy, graph: KnowledgeGraph
) -> None:
    done, cuts, generator = threading.Event(), [], random.Random(0)

    def cut_again_and_again() -> None:
        while len(cuts) < 8 and not done.wait(generator.uniform(0.05, 0.4)):
            proxy.cut()
            cuts.append(time.monotonic())

    with login.open(uri=proxy.uri) as store:
        store.clear()
        cutter = threading.Thread(target=cut_again_and_again)
        cutter.start()
        store.load(graph, batch_size=100)
        done.set()
        cutter.join()
        assert_same_graph(store.read_graph(), graph)
        store.clear()
    assert cuts


def test_load_by_two_clients_at_once_ends_in_the_same_graph(login: Login, graph: KnowledgeGraph) -> None:
    with login.open() as one, login.open() as other, ThreadPoolExecutor(2) as pool:
        one.clear()
        loads = [
            pool.submit(store.load, graph, batch_size=size, prune=True) for store, size in ((one, 300), (other, 170))
        ]
        for load in loads:
            load.result()
        assert_same_graph(one.read_graph(), graph)
        one.clear()


@pytest.fixture
def their_driver(neo4j_server: Neo4jServer) -> Iterator[neo4j.Driver]:
    with neo4j.GraphDatabase.driver(neo4j_server.uri, auth=(neo4j_server.username, neo4j_server.password)) as driver:
        yield driver


def test_load_that_neo4j_ends_because_of_a_deadlock_is_retried(
    neo4j_store: GraphStore, their_driver: neo4j.Driver, caplog: pytest.LogCaptureFixture
) -> None:
    """A load locks n0, n1 ... n9 in this order; others lock n9 and then n0. Sooner or later the load is the victim."""
    neo4j_store.load(NODES)
    caplog.set_level(logging.INFO, logger="kgrec")
    done = threading.Event()

    def lock_the_other_way() -> None:
        while not done.is_set():
            with (
                their_driver.session() as session,
                suppress(TransientError),
                session.begin_transaction() as transaction,
            ):
                for key in ("n9", "n0"):
                    transaction.run("MATCH (n:A {id: $id}) SET n.lock = 1", id=key).consume()
                    time.sleep(0.002)

    others = [threading.Thread(target=lock_the_other_way) for _ in range(2)]
    for other in others:
        other.start()
    deadline = time.monotonic() + 60.0
    while "trying again after TransientError" not in caplog.text and time.monotonic() < deadline:
        neo4j_store.load(NODES)
    done.set()
    for other in others:
        other.join()
    neo4j_store.load(NODES)
    assert "trying again after TransientError" in caplog.text
    assert_same_graph(neo4j_store.read_graph(), NODES)


@pytest.mark.parametrize("problem", [IncompleteCommit("lost during the commit")])
def test_write_whose_commit_got_lost_is_sent_again(
    local_store: GraphStore, monkeypatch: pytest.MonkeyPatch, problem: Exception
) -> None:
    commits = []

    def commit(self: neo4j.Transaction) -> None:
        commits.append(self)
        if len(commits) == 1:
            self.rollback()
            raise problem
        plain_commit(self)

    plain_commit = neo4j.Transaction.commit
    monkeypatch.setattr(neo4j.Transaction, "commit", commit)
    connection: BoltConnection = local_store._connection
    connection.run_write("MERGE (:A {id: 'a'})")
    assert len(commits) == 2
    commits.clear()
    with pytest.raises(StoreError):
        connection.run_once("CREATE (:A {id: 'b'})")
    assert len(commits) == 1  # a person's query is never sent twice


def test_time_of_retries_counts_from_the_first_failure(
    local_store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def slow_then_fine() -> str:
        calls.append(time.monotonic())
        if len(calls) == 1:
            time.sleep(0.4)
            raise IncompleteCommit("lost")
        return "fine"

    assert local_store._connection._attempt(slow_then_fine, write=True, retry_limit=0.3) == "fine"
