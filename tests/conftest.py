"""The two graph servers that the store tests run on: the private local one, and a real Neo4j."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from kgrec.graph.store import GraphStore, open_graph
from tests.neo4j_server import Neo4jServer, Neo4jUnavailableError

pytest_plugins = ["pytester", "kgrec.testing.plugin"]
settings.register_profile("kgrec", deadline=None)  # a busy machine is no failure
settings.load_profile("kgrec")
SERVERS = {"neo4j_server", "any_graph_store", "kgrec_local_store", "kgrec_neo4j_store"}
NEO4J_MISSING = pytest.StashKey[str]()


def neo4j_is_required() -> bool:
    """Whether a missing Neo4j is a failure (in .ci/run and on CI machines) and not a skip."""
    return os.environ.get("KGREC_REQUIRE_NEO4J") == "1" or os.environ.get("CI", "").lower() == "true"


@pytest.fixture(autouse=True)
def no_neo4j_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests clear the stores they use: never one that the person running them has set."""
    for name in ("NEO4J_URI", "NEO4J_USERNAME", "NEO4J_PASSWORD", "NEO4J_DATABASE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def neo4j_server(request: pytest.FixtureRequest) -> Iterator[Neo4jServer]:
    """A real Neo4j, started once; skips or, where Neo4j is required, fails when this machine has none."""
    reason = request.config.stash.get(NEO4J_MISSING, None)
    try:
        server = Neo4jServer() if reason is None else None
    except Neo4jUnavailableError as error:
        server, reason = None, str(error)
        request.config.stash[NEO4J_MISSING] = reason
    if server is None:
        if neo4j_is_required():
            pytest.fail(f"the tests need a real Neo4j here: {reason}", pytrace=False)
        pytest.skip(f"no real Neo4j: {reason}")
    yield server
    server.stop()


@pytest.fixture(scope="session")
def kgrec_neo4j_address(neo4j_server: Neo4jServer) -> dict[str, str]:
    """The plugin's own fixture, pointed at the server that these tests start and may have used."""
    address = {"uri": neo4j_server.uri, "username": neo4j_server.username, "password": neo4j_server.password}
    with open_graph(**address) as store:
        store.clear()
    return address


@pytest.fixture
def local_store(kgrec_local_store: GraphStore) -> GraphStore:
    """The local server, empty."""
    return kgrec_local_store


@pytest.fixture
def neo4j_store(kgrec_neo4j_store: GraphStore) -> GraphStore:
    """A real Neo4j, empty."""
    return kgrec_neo4j_store


@pytest.fixture
def graph_store(any_graph_store: GraphStore) -> GraphStore:
    """Each of the two servers in turn, empty."""
    return any_graph_store


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests (`-n`), those of a file stay together, and all that need a server too."""
    for item in items:
        needs_server = SERVERS & set(getattr(item, "fixturenames", ()))
        item.add_marker(pytest.mark.xdist_group("servers" if needs_server else item.nodeid.split("::")[0]))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it plainly when the Neo4j half of the tests did not run."""
    reason = config.stash.get(NEO4J_MISSING, None)
    if reason is not None and not neo4j_is_required():
        terminalreporter.section("Neo4j")
        terminalreporter.line(f"The tests on a real Neo4j did NOT run: {reason}")
