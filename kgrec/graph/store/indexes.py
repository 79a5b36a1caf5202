"""Full-text and vector indexes, made by the same call on both servers.

A Neo4j makes them in Cypher. The local server refuses that but has both in its own SQL; under the names that Neo4j
gives them, its procedures `db.index.fulltext.queryNodes` and `db.index.vector.queryNodes` then search them alike.
"""

from __future__ import annotations

from collections.abc import Sequence

from kgrec.graph.schema.constraints import (
    fulltext_name,
    fulltext_statement,
    index_name,
    quote,
    vector_statement,
)
from kgrec.graph.store.bolt import BoltConnection

BUILD_LIMIT = 600  # seconds that Neo4j may take to fill an index
DROP_LIMIT = 60.0  # seconds of retries


def make_text_index(connection: BoltConnection, label: str, keys: Sequence[str]) -> None:
    """Make the label's full-text index over the properties `keys`, unless there is one."""
    name, local = fulltext_name(label), connection.local
    if local is None:
        connection.run_write(fulltext_statement(label, keys))
    else:
        for key in keys:
            local.run_sql(f"CREATE PROPERTY {_quote_sql(label)}.{_quote_sql(key)} IF NOT EXISTS STRING")
        columns = ", ".join(map(_quote_sql, keys))
        local.run_sql(f"CREATE INDEX {_quote_sql(name)} IF NOT EXISTS ON {_quote_sql(label)} ({columns}) FULL_TEXT")
    _await_index(connection, name)


def drop_other_text_index(connection: BoltConnection, label: str, keys: Sequence[str]) -> None:
    """Drop the label's full-text index if it is over other properties than `keys`.

    For such an index the local server was told that its properties are text, and would turn any other value into text:
    it is told to forget that.
    """
    old = text_index_keys(connection, label)
    if old is None or old == list(keys):
        return
    drop_index(connection, fulltext_name(label))
    if connection.local is not None:
        for key in set(old) - set(keys):
            connection.local.run_sql(f"DROP PROPERTY {_quote_sql(label)}.{_quote_sql(key)} IF EXISTS FORCE")


def make_vector_index(connection: BoltConnection, label: str, key: str, size: int) -> None:
    """Make the cosine index of one vector property, for vectors of `size` numbers, unless there is one."""
    name, local = index_name(label, key), connection.local
    if local is None:
        connection.run_write(vector_statement(label, key, size))
    else:
        local.run_sql(
            f"CREATE INDEX {_quote_sql(name)} IF NOT EXISTS ON {_quote_sql(label)} ({_quote_sql(key)}) LSM_VECTOR "
            f'METADATA {{"dimensions": {size}, "similarity": "COSINE"}}'
        )
    _await_index(connection, name)


def declare_vector(connection: BoltConnection, label: str, key: str) -> None:
    """Tell the local server that a property holds vectors, so that it stores them as such; Neo4j needs no word."""
    if connection.local is not None:
        connection.local.run_sql(f"CREATE PROPERTY {_quote_sql(label)}.{_quote_sql(key)} IF NOT EXISTS ARRAY_OF_FLOATS")


def drop_index(connection: BoltConnection, name: str) -> None:
    """Drop an index; nothing happens when there is none.

    The local server refuses for as long as it tidies up the index's files, which a large load has it do.
    """
    connection.run_write(f"DROP INDEX {quote(name)} IF EXISTS", retry_limit=DROP_LIMIT)


def text_index_keys(connection: BoltConnection, label: str) -> list[str] | None:
    """The properties of the label's full-text index; None when it has none."""
    found = _show_index(connection, fulltext_name(label))
    return None if found is None else found[0]


def vector_index_size(connection: BoltConnection, label: str, key: str) -> int | None:
    """How long the vectors of an index are: 0 when the server does not say; None when there is no index."""
    found = _show_index(connection, index_name(label, key))
    return None if found is None else found[1]


def _show_index(connection: BoltConnection, name: str) -> tuple[list[str], int] | None:
    """Properties and vector size of an index."""
    _, rows = connection.run_read(
        "SHOW INDEXES YIELD name, properties, options WHERE name = $name RETURN properties, options", {"name": name}
    )
    if not rows:
        return None
    keys, options = rows[0]
    return list(keys), (options or {}).get("indexConfig", {}).get("vector.dimensions", 0)


def _await_index(connection: BoltConnection, name: str) -> None:
    if connection.local is None:  # the local server answers when the index is made
        connection.run_write("CALL db.awaitIndex($name, $limit)", {"name": name, "limit": BUILD_LIMIT})


def _quote_sql(identifier: str) -> str:
    escaped = identifier.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
