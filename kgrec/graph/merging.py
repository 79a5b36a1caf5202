"""Two graphs as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import polars as pl

from kgrec.errors import GraphError, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph

Key = TypeVar("Key", str, tuple[str, str, str])


def merge_graphs(graph: KnowledgeGraph, more: KnowledgeGraph) -> KnowledgeGraph:
    """Every node and edge of both; what both have keeps the properties it has in `graph`.

    Raises
    ------
    GraphError
        Listing the properties whose values are of types that do not fit together.
    """
    faults: list[str] = []
    nodes = _merged(graph.nodes, more.nodes, [ID], faults)
    edges = _merged(graph.edges, more.edges, [HEAD_ID, TAIL_ID], faults)
    raise_faults(GraphError, "merging two graphs", faults)
    return KnowledgeGraph(nodes, edges)


def _merged(
    tables: Mapping[Key, pl.DataFrame], more: Mapping[Key, pl.DataFrame], keys: list[str], faults: list[str]
) -> dict[Key, pl.DataFrame]:
    made = dict(tables)
    for name, table in more.items():
        if name not in made:
            made[name] = table
            continue
        fresh = table.join(made[name].select(keys), on=keys, how="anti")
        unlike = [
            f"{name}: {column!r} is {made[name].schema[column]} in one, {fresh.schema[column]} in the other"
            for column in fresh.columns
            if column in made[name].columns and not _fit(made[name].schema[column], fresh.schema[column])
        ]
        faults += unlike
        if not unlike:
            made[name] = pl.concat([made[name], fresh], how="diagonal_relaxed")
    return made


def _fit(one: pl.DataType, other: pl.DataType) -> bool:
    return one == other or (one.is_numeric() and other.is_numeric())
