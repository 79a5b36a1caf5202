"""Cypher that prepares a database for a schema: unique ids, range, full-text and vector indexes."""

from __future__ import annotations

from collections.abc import Iterable

from kgrec.graph.schema.types import GraphSchema, read_schema

BACKSLASH = r"\u005C"  # one backslash in an identifier, as `quote` writes it


def constraint_statements(labels: Iterable[str], schema: GraphSchema | None = None) -> list[str]:
    """Cypher that makes `id` unique for every label given, whether the schema knows the label or not."""
    labels = list(labels)
    return [
        f"CREATE CONSTRAINT {quote(f'kgrec_{label}_id')} IF NOT EXISTS FOR (n:{quote(label)}) REQUIRE n.id IS UNIQUE"
        for label in labels
    ] + [
        f"CREATE INDEX {quote(index_name(label, key))} IF NOT EXISTS FOR (n:{quote(label)}) ON (n.{quote(key)})"
        for label, key in indexed_properties(labels, schema)
    ]


def indexed_properties(labels: Iterable[str], schema: GraphSchema | None = None) -> list[tuple[str, str]]:
    """The (label, property) pairs with a range index, among the labels given."""
    known = (schema or read_schema()).labels
    return [(label, key) for label in labels if label in known for key in known[label].indexes]


def relation_index_statements(rel_types: Iterable[str], schema: GraphSchema | None = None) -> list[str]:
    """Cypher that makes the range indexes on properties of the relations given."""
    known = (schema or read_schema()).relations
    return [
        f"CREATE INDEX {quote(index_name(name, key))} IF NOT EXISTS FOR ()-[r:{quote(name)}]-() ON (r.{quote(key)})"
        for name in rel_types
        if name in known
        for key in known[name].indexes
    ]


def fulltext_statements(labels: Iterable[str], schema: GraphSchema | None = None) -> list[str]:
    """Cypher that makes one full-text index for each of the labels that has `search` properties (Neo4j only)."""
    known = (schema or read_schema()).labels
    return [
        fulltext_statement(label, known[label].search) for label in labels if label in known and known[label].search
    ]


def fulltext_statement(label: str, keys: Iterable[str]) -> str:
    """Cypher that makes the full-text index of one label over the properties given (Neo4j only)."""
    return (
        f"CREATE FULLTEXT INDEX {quote(fulltext_name(label))} IF NOT EXISTS FOR (n:{quote(label)}) "
        f"ON EACH [{', '.join(f'n.{quote(key)}' for key in keys)}]"
    )


def vector_statements(labels: Iterable[str], schema: GraphSchema | None = None) -> list[str]:
    """Cypher that makes a cosine index for each vector property of the labels given, of its size there (Neo4j only)."""
    known = (schema or read_schema()).labels
    return [
        vector_statement(label, key, size)
        for label in labels
        if label in known
        for key, size in known[label].vectors.items()
    ]


def vector_statement(label: str, key: str, size: int) -> str:
    """Cypher that makes a cosine index for vectors of `size` numbers (Neo4j only).

    Not quantised, which is Neo4j's default: quantised, it finds 7 of the 10 nearest and rounds their similarity.
    """
    return (
        f"CREATE VECTOR INDEX {quote(index_name(label, key))} IF NOT EXISTS FOR (n:{quote(label)}) ON (n.{quote(key)}) "
        f"OPTIONS {{indexConfig: {{`vector.dimensions`: {size}, `vector.similarity_function`: 'cosine', "
        f"`vector.quantization.enabled`: false}}}}"
    )


def index_name(owner: str, key: str) -> str:
    """The name of kgrec's index on one property of a label or a relation."""
    return f"kgrec_{owner}_{key}"


def fulltext_name(label: str) -> str:
    """The name of kgrec's full-text index of a label."""
    return f"kgrec_{label}_fulltext"


def quote(identifier: str) -> str:
    """A label, relation name or property name as a Cypher identifier.

    A backslash is written as an escape: Neo4j would read the name `\\u0060` as a backquote, which ends the name.

    >>> quote("a`b")
    '`a``b`'
    """
    return f"`{identifier.replace(chr(92), BACKSLASH).replace('`', '``')}`"


def constraints_text(schema: GraphSchema | None = None) -> str:
    """The contents of `graph_schema/constraints.cypher`: every constraint and index of the schema, for a Neo4j 5."""
    schema = schema or read_schema()
    statements = [
        *constraint_statements(schema.labels, schema),
        *relation_index_statements(schema.relations, schema),
        *fulltext_statements(schema.labels, schema),
        *vector_statements(schema.labels, schema),
    ]
    head = "// Made from schema.toml by `python -m kgrec.graph.schema.generate`; change that file, not this one.\n"
    return head + "".join(f"{statement};\n" for statement in statements)
