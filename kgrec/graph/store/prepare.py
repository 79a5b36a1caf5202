"""A database made ready for a graph: constraints and indexes, before any node is stored."""

from __future__ import annotations

import logging

import polars as pl

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.constraints import constraint_statements, index_name, indexed_properties, quote
from kgrec.graph.store.bolt import BoltConnection

logger = logging.getLogger(__name__)

MAX_KEY_BYTES = 8_000  # Neo4j can't index a longer value


def prepare(connection: BoltConnection, graph: KnowledgeGraph) -> None:
    """Make the constraints and indexes; an index that a value of this graph doesn't fit into is removed instead."""
    statements = constraint_statements(graph.nodes)
    for label, key in indexed_properties(graph.nodes):
        frame = graph.nodes[label]
        if key not in frame.columns or frame.schema[key] != pl.String:
            continue
        longest = frame[key].str.len_bytes().max()
        if isinstance(longest, int) and longest > MAX_KEY_BYTES:
            name = index_name(label, key)
            statements = [text for text in statements if f"INDEX {quote(name)}" not in text]
            statements.append(f"DROP INDEX {quote(name)} IF EXISTS")
            logger.warning("no index on %s.%s: it holds a value of %d bytes", label, key, longest)
    for statement in statements:
        connection.run_write(statement)
