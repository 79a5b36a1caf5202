from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore, open_graph
from kgrec.graph.store.local_server import LocalServer

GRAPH = KnowledgeGraph(  # a --TO--> b
    {"A": pl.DataFrame({"id": ["a", "b"]})},
    {("A", "TO", "A"): pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})},
)
OPEN_AND = """
import os, sys, time
from kgrec.graph.store.local_server import LocalServer
path = sys.argv[1] if len(sys.argv) > 1 else None
from pathlib import Path
server = LocalServer(path and Path(path))
print(server.pid, server.folder, flush=True)
"""
linux_only = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


def start_script(code: str, *arguments: str) -> tuple[subprocess.Popen[str], int, Path]:
    """Run Python code that opens a server; the process, the server's pid and its folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", OPEN_AND + code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid, _, folder = process.stdout.readline().strip().partition(" ")
    return process, int(pid), Path(folder)


def wait_until_gone(pid: int, limit: float = 15.0) -> bool:
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def finish(process: subprocess.Popen[str]) -> tuple[int, str]:
    _, errors = process.communicate(timeout=30)
    return process.returncode, errors


# ---- it lives and dies with its parent


def test_server_of_a_killed_parent_ends_and_takes_its_temporary_folder_along() -> None:
    process, pid, folder = start_script("time.sleep(60)")
    assert folder.is_dir()
    process.kill()
    finish(process)
    assert wait_until_gone(pid)
    assert not folder.exists()


@linux_only
def test_server_of_a_killed_parent_ends_even_while_a_fork_holds_its_pipe() -> None:
    # the fork keeps a copy of the parent's end of the pipe open, as a DataLoader worker does
    process, pid, _ = start_script("child = os.fork()\nif child: print(child, flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    fork = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert wait_until_gone(pid)
    os.kill(fork, signal.SIGKILL)
    finish(process)


@pytest.mark.parametrize(("code", "status"), [("sys.exit(3)", 3), ("raise RuntimeError", 1)])
def test_server_that_was_not_closed_is_stopped_at_exit(code: str, status: int) -> None:
    process, pid, folder = start_script(code)
    assert finish(process)[0] == status
    assert wait_until_gone(pid, limit=1.0)
    assert not folder.exists()


def test_server_closed_is_gone_with_its_temporary_folder() -> None:
    server = LocalServer()
    server.close()
    server.close()
    assert wait_until_gone(server.pid, limit=0.5)
    assert not server.folder.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_server_asked_to_end_by_a_signal_ends_in_order(number: signal.Signals) -> None:
    server = LocalServer()
    os.kill(server.pid, number)
    assert server._process.wait(timeout=10) == 0
    assert not server.folder.exists()
    server.close()


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_survives_a_fork_that_drops_its_copy_of_the_store(local_store: GraphStore) -> None:
    local = local_store._connection.local
    assert local is not None
    worker = multiprocessing.get_context("fork").Process(target=local.close)
    worker.start()
    worker.join()
    assert local_store.query("RETURN 1 AS one").rows() == [(1,)]


# ---- what it leaves on disk


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """A server with a folder of its own, started in the empty working directory that is its folder's sibling."""
    folder = tmp_path_factory.mktemp("server")
    (folder / "cwd").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder / "cwd")
        running = LocalServer(Path("../graph"))
    yield running
    running.close()


def test_server_writes_nothing_into_the_working_directory(server: LocalServer) -> None:
    assert list((server.folder.parent / "cwd").iterdir()) == []


def test_server_files_are_for_their_owner_only(server: LocalServer) -> None:
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in server.folder.rglob("*")}
    assert oct(modes["passwords.json"]) == "0o600"
    assert set(modes.values()) == {0o600, 0o700}


@linux_only
def test_server_passwords_are_not_on_its_command_line(server: LocalServer) -> None:
    shown = Path(f"/proc/{server.pid}/cmdline").read_text() + Path(f"/proc/{server.pid}/environ").read_text()
    assert server.writer[1] not in shown
    assert server.reader[1] not in shown


@linux_only
def test_server_listens_on_loopback_only(server: LocalServer) -> None:
    inodes = {os.readlink(path) for path in Path(f"/proc/{server.pid}/fd").iterdir()}
    tables = [Path(f"/proc/{server.pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    sockets = [line.split() for table in tables for line in table]
    hosts = [row[1].split(":")[0] for row in sockets if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert len(hosts) == 2  # Bolt and HTTP
    assert {host.removeprefix("0000000000000000FFFF0000") for host in hosts} == {"0100007F"}


class Restarted(NamedTuple):
    """What was seen of a folder that was opened twice."""

    folder: Path
    passwords: list[str]
    read: KnowledgeGraph


@pytest.fixture(scope="module")
def restarted(tmp_path_factory: pytest.TempPathFactory) -> Restarted:
    folder = tmp_path_factory.mktemp("restarted") / "graph"
    passwords = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEO4J_URI", "bolt://nosuch.invalid:7687")  # a path goes before it
        for _ in range(2):
            with open_graph(path=folder) as store:
                local = store._connection.local
                assert local is not None
                passwords += [local.writer[1], local.reader[1]]
                if len(passwords) == 2:
                    store.load(GRAPH)
                read = store.read_graph()
    return Restarted(folder, passwords, read)


def test_server_with_a_path_keeps_the_data(restarted: Restarted) -> None:
    assert restarted.read == GRAPH


def test_server_passwords_are_random_new_at_each_start_and_in_no_other_file(restarted: Restarted) -> None:
    others = [path for path in restarted.folder.rglob("*") if path.is_file() and path.name != "passwords.json"]
    assert len(set(restarted.passwords)) == 4
    assert all(len(password) >= 32 for password in restarted.passwords)
    assert not [path for path in others for word in restarted.passwords if word.encode() in path.read_bytes()]


# ---- folders it can't use


def test_folder_open_in_this_process_is_refused(server: LocalServer) -> None:
    start = time.monotonic()
    with pytest.raises(
        StoreError, match=rf"graph is in use by this process \(its server is process {server.pid}\); close"
    ):
        open_graph(path=server.folder)
    assert time.monotonic() - start < 5.0
    assert server.is_running()


def test_folder_open_in_another_process_is_refused_and_names_it(tmp_path: Path) -> None:
    process, pid, _ = start_script("time.sleep(60)", str(tmp_path / "graph"))
    with pytest.raises(StoreError, match=rf"in use by process {process.pid} \(its server is process {pid}\)"):
        open_graph(path=tmp_path / "graph")
    process.kill()
    finish(process)
    with open_graph(path=tmp_path / "graph") as store:  # at once: it waits for the orphan to let go
        assert store.counts().height == 0


def test_folder_with_other_files_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").touch()
    with pytest.raises(StoreError, match="holds other files and no kgrec graph"):
        open_graph(path=tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["photo.jpg"]


def test_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="can't be a graph folder"):
        open_graph(path=tmp_path / "file")


# ---- a server that does not start


def fake_package(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Put a package arcadedb_embedded of our own before the real one, for the child alone."""
    (folder / "arcadedb_embedded.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def test_missing_package_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, monkeypatch, "raise ImportError('not here')")
    with pytest.raises(StoreError) as caught:
        LocalServer()
    assert 'pip install "kgrec[local-graph]"' in str(caught.value)
    assert "NEO4J_URI" in str(caught.value)


def test_server_that_fails_to_start_shows_its_log_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_package(
        tmp_path, monkeypatch, "def ArcadeDBServer(root, password, *rest): raise RuntimeError('no luck ' + password)"
    )
    with pytest.raises(StoreError) as caught:
        LocalServer(tmp_path / "graph")
    passwords = json.loads((tmp_path / "graph" / "passwords.json").read_text())
    assert "RuntimeError: no luck ***" in str(caught.value)
    assert f"the end of its log in {tmp_path / 'graph' / 'log'}" in str(caught.value)
    assert passwords["root"] not in str(caught.value)


def test_server_that_is_not_ready_in_time_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_package(tmp_path, monkeypatch, "import time\ndef ArcadeDBServer(*rest): time.sleep(60)")
    start = time.monotonic()
    with pytest.raises(StoreError, match="not ready after 1 s"):
        LocalServer(ready_limit=1.0)
    assert time.monotonic() - start < 5.0


def test_child_imports_nothing_of_kgrec() -> None:
    code = (
        "import sys; sys.argv = ['child', sys.argv[1]]; sys.path.insert(0, sys.argv[1])\n"
        "import local_server_child\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('kgrec', 'torch', 'polars', 'numpy', 'neo4j')])"
    )
    folder = Path(sys.modules[LocalServer.__module__].__file__ or "").parent
    done = subprocess.run([sys.executable, "-P", "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
