"""Which items a list may hold, by what the graph says of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from numbers import Real
from typing import Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.parsing import normalise_category, normalise_name
from kgrec.errors import ConfigError, list_first, raise_faults
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.tensors.vocabulary import Vocabulary

_VALUE = "AttributeValue"
_LABELS = {c.BRAND: "Brand", c.CATEGORY: "Category"}
_AS_READ = {c.BRAND: normalise_name, c.CATEGORY: normalise_category}  # as a dataset's are


def allowed_items(graph: KnowledgeGraph, items: Vocabulary, filters: Mapping[str, Any]) -> np.ndarray:
    """Whether each item passes every filter, shape (num_items,), bool.

    Parameters
    ----------
    filters : mapping
        From a property of products (price, in_stock ...), `brand`, `category` or the name of an attribute to what it
        may be: one value, a collection of values, or a tuple (low, high) of numbers, None where it is open. Of an
        item's many values (a list, an attribute) one that passes is enough, and one without a value does not pass. A
        category takes in those below it. Brands and categories may be written as in the catalogue's source ("X>Y").

    Raises
    ------
    ConfigError
        Listing every name that no product has and every filter that does not fit its values.
    """
    allowed, faults = np.ones(len(items), dtype=bool), []
    for name, wanted in filters.items():
        if not _is_known(graph, name):
            faults.append(f"{name!r} is no property of a product; there are {list_first(_names(graph), limit=20)}")
            continue
        values = _values(graph, name)
        try:
            passing = values.filter(_passes(values["value"], wanted, name))
        except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
            fix = ""
            if wanted is None:
                fix = "; leave the filter out to let all pass"
            elif isinstance(wanted, tuple):
                fix = "; a tuple is a range of numbers (low, high), use a list for one of several"
            faults.append(f"{name!r} can't be {wanted!r}: its values are {values.schema['value']}{fix}")
            continue
        place = items.index(passing[ID])
        now = np.zeros(len(items), dtype=bool)
        now[place[place >= 0]] = True
        allowed &= now
    raise_faults(ConfigError, "filters", faults)
    return allowed


def _is_known(graph: KnowledgeGraph, name: str) -> bool:
    """Whether a filter may be on it."""
    if name == ID or not isinstance(name, str):
        return False
    return name in _products(graph).columns or _LABELS.get(name) in graph.nodes or (_attributes(graph) == name).any()


def _names(graph: KnowledgeGraph) -> list[str]:
    """Everything that a filter may be on."""
    linked = [name for name, label in _LABELS.items() if label in graph.nodes]
    return sorted({*_attributes(graph).drop_nulls(), *linked, *_products(graph).columns} - {ID})


def _attributes(graph: KnowledgeGraph) -> pl.Series:
    """The name of each attribute value."""
    values = graph.nodes.get(_VALUE, pl.DataFrame())
    return values["name"] if {"name", "value"} <= set(values.columns) else pl.Series(dtype=pl.String)


def _products(graph: KnowledgeGraph) -> pl.DataFrame:
    return graph.nodes.get(PRODUCT, pl.DataFrame(schema={ID: pl.String}))


def _values(graph: KnowledgeGraph, name: str) -> pl.DataFrame:
    """Item (id) and value, a row for each: a property before a brand or category, those before an attribute.

    A property that is a list has a row for each of its values.
    """
    products = _products(graph)
    if name in products.columns:
        values = pl.DataFrame({ID: products[ID], "value": products[name]})
        return values.explode("value") if values.schema["value"] == pl.List else values
    label = _LABELS[name] if _LABELS.get(name) in graph.nodes else _VALUE
    links = [table for (head, _, tail), table in graph.edges.items() if (head, tail) == (PRODUCT, label)]
    ends = [table.select(pl.col(HEAD_ID).alias(ID), pl.col(TAIL_ID).alias("value")) for table in links]
    pairs = pl.concat([pl.DataFrame(schema={ID: pl.String, "value": pl.String}), *ends])
    if label != _VALUE:
        return pairs
    named = graph.nodes[_VALUE].filter(pl.col("name") == name).select(pl.col(ID).alias("value"), said="value")
    return pairs.join(named, on="value").select(ID, value="said")


def _passes(value: pl.Series, wanted: Any, name: str) -> pl.Series:
    """Whether each value is what is wanted; never null."""
    if value.dtype == pl.String and _of_numbers(wanted):  # attributes are texts in the graph
        numbers = value.cast(pl.Float64, strict=False)
        value = numbers if numbers.null_count() == value.null_count() else value
    if isinstance(wanted, tuple):
        low, high = wanted
        if not value.dtype.is_numeric() or low != low or high != high:  # not a number at all
            raise TypeError
        value = value.fill_nan(None) if value.dtype.is_float() else value  # above every number, for polars
        over = pl.Series([True]) if low is None else value >= low
        under = pl.Series([True]) if high is None else value <= high
        return (over & under & value.is_not_null()).fill_null(value=False)
    several = isinstance(wanted, Collection) and not isinstance(wanted, str)
    choices = list(wanted) if several else [wanted]
    if any(choice is None or isinstance(choice, str) != (value.dtype == pl.String) for choice in choices):
        raise TypeError
    if name in _AS_READ:  # as they are too: a graph need not be that of a dataset
        choices += _AS_READ[name](pl.Series(choices, dtype=pl.String)).drop_nulls().to_list()
    if name == c.CATEGORY:
        passes = value.is_in(choices)
        for choice in choices:
            passes |= value.str.starts_with(f"{choice}{c.CATEGORY_SEPARATOR}")
        return passes.fill_null(value=False)
    if value.dtype.is_numeric():
        value, choices = value.cast(pl.Float64), [float(choice) for choice in choices]
    return value.is_in(pl.Series(choices, dtype=value.dtype).implode()).fill_null(value=False)


def _of_numbers(wanted: Any) -> bool:
    several = wanted if isinstance(wanted, Collection) and not isinstance(wanted, str) else [wanted]
    given = [one for one in several if one is not None]
    return bool(given) and all(isinstance(one, Real) and not isinstance(one, bool) for one in given)
