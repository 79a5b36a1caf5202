"""A graph that a team already has, read by a mapping into a KnowledgeGraph."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.columns import (
    EdgeSource,
    NodeSource,
    Unsupported,
    read_edges,
    read_nodes,
)
from kgrec.graph.store.mapping import GraphMapping
from kgrec.graph.store.read import Kind, Labels, survey_edges, survey_nodes

logger = logging.getLogger(__name__)


def read_mapped_graph(
    connection: BoltConnection, mapping: GraphMapping, *, on_unsupported: Unsupported = "raise"
) -> KnowledgeGraph:
    """Read what the mapping names, under the names it gives; the rest is counted in one line of the log.

    Raises
    ------
    StoreError
        Listing every fault: labels, relations and nodes' properties that the database doesn't have, nodes
        without the key, keys that two nodes share, and (unless they are to be skipped) properties that a
        KnowledgeGraph can't hold.
    """
    reading = _Reading(connection, mapping, on_unsupported)
    where = f"the graph at {connection.address}, read by the mapping"
    raise_faults(StoreError, where, reading.faults)
    nodes = {label: _joined(tables) for label, tables in reading.read_all_nodes().items()}
    for label, frame in nodes.items():
        repeated = frame[ID].filter(frame[ID].is_duplicated() & frame[ID].is_not_null()).unique(maintain_order=True)
        if repeated.len():
            reading.faults.append(f"{label}: {repeated.len():,} keys that several nodes share: {list_first(repeated)}")
    raise_faults(StoreError, where, reading.faults)
    edges = {edge_type: _merged(_joined(tables)) for edge_type, tables in reading.read_all_edges().items()}
    raise_faults(StoreError, where, reading.faults)
    reading.log_left_out()
    return KnowledgeGraph(nodes, edges)


@dataclass
class _Reading:
    """One reading of one database; what is wrong is collected in `faults`."""

    connection: BoltConnection
    mapping: GraphMapping
    on_unsupported: Unsupported
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.labels = survey_nodes(self.connection)
        self.edges = survey_edges(self.connection)
        held, types = {label for labels in self.labels for label in labels}, {rel_type for _, rel_type, _ in self.edges}
        if lost := [label for label in self.mapping.nodes if label not in held]:
            self.faults.append(f"the database has no label {list_first(lost)}; it has {list_first(sorted(held))}")
        if lost := [rel_type for rel_type in self.mapping.edges if rel_type not in types]:
            self.faults.append(f"the database has no relation {list_first(lost)}; it has {list_first(sorted(types))}")

    def read_all_nodes(self) -> dict[str, list[pl.DataFrame]]:
        """Node tables by our label, one for each of theirs that some nodes are read by."""
        tables: dict[str, list[pl.DataFrame]] = {}
        winning = {self._winner(labels) for labels in self.labels}
        for theirs in self.mapping.nodes:
            if theirs in winning:
                tables.setdefault(self.mapping.nodes[theirs].label, []).append(self._read_nodes(theirs))
        return tables

    def read_all_edges(self) -> dict[EdgeType, list[pl.DataFrame]]:
        """Edge tables by our edge type."""
        tables: dict[EdgeType, list[pl.DataFrame]] = {}
        for (head, rel_type, tail), kind in self._mapped_edges().items():
            edge = self.mapping.edges[rel_type]
            ends = self.mapping.nodes[head].label, self.mapping.nodes[tail].label
            edge_type = (ends[1], edge.relation, ends[0]) if edge.reversed else (ends[0], edge.relation, ends[1])
            tables.setdefault(edge_type, []).append(self._read_edges(head, rel_type, tail, kind))
        return tables

    def log_left_out(self) -> None:
        """One line of the log with what the mapping doesn't name."""
        num_nodes = sum(kind.count for labels, kind in self.labels.items() if self._winner(labels) is None)
        num_edges = sum(kind.count for kind in self.edges.values())
        num_edges -= sum(kind.count for kind in self._mapped_edges().values())
        if num_nodes or num_edges:
            line = "%s: the mapping leaves out %d nodes and %d edges"
            logger.info(line, self.connection.address, num_nodes, num_edges)

    def _winner(self, labels: Labels) -> str | None:
        """The first label of the mapping that a node with these labels has."""
        return next((label for label in self.mapping.nodes if label in labels), None)

    def _mapped_edges(self) -> dict[tuple[str, str, str], Kind]:
        """What mapped edges there are, by their (label of the head, relation, label of the tail)."""
        kinds: dict[tuple[str, str, str], Kind] = {}
        for (head_labels, rel_type, tail_labels), kind in self.edges.items():
            head, tail = self._winner(head_labels), self._winner(tail_labels)
            if head is not None and tail is not None and rel_type in self.mapping.edges:
                kinds.setdefault((head, rel_type, tail), Kind()).add(kind.count, kind.names)
        return kinds

    def _source(self, theirs: str) -> NodeSource:
        order = list(self.mapping.nodes)
        earlier = tuple(order[: order.index(theirs)])
        return NodeSource(label=theirs, key=self.mapping.nodes[theirs].key, without=earlier, numbers=True)

    def _read_nodes(self, theirs: str) -> pl.DataFrame:
        node, source, all_of_them = self.mapping.nodes[theirs], self._source(theirs), Kind()
        for labels, kind in self.labels.items():
            if self._winner(labels) == theirs:
                all_of_them.add(kind.count, kind.names)
        found = sorted(all_of_them.names - {node.key})
        names = _renamed(found, node.properties, {ID})
        if lost := [name for name in node.properties or () if name not in found]:
            self.faults.append(f"nodes {theirs!r} have no property {list_first(lost)}; they have {list_first(found)}")
        table = read_nodes(self.connection, source, names, all_of_them.count)
        frame = table.finish(f"nodes {theirs!r}", self.on_unsupported, self.faults)
        if missing := frame[ID].null_count():
            self.faults.append(f"nodes {theirs!r}: {missing:,} nodes have no text or number as their key {node.key!r}")
        return frame

    def _read_edges(self, head: str, rel_type: str, tail: str, kind: Kind) -> pl.DataFrame:
        edge = self.mapping.edges[rel_type]
        source = EdgeSource(head=self._source(head), rel_type=rel_type, tail=self._source(tail))
        where = f"edges {head}-{rel_type}-{tail}"
        names = _renamed(sorted(kind.names), edge.properties, {HEAD_ID, TAIL_ID})
        frame = read_edges(self.connection, source, names, kind.count).finish(where, self.on_unsupported, self.faults)
        return frame.rename({HEAD_ID: TAIL_ID, TAIL_ID: HEAD_ID}) if edge.reversed else frame


def _renamed(found: list[str], wanted: Mapping[str, str] | None, kept: set[str]) -> dict[str, str]:
    """Their name -> ours of the properties to read. One that would be called like an id gets a `_`."""
    if wanted is not None:
        return {theirs: ours for theirs, ours in wanted.items() if theirs in found}
    return dict(_without_clashes(found, kept))


def _without_clashes(names: list[str], kept: set[str]) -> Iterator[tuple[str, str]]:
    taken = kept | set(names)
    for name in names:
        ours = name
        while ours in kept or (ours != name and ours in taken):
            ours += "_"
        yield name, ours


def _joined(tables: list[pl.DataFrame]) -> pl.DataFrame:
    return tables[0] if len(tables) == 1 else pl.concat(tables, how="diagonal_relaxed")


def _merged(frame: pl.DataFrame) -> pl.DataFrame:
    """One row for each pair of ends: the largest by its properties, in the order of their names."""
    ends = [HEAD_ID, TAIL_ID]
    if not frame.select(ends).is_duplicated().any():
        return frame
    others = sorted(name for name in frame.columns if name not in ends)
    if not others:
        return frame.unique(ends)
    values = [frame[name].list.join("\n") if frame.schema[name] == pl.List else frame[name] for name in others]
    keys = pl.DataFrame([value.alias(str(place)) for place, value in enumerate(values)])
    order = keys.with_row_index("row").sort(keys.columns, nulls_last=False)["row"]
    return frame[order].unique(ends, keep="last")
