"""A graph server's contents into a KnowledgeGraph: a graph that kgrec stored, or one that a team already has."""

from __future__ import annotations

import logging
from collections.abc import Mapping

import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.schema.types import GraphSchema
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.columns import (
    EdgeSource,
    NodeSource,
    Unsupported,
    edge_property_names,
    node_property_names,
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
    labels = count_labels(connection)
    where = f"the graph at {connection.address}"
    faults = [
        f"{count:,} nodes have the labels {list(found)}; kgrec reads nodes of one label, or others by a GraphMapping"
        for found, count in labels.items()
        if len(found) != 1
    ]
    raise_faults(StoreError, where, faults)
    nodes = {}
    for (label,), count in labels.items():
        source = NodeSource(label=label)
        left_out = {ID, *_numeric_lists(connection, label, vectors.get(label, frozenset()))}
        names = {name: name for name in node_property_names(connection, source) if name not in left_out}
        table = read_nodes(connection, source, names, count)
        nodes[label] = table.finish(f"nodes {label!r}", on_unsupported, faults)
        if nodes[label][ID].null_count():
            faults.append(f"nodes {label!r}: {nodes[label][ID].null_count():,} nodes have no string as their id")
    edges: dict[EdgeType, pl.DataFrame] = {}
    for edge_type, count in count_edges(connection).items():
        edges[edge_type] = _read_edges(connection, edge_type, count, on_unsupported, faults)
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
    _, rows = connection.run_read("MATCH (n) RETURN labels(n) AS labels, count(n) AS nodes")
    counts = {tuple(sorted(labels)): nodes for labels, nodes in rows}
    return dict(sorted(counts.items()))


def count_edges(connection: BoltConnection) -> dict[EdgeType, int]:
    """Number of edges by (head label, REL_TYPE, tail label); several labels are joined by a colon."""
    counts = {
        (":".join(head), rel_type, ":".join(tail)): count
        for (head, rel_type, tail), count in count_edges_by_labels(connection).items()
    }
    return dict(sorted(counts.items()))


def count_edges_by_labels(connection: BoltConnection) -> dict[tuple[Labels, str, Labels], int]:
    """Number of edges by the labels of their ends and their type."""
    _, rows = connection.run_read(
        "MATCH (h)-[r]->(t) RETURN labels(h) AS head, type(r) AS rel_type, labels(t) AS tail, count(r) AS edges"
    )
    return {(tuple(sorted(head)), rel_type, tuple(sorted(tail))): edges for head, rel_type, tail, edges in rows}


def _read_edges(
    connection: BoltConnection, edge_type: EdgeType, count: int, on_unsupported: Unsupported, faults: list[str]
) -> pl.DataFrame:
    head, rel_type, tail = edge_type
    source = EdgeSource(head=NodeSource(label=head), rel_type=rel_type, tail=NodeSource(label=tail))
    where = f"edges {'-'.join(edge_type)}"
    names = edge_property_names(connection, source)
    kept = [name for name in names if name in (HEAD_ID, TAIL_ID)]
    if kept and on_unsupported == "raise":
        faults.append(f"{where}: properties of names that kgrec keeps for the ends: {list_first(kept)}")
    table = read_edges(connection, source, {name: name for name in names if name not in kept}, count)
    return table.finish(where, on_unsupported, faults)


def _numeric_lists(connection: BoltConnection, label: str, names: frozenset[str]) -> set[str]:
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
