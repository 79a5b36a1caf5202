"""The private graph server's own process. `LocalServer` runs this file as a script; it imports no kgrec.

    python -P local_server_child.py FOLDER HEAP OWNER_PID [--temporary]

Everything it writes is below FOLDER. It answers on stdout with one line of JSON, `{"bolt_port": ...,
"http_port": ...}` or `{"failed": ..., "holder": ...}`, and then serves until its stdin ends, says "stop", or
its owner is gone.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

DATABASE = "kgrec"
WRITER = "root"  # the server's own administrator
READER = "reader"  # may read records and nothing else: what makes `store.query` read-only
FIRST_HTTP_PORT, NUM_HTTP_PORTS = 10_000, 2_000  # below the ports that systems give to outgoing connections
LOCK_WAIT = 15.0  # seconds; how long a server whose owner died may take to let go of the folder
MAX_MESSAGE_BYTES = 64 * 2**20  # the server's own limit of 16 MiB would refuse a long description
STOP_LIMIT = 20.0  # seconds; a stop that takes longer is cut off


def main(arguments: list[str]) -> int:
    """Serve FOLDER until the owner goes away; the exit status is 0 after a clean stop."""
    folder, heap, owner_pid = Path(arguments[0]), arguments[1], int(arguments[2])
    os.umask(0o077)
    os.chdir(folder)  # the engine writes ./log into the working directory
    stopping = threading.Event()
    threading.Thread(target=_watch_stdin, args=(stopping,), daemon=True).start()
    lock = _lock(Path("server.lock"), owner_pid)
    if lock is None:
        _report(sys.stdout, {"failed": "locked", "holder": _holder()})
        return 3
    Path("server.json").write_text(json.dumps({"pid": os.getpid(), "owner_pid": owner_pid}), encoding="utf-8")
    channel = _redirect_output()
    try:
        from arcadedb_embedded import ArcadeDBServer
    except ImportError:
        _report(channel, {"failed": "missing"})
        return 4
    server = _make_server(ArcadeDBServer, heap, _new_passwords())
    http_port = int(server._java_server.getHttpServer().getPort())
    signals = _catch_signals()  # before the owner knows of this process and can signal it
    _report(channel, {"bolt_port": _bolt_port(server), "http_port": http_port})
    while not stopping.wait(0.5) and not signals and os.getppid() == owner_pid:
        pass
    _cut_off_later()
    server.stop()
    if "--temporary" in arguments:
        os.chdir(folder.parent)
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _report(channel: TextIO, answer: dict[str, Any]) -> None:
    channel.write(json.dumps(answer) + "\n")
    channel.flush()


def _watch_stdin(stopping: threading.Event) -> None:
    """Wait for the owner's word or its end; either way this process must be gone soon after."""
    sys.stdin.readline()
    stopping.set()
    _cut_off_later()


def _catch_signals() -> list[int]:
    """Signals that ask this process to end, as they come; the engine's own handling of them can crash."""
    seen: list[int] = []
    for name in ("SIGTERM", "SIGINT", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda number, _: seen.append(number))
    return seen


def _cut_off_later() -> None:
    timer = threading.Timer(STOP_LIMIT, os._exit, args=(1,))
    timer.daemon = True
    timer.start()


def _redirect_output() -> TextIO:
    """Send this process's output to FOLDER/log/server.log; return the old stdout, the channel to the owner."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8")
    Path("log").mkdir(exist_ok=True)
    log = os.open("log/server.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.environ["ARCADEDB_JVM_ERROR_FILE"] = "./log/hs_err_pid%p.log"
    return channel


def _new_passwords() -> dict[str, str]:
    """Make new passwords, keep them in a file of mode 0600, and make the server forget the old ones."""
    passwords = {WRITER: secrets.token_hex(24), READER: secrets.token_hex(24)}
    Path("config/server-users.jsonl").unlink(missing_ok=True)
    path = Path("passwords.json")
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(passwords, file)
    return passwords


def _make_server(server_type: Any, heap: str, passwords: dict[str, str]) -> Any:
    first_port = FIRST_HTTP_PORT + secrets.randbelow(10 * NUM_HTTP_PORTS)
    config = {
        "host": "127.0.0.1",
        # In neither case is there a gap in which another process can take the port: the server itself takes the first
        # free one of the range, and the kernel picks one for 0 (of which the HTTP server would not tell the number).
        "http_port": f"{first_port}-{first_port + NUM_HTTP_PORTS}",
        "bolt_port": 0,
        "bolt_maxMessageSize": MAX_MESSAGE_BYTES,
        "bolt_packstream_maxValueLength": MAX_MESSAGE_BYTES,
        "server_plugins": "Bolt:com.arcadedb.bolt.BoltProtocolPlugin",
        "mode": "development",  # "production" hides the reason of every error from the client
    }
    server = server_type(str(Path.cwd()), passwords[WRITER], config, {"heap_size": heap})
    server.start()
    server.create_database(DATABASE)
    _add_reader(server, passwords[READER])
    return server


def _add_reader(server: Any, password: str) -> None:
    import jpype

    security = server._java_server.getSecurity()
    to_json = jpype.JClass("com.arcadedb.serializer.json.JSONObject")
    rights = {"resultSetLimit": -1, "readTimeout": -1, "access": [], "types": {"*": {"access": ["readRecord"]}}}
    security.saveGroup(DATABASE, "readers", to_json(json.dumps(rights)))
    user = {
        "name": READER,
        "databases": {DATABASE: ["readers"]},
        "password": str(security.encodePassword(password)),
    }
    security.createUser(to_json(json.dumps(user)))


def _bolt_port(server: Any) -> int:
    plugins = server._java_server.getPlugins()
    return next(
        int(plugin.getPort()) for plugin in plugins if plugin.getClass().getSimpleName() == "BoltProtocolPlugin"
    )


def _lock(path: Path, owner_pid: int) -> int | None:
    """Lock the folder for as long as this process lives; None when another living process holds it."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    deadline = time.monotonic() + LOCK_WAIT
    while not _try_lock(handle):
        if time.monotonic() > deadline or _is_alive(_holder().get("owner_pid")) or os.getppid() != owner_pid:
            return None
        time.sleep(0.1)
    return handle


def _try_lock(handle: int) -> bool:
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder() -> dict[str, int]:
    try:
        found = json.loads(Path("server.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_alive(pid: int | None) -> bool:
    if pid is None:
        return False
    if sys.platform == "win32":  # os.kill would end the process there
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(status)  # the engine's own exit hooks can hang
