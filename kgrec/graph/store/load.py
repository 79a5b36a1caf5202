"""A KnowledgeGraph into a graph server: constraints first, then nodes, then edges, in batches that may be repeated."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import HEAD_ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.schema.types import GraphSchema
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.changes import Time, changed_nodes, changed_part
from kgrec.graph.store.prepare import prepare, prepare_search
from kgrec.graph.store.prune import prune_edges, prune_edges_of, prune_nodes
from kgrec.graph.store.read import vector_properties
from kgrec.graph.store.storable import check_storable, row_bytes
from kgrec.progress import progress_bar

MAX_BATCH_BYTES = 4 * 2**20  # of text in one transaction, whatever the number of rows
Vectors = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How to load: see `GraphStore.load`."""

    batch_size: int
    show: bool
    prune: bool
    since: Time | None
    keep_properties: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadReport:
    """What one load did: rows sent by label and by edge type, what it removed, transactions, and the time it took."""

    nodes: Mapping[str, int]
    edges: Mapping[EdgeType, int]
    num_batches: int
    seconds: float
    removed_nodes: Mapping[str, int] = field(default_factory=dict)
    removed_edges: Mapping[EdgeType, int] = field(default_factory=dict)

    @property
    def num_nodes(self) -> int:
        return sum(self.nodes.values())

    @property
    def num_edges(self) -> int:
        return sum(self.edges.values())

    def __str__(self) -> str:
        text = f"{self.num_nodes:,} nodes and {self.num_edges:,} edges loaded in {self.seconds:.1f} s"
        if not self.removed_nodes and not self.removed_edges:
            return text
        gone = sum(self.removed_nodes.values()), sum(self.removed_edges.values())
        return f"{text}; {gone[0]:,} nodes and {gone[1]:,} edges removed"


def load_graph(
    connection: BoltConnection, graph: KnowledgeGraph, schema: GraphSchema, options: LoadOptions
) -> LoadReport:
    """Make the server hold every node and edge of `graph`, each with exactly the graph's properties, or at least them.

    Raises
    ------
    StoreError
        If the server can't store a value, is lost, or refuses a statement.
    """
    check_storable(graph, local=connection.local is not None)
    start = time.perf_counter()
    prepare(connection, graph, schema)
    vectors = vector_properties(connection, schema)
    removed_edges: dict[EdgeType, int] = {}
    removed_nodes: dict[str, int] = {}
    if options.since is None:
        part = graph
        num_batches = _send(connection, part, vectors, options)
    else:
        changed = changed_nodes(graph, options.since)
        part = changed_part(graph, changed, options.since)
        num_batches = _send(connection, part, vectors, options)
        removed_edges = prune_edges_of(connection, graph, schema, changed, options.batch_size)
    prepare_search(connection, graph, schema)
    if options.prune:
        more = prune_edges(connection, graph, schema, options.batch_size)
        removed_edges = {key: removed_edges.get(key, 0) + more.get(key, 0) for key in {**removed_edges, **more}}
        removed_nodes = prune_nodes(connection, graph, options.batch_size)
    return LoadReport(
        nodes={label: frame.height for label, frame in part.nodes.items()},
        edges={edge_type: frame.height for edge_type, frame in part.edges.items()},
        num_batches=num_batches,
        seconds=time.perf_counter() - start,
        removed_nodes=removed_nodes,
        removed_edges=removed_edges,
    )


def _send(connection: BoltConnection, graph: KnowledgeGraph, vectors: Vectors, options: LoadOptions) -> int:
    """Store nodes and edges in batches; how many there were."""
    num_batches = 0
    with progress_bar("loading the graph", graph.num_nodes + graph.num_edges, options.show, unit="rows") as bar:
        for statement, rows, count in _all_batches(graph, vectors, options):
            _, answer = connection.run_write(statement, {"rows": rows})
            if answer[0][0] != count:
                raise StoreError(
                    f"{connection.address} stored {answer[0][0]:,} of {count:,} rows: something else is changing this "
                    f"database; load again when it is done"
                )
            num_batches += 1
            bar.update(count)
    return num_batches


def _all_batches(graph: KnowledgeGraph, vectors: Vectors, options: LoadOptions) -> Iterator[tuple[str, list[Any], int]]:
    """Each statement, the rows to run it on, and how many nodes or edges it must say that it stored."""
    keep = options.keep_properties
    for label, frame in graph.nodes.items():
        kept = sorted(vectors.get(label, frozenset()).difference(frame.columns))
        statement = _adding_statement(label) if keep else _node_statement(label, kept)
        for batch in _slices(frame, options.batch_size):
            rows = batch.to_dicts()
            if keep:  # a null would remove the property
                rows = [{name: value for name, value in row.items() if value is not None} for row in rows]
            yield statement, rows, batch.height
    for edge_type, frame in graph.edges.items():
        properties = [name for name in frame.columns if name not in (HEAD_ID, TAIL_ID)]
        statement = _edge_statement(edge_type, properties, keep)
        for batch in _slices(frame, options.batch_size):
            yield statement, _edges_by_head(batch, properties), batch.height


def _edge_statement(edge_type: EdgeType, properties: list[str], keep: bool) -> str:
    """For rows of a head and its edges: a tail each, or a tail and the values of the properties.

    Both servers find each head once, and set single properties of a new edge faster than a map of them.
    """
    head, rel_type, tail = edge_type
    values = [(quote(name), f"edge[{place}]") for place, name in enumerate(properties, start=1)]
    on_create = f" ON CREATE SET {', '.join(f'r.{name} = {value}' for name, value in values)}" if values else ""
    if not keep:
        on_match = f" ON MATCH SET r = {{{', '.join(f'{name}: {value}' for name, value in values)}}}"
    else:
        given = ", ".join(f"r.{name} = coalesce({value}, r.{name})" for name, value in values)
        on_match = f" ON MATCH SET {given}" if given else ""
    return (
        f"UNWIND $rows AS row MATCH (h:{quote(head)} {{id: row[0]}}) UNWIND row[1] AS edge "
        f"MATCH (t:{quote(tail)} {{id: {'edge[0]' if values else 'edge'}}}) "
        f"MERGE (h)-[r:{quote(rel_type)}]->(t){on_create}{on_match} RETURN count(r) AS stored"
    )


def _edges_by_head(batch: pl.DataFrame, properties: list[str]) -> list[Any]:
    """Rows for `_edge_statement`; the batch is sorted by head."""
    edges: list[Any] = batch[[TAIL_ID, *properties]].rows() if properties else batch[TAIL_ID].to_list()
    rows, start = [], 0
    for run in batch[HEAD_ID].rle().to_list():
        rows.append((run["value"], edges[start : start + run["len"]]))
        start += run["len"]
    return rows


def _adding_statement(label: str) -> str:
    return f"UNWIND $rows AS row MERGE (n:{quote(label)} {{id: row.id}}) SET n += row RETURN count(n) AS stored"


def _node_statement(label: str, vectors: list[str]) -> str:
    """SET n = row, not +=: a property that the graph no longer has goes away. Vectors are the store's own, and stay."""
    merge = f"UNWIND $rows AS row MERGE (n:{quote(label)} {{id: row.id}})"
    if not vectors:
        return f"{merge} SET n = row RETURN count(n) AS stored"
    kept = ", ".join(f"n.{quote(name)} AS v{place}" for place, name in enumerate(vectors))
    back = ", ".join(f"n.{quote(name)} = v{place}" for place, name in enumerate(vectors))
    return f"{merge} WITH n, row, {kept} SET n = row SET {back} RETURN count(n) AS stored"


def _slices(frame: pl.DataFrame, batch_size: int) -> Iterator[pl.DataFrame]:
    """The frame in order, in slices of at most `batch_size` rows and `MAX_BATCH_BYTES` (or one row)."""
    if frame.height == 0:
        return
    ends = np.cumsum(row_bytes(frame))  # (num_rows,)
    start = 0
    while start < frame.height:
        spent = ends[start - 1] if start else 0
        fitting = int(np.searchsorted(ends, spent + MAX_BATCH_BYTES, side="right"))
        stop = max(start + 1, min(start + batch_size, fitting))
        yield frame.slice(start, stop - start)
        start = stop
