"""A graph server's contents back into a KnowledgeGraph, in columns and in pages."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, PROPERTY_TYPES, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store.bolt import PAGE_ROWS, BoltConnection, Rows
from kgrec.graph.store.frames import MixedTypesError, column_type, common_type

logger = logging.getLogger(__name__)

Unsupported = Literal["raise", "skip"]


def read_graph(connection: BoltConnection, *, on_unsupported: Unsupported = "raise") -> KnowledgeGraph:
    """Read every node and edge; labels, relation types and properties are whatever the database holds.

    Raises
    ------
    StoreError
        Listing every fault: nodes with no label or several, nodes without a string `id`, and (unless they are to be
        skipped) properties of a type that a KnowledgeGraph can't hold.
    GraphError
        If two nodes of a label share an id, or two edges of a type join the same nodes.
    """
    labels = count_labels(connection)
    faults = [f"{count:,} nodes have the labels {list(found)}; kgrec reads nodes of one label"
              for found, count in labels.items() if len(found) != 1]  # fmt: skip
    raise_faults(StoreError, f"the graph at {connection.address}", faults)
    nodes = {label: _read_nodes(connection, label, on_unsupported, faults) for (label,) in labels}
    edges: dict[EdgeType, pl.DataFrame] = {}
    for edge_type, count in count_edges(connection).items():
        per_head = count // labels[(edge_type[0],)]
        edges[edge_type] = _read_edges(connection, edge_type, per_head, on_unsupported, faults)
    raise_faults(StoreError, f"the graph at {connection.address}", faults)
    return KnowledgeGraph(nodes, edges)


def count_labels(connection: BoltConnection) -> dict[tuple[str, ...], int]:
    """Number of nodes by their labels."""
    _, rows = connection.run_read("MATCH (n) RETURN labels(n) AS labels, count(n) AS nodes")
    counts = {tuple(sorted(labels)): nodes for labels, nodes in rows}
    return dict(sorted(counts.items()))


def count_edges(connection: BoltConnection) -> dict[EdgeType, int]:
    """Number of edges by (head label, REL_TYPE, tail label); several labels are joined by a colon."""
    _, rows = connection.run_read(
        "MATCH (h)-[r]->(t) RETURN labels(h) AS head, type(r) AS rel_type, labels(t) AS tail, count(r) AS edges"
    )
    counts = {(":".join(sorted(head)), rel_type, ":".join(sorted(tail))): edges for head, rel_type, tail, edges in rows}
    return dict(sorted(counts.items()))


def _read_nodes(connection: BoltConnection, label: str, on_unsupported: Unsupported, faults: list[str]) -> pl.DataFrame:
    pattern = f"MATCH (n:{quote(label)})"
    names = _property_names(connection, pattern, "n")
    wanted = ", ".join(f"n.{quote(name)} AS c{place}" for place, name in enumerate(names)) or "1 AS nothing"
    table = _read_table(connection, f"{pattern} RETURN {wanted}", names, lambda rows: rows)
    return table.finish(f"nodes {label!r}", [ID], on_unsupported, faults)


def _read_edges(
    connection: BoltConnection, edge_type: EdgeType, per_head: int, on_unsupported: Unsupported, faults: list[str]
) -> pl.DataFrame:
    """All edges of one type; `per_head` is about how many each node of the head label has.

    What a record costs the driver outweighs what is in it. So where heads have an edge or more each, the server is
    asked for one record a head, with the list of its edges, and not for one an edge.
    """
    head_label, rel_type, tail_label = edge_type
    head, tail = f"(h:{quote(head_label)})", f"(t:{quote(tail_label)})"
    edge = f"-[r:{quote(rel_type)}]->"
    names = _property_names(connection, f"MATCH {head}{edge}{tail}", "r")
    values = ", ".join(["t.id", *(f"r.{quote(name)}" for name in names)])
    if per_head < 1:
        cypher, unpack = f"MATCH {head}{edge}{tail} RETURN h.id AS head, [{values}] AS edge", _unpack_single
    else:
        cypher, unpack = f"MATCH {head} RETURN h.id AS head, [(h){edge}{tail} | [{values}]] AS edges", _unpack_grouped
    page_rows = max(1, PAGE_ROWS // max(1, per_head))
    table = _read_table(connection, cypher, [HEAD_ID, TAIL_ID, *names], unpack, page_rows)
    return table.finish(f"edges {'-'.join(edge_type)}", [HEAD_ID, TAIL_ID], on_unsupported, faults)


def _unpack_single(rows: Rows) -> Rows:
    return [(head, *edge) for head, edge in rows]


def _unpack_grouped(rows: Rows) -> Rows:
    return [(head, *edge) for head, edges in rows for edge in edges]


def _property_names(connection: BoltConnection, pattern: str, variable: str) -> list[str]:
    _, rows = connection.run_read(f"{pattern} UNWIND keys({variable}) AS name RETURN DISTINCT name")
    return sorted(name for (name,) in rows)


def _read_table(
    connection: BoltConnection,
    cypher: str,
    names: Sequence[str],
    unpack: Callable[[Rows], Rows],
    page_rows: int = PAGE_ROWS,
) -> _Table:
    def consume(_: list[str], pages: Iterator[Rows]) -> _Table:
        table = _Table(list(names))
        for rows in pages:
            table.add(unpack(rows))
        return table

    return connection.stream_read(cypher, None, consume, page_rows)


@dataclass
class _Table:
    """Columns that grow by pages; a page is no longer held as Python objects once it is added."""

    names: list[str]
    pages: dict[str, list[pl.Series]] = field(default_factory=dict)
    mixed: dict[str, str] = field(default_factory=dict)

    def add(self, rows: Rows) -> None:
        for name, values in zip(self.names, zip(*rows, strict=True), strict=False):
            try:
                page = pl.Series(name, values, dtype=column_type(values), strict=False)
            except MixedTypesError as error:
                self.mixed[name] = str(error)
                continue
            self.pages.setdefault(name, []).append(page)

    def finish(self, where: str, keys: list[str], on_unsupported: Unsupported, faults: list[str]) -> pl.DataFrame:
        """The columns as one frame; what is wrong with them is appended to `faults`."""
        frame = pl.DataFrame([column for name in self.names if (column := self._join(name)) is not None])
        bad = [key for key in keys if frame.schema.get(key) != pl.String or frame[key].null_count()]
        faults += [f"{where}: not every node has a string as its id ({key})" for key in bad]
        lost = [f"{name} ({reason})" for name, reason in sorted(self.mixed.items()) if name not in keys]
        if lost and on_unsupported == "skip":
            logger.warning("%s: properties not read: %s", where, ", ".join(lost))
        elif lost:
            hint = 'pass on_unsupported="skip" to leave them out'
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
        if dtype == pl.List(pl.Null):  # nothing but empty lists
            dtype = pl.List(pl.String)
        if dtype not in PROPERTY_TYPES:
            self.mixed[name] = str(dtype)
            return None
        return pl.concat([page.cast(dtype) for page in pages])
