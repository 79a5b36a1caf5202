"""A load that finds the disk full ends with one clear error, and can be run again when there is room."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgrec.errors import StoreError
from kgrec.graph.store import open_graph
from tests.benchmarks.graph_load import shop_graph
from tests.neo4j_server import Neo4jServer
from tests.same_graph import assert_same_graph

GRAPH = shop_graph(6_000, 30_000)
ROOM = 3 * 2**20  # bytes left when the load starts; it needs more than twice that

pytestmark = pytest.mark.slow


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 400 MB, in memory; skips where this process may not mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400m", "tmpfs", str(disk)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount a small disk")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Leave `ROOM` bytes on the disk; the file that takes the rest."""
    filler = disk / "filler"
    with filler.open("wb") as file:
        file.write(bytes(shutil.disk_usage(disk).free - ROOM))
    return filler


def test_load_that_fills_the_local_servers_disk_says_so_and_can_be_run_again(small_disk: Path) -> None:
    with open_graph(path=small_disk / "graph") as store:
        server = store._connection.local
        assert server is not None
        filler = fill(small_disk)
        with pytest.raises(StoreError, match=r"the disk of .*disk/graph has 0 MiB free") as caught:
            store.load(GRAPH, batch_size=500)
        assert server.writer[1] not in f"{caught.value} {caught.value.__cause__}"
    filler.unlink()
    with open_graph(path=small_disk / "graph") as store:
        store.load(GRAPH)
        assert_same_graph(store.read_graph(), GRAPH)


def test_load_that_fills_a_neo4js_disk_says_so_and_can_be_run_again(
    small_disk: Path, neo4j_server: Neo4jServer
) -> None:
    server = Neo4jServer(home=small_disk / "neo4j", settings="db.tx_log.preallocate=false\n")
    login = {"username": server.username, "password": server.password}
    try:
        with open_graph(server.uri, **login) as store:
            filler = fill(small_disk)
            with pytest.raises(StoreError, match="a full disk is a common reason") as caught:
                store.load(GRAPH, batch_size=500)
            assert server.password not in f"{caught.value} {caught.value.__cause__}"
        filler.unlink()
        server.kill()
        server.start()
        with open_graph(server.uri, **login) as store:
            store.load(GRAPH)
            assert_same_graph(store.read_graph(), GRAPH)
    finally:
        server.stop()
