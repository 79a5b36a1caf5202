"""Which items a list may hold, by what the graph says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import polars as pl

from kgrec.data.columns import CATEGORY_SEPARATOR
from kgrec.errors import ConfigError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.tensors.hetero import PRODUCT
from kgrec.tensors.vocabulary import Vocabulary

_BRAND, _CATEGORY, _VALUE = "Brand", "Category", "AttributeValue"
Values = dict[str, pl.DataFrame]  # name of a filter -> item (id), value


def allowed_items(graph: KnowledgeGraph, items: Vocabulary, filters: Mapping[str, Any]) -> np.ndarray:
    """Whether each item passes every filter, shape (num_items,), bool.

    Parameters
    ----------
    filters : mapping
        From a property of products (price, in_stock ...), `brand`, `category` or the name of an attribute to what it
        may be: one value, a collection of values, or a tuple (low, high) of numbers, None where it is open. A category
        takes in those below it. An item without a value does not pass.

    Raises
    ------
    ConfigError
        Listing every name that no product has and every filter that does not fit its values.
    """
    allowed, faults, known = np.ones(len(items), dtype=bool), [], _values(graph)
    for name, wanted in filters.items():
        if name not in known:
            faults.append(f"{name!r} is no property of a product; there are {list_first(sorted(known), limit=20)}")
            continue
        try:
            passing = known[name].filter(_passes(known[name], wanted, is_path=name == "category"))
        except (TypeError, ValueError, pl.exceptions.PolarsError):
            faults.append(f"{name!r} can't be {wanted!r}: its values are {known[name].schema['value']}")
            continue
        place = items.index(passing[ID])
        now = np.zeros(len(items), dtype=bool)
        now[place[place >= 0]] = True
        allowed &= now
    raise_faults(ConfigError, "filters", faults)
    return allowed


def _values(graph: KnowledgeGraph) -> Values:
    found: Values = {}
    for (head, _, tail), edges in graph.edges.items():
        if head != PRODUCT or tail not in (_BRAND, _CATEGORY, _VALUE):
            continue
        pairs = edges.select(pl.col(HEAD_ID).alias(ID), pl.col(TAIL_ID).alias("value"))
        if tail == _VALUE:
            named = graph.nodes[_VALUE].select(pl.col(ID).alias("value"), "name", pl.col("value").alias("said"))
            for (name,), rows in pairs.join(named, on="value").group_by("name"):
                found[str(name)] = rows.select(ID, pl.col("said").alias("value"))
        else:
            found[tail.lower()] = pairs
    products = graph.nodes.get(PRODUCT, pl.DataFrame({ID: []}))
    for name in products.columns:
        if name != ID:
            found[name] = pl.DataFrame({ID: products[ID], "value": products[name]})
    return found


def _passes(rows: pl.DataFrame, wanted: Any, *, is_path: bool) -> pl.Series:
    value = rows["value"]
    if isinstance(wanted, tuple):
        low, high = wanted
        if not value.dtype.is_numeric():
            raise TypeError
        over = pl.Series([True]) if low is None else value >= low
        under = pl.Series([True]) if high is None else value <= high
        return (over & under & value.is_not_null()).fill_null(value=False)
    several = isinstance(wanted, Collection) and not isinstance(wanted, str)
    choices = list(wanted) if several else [wanted]
    if is_path:
        below = [value.str.starts_with(f"{choice}{CATEGORY_SEPARATOR}") for choice in choices]
        return (
            pl.DataFrame([value.is_in(choices), *(part.alias(str(n)) for n, part in enumerate(below))])
            .select(pl.any_horizontal(pl.all()))
            .to_series()
        )
    if any(isinstance(choice, str) != (value.dtype == pl.String) for choice in choices):
        raise TypeError
    return value.is_in(pl.Series(choices).cast(value.dtype).implode()).fill_null(value=False)
