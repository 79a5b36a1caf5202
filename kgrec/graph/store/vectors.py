"""Vectors of nodes, such as a model's item embeddings, written to a graph server and indexed there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.schema.constraints import index_name, quote
from kgrec.graph.store.bolt import BoltConnection
from kgrec.graph.store.indexes import declare_vector, drop_index, make_vector_index, vector_index_size
from kgrec.progress import progress_bar

MAX_SIZE = 4096  # numbers in a vector that Neo4j can index
BATCH_NUMBERS = 2**18  # numbers in one transaction, 9 bytes each on the wire
CHECKED_IDS = 20_000  # ids looked up at once


def write_vectors(
    connection: BoltConnection, ids: Iterable[str], vectors: np.ndarray, label: str, key: str, *, show: bool
) -> None:
    """Make the property `key` of the nodes `ids` hold `vectors`, and have a cosine index over it.

    Raises
    ------
    StoreError
        Listing every fault of the ids and vectors, of which none is stored then; or if the server is lost.
    """
    node_ids, vectors = list(ids), as_floats(vectors)
    raise_faults(StoreError, f"vectors for {label}.{key}", list(_faults(node_ids, vectors)))
    unknown = _unknown_ids(connection, label, node_ids)
    if unknown:
        raise StoreError(
            f"vectors for {label}.{key}: no {label} in the store has the id {list_first(unknown)}; load the graph first"
        )
    size = vectors.shape[1]
    _make_room(connection, label, key, size)
    declare_vector(connection, label, key)
    statement = _write_statement(label, key, local=connection.local is not None)
    with progress_bar("writing vectors", len(node_ids), show, unit="rows") as bar:
        for rows in _batches(node_ids, vectors):
            connection.run_write(statement, {"rows": rows, "key": key})
            bar.update(len(rows))
    make_vector_index(connection, label, key, size)


def stored_sizes(connection: BoltConnection, label: str, key: str) -> list[int]:
    """The different lengths of the vectors that nodes of `label` have in the property `key`, in order."""
    name = quote(key)
    cypher = f"MATCH (n:{quote(label)}) WHERE n.{name} IS NOT NULL RETURN DISTINCT size(n.{name}) AS size"
    return sorted(size for (size,) in connection.run_read(cypher)[1])


def vector_faults(vectors: np.ndarray) -> Iterator[str]:
    """What is wrong with the rows of an array of shape (num_vectors, size), float32: no cosine can be told of them."""
    broken = ~np.isfinite(vectors).all(axis=1)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        lengths = np.einsum("ij,ij->i", vectors, vectors)  # (num_vectors,), squared, float32 as on the servers
    if broken.any():
        rows = list_first(np.flatnonzero(broken).tolist())
        yield f"{int(broken.sum()):,} vectors hold NaN or infinity, in rows {rows}"
    unfit = ~broken & ~((lengths > 0) & np.isfinite(lengths))
    if unfit.any():
        rows = list_first(np.flatnonzero(unfit).tolist())
        yield f"{int(unfit.sum()):,} vectors are zero, or too short or too long to be measured, in rows {rows}"


def as_floats(vectors: Any) -> np.ndarray:
    """An array of float32.

    Raises
    ------
    StoreError
        If it can't be made one.
    """
    try:
        with np.errstate(over="ignore"):  # what float32 can't hold is found as an infinity
            return np.asarray(vectors, dtype=np.float32)
    except (TypeError, ValueError) as error:
        raise StoreError(f"vectors must be arrays of numbers: {error}") from error


def _faults(ids: Sequence[Any], vectors: np.ndarray) -> Iterator[str]:
    wrong = [value for value in ids if not isinstance(value, str)]
    if wrong:
        yield f"{len(wrong):,} ids are not strings: {list_first(wrong)}"
    else:
        repeated = [value for value, count in Counter(ids).items() if count > 1]
        if repeated:
            yield f"{len(repeated):,} ids come more than once: {list_first(repeated)}"
    if vectors.ndim != 2:
        yield f"the array has the shape {vectors.shape}, expected (num_vectors, size)"
        return
    if len(ids) != len(vectors):
        yield f"{len(ids):,} ids, but {len(vectors):,} vectors"
    if not len(vectors):
        yield "there are none"
    if not 1 <= vectors.shape[1] <= MAX_SIZE:
        yield f"a vector holds {vectors.shape[1]:,} numbers; it can hold 1 to {MAX_SIZE:,}"
    yield from vector_faults(vectors)


def _unknown_ids(connection: BoltConnection, label: str, ids: Sequence[str]) -> list[str]:
    known: set[str] = set()
    for start in range(0, len(ids), CHECKED_IDS):
        page = ids[start : start + CHECKED_IDS]
        cypher = f"UNWIND $ids AS id MATCH (n:{quote(label)} {{id: id}}) RETURN n.id AS id"
        known.update(found for (found,) in connection.run_read(cypher, {"ids": page})[1])
    return [value for value in ids if value not in known]


def _make_room(connection: BoltConnection, label: str, key: str, size: int) -> None:
    """Remove an index for vectors of another size, and the vectors that it held: they are of another model."""
    sizes = stored_sizes(connection, label, key)
    if sizes == [size] and vector_index_size(connection, label, key) in (None, 0, size):
        return
    drop_index(connection, index_name(label, key))
    name = quote(key)  # SET to null: the local server's REMOVE passes over a quoted name without a word
    connection.run_write(f"MATCH (n:{quote(label)}) WHERE size(n.{name}) <> $size SET n.{name} = null", {"size": size})


def _write_statement(label: str, key: str, *, local: bool) -> str:
    # Neo4j's procedure stores 4 bytes a number; SET would store 8
    store = f"SET n.{quote(key)} = row[1]" if local else "CALL db.create.setNodeVectorProperty(n, $key, row[1])"
    return f"UNWIND $rows AS row MATCH (n:{quote(label)} {{id: row[0]}}) {store} RETURN count(n) AS stored"


def _batches(ids: Sequence[str], vectors: np.ndarray) -> Iterator[list[tuple[str, list[float]]]]:
    step = max(1, BATCH_NUMBERS // vectors.shape[1])
    for start in range(0, len(ids), step):
        page = slice(start, start + step)
        yield list(zip(ids[page], vectors[page].tolist(), strict=True))
