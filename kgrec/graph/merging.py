"""Two graphs as one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import polars as pl

from kgrec.errors import GraphError, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.schema.types import PRODUCT

Key = TypeVar("Key", str, tuple[str, str, str])


def merge_graphs(graph: KnowledgeGraph, more: KnowledgeGraph, *, newer: bool = False) -> KnowledgeGraph:
    """Every node and edge of both.

    Parameters
    ----------
    newer : bool
        What both have keeps the properties it has in `graph`; with `newer`, it has those of `more`, and of `graph`
        those that `more` says nothing of.

    Raises
    ------
    GraphError
        Listing the properties whose values are of types that do not fit together.
    """
    faults: list[str] = []
    nodes = _merged(graph.nodes, more.nodes, [ID], faults, newer=newer)
    edges = _merged(graph.edges, more.edges, [HEAD_ID, TAIL_ID], faults, newer=newer)
    raise_faults(GraphError, "merging two graphs", faults)
    return KnowledgeGraph(nodes, edges)


def with_products(graph: KnowledgeGraph, ids: pl.Series) -> KnowledgeGraph:
    """The graph with a product for each of these ids; those that it lacks have no property and no edge."""
    products = graph.nodes.get(PRODUCT)
    lacking = ids if products is None else ids.filter(~ids.is_in(products[ID].implode()))
    if not len(lacking):
        return graph
    return merge_graphs(graph, KnowledgeGraph({PRODUCT: lacking.alias(ID).to_frame()}, {}))


def _merged(
    tables: Mapping[Key, pl.DataFrame],
    more: Mapping[Key, pl.DataFrame],
    keys: list[str],
    faults: list[str],
    *,
    newer: bool,
) -> dict[Key, pl.DataFrame]:
    made = dict(tables)
    for name, table in more.items():
        if name not in made:
            made[name] = table
            continue
        fresh = table if newer else table.join(made[name].select(keys), on=keys, how="anti")
        unlike = [
            f"{name}: {column!r} is {made[name].schema[column]} in one, {fresh.schema[column]} in the other"
            for column in fresh.columns
            if column in made[name].columns and not _fit(made[name].schema[column], fresh.schema[column])
        ]
        faults += unlike
        if not unlike:
            made[name] = _stacked(made[name], fresh, keys)
    return made


def _stacked(table: pl.DataFrame, more: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """The rows of both; of a key that both have one row, with the last value of each column."""
    is_twice = {how: table.join(more.select(keys), on=keys, how=how) for how in ("anti", "semi")}
    both = pl.concat([is_twice["semi"], more], how="diagonal_relaxed")
    latest = both.group_by(keys, maintain_order=True).agg(pl.all().drop_nulls().last())
    return pl.concat([is_twice["anti"], latest], how="diagonal_relaxed")


def _fit(one: pl.DataType, other: pl.DataType) -> bool:
    return one == other or (one.is_numeric() and other.is_numeric())
