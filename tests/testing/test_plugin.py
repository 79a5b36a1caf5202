"""The plugin in a suite of somebody else's, run as its owner runs it."""

from __future__ import annotations

import importlib.metadata
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kgrec.graph.store import GraphStore
from kgrec.testing.servers import hold_lock
from tests.neo4j_server import Neo4jServer

SUITE = """
    import numpy as np
    import pytest
    from kgrec.testing import assert_graph_equal

    def test_load_gives_an_equal_graph(graph_store, product_graph):
        graph_store.load(product_graph)
        assert_graph_equal(graph_store.read_graph(), product_graph)

    def test_next_test_finds_it_empty_and_closes_it(graph_store, product_graph):
        assert graph_store.counts().height == 0
        graph_store.load(product_graph)
        graph_store.close()

    def test_closed_store_is_open_and_empty_again(graph_store):
        assert graph_store.counts().height == 0

    @pytest.mark.parametrize("size", [2, 3])
    def test_vectors_of_an_earlier_test_refuse_no_others(graph_store, product_graph, size):
        graph_store.query("CREATE (:Product {id: 'p9', embedding: $vector})", {"vector": [0.5] * size}, write=True)
        graph_store.load(product_graph)
        graph_store.write_vectors(["p1"], np.ones((1, size)))
"""
NEO4J_SUITE = """
    import pytest

    @pytest.mark.parametrize("round", [1, 2])
    def test_any_store(any_graph_store, product_graph, assert_graph_equal, round):
        assert any_graph_store.counts().height == 0
        any_graph_store.load(product_graph)
        assert_graph_equal(any_graph_store.read_graph(), product_graph)
"""
NEO4J_HALF = ("-k", "neo4j")


def run(pytester: pytest.Pytester, suite: str, *options: str) -> pytest.RunResult:
    pytester.makepyfile(test_suite=suite)
    return pytester.runpytest_subprocess("-p", "no:cacheprovider", "-rs", *options)


def log_in(monkeypatch: pytest.MonkeyPatch, server: Neo4jServer, password: str | None = None) -> str:
    monkeypatch.setenv("NEO4J_USERNAME", server.username)
    monkeypatch.setenv("NEO4J_PASSWORD", password or server.password)
    return f"--kgrec-neo4j-uri={server.uri}"


def names(store: GraphStore) -> list[str]:
    return store.query("MATCH (n) RETURN n.id AS id ORDER BY id")["id"].to_list()


def test_graph_store_in_a_foreign_suite_is_empty_in_every_test(pytester: pytest.Pytester) -> None:
    run(pytester, SUITE).assert_outcomes(passed=5)


def test_any_graph_store_without_a_uri_skips_neo4j_and_never_takes_that_of_the_environment(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, neo4j_store: GraphStore, neo4j_server: Neo4jServer
) -> None:
    neo4j_store.query("CREATE (:Mine {id: 'kept'})", write=True)
    log_in(monkeypatch, neo4j_server)
    monkeypatch.setenv("NEO4J_URI", neo4j_server.uri)
    result = run(pytester, NEO4J_SUITE, *NEO4J_HALF)
    result.assert_outcomes(skipped=2)
    result.stdout.fnmatch_lines("SKIPPED*no Neo4j; give one with --kgrec-neo4j-uri=bolt://host:7687*")
    assert names(neo4j_store) == ["kept"]


def test_any_graph_store_with_an_unreachable_uri_fails(pytester: pytest.Pytester) -> None:
    result = run(pytester, NEO4J_SUITE, *NEO4J_HALF, "--kgrec-neo4j-uri=bolt://127.0.0.1:1")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines("can't reach a graph server at 127.0.0.1:1*")
    result.stdout.no_fnmatch_line("*Traceback*")


def test_any_graph_store_with_a_wrong_password_fails_without_showing_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, neo4j_server: Neo4jServer
) -> None:
    uri = log_in(monkeypatch, neo4j_server, "wr0ng-passw0rd")
    result = run(pytester, NEO4J_SUITE, *NEO4J_HALF, uri, "--showlocals")
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines("*refused the login of user 'neo4j'*")
    assert "wr0ng" not in result.stdout.str() + result.stderr.str()


def test_any_graph_store_on_a_neo4j_that_holds_data_refuses_and_deletes_nothing(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, neo4j_store: GraphStore, neo4j_server: Neo4jServer
) -> None:
    neo4j_store.query("CREATE (:Mine {id: 'kept'})-[:TO]->(:Mine {id: 'too'})", write=True)
    result = run(pytester, NEO4J_SUITE, *NEO4J_HALF, log_in(monkeypatch, neo4j_server))
    result.assert_outcomes(errors=2)
    result.stdout.fnmatch_lines("GraphStore(*) holds 2 nodes, and the tests would delete them*--kgrec-neo4j-reset*")
    assert names(neo4j_store) == ["kept", "too"]


def test_any_graph_store_with_reset_clears_the_neo4j_and_leaves_it_empty(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, neo4j_store: GraphStore, neo4j_server: Neo4jServer
) -> None:
    neo4j_store.query("CREATE (:Mine {id: 'gone'})", write=True)
    result = run(pytester, NEO4J_SUITE, *NEO4J_HALF, log_in(monkeypatch, neo4j_server), "--kgrec-neo4j-reset")
    result.assert_outcomes(passed=2)
    assert names(neo4j_store) == []


def test_kgrec_neo4j_address_overridden_by_a_suite_is_the_neo4j_it_gets(
    pytester: pytest.Pytester, neo4j_store: GraphStore, neo4j_server: Neo4jServer
) -> None:
    address = {"uri": neo4j_server.uri, "username": neo4j_server.username, "password": neo4j_server.password}
    pytester.makeconftest(f"""
        import pytest

        @pytest.fixture(scope="session")
        def kgrec_neo4j_address():
            return {address!r}
    """)
    run(pytester, NEO4J_SUITE, *NEO4J_HALF).assert_outcomes(passed=2)


def test_graph_store_without_the_local_server_installed_fails_with_the_fix(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytester.mkdir("shadow").joinpath("arcadedb_embedded.py").write_text(
        "raise ModuleNotFoundError('arcadedb_embedded')"
    )
    monkeypatch.setenv("PYTHONPATH", str(pytester.path / "shadow"), prepend=os.pathsep)
    result = run(pytester, SUITE)
    result.assert_outcomes(errors=5)
    result.stdout.fnmatch_lines('*needs the package arcadedb-embedded: pip install "kgrec*local-graph*"*')
    result.stdout.no_fnmatch_line("*Traceback*")


@pytest.mark.parametrize("plugins", [(), ("-p", "kgrec"), ("-p", "kgrec.testing.plugin")])
def test_plugin_asked_for_twice_is_there_once(pytester: pytest.Pytester, plugins: tuple[str, ...]) -> None:
    pytester.makeconftest("pytest_plugins = ['kgrec.testing.plugin']")
    run(pytester, "def test_graph(product_graph): assert product_graph.num_edges == 11", *plugins).assert_outcomes(
        passed=1
    )


def test_entry_point_of_the_installed_package_names_the_plugin() -> None:
    (point,) = importlib.metadata.entry_points(group="pytest11", name="kgrec")
    assert point.load().pytest_plugins == ["kgrec.testing.plugin"]


def test_pytest_with_the_plugin_loads_nothing_heavy(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.makepyfile("""
        import sys

        def test_modules():
            roots = {name.split(".")[0] for name in sys.modules}
            assert "kgrec.testing.plugin" in sys.modules
            heavy = {"polars", "numpy", "neo4j", "torch", "pandas", "networkx", "kgrec.graph"}
            assert not heavy & {*roots, *sys.modules}
    """)
    result = pytester.runpytest_subprocess("-p", "kgrec")  # by its entry point
    result.assert_outcomes(passed=1)


def test_hold_lock_makes_a_second_holder_wait(tmp_path: Path) -> None:
    order = []
    with hold_lock(tmp_path / "lock"):
        second = threading.Thread(target=lambda: [order.append("second") for _ in _held(tmp_path / "lock")])
        second.start()
        second.join(timeout=0.2)
        order.append("first")
    second.join(timeout=10)
    assert order == ["first", "second"]


def _held(file: Path) -> list[None]:
    with hold_lock(file):
        return [None]


def test_fixtures_of_the_plugin_are_listed_with_what_they_are(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        "kgrec.testing.plugin",
        "--fixtures",
        "-v",
        str(tmp_path),
    ]
    listed = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    for text in ("An empty GraphStore on a private local server", 'p1 "Red lamp"', "skips when not given"):
        assert text in listed
