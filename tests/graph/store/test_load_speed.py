"""The graph_load benchmark at a small size; its full size is what the README quotes."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from kgrec.graph.store import GraphStore, open_graph
from tests.benchmarks.graph_load import LIMITS, run_rounds, shop_graph
from tests.neo4j_server import Neo4jServer

pytestmark = pytest.mark.slow


@pytest.fixture(params=["local", "neo4j"])
def opener(request: pytest.FixtureRequest) -> Callable[[], GraphStore]:
    if request.param == "local":
        return open_graph
    server: Neo4jServer = request.getfixturevalue("neo4j_server")
    return lambda: open_graph(server.uri, username=server.username, password=server.password)


def test_load_keeps_pace_with_a_bare_loop_and_takes_little_memory(opener: Callable[[], GraphStore]) -> None:
    figures = run_rounds("store", opener, shop_graph(10_000, 50_000), rounds=3).rows()
    assert figures["ratio"] <= LIMITS["ratio"]
    assert figures["extra memory, MB"] < LIMITS["extra memory, MB"]
