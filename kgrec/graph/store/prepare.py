"""A database made ready for a graph: constraints and range indexes before its nodes, full-text indexes after them."""

from __future__ import annotations

import logging

import polars as pl

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.constraints import constraint_statements, index_name, indexed_properties, quote
from kgrec.graph.schema.types import GraphSchema, read_schema
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.indexes import drop_other_text_index, make_text_index

logger = logging.getLogger(__name__)

MAX_KEY_BYTES = 8_000  # Neo4j can't index a longer value


def prepare(connection: BoltConnection, graph: KnowledgeGraph, schema: GraphSchema | None = None) -> None:
    """Make the constraints and range indexes; an index that a value of this graph doesn't fit into is removed."""
    schema = schema or read_schema()
    searched = _searched_properties(graph, schema, local=connection.local is not None)
    for label, keys in searched.items():
        drop_other_text_index(connection, label, keys)
    statements = constraint_statements(graph.nodes, schema)
    for label, key in indexed_properties(graph.nodes, schema):
        name = index_name(label, key)
        reason = _why_no_range_index(graph.nodes[label], key)
        if connection.local is not None and searched.get(label) == [key]:
            reason = "the local server has one index on a property, and it is the full-text one"
        if reason:
            statements = [text for text in statements if f"INDEX {quote(name)}" not in text]
            statements.append(f"DROP INDEX {quote(name)} IF EXISTS")
            logger.warning("no range index on %s.%s: %s", label, key, reason)
    for statement in statements:
        connection.run_write(statement)


def prepare_search(connection: BoltConnection, graph: KnowledgeGraph, schema: GraphSchema) -> None:
    """Make the full-text indexes. After the nodes are stored: filling an index at once takes less than bit by bit.

    A server that answers Cypher but does not know the statement is no failure: it only can't be searched for text.
    """
    for label, keys in _searched_properties(graph, schema, local=connection.local is not None).items():
        if not keys:
            continue
        try:
            make_text_index(connection, label, keys)
        except StoreError as error:
            if not error.code.endswith(".SyntaxError"):
                raise
            logger.warning("no full-text index on %s: %s", label, error)


def _why_no_range_index(frame: pl.DataFrame, key: str) -> str:
    if frame.schema.get(key) != pl.String:
        return ""
    longest = frame[key].str.len_bytes().max()
    if isinstance(longest, int) and longest > MAX_KEY_BYTES:
        return f"it holds a value of {longest:,} bytes"
    return ""


def _searched_properties(graph: KnowledgeGraph, schema: GraphSchema, *, local: bool) -> dict[str, list[str]]:
    """The properties for the full-text index of each label that is to have one.

    Neo4j passes over values that are not text. The local server would turn them into text, so there a property with
    such values is left out.
    """
    labels = [label for label in graph.nodes if label in schema.labels and schema.labels[label].search]
    return {
        label: [
            key
            for key in schema.labels[label].search
            if not local or graph.nodes[label].schema.get(key, pl.String) == pl.String
        ]
        for label in labels
    }
