from __future__ import annotations

import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.local_server import LocalServer
from kgrec.graph.store import open_graph

GRAPH = KnowledgeGraph(  # a --TO--> b
    {"A": pl.DataFrame({"id": ["a", "b"]})},
    {("A", "TO", "A"): pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})},
)
OPEN_AND = """
import os, sys, time
from kgrec.graph.local_server import LocalServer
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
    process, pid, _ = start_script("child = os.fork()\nprint(child, flush=True)\ntime.sleep(60)")
    assert process.stdout is not None
    fork = int(process.stdout.readline())
    process.kill()
    process.wait()
    assert wait_until_gone(pid)
    os.kill(fork, signal.SIGKILL)
    finish(process)


@pytest.mark.parametrize(("code", "status"), [("", 0), ("sys.exit(3)", 3), ("raise RuntimeError", 1)])
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


@pytest.mark.skipif(sys.platform == "win32", reason="no fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_server_survives_a_fork_that_drops_its_copy_of_the_store() -> None:
    with open_graph() as store:
        worker = multiprocessing.get_context("fork").Process(target=store._connection.local.close)
        worker.start()
        worker.join()
        assert store.query("RETURN 1 AS one").rows() == [(1,)]


# ---- what it leaves on disk


def test_server_writes_nothing_into_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cwd").mkdir()
    monkeypatch.chdir(tmp_path / "cwd")
    with open_graph(path="../graph") as store:
        store.load(GRAPH)
    assert list((tmp_path / "cwd").iterdir()) == []


def test_server_files_are_for_their_owner_only(tmp_path: Path) -> None:
    server = LocalServer(tmp_path / "graph")
    mode = stat.S_IMODE((server.folder / "passwords.json").stat().st_mode)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in server.folder.rglob("*")}
    server.close()
    assert oct(mode) == "0o600"
    assert modes == {0o600, 0o700}


def test_server_passwords_are_random_new_at_each_start_and_in_no_other_file(tmp_path: Path) -> None:
    seen = set()
    for _ in range(2):
        server = LocalServer(tmp_path / "graph")
        seen |= {server.writer[1], server.reader[1]}
        server.close()
    others = [path for path in (tmp_path / "graph").rglob("*") if path.is_file() and path.name != "passwords.json"]
    assert len(seen) == 4
    assert all(len(password) >= 32 for password in seen)
    assert not [path for path in others for password in seen if password.encode() in path.read_bytes()]


@linux_only
def test_server_passwords_are_not_on_its_command_line() -> None:
    server = LocalServer()
    shown = Path(f"/proc/{server.pid}/cmdline").read_text() + Path(f"/proc/{server.pid}/environ").read_text()
    server.close()
    assert server.writer[1] not in shown
    assert server.reader[1] not in shown


@linux_only
def test_server_listens_on_loopback_only() -> None:
    server = LocalServer()
    inodes = {os.readlink(path) for path in Path(f"/proc/{server.pid}/fd").iterdir() if path.exists()}
    tables = [Path(f"/proc/{server.pid}/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6")]
    server.close()
    sockets = [line.split() for table in tables for line in table]
    hosts = [row[1].split(":")[0] for row in sockets if row[3] == "0A" and f"socket:[{row[9]}]" in inodes]
    assert len(hosts) == 2  # Bolt and HTTP
    assert {host.removeprefix("0000000000000000FFFF0000") for host in hosts} == {"0100007F"}


def test_server_with_a_path_keeps_the_data(tmp_path: Path) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        store.load(GRAPH)
    with open_graph(path=tmp_path / "graph") as store:
        assert store.read_graph() == GRAPH


def test_server_killed_says_so_and_its_folder_opens_again(tmp_path: Path) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        store.load(GRAPH)
        server = store._connection.local
        os.kill(server.pid, signal.SIGKILL)
        server._process.wait()
        with pytest.raises(StoreError, match=r"local graph server ended \(exit status -9\)") as caught:
            store.read_graph()
        assert server.writer[1] not in str(caught.value)
    with open_graph(path=tmp_path / "graph") as store:
        assert store.read_graph() == GRAPH


# ---- folders it can't use


def test_folder_open_in_this_process_is_refused(tmp_path: Path) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        start = time.monotonic()
        with pytest.raises(StoreError, match=r"graph is in use by this process \(its server is process \d+\); close"):
            open_graph(path=tmp_path / "graph")
        assert time.monotonic() - start < 5.0
        assert store.query("RETURN 1 AS one").height == 1


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
