"""Each of the two servers as a user of `open_graph(uri=...)` meets it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kgrec.graph.store.local_server import LocalServer
from tests.graph.store.wire import Login, Proxy
from tests.neo4j_server import Neo4jServer


@pytest.fixture(params=["local", "neo4j"])
def login(request: pytest.FixtureRequest) -> Login:
    """A login on each of the two servers; the local one is met as if it were anybody's."""
    if request.param == "neo4j":
        server: Neo4jServer = request.getfixturevalue("neo4j_server")
        return Login(server.uri, server.username, server.password)
    local: LocalServer = request.getfixturevalue("local_store")._connection.local
    return Login(local.uri, *local.writer)


@pytest.fixture
def proxy(login: Login) -> Iterator[Proxy]:
    wire = Proxy(login.uri)
    yield wire
    wire.close()
