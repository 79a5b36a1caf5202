"""One graph server over Bolt: sessions, retries, plain values, and every driver error as one clear StoreError.

The only module that imports the `neo4j` driver.
"""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeVar
from urllib.parse import urlsplit

import neo4j
import neo4j.graph
import neo4j.spatial
import neo4j.time
from neo4j.exceptions import DriverError, Neo4jError, ServiceUnavailable, SessionExpired

from kgrec.errors import StoreError
from kgrec.graph.schema.constraints import BACKSLASH
from kgrec.graph.store.local_server import LocalServer
from kgrec.graph.store.message_size import check_message_size

logger = logging.getLogger(__name__)
logging.getLogger("neo4j").addHandler(logging.NullHandler())  # else its warnings reach stderr beside our errors

T = TypeVar("T")
Rows = Sequence[tuple[Any, ...]]
SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
CONNECT_LIMIT = 5.0  # seconds for a TCP connection
ACQUIRE_LIMIT = 8.0  # seconds for connection, handshake and login together
RETRY_LIMIT = 10.0  # seconds of retries of one transaction, from its first failure on
PAGE_ROWS = 20_000  # rows held as Python objects at once while a result streams in
# How servers word a race that a retry wins, without marking it retryable. Two clients that load at once make the same
# constraints (Neo4j, in spite of IF NOT EXISTS) and MERGE the same new nodes (the local server).
LOST_RACES = ("ConcurrentModification", "Duplicated key", "AlreadyExists")
WRITE_REFUSED = ("Neo.ClientError.Statement.AccessMode", "Neo.ClientError.Security.Forbidden")


class BoltConnection:
    """A server and the database on it that we use.

    Parameters
    ----------
    uri : str
        `bolt://host:port` or `neo4j://host:port`, also with `+s` or `+ssc`.
    auth : (username, password)
    database : str, optional
        None: the server's default.
    local : LocalServer, optional
        The child process behind `uri`: reads then log in as its reader, whom the server lets write nothing.

    Raises
    ------
    StoreError
        If the server can't be reached, refuses the login, or has no such database.
    """

    def __init__(
        self,
        uri: str,
        auth: tuple[str, str | None],
        database: str | None = None,
        local: LocalServer | None = None,
    ) -> None:
        self.address = _address(uri)
        self.username, self.database, self.local = auth[0], database, local
        self._has_password = auth[1] is not None
        self._writer = self._make_driver(uri, auth)
        self._reader = self._writer if local is None else self._make_driver(uri, local.reader)
        self._bookmarks = neo4j.GraphDatabase.bookmark_manager() if local is None else None
        try:
            self.agent = self._attempt(self._greet, write=True, retry_limit=0.0)
        except BaseException:
            self.close()
            raise

    def run_read(self, cypher: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[str], Rows]:
        """Columns and rows of a query that the server runs without the right to write."""
        return self.stream_read(cypher, parameters, _collect)

    def stream_read(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None,
        consume: Callable[[list[str], Iterator[Rows]], T],
        page_rows: int = PAGE_ROWS,
    ) -> T:
        """Hand a read query's columns and its pages of rows to `consume`; the whole is retried when the server asks."""
        return self._read(self._spell(cypher), parameters, consume, page_rows)

    def run_write(
        self, cypher: str, parameters: Mapping[str, Any] | None = None, *, retry_limit: float = RETRY_LIMIT
    ) -> tuple[list[str], Rows]:
        """Columns and rows of a query in one transaction, retried as a whole: it must be idempotent."""
        return self._write(self._spell(cypher), parameters, retry_limit)

    def run_query(self, cypher: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[str], Rows]:
        """As `run_read`, for Cypher that a person wrote: it reaches the server as it is."""
        return self._read(cypher, parameters, _collect, PAGE_ROWS)

    def run_once(self, cypher: str, parameters: Mapping[str, Any] | None = None) -> tuple[list[str], Rows]:
        """Columns and rows of any query that a person wrote, tried once.

        Neo4j minds the transaction, so that `CALL { ... } IN TRANSACTIONS` works. The local server would keep what a
        failed query wrote before it failed, so there it runs in a transaction of ours.
        """
        if self.local is not None:
            return self._write(cypher, parameters, retry_limit=0.0)
        values = self._values(cypher, parameters)

        def work() -> tuple[list[str], Rows]:
            with self._session(write=True) as session:
                result = session.run(cypher, values)
                return _collect(list(result.keys()), _pages(result))

        return self._attempt(work, write=True, retry_limit=0.0)

    def close(self) -> None:
        """Close the connections."""
        self._writer.close()
        if self._reader is not self._writer:
            self._reader.close()

    def _read(
        self,
        cypher: str,
        parameters: Mapping[str, Any] | None,
        consume: Callable[[list[str], Iterator[Rows]], T],
        page_rows: int,
    ) -> T:
        values = self._values(cypher, parameters)

        def work() -> T:
            with self._session(write=False, page_rows=page_rows) as session:
                result = session.run(cypher, values)
                return consume(list(result.keys()), _pages(result, page_rows))

        return self._attempt(work, write=False)

    def _write(self, cypher: str, parameters: Mapping[str, Any] | None, retry_limit: float) -> tuple[list[str], Rows]:
        values = self._values(cypher, parameters)

        def work() -> tuple[list[str], Rows]:
            with self._session(write=True) as session, session.begin_transaction() as transaction:
                result = transaction.run(cypher, values)
                answer = _collect(list(result.keys()), _pages(result))
                transaction.commit()
                return answer

        return self._attempt(work, write=True, retry_limit=retry_limit)

    def _spell(self, cypher: str) -> str:
        """Cypher made with `quote`, as this server spells it: the local one knows no escapes in names."""
        return cypher if self.local is None else cypher.replace(BACKSLASH, "\\")

    def _values(self, cypher: str, parameters: Mapping[str, Any] | None) -> dict[str, Any]:
        values = dict(parameters or {})
        if self.local is not None:  # which would never answer
            check_message_size(self.address, cypher, values)
        return values

    def _greet(self) -> str:
        """Run nothing much as each user; the server's name and version."""
        for write in (True, False):
            with self._session(write=write) as session:
                session.run("RETURN 1 AS one").consume()
        return self._writer.get_server_info().agent

    def _session(self, *, write: bool, page_rows: int = PAGE_ROWS) -> neo4j.Session:
        driver = self._writer if write else self._reader
        return driver.session(
            database=self.database,
            default_access_mode=neo4j.WRITE_ACCESS if write else neo4j.READ_ACCESS,
            bookmark_manager=self._bookmarks,
            fetch_size=max(1, page_rows // 2),
        )

    def _make_driver(self, uri: str, auth: tuple[str, str | None]) -> neo4j.Driver:
        return neo4j.GraphDatabase.driver(
            uri,
            auth=None if auth[1] is None else (auth[0], auth[1]),
            connection_timeout=CONNECT_LIMIT,
            connection_acquisition_timeout=ACQUIRE_LIMIT,
            notifications_min_severity="OFF",
            user_agent="kgrec",
        )

    def _attempt(self, work: Callable[[], T], *, write: bool, retry_limit: float = RETRY_LIMIT) -> T:
        deadline, pause = math.inf, 0.05
        while True:
            try:
                return work()
            except (DriverError, Neo4jError) as error:
                deadline = min(deadline, time.monotonic() + retry_limit)
                ended = self.local is not None and not self.local.is_running()
                if ended or not _is_transient(error) or time.monotonic() + pause > deadline:
                    raise self._translate(error, write=write) from error
                logger.info("%s: trying again after %s", self.address, type(error).__name__)
            except (ValueError, TypeError, OverflowError) as error:  # how the driver refuses a parameter or an address
                raise StoreError(f"{self.address}: the driver refused the call: {error}") from error
            time.sleep(pause * random.uniform(0.5, 1.5))
            pause = min(2 * pause, 1.0)

    def _translate(self, error: DriverError | Neo4jError, *, write: bool) -> StoreError:
        if self.local is not None and not self.local.is_running():
            return StoreError(f"{self.local.describe_end()}\nopen the store and load again: loading is idempotent")
        if isinstance(error, (ServiceUnavailable, SessionExpired)):
            return StoreError(
                f"can't reach a graph server at {self.address}; is it running, and are host, port and encryption of "
                f"NEO4J_URI right? (Loading is idempotent: a load that was cut off may be run again.)"
            )
        if not isinstance(error, Neo4jError):
            return StoreError(f"{self.address}: {type(error).__name__}: {error}")
        code, message = error.code or "", (error.message or "").strip()
        if code in WRITE_REFUSED and not write:
            needs = "it writes, or needs rights that reading has not; pass write=True if that is meant"
            return StoreError(f"{self.address} refused the query: {needs} ({message})")
        if code.startswith("Neo.ClientError.Security.") and code not in WRITE_REFUSED:
            return StoreError(self._explain_login(code))
        if code == "Neo.ClientError.Database.DatabaseNotFound":
            return StoreError(f"{self.address} has no database {self.database!r}; check NEO4J_DATABASE")
        reason = f"{message} [{code}]{self._explain_failure(code, message)}"
        return StoreError(f"{self.address} refused the query: {reason}", code)

    def _explain_failure(self, code: str, message: str) -> str:
        """Why a query failed, where the answer does not say; of a full disk it says no more than that it failed."""
        if (
            self.local is not None
            and message.startswith("Error executing")
            and (cause := self.local.find_cause(message))
        ):
            return f": {cause}"
        if not code.startswith("Neo.DatabaseError.") and "error on commit" not in message:
            return ""
        if self.local is None:
            return "; the server itself failed: its log says why, and a full disk is a common reason"
        free = self.local.free_bytes() / 2**20
        return f"; the server itself failed: the disk of {self.local.folder} has {free:,.0f} MiB free"

    def _explain_login(self, code: str) -> str:
        if code.endswith("CredentialsExpired"):
            return f"{self.address}: the password of user {self.username!r} has expired; set a new one on the server"
        if code.endswith("AuthenticationRateLimit"):
            return f"{self.address}: too many failed logins of user {self.username!r}; wait a few seconds and try again"
        if not self._has_password:
            return f"{self.address} asks for a login; set NEO4J_USERNAME and NEO4J_PASSWORD"
        return f"{self.address} refused the login of user {self.username!r}; check NEO4J_USERNAME and NEO4J_PASSWORD"


def plain(value: Any) -> Any:
    """A driver value as str, numbers, lists, dicts and standard dates.

    A node becomes `{labels, properties}`, a relationship `{type, head_id, tail_id, properties}` (ids are null when the
    query returns no nodes), a path `{nodes, relationships}`, a point a list of floats, a duration ISO 8601 text.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case neo4j.graph.Node():
            return {"labels": sorted(value.labels), "properties": _sorted_properties(value)}
        case neo4j.graph.Relationship():
            head, tail = (None if node is None else node.get("id") for node in value.nodes)
            return {"type": value.type, "head_id": head, "tail_id": tail, "properties": _sorted_properties(value)}
        case neo4j.graph.Path():
            return {"nodes": plain(list(value.nodes)), "relationships": plain(list(value.relationships))}
        case neo4j.time.Date() | neo4j.time.Time() | neo4j.time.DateTime():
            return value.to_native()
        case neo4j.time.Duration():
            return value.iso_format()
        case neo4j.spatial.Point():
            return [float(number) for number in value]
        case Mapping():
            return _plain_map(value)
        case list() | tuple() | set() | frozenset():
            return [plain(item) for item in value]
        case _:
            return value


def _sorted_properties(entity: neo4j.graph.Entity) -> dict[str, Any]:
    return {name: plain(entity[name]) for name in sorted(entity.keys(), key=lambda name: (name != "id", name))}


def _plain_map(items: Mapping[str, Any]) -> dict[str, Any]:
    return {key: plain(item) for key, item in items.items()}


def _address(uri: str) -> str:
    """Host and port of a URI. What else the URI holds never reaches a message: it may be a password."""
    try:
        parts = urlsplit(uri)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise StoreError("NEO4J_URI (or uri=) is no address; write it as neo4j://host:7687") from None
    if parts.scheme not in SCHEMES or not host:
        raise StoreError(f"NEO4J_URI (or uri=) must be like neo4j://host:7687; schemes: {', '.join(SCHEMES)}")
    if parts.username is not None:
        raise StoreError("NEO4J_URI (or uri=) holds a login; take it out and set NEO4J_USERNAME and NEO4J_PASSWORD")
    return f"{host}:{port or 7687}"


def _is_transient(error: DriverError | Neo4jError) -> bool:
    # The driver does not retry a connection lost during a commit, since the commit may have happened: what kgrec
    # retries may happen twice.
    return (
        error.is_retryable()
        or isinstance(error, (ServiceUnavailable, SessionExpired))
        or any(words in str(error) for words in LOST_RACES)
    )


def _pages(result: neo4j.Result, page_rows: int = PAGE_ROWS) -> Iterator[Rows]:
    while rows := result.fetch(page_rows):
        yield rows


def _collect(columns: list[str], pages: Iterator[Rows]) -> tuple[list[str], Rows]:
    return columns, [row for rows in pages for row in rows]
