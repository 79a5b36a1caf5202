from __future__ import annotations

import logging
import os
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore, bolt, open_graph
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.local_server import LocalServer
from tests.graph.store.wire import Login, Proxy

WRONG = "wr0ng-passw0rd"
GRAPH = KnowledgeGraph(  # n0, n1 ... n9, each --TO--> n0
    {"A": pl.DataFrame({"id": [f"n{place}" for place in range(10)]})},
    {("A", "TO", "A"): pl.DataFrame({"head_id": [f"n{place}" for place in range(10)], "tail_id": ["n0"] * 10})},
)


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def after_two_writes(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], None]], None]:
    """Make something happen before the third write of a load."""

    def arrange(action: Callable[[], None]) -> None:
        plain_write, writes = BoltConnection.run_write, []

        def run_write(self: BoltConnection, cypher: str, *rest: object, **options: object) -> object:
            if "UNWIND" in cypher:
                writes.append(cypher)
                if len(writes) == 3:
                    action()
            return plain_write(self, cypher, *rest, **options)  # type: ignore[arg-type]

        monkeypatch.setattr(BoltConnection, "run_write", run_write)

    return arrange


# ---- servers that can't be reached


def kill_and_wait(server: LocalServer) -> None:
    os.kill(server.pid, signal.SIGKILL)
    server._process.wait()


def test_open_of_an_unreachable_server_fails_at_once_and_names_it(closed_port: int) -> None:
    start = time.monotonic()
    with pytest.raises(StoreError, match=f"can't reach a graph server at 127.0.0.1:{closed_port}; is it running"):
        open_graph(f"bolt://127.0.0.1:{closed_port}", password=WRONG)
    assert time.monotonic() - start < 3.0


def test_open_by_a_routing_address_of_an_unreachable_server_fails_at_once(closed_port: int) -> None:
    with pytest.raises(StoreError, match=f"can't reach a graph server at 127.0.0.1:{closed_port}"):
        open_graph(f"neo4j://127.0.0.1:{closed_port}", password=WRONG)


def test_open_of_a_server_that_never_answers_fails_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bolt.ACQUIRE_LIMIT <= 10.0
    monkeypatch.setattr(bolt, "CONNECT_LIMIT", 0.5)
    monkeypatch.setattr(bolt, "ACQUIRE_LIMIT", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        start = time.monotonic()
        with pytest.raises(StoreError, match="can't reach a graph server"):
            open_graph(f"bolt://127.0.0.1:{silent.getsockname()[1]}")
        assert time.monotonic() - start < 4.0


def test_open_of_an_unknown_host_names_it() -> None:
    with pytest.raises(StoreError, match="can't reach a graph server at nosuch.invalid:7687"):
        open_graph("neo4j://nosuch.invalid", password=WRONG)


@pytest.mark.parametrize(
    "uri",
    ["nonsense", "http://127.0.0.1:7474", "bolt://", "bolt://127.0.0.1:port", f"bolt://neo4j:{WRONG}@127.0.0.1:7687"],
)
def test_open_of_a_bad_address_says_how_to_write_it_and_repeats_no_secret(uri: str) -> None:
    with pytest.raises(StoreError, match="NEO4J_URI") as caught:
        open_graph(uri)
    assert WRONG not in str(caught.value)
    assert caught.value.__cause__ is None


def test_open_with_both_an_address_and_a_path_raises(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="not both"):
        open_graph("bolt://127.0.0.1:7687", path=tmp_path)


# ---- logins


def test_open_with_a_wrong_password_names_the_user_and_never_the_password(
    login: Login, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(StoreError, match=f"refused the login of user '{login.username}'; check") as caught:
        login.open(password=WRONG)
    address = login.uri.removeprefix("bolt://")
    assert address in str(caught.value)
    assert WRONG not in f"{caught.value} {caught.value.__cause__} {caplog.text}"


def test_open_with_the_right_password_logs_no_password(login: Login, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with login.open() as store:
        store.query("RETURN 1 AS one")
        assert login.password not in f"{store!r} {store._connection!r}"
    assert login.password not in caplog.text


def test_open_without_a_password_asks_for_one(login: Login) -> None:
    with pytest.raises(StoreError, match="asks for a login; set NEO4J_USERNAME and NEO4J_PASSWORD"):
        open_graph(login.uri)


def test_open_of_a_missing_database_names_it(login: Login) -> None:
    with pytest.raises(StoreError, match="has no database 'nosuch'; check NEO4J_DATABASE"):
        login.open(database="nosuch")


def test_open_takes_address_and_login_from_the_environment(login: Login, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEO4J_URI", login.uri)
    monkeypatch.setenv("NEO4J_USERNAME", login.username)
    monkeypatch.setenv("NEO4J_PASSWORD", login.password)
    with open_graph() as store:
        assert not store.is_local
        assert login.uri.removeprefix("bolt://") in repr(store)


def test_store_closed_says_so(login: Login) -> None:
    store = login.open()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="the graph store is closed"):
        store.query("RETURN 1")


# ---- servers that are lost


def test_load_whose_connection_drops_goes_on(
    login: Login, proxy: Proxy, after_two_writes: Callable[[Callable[[], None]], None]
) -> None:
    with login.open(uri=proxy.uri) as store:
        store.clear()
        after_two_writes(proxy.cut)
        store.load(GRAPH, batch_size=3)
        assert store.read_graph() == GRAPH


def test_load_whose_server_is_lost_raises_and_can_be_run_again(
    login: Login,
    proxy: Proxy,
    after_two_writes: Callable[[Callable[[], None]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(BoltConnection.run_write, "__kwdefaults__", {"retry_limit": 0.5})
    with login.open(uri=proxy.uri) as store:
        store.clear()
        after_two_writes(proxy.close)
        with pytest.raises(
            StoreError, match="can't reach a graph server at .*a load that was cut off may be run again"
        ):
            store.load(GRAPH, batch_size=3)
    with login.open() as store:
        assert 0 < store.counts()["count"].sum() < 20
        store.load(GRAPH)
        assert store.read_graph() == GRAPH


def test_load_whose_local_server_is_killed_raises_at_once_and_can_be_run_again(
    tmp_path: Path, after_two_writes: Callable[[Callable[[], None]], None]
) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        server = store._connection.local
        assert server is not None
        after_two_writes(lambda: kill_and_wait(server))
        start = time.monotonic()
        with pytest.raises(StoreError, match=r"the local graph server ended \(exit status -9\)") as caught:
            store.load(GRAPH, batch_size=3)
        assert server.writer[1] not in str(caught.value)
        assert time.monotonic() - start < 5.0
    with open_graph(path=tmp_path / "graph") as store:
        store.load(GRAPH)
        assert store.read_graph() == GRAPH


def test_load_into_the_local_server_of_names_it_keeps_for_itself_lists_them(local_store: GraphStore) -> None:
    graph = KnowledgeGraph(
        {"TO": pl.DataFrame({"id": ["a"], "@type": ["x"]})},
        {("TO", "TO", "TO"): pl.DataFrame({"head_id": ["a"], "tail_id": ["a"]})},
    )
    with pytest.raises(StoreError) as caught:
        local_store.load(graph)
    assert "2 faults" in str(caught.value)
    assert "keeps the property name '@type' for itself" in str(caught.value)
    assert "can't have a label and a relation of the same name: 'TO'" in str(caught.value)


def test_load_of_the_same_names_into_neo4j_works(neo4j_store: GraphStore) -> None:
    graph = KnowledgeGraph(
        {"TO": pl.DataFrame({"id": ["a"], "@type": ["x"]})},
        {("TO", "TO", "TO"): pl.DataFrame({"head_id": ["a"], "tail_id": ["a"]})},
    )
    neo4j_store.load(graph)
    assert neo4j_store.read_graph() == graph
