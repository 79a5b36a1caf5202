"""The pytest plugin: graph stores that are empty in every test, and a graph to fill them with.

pytest loads this module in every run, also of people who only have kgrec installed. So nothing but pytest is imported
here; what is heavy is imported by the fixtures that need it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from kgrec.graph.knowledge_graph import KnowledgeGraph
    from kgrec.graph.store import GraphStore
    from kgrec.testing.servers import SharedStore

URI, RESET = "--kgrec-neo4j-uri", "--kgrec-neo4j-reset"


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options; the password is in the environment, as everybody on a machine sees its command lines."""
    group = parser.getgroup("kgrec", "kgrec: graph stores to test on")
    group.addoption(
        URI,
        metavar="URI",
        help="the Neo4j of any_graph_store, such as bolt://host:7687; the tests delete what it holds. Login: "
        "NEO4J_USERNAME (else neo4j), NEO4J_PASSWORD; database: NEO4J_DATABASE. NEO4J_URI is not looked at.",
    )
    group.addoption(RESET, action="store_true", help=f"let the tests delete what the database of {URI} holds now")


@pytest.fixture
def graph_store(kgrec_local_store: GraphStore) -> GraphStore:
    """An empty GraphStore on a private local server, which starts once a session and leaves nothing behind."""
    return kgrec_local_store


@pytest.fixture(params=["local", "neo4j"])
def any_graph_store(request: pytest.FixtureRequest) -> GraphStore:
    """An empty GraphStore: on the local server, then on the Neo4j of --kgrec-neo4j-uri (skips when not given)."""
    store: GraphStore = request.getfixturevalue(f"kgrec_{request.param}_store")
    return store


@pytest.fixture
def product_graph() -> KnowledgeGraph:
    """Three products, of 9 nodes and 11 edges in all.

    p1 "Red lamp"  20.00   --HAS_BRAND--> Acme   --IN_CATEGORY--> Home > Lamps   --HAS_ATTRIBUTE--> colour=red
    p2 "Blue lamp" 25.50   --HAS_BRAND--> Acme   --IN_CATEGORY--> Home > Lamps   --HAS_ATTRIBUTE--> colour=blue
    p3 "Red mat"  no price --HAS_BRAND--> Bolt   --IN_CATEGORY--> Home           --HAS_ATTRIBUTE--> colour=red
    p1 --ALSO_BOUGHT--> p3                       Home > Lamps --SUBCATEGORY_OF--> Home
    """
    from kgrec.testing.graphs import make_product_graph

    return make_product_graph()


@pytest.fixture(name="assert_graph_equal")
def assert_graph_equal_function() -> Callable[[KnowledgeGraph, KnowledgeGraph], None]:
    """`kgrec.testing.assert_graph_equal(found, expected)`: fails with the difference of two graphs in words."""
    from kgrec.testing.comparing import assert_graph_equal

    return assert_graph_equal


@pytest.fixture
def kgrec_local_store(kgrec_local_server: SharedStore) -> GraphStore:
    """What graph_store is, under a name that a suite's own graph_store leaves alone."""
    return kgrec_local_server.empty()


@pytest.fixture
def kgrec_neo4j_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[GraphStore]:
    """The Neo4j of --kgrec-neo4j-uri, empty before and after; with pytest-xdist, the workers take turns."""
    from kgrec.testing.servers import hold_lock

    is_worker = "PYTEST_XDIST_WORKER" in os.environ
    with hold_lock(tmp_path_factory.getbasetemp().parent / "kgrec-neo4j.lock") if is_worker else nullcontext():
        server: SharedStore = request.getfixturevalue("kgrec_neo4j_server")
        yield server.empty()
        server.empty()


@pytest.fixture(scope="session")
def kgrec_neo4j_address(pytestconfig: pytest.Config) -> dict[str, str]:
    """Arguments of `kgrec.open_graph` for the Neo4j; override it to test on a server that your suite starts."""
    uri: str | None = pytestconfig.getoption(URI)
    if not uri:
        pytest.skip(f"no Neo4j; give one with {URI}=bolt://host:7687 and its login in NEO4J_USERNAME, NEO4J_PASSWORD")
    return {"uri": uri}


@pytest.fixture(scope="session")
def kgrec_local_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStore]:
    """The local server, one for each process of a run."""
    from kgrec.graph.store import open_graph
    from kgrec.testing.servers import SharedStore

    yield from _opened(lambda: SharedStore(lambda: open_graph(path=tmp_path_factory.mktemp("kgrec") / "graph")))


@pytest.fixture(scope="session")
def kgrec_neo4j_server(pytestconfig: pytest.Config, kgrec_neo4j_address: dict[str, str]) -> Iterator[SharedStore]:
    """The Neo4j, once it is known to be empty or --kgrec-neo4j-reset is given."""
    from kgrec.testing.servers import share_neo4j

    yield from _opened(lambda: share_neo4j(kgrec_neo4j_address, reset=pytestconfig.getoption(RESET)))


def _opened(open_server: Callable[[], SharedStore]) -> Iterator[SharedStore]:
    """The server until the session ends; what keeps it from opening is one message, without a traceback."""
    from kgrec.errors import StoreError

    try:
        server = open_server()
    except StoreError as error:
        pytest.fail(str(error), pytrace=False)
    yield server
    server.close()
