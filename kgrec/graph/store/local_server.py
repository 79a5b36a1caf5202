"""A private graph server (ArcadeDB) as a child process on loopback, which lives and dies with this process."""

from __future__ import annotations

import base64
import http.client
import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import weakref
from pathlib import Path
from typing import Any

from kgrec.errors import StoreError
from kgrec.graph.store import local_server_child as child

READY_LIMIT = 60.0  # seconds; it takes 1 to 3
STOP_LIMIT = child.STOP_LIMIT + 5.0  # seconds
CAUSE = "Caused by: "  # how a line of the log begins that says why a query failed
LOG_LINES = 12  # of the server's log, shown when it fails
SQL_LIMIT = 600.0  # seconds for one statement: an index over a large catalogue takes a while
SQL_PAUSES = (0.1, 0.3, 1.0, 3.0)  # seconds before the next try, when another statement changes the same records

_MISSING = (
    'the local graph server needs the package arcadedb-embedded: pip install "kgrec[local-graph]", '
    "or set NEO4J_URI to use a Neo4j of your own"
)


class LocalServer:
    """A running local server.

    Parameters
    ----------
    path : Path, optional
        Data folder, made if need be and kept; without it a temporary one, removed by `close()`.
    heap : str
        Largest heap of the server's JVM.
    ready_limit : float
        Seconds it may take to start.

    The server listens on 127.0.0.1 only, on ports the kernel picks. It has two users with random passwords, made anew
    at every start and kept in `passwords.json` (mode 0600): one may write, the other may only read records.

    Raises
    ------
    StoreError
        If arcadedb-embedded is not installed, the folder is in use or not a graph folder, or the server fails to start.
    """

    def __init__(self, path: Path | None = None, *, heap: str = "512m", ready_limit: float = READY_LIMIT) -> None:
        self.temporary = path is None
        self.folder = Path(tempfile.mkdtemp(prefix="kgrec-graph-")) if path is None else _prepare_folder(path)
        self._process = _start_process(self.folder, heap, temporary=self.temporary)
        # Runs once: at close(), when this object is collected, or at exit.
        self._finalizer = weakref.finalize(
            self, _stop, self._process, self.folder if self.temporary else None, os.getpid()
        )
        try:
            report = self._wait_until_ready(ready_limit)
        except BaseException:
            self._process.kill()
            self.close()
            raise
        self.uri = f"bolt://127.0.0.1:{report['bolt_port']}"
        passwords = json.loads((self.folder / "passwords.json").read_text(encoding="utf-8"))
        self.writer: tuple[str, str] = (child.WRITER, passwords[child.WRITER])
        self.reader: tuple[str, str] = (child.READER, passwords[child.READER])
        self.database = child.DATABASE
        self.loading = threading.Lock()  # two loads at once would each make the edge that neither sees of the other
        self._http_port = report["http_port"]

    @property
    def pid(self) -> int:
        """Process id of the server."""
        return self._process.pid

    def is_running(self) -> bool:
        """Whether the server process is alive."""
        return self._process.poll() is None

    def free_bytes(self) -> int:
        """Room left on the disk of the data folder."""
        return shutil.disk_usage(self.folder).free

    def describe_end(self) -> str:
        """What is known about a server that ended by itself: exit status and the last lines of its log."""
        return f"the local graph server ended (exit status {self._process.poll()}){self._log_tail()}"

    def run_sql(self, statement: str) -> None:
        """Run a statement of the server's own SQL as the writer: for the indexes that its Cypher can't make.

        Raises
        ------
        StoreError
            If the server refuses the statement or is lost.
        """
        for pause in (*SQL_PAUSES, None):
            status, answer = self._post_sql(statement)
            if status == 200:
                return
            if pause is None or not any(name in answer for name in ("ConcurrentModification", "NeedRetry")):
                raise StoreError(f"the local graph server refused the SQL {statement!r}: {_detail(answer)}")
            time.sleep(pause)

    def _post_sql(self, statement: str) -> tuple[int, str]:
        login = base64.b64encode(":".join(self.writer).encode()).decode()
        headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
        body = json.dumps({"language": "sql", "command": statement})
        connection = http.client.HTTPConnection("127.0.0.1", self._http_port, timeout=SQL_LIMIT)
        try:
            connection.request("POST", f"/api/v1/command/{self.database}", body, headers)
            response = connection.getresponse()
            return response.status, response.read().decode("utf-8", errors="replace")
        except (OSError, http.client.HTTPException) as error:
            if not self.is_running():
                raise StoreError(self.describe_end()) from error
            raise StoreError(f"the local graph server does not answer: {type(error).__name__}: {error}") from error
        finally:
            connection.close()

    def close(self) -> None:
        """Stop the server; the files of a temporary one are removed. Safe to call twice."""
        self._finalizer()

    def _wait_until_ready(self, limit: float) -> dict[str, Any]:
        """The child's first answer; whatever else it prints is an interpreter error, kept for the message."""
        lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        threading.Thread(target=_read_lines, args=(self._process, lines), daemon=True).start()
        deadline, noise = time.monotonic() + limit, ""
        while True:
            try:
                line = lines.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise StoreError(f"the local graph server is not ready after {limit:g} s{self._log_tail()}") from None
            if line is None:
                self._process.wait(timeout=STOP_LIMIT)
                raise StoreError(f"{self.describe_end()}{noise}")
            report = _parse_report(line)
            if report is None:
                noise += f"\n  {line.rstrip()}"
            elif "bolt_port" in report:
                return report
            else:
                raise StoreError(_MISSING if report.get("failed") == "missing" else self._explain_lock(report))

    def _explain_lock(self, report: dict[str, Any]) -> str:
        holder = report.get("holder", {})
        owner = holder.get("owner_pid")
        by = "this process" if owner == os.getpid() else f"process {owner}"
        return (
            f"the graph folder {self.folder} is in use by {by} (its server is process {holder.get('pid')}); close the "
            f"store there, or open another folder"
        )

    def find_cause(self, message: str) -> str:
        """Why a query failed, of which the server only answered `message`: its log knows more. Empty if it doesn't."""
        text = "\n".join(self._log_lines())
        _, _, since = text.rpartition(message)
        causes = [line for line in since.splitlines() if line.startswith(CAUSE)]
        return causes[-1].removeprefix(CAUSE).partition(": ")[2] if message in text and causes else ""

    def _log_lines(self) -> list[str]:
        try:
            text = (self.folder / "log" / "server.log").read_text(encoding="utf-8", errors="replace")
            secrets = json.loads((self.folder / "passwords.json").read_text(encoding="utf-8")).values()
        except (OSError, ValueError):
            return []
        for secret in secrets:
            text = text.replace(secret, "***")
        return [line for line in text.splitlines() if line.strip()]

    def _log_tail(self) -> str:
        lines = self._log_lines()[-LOG_LINES:]
        kept = "" if self.temporary else f" in {self.folder / 'log'}"
        return f"; the end of its log{kept}:" + "".join(f"\n  {line}" for line in lines) if lines else ""


def _prepare_folder(path: Path) -> Path:
    folder = path.expanduser().resolve()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        is_new = not any(folder.iterdir())
    except OSError as error:
        raise StoreError(f"{folder} can't be a graph folder: {error.strerror}; give another path") from error
    if not is_new and not (folder / "server.lock").exists():
        raise StoreError(f"{folder} holds other files and no kgrec graph; give an empty or a new folder")
    return folder


def _start_process(folder: Path, heap: str, *, temporary: bool) -> subprocess.Popen[str]:
    # -P keeps this folder off the child's import path. The child has a session of its own, so that Ctrl-C reaches only
    # this process, which then stops the child in order.
    command = [sys.executable, "-P", str(Path(child.__file__).resolve()), str(folder), heap, str(os.getpid())]
    return subprocess.Popen(
        [*command, "--temporary"] if temporary else command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def _read_lines(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            lines.put(line)
    lines.put(None)


def _parse_report(line: str) -> dict[str, Any] | None:
    try:
        report = json.loads(line)
    except ValueError:
        return None
    return report if isinstance(report, dict) else None


def _detail(answer: str) -> str:
    """What went wrong, of the server's JSON answer."""
    report = _parse_report(answer)
    return answer[:500] if report is None else str(report.get("detail") or report.get("error"))


def _stop(process: subprocess.Popen[str], temporary_folder: Path | None, owner_pid: int) -> None:
    if os.getpid() != owner_pid:  # a forked worker took a copy of this object: the server is not its to stop
        return
    if process.stdin is not None:
        try:  # the word as well as the end of the pipe: forked workers may hold copies of our end
            process.stdin.write("stop\n")
            process.stdin.close()
        except OSError:  # it has ended already
            pass
    try:
        process.wait(timeout=STOP_LIMIT)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if temporary_folder is not None:
        shutil.rmtree(temporary_folder, ignore_errors=True)
