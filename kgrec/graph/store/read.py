"""A graph server's contents into a KnowledgeGraph: a graph that kgrec stored, or one that a team already has."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Set
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.schema.types import GraphSchema
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.columns import (
    QUERIES_AT_ONCE,
    EdgeSource,
    NodeSource,
    Unsupported,
    read_edges,
    read_nodes,
)

logger = logging.getLogger(__name__)

Labels = tuple[str, ...]


def read_graph(
    connection: BoltConnection, vectors: Mapping[str, frozenset[str]], *, on_unsupported: Unsupported = "raise"
) -> KnowledgeGraph:
    """Read every node and edge; labels, relation types and properties are whatever the database holds.

    Parameters
    ----------
    connection : BoltConnection
    vectors : mapping of label to set of property
        Properties that are left out where they hold lists of numbers.
    on_unsupported : "raise" or "skip"

    Raises
    ------
    StoreError
        Listing every fault: nodes with no label or several, nodes without a string `id`, and (unless they are to be
        skipped) properties of a type that a KnowledgeGraph can't hold.
    GraphError
        If two nodes of a label share an id, or two edges of a type join the same nodes.
    """
    kinds = survey_nodes(connection)
    where = f"the graph at {connection.address}"
    faults = [
        f"{kind.count:,} nodes have the labels {list(found)}; kgrec reads nodes of one label, else by a GraphMapping"
        for found, kind in kinds.items()
        if len(found) != 1
    ]
    raise_faults(StoreError, where, faults)
    nodes = {}
    for (label,), kind in kinds.items():
        left_out = {ID, *_numeric_lists(connection, label, vectors.get(label, frozenset()) & kind.names)}
        names = {name: name for name in sorted(kind.names - left_out)}
        table = read_nodes(connection, NodeSource(label=label), names, kind.count)
        nodes[label] = table.finish(f"nodes {label!r}", on_unsupported, faults)
        if nodes[label][ID].null_count():
            faults.append(f"nodes {label!r}: {nodes[label][ID].null_count():,} nodes have no string as their id")
    edges: dict[EdgeType, pl.DataFrame] = {}
    for ((head,), rel_type, (tail,)), kind in survey_edges(connection).items():
        edges[head, rel_type, tail] = _read_edges(connection, (head, rel_type, tail), kind, on_unsupported, faults)
    raise_faults(StoreError, where, faults)
    return KnowledgeGraph(nodes, edges)


def vector_properties(connection: BoltConnection, schema: GraphSchema) -> dict[str, frozenset[str]]:
    """The vector properties of each label: those the schema declares, and those the database has a vector index on."""
    found = {name: set(label.vectors) for name, label in schema.labels.items() if label.vectors}
    _, rows = connection.run_read("SHOW INDEXES YIELD type, entityType, labelsOrTypes, properties")
    for kind, entity, labels, names in rows:
        for label in labels if (kind, entity) == ("VECTOR", "NODE") else ():
            found.setdefault(label, set()).update(names)
    return {label: frozenset(names) for label, names in found.items()}


def count_labels(connection: BoltConnection) -> dict[Labels, int]:
    """Number of nodes by their labels."""
    return {labels: kind.count for labels, kind in survey_nodes(connection).items()}


def count_edges(connection: BoltConnection) -> dict[EdgeType, int]:
    """Number of edges by (head label, REL_TYPE, tail label); several labels are joined by a colon."""
    counts = {
        (":".join(head), rel_type, ":".join(tail)): kind.count
        for (head, rel_type, tail), kind in survey_edges(connection).items()
    }
    return dict(sorted(counts.items()))


@dataclass
class Kind:
    """How many nodes or edges of one kind there are, and the properties that any of them has."""

    count: int = 0
    names: set[str] = field(default_factory=set)

    def add(self, count: int, names: Iterable[str]) -> None:
        """Take more of them into account."""
        self.count += count
        self.names.update(names)


def survey_nodes(connection: BoltConnection) -> dict[Labels, Kind]:
    """What nodes there are, by their labels; one pass over all of them."""
    _, rows = connection.run_read("MATCH (n) RETURN labels(n) AS labels, keys(n) AS names, count(n) AS nodes")
    kinds: dict[Labels, Kind] = {}
    for labels, names, count in rows:
        kinds.setdefault(tuple(sorted(labels)), Kind()).add(count, names)
    return dict(sorted(kinds.items()))


def survey_edges(connection: BoltConnection) -> dict[tuple[Labels, str, Labels], Kind]:
    """What edges there are, by the labels of their ends and their type; one pass over all, in parts read at once."""
    cypher = (
        "MATCH (h) WHERE id(h) % $parts = $part MATCH (h)-[r]->(t) "
        "RETURN labels(h) AS head, type(r) AS rel_type, labels(t) AS tail, keys(r) AS names, count(r) AS edges"
    )
    kinds: dict[tuple[Labels, str, Labels], Kind] = {}
    parts = [{"parts": QUERIES_AT_ONCE, "part": part} for part in range(QUERIES_AT_ONCE)]
    with ThreadPoolExecutor(QUERIES_AT_ONCE) as pool:
        for _, rows in pool.map(lambda part: connection.run_read(cypher, part), parts):
            for head, rel_type, tail, names, count in rows:
                kinds.setdefault((tuple(sorted(head)), rel_type, tuple(sorted(tail))), Kind()).add(count, names)
    return dict(sorted(kinds.items()))


def _read_edges(
    connection: BoltConnection, edge_type: EdgeType, kind: Kind, on_unsupported: Unsupported, faults: list[str]
) -> pl.DataFrame:
    head, rel_type, tail = edge_type
    source = EdgeSource(head=NodeSource(label=head), rel_type=rel_type, tail=NodeSource(label=tail))
    where = f"edges {'-'.join(edge_type)}"
    kept = sorted(kind.names & {HEAD_ID, TAIL_ID})
    if kept and on_unsupported == "raise":
        faults.append(f"{where}: properties of names that kgrec keeps for the ends: {list_first(kept)}")
    table = read_edges(connection, source, {name: name for name in sorted(kind.names.difference(kept))}, kind.count)
    return table.finish(where, on_unsupported, faults)


def _numeric_lists(connection: BoltConnection, label: str, names: Set[str]) -> set[str]:
    """Those of the properties that hold a list of numbers in the first node that has them."""
    found = set()
    for name in sorted(names):
        property_ = f"n.{quote(name)}"
        _, rows = connection.run_read(
            f"MATCH (n:{quote(label)}) WHERE {property_} IS NOT NULL RETURN {property_} AS value LIMIT 1"
        )
        value = rows[0][0] if rows else None
        if isinstance(value, list) and value and all(isinstance(number, float) for number in value):
            found.add(name)
    return found
