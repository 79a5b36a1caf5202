"""What items have: brands, categories, attributes, price bands, as a sparse table for each kind."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from kgrec.graph.build import PRODUCT, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.tensors.vocabulary import Vocabulary

PRICE_BANDS = 5  # about as many items in each
PRICE_BAND = "price band"
_NAMES = {"HAS_BRAND": "brand", "IN_CATEGORY": "category"}
_ATTRIBUTE, _ATTRIBUTE_LABEL = "HAS_ATTRIBUTE", "AttributeValue"


@dataclass(frozen=True, slots=True)
class ItemValues:
    """Of one kind.

    Attributes
    ----------
    values : polars.Series of str
    shares : csr_array, shape (num_items, num_values)
        An item with several values has an equal share in each; the row of one without any is 0.
    """

    values: pl.Series
    shares: sparse.csr_array


def item_values(graph: KnowledgeGraph, items: Vocabulary) -> dict[str, ItemValues]:
    """Every kind by name: brand, category, `attribute NAME` for each attribute, other relations, price band."""
    pairs: dict[str, list[pl.DataFrame]] = {}
    for (head, relation, tail), table in graph.edges.items():
        if head != PRODUCT or tail in (PRODUCT, USER):
            continue
        ends = table.select(pl.col(HEAD_ID).alias("item"), pl.col(TAIL_ID).alias("value"))
        if (relation, tail) == (_ATTRIBUTE, _ATTRIBUTE_LABEL):
            linked = ends.join(_named(graph.nodes[tail]), left_on="value", right_on=ID)
            for (name,), part in linked.partition_by(["name"], as_dict=True).items():
                pairs.setdefault(f"attribute {name}", []).append(part.select("item", value="said"))
        else:
            pairs.setdefault(_NAMES.get(relation, relation.lower().replace("_", " ")), []).append(ends)
    found = {kind: _table(pl.concat(parts), items) for kind, parts in sorted(pairs.items())}
    products = graph.nodes.get(PRODUCT)
    if products is not None and "price" in products.columns and products["price"].dtype.is_numeric():
        found[PRICE_BAND] = _table(price_bands(products.select(item=ID, price="price")), items)
    return {kind: table for kind, table in found.items() if table.shares.nnz}


def _named(values: pl.DataFrame) -> pl.DataFrame:
    """Id, name and value (`said`) of attribute values; of a graph of others, which may name none, what there is."""
    name = pl.col("name") if "name" in values.columns else pl.lit("value")
    said = pl.col("value") if "value" in values.columns else pl.col(ID)
    return values.select(ID, name.fill_null("value").alias("name"), said.fill_null(pl.col(ID)).alias("said"))


def price_bands(prices: pl.DataFrame) -> pl.DataFrame:
    """The band of each item with a price; bands are cut so that each holds about as many items.

    Parameters
    ----------
    prices : frame
        Columns item and price.

    Returns
    -------
    frame with columns item and value, such as "from 10 to 25.5"; a price on a border is in the band above it.
    """
    known = prices.drop_nulls("price").filter(pl.col("price").is_finite())
    if not known.height:
        return pl.DataFrame(schema={"item": pl.String, "value": pl.String})
    inner = np.arange(1, PRICE_BANDS) / PRICE_BANDS
    borders = np.unique(np.quantile(known["price"].to_numpy(), inner, method="nearest"))
    borders = borders[borders > known["price"].min()]
    said = [f"{border:.10g}" for border in borders]
    names = [f"from {low} to {high}" for low, high in itertools.pairwise(said)]
    names = [f"under {said[0]}", *names, f"from {said[-1]}"] if said else ["any"]
    band = np.searchsorted(borders, known["price"].to_numpy(), side="right")
    return pl.DataFrame({"item": known["item"], "value": pl.Series(names, dtype=pl.String).gather(band)})


def _table(pairs: pl.DataFrame, items: Vocabulary) -> ItemValues:
    pairs = pairs.drop_nulls().unique().with_columns(pl.col("value").cast(pl.String))
    row = items.index(pairs["item"])
    pairs, row = pairs.filter(pl.Series(row >= 0)), row[row >= 0]
    values = Vocabulary(pairs["value"].unique().sort())
    share = 1.0 / np.bincount(row, minlength=len(items))[row]
    shares = sparse.csr_array((share, (row, values.index(pairs["value"]))), shape=(len(items), len(values)))
    return ItemValues(values.ids, shares)
