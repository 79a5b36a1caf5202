"""What a graph server can't hold of a KnowledgeGraph, found before anything is sent."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from urllib.parse import quote_plus

import numpy as np
import polars as pl

from kgrec.errors import StoreError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.store.prepare import MAX_KEY_BYTES

MAX_ROW_BYTES = 32 * 2**20  # the local server stops answering on a message of more than 64 MiB
MAX_NAME_CHARACTERS = 16_000  # Neo4j takes 65,534, the local server's parser less
MAX_FILE_CHARACTERS = 200  # the local server names files of at most 255 after a label or relation, percent-encoded
RESERVED_NAMES = frozenset({"@rid", "@type", "@cat", "@in", "@out", "@props"})  # of the local server's records


def check_storable(graph: KnowledgeGraph, *, local: bool) -> None:
    """Refuse a graph that the server can't hold.

    Raises
    ------
    StoreError
        Listing every fault: names and values that the server can't hold.
    """
    faults = [*_name_faults(graph), *(_local_name_faults(graph) if local else ()), *_value_faults(graph)]
    raise_faults(StoreError, "this graph can't be stored", faults)


def row_bytes(frame: pl.DataFrame) -> np.ndarray:
    """About how many bytes each row takes, shape (num_rows,), int64."""
    sizes = np.full(frame.height, 8 * frame.width, dtype=np.int64)
    for column in (column.alias("values") for column in frame.iter_columns()):  # names may be patterns
        if column.dtype == pl.String:
            sizes += column.str.len_bytes().fill_null(0).to_numpy()
        elif column.dtype == pl.List(pl.String):
            sizes += column.list.eval(pl.element().str.len_bytes()).list.sum().fill_null(0).to_numpy()
    return sizes


def _tables(graph: KnowledgeGraph) -> Iterator[tuple[str, pl.DataFrame]]:
    for label, frame in graph.nodes.items():
        yield f"nodes {label!r}", frame
    for edge_type, frame in graph.edges.items():
        yield f"edges {'-'.join(edge_type)}", frame


def _name_faults(graph: KnowledgeGraph) -> Iterator[str]:
    properties = {name for _, frame in _tables(graph) for name in frame.columns}
    kinds = (
        ("label", sorted(graph.nodes)),
        ("relation", sorted({rel_type for _, rel_type, _ in graph.edges})),
        ("property", sorted(properties)),
    )
    for kind, names in kinds:
        if bad := [name for name in names if not name or "\0" in name]:
            yield f"no graph server holds a {kind} whose name is empty or has a NUL character: {list_first(bad)}"
        if long := [name[:40] for name in names if len(name) > MAX_NAME_CHARACTERS]:
            yield f"{kind} names are longer than {MAX_NAME_CHARACTERS:,} characters: {list_first(long)}"


def _local_name_faults(graph: KnowledgeGraph) -> Iterator[str]:
    for where, frame in _tables(graph):
        for name in RESERVED_NAMES.intersection(frame.columns):
            yield f"{where}: the local server keeps the property name {name!r} for itself; rename it"
    rel_types = {rel_type for _, rel_type, _ in graph.edges}
    if clashing := rel_types & graph.nodes.keys():
        yield f"the local server can't have a label and a relation of the same name: {list_first(sorted(clashing))}"
    if bad := _unfit_for_files([*graph.nodes, *rel_types]):
        yield (
            f"the local server can't hold labels and relations that have one of the characters `*,~`, start with "
            f"'bucket:', are blank, or take more than {MAX_FILE_CHARACTERS} characters percent-encoded: "
            f"{list_first(bad)}"
        )


def _unfit_for_files(names: Iterable[str]) -> list[str]:
    return sorted(
        name[:60]
        for name in set(names)
        if set("*,~").intersection(name)
        or name.startswith("bucket:")
        or not name.strip()
        or len(quote_plus(name, errors="replace")) > MAX_FILE_CHARACTERS
    )


def _value_faults(graph: KnowledgeGraph) -> Iterator[str]:
    for label, frame in graph.nodes.items():
        long = frame[ID].filter(frame[ID].str.len_bytes() > MAX_KEY_BYTES)
        if long.len():
            shown = list_first(long.str.head(40))
            yield f"nodes {label!r}: {long.len():,} ids longer than {MAX_KEY_BYTES:,} bytes, such as {shown}"
    for where, frame in _tables(graph):
        oversized = int((row_bytes(frame) > MAX_ROW_BYTES).sum())
        if oversized:
            yield f"{where}: {oversized:,} rows hold more than {MAX_ROW_BYTES // 2**20} MiB"
        for name, dtype in frame.schema.items():
            if name in (ID, HEAD_ID, TAIL_ID) or dtype != pl.List(pl.String):
                continue
            if frame[name].list.eval(pl.element().is_null()).list.any().any():
                yield f"{where}: property {name!r} holds lists with missing values, which no graph server stores"
