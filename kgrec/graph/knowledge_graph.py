"""The hub: an immutable, columnar, in-memory knowledge graph."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kgrec.errors import GraphError, list_first, raise_faults

if TYPE_CHECKING:
    from kgrec.data.dataset import Dataset
    from kgrec.graph.schema.types import GraphSchema

ID = "id"
HEAD_ID = "head_id"
TAIL_ID = "tail_id"
EdgeType = tuple[str, str, str]  # (head label, REL_TYPE, tail label)

PROPERTY_TYPES = (pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.List(pl.String))


class KnowledgeGraph:
    """Node tables by label and edge tables by `(head label, REL_TYPE, tail label)`.

    Parameters
    ----------
    nodes : mapping of label to frame
        Column `id` (str, unique within its label) and any properties.
    edges : mapping of (head label, REL_TYPE, tail label) to frame
        Columns `head_id`, `tail_id` and any properties; one row per (head, tail) pair.

    Labels and relations may have any name that is not empty; a store says which ones it can't hold. Property columns
    hold str, int64, float64, bool or list[str]; null means "has no such property". Tables are kept in canonical form
    (rows sorted by id, columns by name, columns without a value and tables without a row dropped), so two graphs with
    the same facts are equal whatever they were read from.

    Raises
    ------
    GraphError
        Listing every fault: missing or duplicate ids, dangling edges, unsupported types, bad names.
    """

    __slots__ = ("_edges", "_index", "_nodes")

    def __init__(self, nodes: Mapping[str, pl.DataFrame], edges: Mapping[EdgeType, pl.DataFrame]) -> None:
        self._nodes = {label: _canonical(frame, [ID]) for label, frame in sorted(nodes.items())}
        self._edges = {edge_type: _canonical(frame, [HEAD_ID, TAIL_ID]) for edge_type, frame in sorted(edges.items())}
        raise_faults(GraphError, "knowledge graph", list(self._faults()))
        self._nodes = {label: frame for label, frame in self._nodes.items() if frame.height}
        self._edges = {edge_type: frame for edge_type, frame in self._edges.items() if frame.height}
        self._index: dict[EdgeType, np.ndarray] = {}

    @classmethod
    def from_dataset(
        cls, dataset: Dataset, *, users: bool = False, schema: GraphSchema | str | os.PathLike[str] | None = None
    ) -> KnowledgeGraph:
        """Build the graph of a dataset's catalogue and triples; with `users`, of its events too.

        Pass the train part of a split: the events of the dataset given are the ones that become edges, and their
        sentiment, where they have one, is that of the products and the edges. `schema` is the TOML file that extends
        kgrec's labels and relations by your shop's, or what `read_schema` made of it.
        """
        from kgrec.graph.build import graph_from_dataset

        return graph_from_dataset(dataset, users=users, schema=schema)

    @property
    def nodes(self) -> Mapping[str, pl.DataFrame]:
        """Label -> node table."""
        return MappingProxyType(self._nodes)

    @property
    def edges(self) -> Mapping[EdgeType, pl.DataFrame]:
        """(head label, REL_TYPE, tail label) -> edge table."""
        return MappingProxyType(self._edges)

    @property
    def num_nodes(self) -> int:
        return sum(frame.height for frame in self._nodes.values())

    @property
    def num_edges(self) -> int:
        return sum(frame.height for frame in self._edges.values())

    def edge_index(self, edge_type: EdgeType) -> np.ndarray:
        """Rows of the two ends in their node tables, shape (2, num_edges), int64."""
        if edge_type not in self._index:
            head_label, _, tail_label = edge_type
            frame = self._edges[edge_type]
            self._index[edge_type] = np.stack(
                [
                    _rows(self._nodes[head_label], frame[HEAD_ID]),
                    _rows(self._nodes[tail_label], frame[TAIL_ID]),
                ]
            )
        return self._index[edge_type]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, KnowledgeGraph):
            return NotImplemented
        if self._nodes.keys() != other._nodes.keys() or self._edges.keys() != other._edges.keys():
            return False
        pairs = [(frame, other._nodes[label]) for label, frame in self._nodes.items()]
        pairs += [(frame, other._edges[edge_type]) for edge_type, frame in self._edges.items()]
        return all(mine.schema == theirs.schema and mine.equals(theirs) for mine, theirs in pairs)

    __hash__ = None  # type: ignore[assignment]  # compared by content

    def __repr__(self) -> str:
        return (
            f"KnowledgeGraph({self.num_nodes:,} nodes of {len(self._nodes)} labels, "
            f"{self.num_edges:,} edges of {len(self._edges)} types)"
        )

    def _faults(self) -> Iterator[str]:
        for label, frame in self._nodes.items():
            if not label:
                yield "a label is empty; name it"
            yield from _table_faults(f"nodes {label!r}", frame, [ID])
        for edge_type, frame in self._edges.items():
            head_label, rel_type, tail_label = edge_type
            where = f"edges ({head_label})-[{rel_type}]->({tail_label})"
            if not rel_type:
                yield f"{where}: the relation's name is empty; name it"
            missing = [label for label in (head_label, tail_label) if label not in self._nodes]
            if missing:
                yield f"{where}: no node table for {list_first(missing)}"
                continue
            yield from _table_faults(where, frame, [HEAD_ID, TAIL_ID])
            for column, label in ((HEAD_ID, head_label), (TAIL_ID, tail_label)):
                if column not in frame.columns:
                    continue
                lost = frame[column].filter(~frame[column].is_in(self._nodes[label][ID].implode()))
                if lost.len():
                    yield f"{where}: {lost.len():,} {column} not among the {label} nodes: {list_first(lost)}"


def as_text(column: pl.Series) -> pl.Series:
    """A property as text: of a list its texts one after another, null where there is none."""
    if column.dtype == pl.List(pl.String):
        return column.list.join(", ")
    return column.cast(pl.String)


def _canonical(frame: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    # columns by `frame[name]` throughout: polars takes a name such as "*" or "^.*$" in an expression for a pattern
    casts = [
        frame[name].cast(_target_type(dtype)) for name, dtype in frame.schema.items() if _target_type(dtype) != dtype
    ]
    frame = frame.with_columns(casts) if casts else frame
    others = sorted(name for name in frame.columns if name not in keys and frame[name].null_count() < frame.height)
    present = [key for key in keys if key in frame.columns]
    frame = frame[[*present, *others]]
    return frame.sort(present) if present else frame


def _target_type(dtype: pl.DataType) -> pl.DataType | type[pl.DataType]:
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return pl.String()
    if dtype.is_integer():
        return pl.Int64()
    if dtype.is_float():
        return pl.Float64()
    return dtype


def _table_faults(where: str, frame: pl.DataFrame, keys: list[str]) -> Iterator[str]:
    for key in keys:
        if key not in frame.columns:
            yield f"{where}: column {key!r} is missing (found {list_first(frame.columns)})"
            return
        if frame.schema[key] != pl.String:
            yield f"{where}: column {key!r} must hold strings, found {frame.schema[key]}"
            return
        if frame[key].null_count():
            yield f"{where}: {frame[key].null_count():,} rows without {key!r}"
    repeated = frame.select(keys).filter(frame.select(keys).is_duplicated()).unique(maintain_order=True)
    if repeated.height:
        yield f"{where}: {repeated.height:,} repeated {'/'.join(keys)}: {list_first(repeated.rows())}"
    for name, dtype in frame.schema.items():
        if dtype not in PROPERTY_TYPES:
            yield f"{where}: property {name!r} has type {dtype}; use str, int, float, bool or a list of str"


def _rows(table: pl.DataFrame, ids: pl.Series) -> np.ndarray:
    """Row of each id in its node table, shape (num_ids,), int64."""
    positions = table.select(ID).with_row_index("row")
    found = pl.DataFrame({ID: ids}).join(positions, on=ID, how="left", maintain_order="left")
    return found["row"].cast(pl.Int64).to_numpy()
