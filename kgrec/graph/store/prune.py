"""Removal of what a store holds and the graph no longer has; nothing but kgrec's own kinds is touched."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.schema.types import GraphSchema
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.columns import EdgeSource, NodeSource, read_edges, read_nodes
from kgrec.graph.store.read import count_labels, survey_edges


def owned_edge_types(graph: KnowledgeGraph, schema: GraphSchema) -> set[EdgeType]:
    """The edge types whose edges the graph decides on: its own, and those of the schema that start at its labels."""
    declared = {(relation.head, name, relation.tail) for name, relation in schema.relations.items()}
    return {*graph.edges, *(edge_type for edge_type in declared if edge_type[0] in graph.nodes)}


def prune_edges(
    connection: BoltConnection, graph: KnowledgeGraph, schema: GraphSchema, batch_size: int
) -> dict[EdgeType, int]:
    """Delete the edges of the graph's types that the graph doesn't have; how many went, by type."""
    removed: dict[EdgeType, int] = {}
    held = survey_edges(connection)
    for edge_type in sorted(owned_edge_types(graph, schema)):
        head, rel_type, tail = edge_type
        count = sum(
            kind.count
            for (heads, found, tails), kind in held.items()
            if head in heads and rel_type == found and tail in tails
        )
        if not count:
            continue
        source = EdgeSource(head=NodeSource(label=head), rel_type=rel_type, tail=NodeSource(label=tail))
        pairs = read_edges(connection, source, {}, count).finish("", "skip", [])
        removed[edge_type] = _delete_edges(connection, edge_type, pairs, graph, batch_size)
    return {edge_type: count for edge_type, count in removed.items() if count}


def prune_edges_of(
    connection: BoltConnection,
    graph: KnowledgeGraph,
    schema: GraphSchema,
    changed: Mapping[str, pl.Series],
    batch_size: int,
) -> dict[EdgeType, int]:
    """As `prune_edges`, for the outgoing edges of the changed nodes alone (ids by label)."""
    removed: dict[EdgeType, int] = {}
    for edge_type in sorted(owned_edge_types(graph, schema)):
        head, rel_type, tail = edge_type
        cypher = (
            f"UNWIND $ids AS id MATCH (h:{quote(head)} {{id: id}})-[:{quote(rel_type)}]->(t:{quote(tail)}) "
            f"RETURN h.id AS head_id, t.id AS tail_id"
        )
        rows: list[tuple[str, str]] = []
        for ids in changed.get(head, pl.Series([], dtype=pl.String())).to_frame(ID).iter_slices(batch_size):
            rows += connection.run_read(cypher, {"ids": ids[ID].to_list()})[1]
        pairs = pl.DataFrame(rows, schema={HEAD_ID: pl.String, TAIL_ID: pl.String}, orient="row")
        removed[edge_type] = _delete_edges(connection, edge_type, pairs, graph, batch_size)
    return {edge_type: count for edge_type, count in removed.items() if count}


def prune_nodes(connection: BoltConnection, graph: KnowledgeGraph, batch_size: int) -> dict[str, int]:
    """Delete the nodes of the graph's labels that the graph doesn't have, with all their edges.

    A node without a string as its id was never kgrec's, and stays.
    """
    removed = {}
    counts = count_labels(connection)
    for label, frame in graph.nodes.items():
        count = sum(number for labels, number in counts.items() if label in labels)
        held = read_nodes(connection, NodeSource(label=label), {}, count).finish("", "skip", [])[ID].drop_nulls()
        lost = held.filter(~held.is_in(frame[ID].implode())).unique()
        statement = f"UNWIND $ids AS id MATCH (n:{quote(label)} {{id: id}}) DETACH DELETE n"
        _run_batches(connection, statement, "ids", lost.to_list(), batch_size)
        removed[label] = lost.len()
    return {label: count for label, count in removed.items() if count}


def _delete_edges(
    connection: BoltConnection, edge_type: EdgeType, held: pl.DataFrame, graph: KnowledgeGraph, batch_size: int
) -> int:
    """Delete those of the held edges that the graph doesn't have."""
    head, rel_type, tail = edge_type
    held = held.drop_nulls().unique()
    kept = graph.edges.get(edge_type)
    lost = held if kept is None else held.join(kept, on=[HEAD_ID, TAIL_ID], how="anti")
    statement = (
        f"UNWIND $rows AS row MATCH (h:{quote(head)} {{id: row[0]}})-[r:{quote(rel_type)}]->"
        f"(t:{quote(tail)} {{id: row[1]}}) DELETE r"
    )
    _run_batches(connection, statement, "rows", lost.rows(), batch_size)
    return lost.height


def _run_batches(
    connection: BoltConnection, statement: str, name: str, rows: Iterable[object], batch_size: int
) -> None:
    rows = list(rows)
    for start in range(0, len(rows), batch_size):
        connection.run_write(statement, {name: rows[start : start + batch_size]})
