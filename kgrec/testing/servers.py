"""The graph servers behind the fixtures: opened once, handed out empty."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from kgrec.errors import StoreError
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store import GraphStore, open_graph


class SharedStore:
    """One store for many tests; it is opened again when a test has closed it, or its server is gone.

    Raises
    ------
    StoreError
        If it can't be opened.
    """

    def __init__(self, open_store: Callable[[], GraphStore]) -> None:
        self._open = open_store
        self._store = open_store()

    def empty(self) -> GraphStore:
        """The store, with nothing in it; of its constraints and indexes, all but the local server's of vectors stay."""
        try:
            _empty(self._store)
        except StoreError:
            self._store.close()
            self._store = self._open()
            _empty(self._store)
        return self._store

    def close(self) -> None:
        """Close the store, and stop its server when that is the local one."""
        self._store.close()


def _empty(store: GraphStore) -> None:
    store.clear()
    if not store.is_local:  # whose index refuses vectors of another size; Neo4j leaves them out of it
        return
    for name in store.query("SHOW INDEXES YIELD name, type WHERE type = 'VECTOR' RETURN name")["name"]:
        store.query(f"DROP INDEX {quote(name)} IF EXISTS", write=True)


def share_neo4j(address: dict[str, str], *, reset: bool) -> SharedStore:
    """Open a Neo4j for tests, which clear it again and again.

    Parameters
    ----------
    address : dict
        Arguments of `open_graph`: `uri`, and what else it needs.
    reset : bool
        Whether what the database holds may be deleted.

    Raises
    ------
    StoreError
        If it can't be reached, refuses the login, or isn't empty without `reset`; then nothing was deleted.
    """
    with open_graph(**address) as store:
        held = int(store.query("MATCH (n) RETURN count(n) AS nodes")["nodes"][0])
        if held and not reset:
            raise StoreError(
                f"{store!r} holds {held:,} nodes, and the tests would delete them; give an empty database, or pass "
                f"--kgrec-neo4j-reset to have this one cleared"
            )
    return SharedStore(lambda: open_graph(**address))


@contextmanager
def hold_lock(file: Path) -> Iterator[None]:
    """Hold the lock of `file`; other processes that want it wait. Not on Windows."""
    import fcntl

    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
