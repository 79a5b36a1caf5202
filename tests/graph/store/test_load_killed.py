"""A load whose client or server is killed at any point, and that is run again, gives the graph of a clean one."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore, open_graph
from tests.benchmarks.graph_load import shop_graph
from tests.neo4j_server import Neo4jServer
from tests.same_graph import assert_same_graph

KILLS = 20
BATCH = 500
ROOT = Path(__file__).parents[3]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

# The client: it says when it starts to load, and when it is done. With "old" it loads the graph that is there before.
CLIENT = """
import os, sys, time
from kgrec.graph.store import open_graph
from tests.benchmarks.graph_load import shop_graph
uri, path, prune = sys.argv[1:]
graph = shop_graph(3_000, 15_000)
login = {"uri": uri, "username": "neo4j", "password": os.environ["SECRET"]} if uri else {"path": path}
with open_graph(**login) as store:
    print("loading", flush=True)
    start = time.perf_counter()
    store.load(graph, batch_size=500, prune=prune == "prune")
    print(f"{time.perf_counter() - start}", flush=True)
"""


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return shop_graph(3_000, 15_000)


@pytest.fixture(scope="module")
def own_neo4j(neo4j_server: Neo4jServer) -> Iterator[Neo4jServer]:
    """A server of our own, to kill; `neo4j_server` says whether there can be one."""
    server = Neo4jServer()
    yield server
    server.stop()


def start_client(
    uri: str = "", path: Path | None = None, secret: str = "", prune: bool = False
) -> subprocess.Popen[str]:
    """Start the client and wait until it loads."""
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT, uri, str(path or ""), "prune" if prune else ""],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "SECRET": secret, "PYTHONPATH": str(ROOT)},
    )
    assert client.stdout is not None
    assert client.stdout.readline() == "loading\n"
    return client


def seconds_of_a_clean_load(client: subprocess.Popen[str]) -> float:
    output, _ = client.communicate(timeout=300)
    return float(output)


def kill(client: subprocess.Popen[str]) -> float | None:
    """Kill the client; None when it was still loading, else the seconds that it took."""
    client.kill()
    output, _ = client.communicate()
    return float(output) if output else None


def moments(seed: int) -> list[float]:
    """When to kill: random parts of a load, all over it, the same for each run of the test."""
    generator = random.Random(seed)
    return [(place + generator.random()) / KILLS for place in range(KILLS)]


def assert_load_again_gives(store: GraphStore, graph: KnowledgeGraph) -> None:
    store.load(graph, batch_size=BATCH)
    assert_same_graph(store.read_graph(), graph)
    store.clear()


def test_load_whose_client_is_killed_ends_in_the_same_graph_on_neo4j(
    neo4j_store: GraphStore, neo4j_server: Neo4jServer, graph: KnowledgeGraph
) -> None:
    login = {"uri": neo4j_server.uri, "secret": neo4j_server.password}
    for _ in range(2):  # the first finds the server cold: its seconds are not those of the loads below
        seconds = seconds_of_a_clean_load(start_client(**login))
        neo4j_store.clear()
    cut = 0
    for moment in moments(seed=1):
        client = start_client(**login)
        time.sleep(seconds * moment)
        done = kill(client)
        cut += done is None
        seconds = min(seconds, done or seconds)  # a machine that is free again loads faster
        assert_load_again_gives(neo4j_store, graph)
    assert cut >= KILLS // 2


def test_load_whose_client_is_killed_ends_in_the_same_graph_on_the_local_server(
    tmp_path: Path, graph: KnowledgeGraph
) -> None:
    seconds = seconds_of_a_clean_load(start_client(path=tmp_path / "first"))
    cut = 0
    for place, moment in enumerate(moments(seed=2)):
        folder = tmp_path / f"graph{place}"
        client = start_client(path=folder)
        time.sleep(seconds * moment)
        done = kill(client)
        cut += done is None
        seconds = min(seconds, done or seconds)  # a machine that is free again loads faster
        with open_graph(path=folder) as store:  # it waits until the orphaned server is gone
            assert_load_again_gives(store, graph)
    assert cut >= KILLS // 2


def test_load_whose_server_is_killed_ends_in_the_same_graph_on_neo4j(
    own_neo4j: Neo4jServer, graph: KnowledgeGraph
) -> None:
    login = {"username": own_neo4j.username, "password": own_neo4j.password}
    own_neo4j.kill()  # every load below finds a server just started, so does the one that is timed
    own_neo4j.start()
    with open_graph(own_neo4j.uri, **login) as store:
        seconds = seconds_of_a_clean_load(start_client(uri=own_neo4j.uri, secret=own_neo4j.password))
        store.clear()
    cut = 0
    for moment in moments(seed=3):
        client = start_client(uri=own_neo4j.uri, secret=own_neo4j.password)
        time.sleep(seconds * moment)
        own_neo4j.kill()
        done = kill(client)
        cut += done is None
        seconds = min(seconds, done or seconds)  # a machine that is free again loads faster
        own_neo4j.start()
        with open_graph(own_neo4j.uri, **login) as store:
            assert_load_again_gives(store, graph)
    assert cut >= KILLS // 2


def test_load_whose_server_is_killed_ends_in_the_same_graph_on_the_local_server(
    tmp_path: Path, graph: KnowledgeGraph
) -> None:
    seconds = seconds_of_a_clean_load(start_client(path=tmp_path / "first"))
    cut = 0
    for place, moment in enumerate(moments(seed=4)):
        folder = tmp_path / f"graph{place}"
        with open_graph(path=folder) as store:
            server = store._connection.local
            assert server is not None
            killer = subprocess.Popen(["sh", "-c", f"sleep {seconds * moment}; kill -KILL {server.pid}"])
            try:
                store.load(graph, batch_size=BATCH)
            except StoreError:
                cut += 1
            killer.wait()
        with open_graph(path=folder) as store:
            assert_load_again_gives(store, graph)
    assert cut >= KILLS // 2


def test_prune_whose_client_is_killed_ends_in_the_same_graph(
    neo4j_store: GraphStore, neo4j_server: Neo4jServer, graph: KnowledgeGraph
) -> None:
    old = shop_graph(4_000, 20_000, seed=1)
    login = {"uri": neo4j_server.uri, "secret": neo4j_server.password, "prune": True}
    neo4j_store.load(old)
    seconds = seconds_of_a_clean_load(start_client(**login))
    for moment in moments(seed=5)[::4]:
        neo4j_store.clear()
        neo4j_store.load(old)
        client = start_client(**login)
        time.sleep(seconds * moment)
        kill(client)
        neo4j_store.load(graph, batch_size=BATCH, prune=True)
        assert_same_graph(neo4j_store.read_graph(), graph)
