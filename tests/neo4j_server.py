"""A real Neo4j Community server for the tests: jars from Maven, started once, gone with the process that started it.

Neo4j is GPLv3: a server the tests talk to, never a dependency of the wheel.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import neo4j

POM = Path(__file__).parent / "neo4j" / "pom.xml"
VERSION = re.search(r"<neo4j.version>(.+)</neo4j.version>", POM.read_text()).group(1)
START_LIMIT = 90.0  # seconds; 5 to 11 on two idle cores

# Java takes the shell's place, so its pid is the child's; the background reader ends it when our end of stdin closes,
# also when this process is killed with no chance to clean up.
RUN_WHILE_STDIN_IS_OPEN = (
    'exec 3<&0; (cat <&3 >/dev/null; kill -KILL $$; rm -rf "$0") & exec 3<&-; exec "$@" </dev/null'
)

JAVA_OPTIONS = [
    *("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"),
    *(
        f"--add-opens=java.base/{name}=ALL-UNNAMED"
        for name in ("java.nio", "java.io", "sun.nio.ch", "java.util.concurrent")
    ),
]
CONFIG = """\
server.default_listen_address=127.0.0.1
server.bolt.listen_address=127.0.0.1:{port}
server.http.enabled=false
server.https.enabled=false
server.memory.heap.initial_size=256m
server.memory.heap.max_size=512m
server.memory.pagecache.size=64m
dbms.usage_report.enabled=false
"""


class Neo4jUnavailableError(Exception):
    """This machine can't run the tests' Neo4j; the message says what is missing."""


def jar_folder() -> Path:
    """Where the jars are kept between runs, outside the checkout."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "kgrec" / f"neo4j-{VERSION}"


def fetch_jars() -> Path:
    """Fetch the jars once (123 MB); later calls find them in the cache.

    Raises
    ------
    Neo4jUnavailableError
        If Java or Maven is missing, or Maven can't fetch the jars.
    """
    if shutil.which("java") is None:
        raise Neo4jUnavailableError("no `java` on PATH (JDK 17 or newer is needed)")
    jars = jar_folder()
    if jars.is_dir():
        return jars
    if shutil.which("mvn") is None:
        raise Neo4jUnavailableError(f"no `mvn` on PATH to fetch Neo4j's jars into {jars}")
    jars.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f"{jars.name}.", dir=jars.parent))
    goal = ["dependency:copy-dependencies", f"-DoutputDirectory={part}", "-DincludeScope=runtime"]
    done = subprocess.run(["mvn", "-q", "-B", "-f", str(POM), *goal], capture_output=True, text=True, check=False)
    if done.returncode == 0 and not jars.is_dir():
        part.rename(jars)
    shutil.rmtree(part, ignore_errors=True)
    if not jars.is_dir():
        raise Neo4jUnavailableError(f"Maven could not fetch Neo4j's jars: {(done.stdout + done.stderr)[-500:]}")
    return jars


def _free_port() -> int:
    with socket.socket() as probe:  # Neo4j takes port 0 for its default port
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Neo4jServer:
    """One running server with a throw-away home; `stop()` ends it and removes the home.

    `kill()` ends it as a crash would, and `start()` then starts it again with the same data, address and password.

    Parameters
    ----------
    home : Path, optional
        A new or empty folder for its data, such as one on a small disk; None makes one.
    settings : str
        Further lines of neo4j.conf.

    Raises
    ------
    Neo4jUnavailableError
        If Java or Maven is missing, or the server is not up in time.
    """

    username: str = "neo4j"
    password: str = field(default_factory=lambda: secrets.token_hex(12), repr=False)
    uri: str = ""
    home: Path | None = None
    settings: str = ""

    def __post_init__(self) -> None:
        self._jars = fetch_jars()
        self._home = Path(tempfile.mkdtemp(prefix="kgrec-neo4j-")) if self.home is None else self.home
        (self._home / "conf").mkdir(parents=True)
        port = _free_port()
        (self._home / "conf" / "neo4j.conf").write_text(CONFIG.format(port=port) + self.settings)
        self.uri = f"bolt://127.0.0.1:{port}"
        self.start()
        try:
            self._set_password()
        except BaseException:
            self.stop()
            raise

    def start(self) -> None:
        """Start the server on its home; it returns when the server answers."""
        main = ["org.neo4j.server.CommunityEntryPoint", f"--home-dir={self._home}"]
        command = ["java", *JAVA_OPTIONS, "-cp", f"{self._jars}/*", *main, f"--config-dir={self._home / 'conf'}"]
        (self._home / "logs" / "neo4j.log").unlink(missing_ok=True)  # it says "Started." of an earlier start
        with (self._home / "console.log").open("w") as log:
            self._process = subprocess.Popen(
                ["sh", "-c", RUN_WHILE_STDIN_IS_OPEN, str(self._home), *command],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_started()
        except BaseException:
            self.stop()
            raise

    def kill(self) -> None:
        """End the server by SIGKILL; its home stays."""
        os.killpg(self._process.pid, signal.SIGKILL)  # the reader of its stdin too, which would remove the home
        self._process.wait()
        if self._process.stdin is not None:
            self._process.stdin.close()

    def stop(self) -> None:
        """End the server at once: nothing in its home is kept."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        shutil.rmtree(self._home, ignore_errors=True)

    def _wait_until_started(self) -> None:
        log = self._home / "logs" / "neo4j.log"
        text = ""
        deadline = time.monotonic() + START_LIMIT
        while time.monotonic() < deadline and self._process.poll() is None:
            text = log.read_text() if log.exists() else ""
            if "Started." in text:
                return
            time.sleep(0.1)
        console = (self._home / "console.log").read_text()[-1000:]
        raise Neo4jUnavailableError(f"Neo4j did not start in {START_LIMIT:.0f} s: {text[-1000:]}{console}")

    def _set_password(self) -> None:
        with neo4j.GraphDatabase.driver(self.uri, auth=(self.username, "neo4j")) as driver:
            driver.execute_query(
                "ALTER CURRENT USER SET PASSWORD FROM 'neo4j' TO $new", {"new": self.password}, database_="system"
            )
