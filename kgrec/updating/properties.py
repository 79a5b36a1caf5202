"""News of known items into a fitted model: their properties, such as price and stock."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.merging import merge_graphs
from kgrec.graph.schema.types import PRODUCT
from kgrec.graph.texts import node_texts
from kgrec.models.fitted import FittedModel


@dataclass(frozen=True, slots=True)
class ChangedItems:
    """What news of known items did.

    Attributes
    ----------
    ids : polars.Series
        The items of which a property changed.
    retold : polars.Series
        Those of them whose text changed.
    relinked : polars.Series
        The items that are said to have a brand, category, attribute or other link that the graph doesn't give them.
        Vectors were learned of the graph's, which stay.
    """

    ids: pl.Series
    retold: pl.Series
    relinked: pl.Series

    @classmethod
    def none(cls) -> ChangedItems:
        nothing = pl.Series(ID, [], dtype=pl.String)
        return cls(nothing, nothing, nothing)


def change_items(model: FittedModel, facts: KnowledgeGraph) -> tuple[FittedModel, ChangedItems]:
    """The model in whose graph known items have the properties that are said of them; no vector changes.

    Parameters
    ----------
    facts : KnowledgeGraph
        What is said of known items. A property that it doesn't give stays as it is.

    Raises
    ------
    GraphError
        If a property is of another type than in the model's graph.
    """
    said = facts.nodes[PRODUCT]
    graph = merge_graphs(model.graph, KnowledgeGraph({PRODUCT: said}, {}), newer=True)
    after = graph.nodes[PRODUCT].join(said.select(ID), on=ID, how="semi")
    ids = _unlike(model.graph.nodes.get(PRODUCT, after.head(0)), after)
    is_retold = [
        before != now
        for before, now in zip(*(node_texts(one, PRODUCT, ids.to_list()) for one in (model.graph, graph)), strict=True)
    ]
    changed = ChangedItems(ids, ids.filter(pl.Series(is_retold, dtype=pl.Boolean)), _relinked(model.graph, facts))
    if not len(ids):
        return model, changed
    scoring = None if model.scoring is None else replace(model.scoring, features=None)
    return replace(model, graph=graph, titles=_titles(model, after), scoring=scoring), changed


def _unlike(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """The ids of `after` of which a property is another than before."""
    names = [name for name in after.columns if name != ID]
    before = before.with_columns(pl.lit(None).alias(name) for name in names if name not in before.columns)
    both = after.join(before, on=ID, how="left", maintain_order="left", suffix=" before")
    unlike = [~pl.col(name).eq_missing(pl.col(f"{name} before")) for name in names]
    return both.filter(pl.any_horizontal(pl.lit(False), *unlike))[ID]


def _titles(model: FittedModel, products: pl.DataFrame) -> pl.Series:
    if "title" not in products.columns:
        return model.titles
    latest = products.select(pl.col(ID).alias("id"), pl.col("title").alias("latest"))
    titles = pl.DataFrame([model.items.ids.alias("id"), model.titles.alias("title")])
    joined = titles.join(latest, on="id", how="left", maintain_order="left")
    return joined.select(pl.coalesce("latest", "title")).to_series().alias(model.titles.name)


def _relinked(graph: KnowledgeGraph, facts: KnowledgeGraph) -> pl.Series:
    heads = [pl.Series(HEAD_ID, [], dtype=pl.String)]
    for edge_type, table in facts.edges.items():
        if edge_type[0] == PRODUCT:
            known = graph.edges.get(edge_type, table.head(0))
            heads.append(table.join(known, on=[HEAD_ID, TAIL_ID], how="anti")[HEAD_ID])
    return pl.concat(heads).unique(maintain_order=True)
