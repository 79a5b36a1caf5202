"""Tables of a graph server's nodes and edges, read in columns and in pages."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Literal

import polars as pl

from kgrec.errors import list_first
from kgrec.graph.frames import MixedTypesError, column_type, common_type
from kgrec.graph.knowledge_graph import HEAD_ID, ID, PROPERTY_TYPES, TAIL_ID
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store.bolt import BoltConnection, Rows

logger = logging.getLogger(__name__)

Unsupported = Literal["raise", "skip"]
ROWS_PER_RECORD = 200  # about, as each node's rows stay together
QUERIES_AT_ONCE = 2  # the server finds the rows of one while we take in those of the other
NODES_PER_QUERY, EDGES_PER_QUERY = 20_000, 50_000  # about: what the server holds in memory at once
MAX_QUERIES = 256  # each goes through all nodes of a label


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeSource:
    """Which nodes of a database to read: those of one label that have none of some others, told apart by one key.

    With `numbers` the key may be a number.
    """

    label: str
    key: str = ID
    without: tuple[str, ...] = ()
    numbers: bool = False

    def pattern(self, variable: str) -> str:
        """As in `(n:Product)`."""
        return f"({variable}:{quote(self.label)})"

    def conditions(self, variable: str) -> list[str]:
        """What a WHERE has to demand beside the pattern."""
        return [f"NOT {variable}:{quote(label)}" for label in self.without]


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeSource:
    """Which edges of a database to read."""

    head: NodeSource
    rel_type: str
    tail: NodeSource

    @property
    def arrow(self) -> str:
        """As in `-[r:HAS_BRAND]->`."""
        return f"-[r:{quote(self.rel_type)}]->"


def read_nodes(connection: BoltConnection, source: NodeSource, names: Mapping[str, str], count: int) -> Columns:
    """The key of all nodes of a source, as `id`, and the properties in `names` under the names they have there.

    `count` is about how many nodes there are.
    """
    match = f"MATCH {source.pattern('n')}{_where(source.conditions('n'))} WITH n, id(n) % $groups AS part"
    values = ", ".join(f"n.{quote(name)}" for name in [source.key, *names])
    queries = count // NODES_PER_QUERY + 1
    return _read_columns(connection, (match, "", values), Columns([ID], names, source.numbers), count, queries)


def read_edges(connection: BoltConnection, source: EdgeSource, names: Mapping[str, str], count: int) -> Columns:
    """The keys of both ends of the edges of a source (about `count`), and the properties in `names`."""
    match = f"MATCH {source.head.pattern('h')}{_where(source.head.conditions('h'))} WITH h, id(h) % $groups AS part"
    where = _where(source.tail.conditions("t"))
    then = f" MATCH (h){source.arrow}{source.tail.pattern('t')}{where}"
    ends = [f"h.{quote(source.head.key)}", f"t.{quote(source.tail.key)}"]
    values = ", ".join([*ends, *(f"r.{quote(name)}" for name in names)])
    columns = Columns([HEAD_ID, TAIL_ID], names, source.head.numbers)
    return _read_columns(connection, (match, then, values), columns, count, count // EDGES_PER_QUERY + 1)


def key_text(value: Any) -> str | None:
    """A key as text: a whole number without a fraction, as in "17"; None for what is neither text nor a number."""
    match value:
        case str():
            return value
        case bool():
            return None
        case int():
            return str(value)
        case float():
            return str(int(value)) if value.is_integer() else repr(value)
        case _:
            return None


def _where(conditions: Sequence[str]) -> str:
    return f" WHERE {' AND '.join(conditions)}" if conditions else ""


def _read_columns(
    connection: BoltConnection, parts: tuple[str, str, str], columns: Columns, count: int, queries: int
) -> Columns:
    """Read about `count` rows; the parts of the query are the match, what follows it, and the values of a row.

    What a record costs the driver outweighs what is in it, ten times: the server is asked to put many rows into each.
    It holds the rows of one query in memory, so there are several queries, each for a part of the nodes.
    """
    match, then, values = parts
    groups = count // ROWS_PER_RECORD + 1
    queries = min(queries, MAX_QUERIES, groups)
    cypher = f"{match} WHERE part >= $first AND part < $last{then} WITH part, collect([{values}]) AS rows RETURN rows"

    def read_part(query: int) -> Columns:
        first, last = groups * query // queries, groups * (query + 1) // queries
        _, records = connection.run_read(cypher, {"groups": groups, "first": first, "last": last})
        part = Columns(columns.keys, columns.names, columns.numbers)
        part.add([row for (rows,) in records for row in rows])
        return part

    with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
        for part in pool.map(read_part, range(queries)):
            columns.append(part)
    return columns


@dataclass
class Columns:
    """Columns that grow by pages; a page is no longer held as Python objects once it is added.

    Parameters
    ----------
    keys : list of str
        Names of the first columns, which hold the keys.
    names : mapping of str to str
        The other columns: name in the database to name in the frame.
    numbers : bool
        Whether a key may be a number, which then becomes text.
    """

    keys: list[str]
    names: Mapping[str, str]
    numbers: bool = False
    pages: dict[str, list[pl.Series]] = field(default_factory=dict)
    mixed: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Rows) -> None:
        """Take up one page; each row holds the keys and then the values of `names`."""
        columns = list(zip(*rows, strict=True))
        for name, values in zip(self.keys, columns, strict=False):
            self.pages.setdefault(name, []).append(self._key_page(name, values))
        for name, values in zip(self.names.values(), columns[len(self.keys) :], strict=False):  # no rows, no columns
            try:
                page = pl.Series(name, values, dtype=column_type(values), strict=False)
            except MixedTypesError as error:
                self.mixed[name] = str(error)
            else:
                self.pages.setdefault(name, []).append(page)

    def append(self, other: Columns) -> None:
        """Take up all pages of another part of the same table."""
        for name, pages in other.pages.items():
            self.pages.setdefault(name, []).extend(pages)
        self.mixed.update(other.mixed)

    def _key_page(self, name: str, values: Sequence[Any]) -> pl.Series:
        if set(map(type, values)) != {str}:
            values = [key_text(value) if self.numbers or isinstance(value, str) else None for value in values]
        return pl.Series(name, values, dtype=pl.String())

    def finish(self, where: str, on_unsupported: Unsupported, faults: list[str]) -> pl.DataFrame:
        """The columns as one frame; properties that a KnowledgeGraph can't hold are appended to `faults`.

        A key that is none is null: it is the caller who says what that means.
        """
        no_keys = pl.Series([], dtype=pl.String())
        keys = [pl.concat(self.pages.get(name, [no_keys])).alias(name) for name in self.keys]
        others = [self._join(name) for name in self.names.values()]
        frame = pl.DataFrame(keys + [column for column in others if column is not None])
        lost = [f"{name} ({reason})" for name, reason in sorted(self.mixed.items())]
        if lost and on_unsupported == "skip":
            logger.warning("%s: properties not read: %s", where, ", ".join(lost))
        elif lost:
            hint = 'read_graph(on_unsupported="skip") leaves them out, load(graph, prune=True) replaces them'
            faults.append(f"{where}: properties of types that kgrec can't hold: {list_first(lost)}; {hint}")
        return frame

    def _join(self, name: str) -> pl.Series | None:
        pages = self.pages.get(name, [])
        try:
            dtype = common_type(page.dtype for page in pages)
        except MixedTypesError as error:
            self.mixed[name] = str(error)
        if name in self.mixed:
            return None
        if isinstance(dtype, pl.Null):
            return None
        if dtype == pl.List(pl.Null):  # nothing but empty lists
            dtype = pl.List(pl.String)
        if dtype not in PROPERTY_TYPES:
            self.mixed[name] = str(dtype)
            return None
        return pl.concat([page.cast(dtype) for page in pages])
