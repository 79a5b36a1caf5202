"""Text and vector search in a graph server: the same question, on a Neo4j and on the local server."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from kgrec.data.attributes import whole_letters
from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.schema.constraints import fulltext_name, index_name, quote
from kgrec.graph.schema.types import GraphSchema, Label
from kgrec.graph.store.bolt import BoltConnection, Rows
from kgrec.graph.store.indexes import text_index_keys, vector_index_size
from kgrec.graph.store.vectors import as_floats, stored_sizes, vector_faults

MAX_HITS = 1000  # best matches that are ordered; among more of equal score the server picks
MAX_CLAUSES = 1000  # Lucene takes 1,024; a character makes at most one for each property
FUZZY_WORDS = 100  # clauses kept for each word that is matched with typos: Lucene makes up to 50 of one, and the word
NEARBY = 300  # neighbours looked at beyond k: an index is approximate, and finds the nearest better in a longer list
SPECIAL = re.compile(r'([+\-&|!(){}\[\]^"~*?:\\/])')  # of Lucene's query language
OPERATORS = ("AND", "OR", "NOT", "TO")
FOUND = {"id": pl.String, "label": pl.String, "title": pl.String, "rank": pl.Int64, "score": pl.Float64}


def search_text(
    connection: BoltConnection, query: str, k: int, label: str, schema: GraphSchema, *, fuzzy: bool
) -> pl.DataFrame:
    """The nodes whose searched properties match the words of `query` best; see `GraphStore.search_text`."""
    searched = _searched_properties(label, schema)
    no_text: list[str] = [] if isinstance(query, str) else [f"query is of type {type(query).__name__}, expected text"]
    raise_faults(StoreError, "search_text", [*no_text, *_k_faults(k)])
    query = whole_letters(query)  # half a letter can't be sent
    lucene = _lucene_query(query, len(searched), fuzzy=fuzzy)
    if not lucene:
        return _frame(label, [])
    cypher = (
        "CALL db.index.fulltext.queryNodes($index, $lucene, {limit: $hits}) YIELD node, score "
        f"WITH node, score, toStringOrNull(node.{quote(searched[0])}) AS title "
        "WITH node, score, title, coalesce(toLower(title) = $exact, false) AS same "
        "RETURN node.id AS id, title, score ORDER BY same DESC, score DESC, id LIMIT $k"
    )
    index, exact = fulltext_name(label), " ".join(query.split()).lower()
    parameters = {"index": index, "lucene": lucene, "exact": exact, "hits": max(MAX_HITS, k), "k": k}
    try:
        return _frame(label, connection.run_read(cypher, parameters)[1])
    except StoreError as error:
        if text_index_keys(connection, label) is None:
            raise StoreError(
                f"{connection.address} has no full-text index {index!r}: load a graph with {label} nodes, or run "
                f"graph_schema/constraints.cypher on a Neo4j"
            ) from error
        raise


def search_vectors(
    connection: BoltConnection,
    vector: Any,
    k: int,
    label: str,
    key: str,
    schema: GraphSchema,
    candidates: Sequence[str] | None,
) -> pl.DataFrame:
    """The nodes whose vectors point most nearly the way of `vector`; see `GraphStore.search_vectors`."""
    name = quote(_name_property(find_vectors(label, key, schema)))
    numbers = as_floats(vector)
    faults = _k_faults(k)
    if numbers.ndim != 1:
        faults.append(f"the vector has the shape {numbers.shape}, expected (size,)")
    else:
        faults += vector_faults(numbers[np.newaxis])
    raise_faults(StoreError, f"search_vectors in {label}.{key}", faults)
    parameters = {"vector": numbers.tolist(), "k": k, "index": index_name(label, key), "hits": k + NEARBY}
    if candidates is None:
        found, halved = "CALL db.index.vector.queryNodes($index, $hits, $vector) YIELD node, score", True
    else:
        parameters["ids"] = list(dict.fromkeys(candidates))
        found = (
            f"UNWIND $ids AS id MATCH (node:{quote(label)} {{id: id}}) WHERE node.{quote(key)} IS NOT NULL "
            f"WITH node, vector.similarity.cosine(node.{quote(key)}, $vector) AS score"
        )
        halved = connection.local is None  # the local server's function gives the cosine, all else (1 + cosine) / 2
    answer = f"RETURN node.id AS id, toStringOrNull(node.{name}) AS title, score ORDER BY score DESC, id LIMIT $k"
    try:
        _, rows = connection.run_read(f"{found} {answer}", parameters)
    except StoreError as error:
        raise _explain_vectors(connection, label, key, len(numbers)) or error from error
    return _frame(label, [(found_id, title, 2 * score - 1 if halved else score) for found_id, title, score in rows])


def find_vectors(label: str, key: str, schema: GraphSchema) -> Label:
    """The label of that name, which must have the vector property `key`.

    Raises
    ------
    StoreError
        If the schema has no such label, or the label no such vectors.
    """
    table = _find_label(label, schema)
    if key not in table.vectors:
        raise StoreError(
            f"label {label!r} has no vectors {key!r} in the schema, but {list_first(table.vectors) or 'none'}; "
            f"name it there, as in vectors = {{ {key} = 128 }}"
        )
    return table


def _find_label(label: str, schema: GraphSchema) -> Label:
    if label not in schema.labels:
        raise StoreError(f"the schema has no label {label!r}; there are {list_first(schema.labels)}")
    return schema.labels[label]


def _name_property(label: Label) -> str:
    """The property that holds what a person calls a node."""
    for key in (*label.search, "title", "name"):
        if key in label.properties:
            return key
    return "id"


def _k_faults(k: Any) -> list[str]:
    return [] if isinstance(k, int) and k >= 1 else [f"k must be a whole number of at least 1, found {k!r}"]


def _searched_properties(label: str, schema: GraphSchema) -> Sequence[str]:
    searched = _find_label(label, schema).search
    if not searched:
        able = [name for name, other in schema.labels.items() if other.search]
        raise StoreError(f"label {label!r} has no `search` properties in the schema; {list_first(able) or 'none'} has")
    return searched


def _lucene_query(text: str, num_properties: int, *, fuzzy: bool) -> str:
    """A person's words in Lucene's query language: any of them may match; "" when there are none.

    Lucene refuses a query of too many clauses, so what is beyond the first few hundred characters is left out.
    """
    limit = MAX_CLAUSES // num_properties
    num_fuzzy = limit // FUZZY_WORDS if fuzzy else 0
    words = [part for word in text[: limit // 2 if fuzzy else limit].split() for part in _parts(word)]
    return " ".join([*map(_near, words[:num_fuzzy]), *map(_escape, words[num_fuzzy:])])


def _parts(word: str) -> list[str]:
    """A word, and what is between its colons: "size:xl" is one word for Neo4j, two for the local server."""
    return [word, *filter(None, word.split(":"))] if ":" in word else [word]


def _escape(word: str) -> str:
    """A word in Lucene's query language that means just that word.

    >>> _escape("AND"), _escape("wi-fi")
    ('\\\\AND', 'wi\\\\-fi')
    """
    return f"\\{word}" if word in OPERATORS else SPECIAL.sub(r"\\\1", word)


def _near(word: str) -> str:
    """A word, or one that is one letter off (two for a long word); the word itself counts more."""
    if len(word) < 4:
        return _escape(word)
    return f"({_escape(word)}^2 {_escape(word)}~{1 if len(word) < 8 else 2})"


def _explain_vectors(connection: BoltConnection, label: str, key: str, size: int) -> StoreError | None:
    """Why a search for a vector of `size` numbers failed, when it is for one of the usual reasons."""
    if vector_index_size(connection, label, key) is None:
        return StoreError(f"{connection.address} holds no vectors in {label}.{key}: write_vectors() stores them")
    sizes = stored_sizes(connection, label, key)
    if size not in sizes:
        return StoreError(
            f"the vector holds {size} numbers, but those stored in {label}.{key} hold {list_first(sizes)}"
        )
    return None


def _frame(label: str, rows: Rows) -> pl.DataFrame:
    ranked = [(found, label, title, rank, score) for rank, (found, title, score) in enumerate(rows, start=1)]
    return pl.DataFrame(ranked, schema=FOUND, orient="row")
