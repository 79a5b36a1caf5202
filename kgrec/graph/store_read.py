"""A graph server's contents back into a KnowledgeGraph, in columns and in pages."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.bolt import BoltConnection, Rows
from kgrec.graph.frames import MixedTypesError, column_type, common_type
from kgrec.graph.knowledge_graph import HEAD_ID, ID, PROPERTY_TYPES, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema import quote

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
    nodes: dict[str, pl.DataFrame] = {}
    edges: dict[EdgeType, pl.DataFrame] = {}
    for (label,) in labels:
        pattern = f"MATCH (n:{quote(label)})"
        columns = [(name, f"n.{quote(name)}") for name in _property_names(connection, pattern, "n")]
        table = _read_table(connection, pattern, columns)
        nodes[label] = table.finish(f"nodes {label!r}", [ID], on_unsupported, faults)
    for edge_type in count_edges(connection):
        head_label, rel_type, tail_label = edge_type
        pattern = f"MATCH (h:{quote(head_label)})-[r:{quote(rel_type)}]->(t:{quote(tail_label)})"
        columns = [(name, f"r.{quote(name)}") for name in _property_names(connection, pattern, "r")]
        table = _read_table(connection, pattern, [(HEAD_ID, "h.id"), (TAIL_ID, "t.id"), *columns])
        where = f"edges {'-'.join(edge_type)}"
        edges[edge_type] = table.finish(where, [HEAD_ID, TAIL_ID], on_unsupported, faults)
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


def _property_names(connection: BoltConnection, pattern: str, variable: str) -> list[str]:
    _, rows = connection.run_read(f"{pattern} UNWIND keys({variable}) AS name RETURN DISTINCT name")
    return sorted(name for (name,) in rows)


def _read_table(connection: BoltConnection, pattern: str, columns: Sequence[tuple[str, str]]) -> _Table:
    names = [name for name, _ in columns]
    wanted = ", ".join(f"{expression} AS c{place}" for place, (_, expression) in enumerate(columns)) or "1 AS none"

    def consume(_: list[str], pages: Iterator[Rows]) -> _Table:
        table = _Table(names)
        for rows in pages:
            table.add(rows)
        return table

    return connection.stream_read(f"{pattern} RETURN {wanted}", None, consume)


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
