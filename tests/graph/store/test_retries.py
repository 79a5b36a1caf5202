"""Loads that meet lost connections, deadlocks and other writers go on and end in the same graph."""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import neo4j
import polars as pl
import pytest
from neo4j.exceptions import IncompleteCommit

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore
from kgrec.graph.store.bolt import BoltConnection
from tests.graph.store.wire import Login, Proxy
from tests.neo4j_server import Neo4jServer
from tests.same_graph import assert_same_graph

NODES = KnowledgeGraph({"A": pl.DataFrame({"id": [f"n{place:04}" for place in range(3_000)]})}, {})


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


def test_load_by_two_threads_at_once_ends_in_the_same_graph(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    with ThreadPoolExecutor(2) as pool:
        for load in [pool.submit(graph_store.load, graph, batch_size=size, prune=True) for size in (300, 170)]:
            load.result()
    assert_same_graph(graph_store.read_graph(), graph)


def test_load_by_two_clients_at_once_ends_in_the_same_graph_on_neo4j(
    neo4j_server: Neo4jServer, neo4j_store: GraphStore, graph: KnowledgeGraph
) -> None:
    login = Login(neo4j_server.uri, neo4j_server.username, neo4j_server.password)
    neo4j_store.query("DROP CONSTRAINT kgrec_A_id IF EXISTS", write=True)  # both will make it
    with login.open() as other, ThreadPoolExecutor(2) as pool:
        stores = ((neo4j_store, 300), (other, 170))
        for load in [pool.submit(store.load, graph, batch_size=size, prune=True) for store, size in stores]:
            load.result()
    assert_same_graph(neo4j_store.read_graph(), graph)


def test_writes_that_neo4j_ends_because_of_a_deadlock_are_retried(
    neo4j_store: GraphStore, caplog: pytest.LogCaptureFixture
) -> None:
    """Two writers lock the same nodes, one from the first to the last, the other from the last to the first."""
    neo4j_store.load(NODES)
    caplog.set_level(logging.INFO, logger="kgrec")
    rows = NODES.nodes["A"].to_dicts()
    statement = "UNWIND $rows AS row MATCH (n:A {id: row.id}) SET n = row RETURN count(n) AS stored"

    def write(order: list[dict[str, str]]) -> int:
        stored: int = neo4j_store._connection.run_write(statement, {"rows": order})[1][0][0]
        return stored

    with ThreadPoolExecutor(2) as pool:
        for _ in range(50):
            assert list(pool.map(write, [rows, rows[::-1]])) == [len(rows), len(rows)]
            if "trying again after TransientError" in caplog.text:
                break
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
