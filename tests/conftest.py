"""The two graph servers that the store tests run on: the private local one, and a real Neo4j."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from kgrec.graph.store import GraphStore, open_graph
from tests.neo4j_server import Neo4jServer, Neo4jUnavailableError

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
def local_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    with open_graph(path=tmp_path_factory.mktemp("local") / "graph") as store:
        yield store


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
def neo4j_session(neo4j_server: Neo4jServer) -> Iterator[GraphStore]:
    with open_graph(neo4j_server.uri, username=neo4j_server.username, password=neo4j_server.password) as store:
        yield store


@pytest.fixture
def local_store(local_session: GraphStore) -> GraphStore:
    """The local server, empty."""
    local_session.clear()
    return local_session


@pytest.fixture
def neo4j_store(neo4j_session: GraphStore) -> GraphStore:
    """A real Neo4j, empty."""
    neo4j_session.clear()
    return neo4j_session


@pytest.fixture(params=["local", "neo4j"])
def graph_store(request: pytest.FixtureRequest) -> GraphStore:
    """Each of the two servers in turn, empty."""
    store: GraphStore = request.getfixturevalue(f"{request.param}_store")
    return store


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say it plainly when the Neo4j half of the tests did not run."""
    reason = config.stash.get(NEO4J_MISSING, None)
    if reason is not None and not neo4j_is_required():
        terminalreporter.section("Neo4j")
        terminalreporter.line(f"The tests on a real Neo4j did NOT run: {reason}")
