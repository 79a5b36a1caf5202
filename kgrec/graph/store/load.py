"""A KnowledgeGraph into a graph server: constraints first, then nodes, then edges, in batches that may be repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.prepare import MAX_KEY_BYTES, prepare
from kgrec.progress import progress_bar

MAX_BATCH_BYTES = 4 * 2**20  # of text in one transaction, whatever the number of rows
MAX_ROW_BYTES = 32 * 2**20  # the local server stops answering on a message of more than 64 MiB
RESERVED_NAMES = frozenset({"@rid", "@type", "@cat", "@in", "@out", "@props"})  # of the local server's records


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What one load sent to the server: rows by label and by edge type, transactions, and the time it took."""

    nodes: Mapping[str, int]
    edges: Mapping[EdgeType, int]
    num_batches: int
    seconds: float

    @property
    def num_nodes(self) -> int:
        return sum(self.nodes.values())

    @property
    def num_edges(self) -> int:
        return sum(self.edges.values())

    def __str__(self) -> str:
        return f"{self.num_nodes:,} nodes and {self.num_edges:,} edges loaded in {self.seconds:.1f} s"


def load_graph(connection: BoltConnection, graph: KnowledgeGraph, *, batch_size: int, show: bool) -> LoadReport:
    """Make the server hold every node and edge of `graph`, each with exactly the graph's properties.

    Raises
    ------
    StoreError
        If the server can't store a value, is lost, or refuses a statement.
    """
    faults = list(_storage_faults(graph, local=connection.local is not None))
    raise_faults(StoreError, "this graph can't be stored", faults)
    start, num_batches = time.perf_counter(), 0
    prepare(connection, graph)
    with progress_bar("loading the graph", graph.num_nodes + graph.num_edges, show, unit="rows") as bar:
        for statement, rows in _all_batches(graph, batch_size):
            _, answer = connection.run_write(statement, {"rows": rows})
            if answer[0][0] != len(rows):
                raise StoreError(
                    f"{connection.address} stored {answer[0][0]:,} of {len(rows):,} rows: something else is changing "
                    f"this database; load again when it is done"
                )
            num_batches += 1
            bar.update(len(rows))
    return LoadReport(
        nodes={label: frame.height for label, frame in graph.nodes.items()},
        edges={edge_type: frame.height for edge_type, frame in graph.edges.items()},
        num_batches=num_batches,
        seconds=time.perf_counter() - start,
    )


def _all_batches(graph: KnowledgeGraph, batch_size: int) -> Iterator[tuple[str, list[Any]]]:
    """Each statement with the rows to run it on; every statement answers with the number of rows it stored."""
    for label, frame in graph.nodes.items():
        # SET n = row, not +=: a property that the graph no longer has goes away
        statement = f"UNWIND $rows AS row MERGE (n:{quote(label)} {{id: row.id}}) SET n = row RETURN count(n) AS stored"
        for batch in _slices(frame, batch_size):
            yield statement, batch.to_dicts()
    for (head_label, rel_type, tail_label), frame in graph.edges.items():
        properties = [name for name in frame.columns if name not in (HEAD_ID, TAIL_ID)]
        statement = (
            f"UNWIND $rows AS row MATCH (h:{quote(head_label)} {{id: row[0]}}) "
            f"MATCH (t:{quote(tail_label)} {{id: row[1]}}) "
            f"MERGE (h)-[r:{quote(rel_type)}]->(t) SET r = {'row[2]' if properties else '{}'} RETURN count(r) AS stored"
        )
        for batch in _slices(frame, batch_size):
            ends = batch.select(HEAD_ID, TAIL_ID).rows()
            if properties:
                values = batch.select(properties).to_dicts()
                ends = [(head, tail, row) for (head, tail), row in zip(ends, values, strict=True)]
            yield statement, ends


def _slices(frame: pl.DataFrame, batch_size: int) -> Iterator[pl.DataFrame]:
    """The frame in order, in slices of at most `batch_size` rows and `MAX_BATCH_BYTES` (or one row)."""
    if frame.height == 0:
        return
    ends = np.cumsum(_row_bytes(frame))  # (num_rows,)
    start = 0
    while start < frame.height:
        spent = ends[start - 1] if start else 0
        fitting = int(np.searchsorted(ends, spent + MAX_BATCH_BYTES, side="right"))
        stop = max(start + 1, min(start + batch_size, fitting))
        yield frame.slice(start, stop - start)
        start = stop


def _row_bytes(frame: pl.DataFrame) -> np.ndarray:
    """About how many bytes each row takes, shape (num_rows,), int64."""
    sizes = np.full(frame.height, 8 * frame.width, dtype=np.int64)
    for column in frame.iter_columns():
        if column.dtype == pl.String:
            sizes += column.str.len_bytes().fill_null(0).to_numpy()
        elif column.dtype == pl.List(pl.String):
            sizes += column.list.eval(pl.element().str.len_bytes()).list.sum().fill_null(0).to_numpy()
    return sizes


def _storage_faults(graph: KnowledgeGraph, *, local: bool) -> Iterator[str]:
    for label, frame in graph.nodes.items():
        long = frame[ID].filter(frame[ID].str.len_bytes() > MAX_KEY_BYTES)
        if long.len():
            shown = list_first(long.str.head(40))
            yield f"nodes {label!r}: {long.len():,} ids longer than {MAX_KEY_BYTES:,} bytes, such as {shown}"
    tables = [(f"nodes {label!r}", frame) for label, frame in graph.nodes.items()]
    tables += [(f"edges {'-'.join(edge_type)}", frame) for edge_type, frame in graph.edges.items()]
    for where, frame in tables:
        oversized = int((_row_bytes(frame) > MAX_ROW_BYTES).sum())
        if oversized:
            yield f"{where}: {oversized:,} rows hold more than {MAX_ROW_BYTES // 2**20} MiB"
        for name, dtype in frame.schema.items():
            if dtype == pl.List(pl.String) and frame[name].list.eval(pl.element().is_null()).list.any().any():
                yield f"{where}: property {name!r} holds lists with missing values, which no graph server stores"
            if local and name in RESERVED_NAMES:
                yield f"{where}: the local server keeps the property name {name!r} for itself; rename it"
    clashing = {rel_type for _, rel_type, _ in graph.edges} & graph.nodes.keys()
    if local and clashing:
        yield f"the local server can't have a label and a relation of the same name: {list_first(sorted(clashing))}"
