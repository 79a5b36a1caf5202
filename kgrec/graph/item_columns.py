"""Cells of the items' extra columns, as properties of the types a schema declares and as the far ends of edges."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from kgrec.graph.knowledge_graph import PROPERTY_TYPES
from kgrec.graph.schema.check import POLARS_TYPES
from kgrec.graph.schema.types import PropertyType

_WHOLE_LIMIT = 2**53  # below it every whole float is exact


def as_declared(column: pl.Series, kind: PropertyType | None) -> pl.Series | None:
    """A column as the property type declared, where nothing is lost by it; as it is otherwise.

    A CSV file doesn't say whether 7 is a number or a code, and the reader guesses; the schema knows.

    Returns
    -------
    Series or None
        None for a column that can't be a property (undeclared lists, such as image embeddings).

    >>> as_declared(pl.Series("size", [38, None]), "string").to_list()
    ['38', None]
    """
    dtype = column.dtype
    if kind is None:
        return column if dtype in PROPERTY_TYPES and not dtype.is_nested() else None
    match kind:
        case "string" if not dtype.is_nested():
            return _texts(column)
        case "string_list" if (lists := text_lists(column)) is not None:
            return lists
        case "float" if dtype == pl.Int64:
            return column.cast(pl.Float64)
        case "integer" if dtype == pl.Float64 and _is_whole(column).all():
            return column.cast(pl.Int64)
        case "float" | "integer" if dtype == pl.String:
            read = column.cast(pl.Float64 if kind == "float" else pl.Int64, strict=False)
            return read if read.null_count() == column.null_count() else column
        case "boolean" if dtype == pl.Int64 and column.drop_nulls().is_in([0, 1]).all():
            return column.cast(pl.Boolean)
    return column if dtype in POLARS_TYPES.values() else None


def text_lists(column: pl.Series) -> pl.Series | None:
    """The texts in each cell, without blanks around them: of a text, a number, a list, or a JSON array of texts.

    Returns
    -------
    Series of list[str], null where a cell is empty; None when the cells are lists of anything but text.

    >>> text_lists(pl.Series(["Acme", '["Acme", "Bolt "]', None])).to_list()
    [['Acme'], ['Acme', 'Bolt'], None]
    """
    if column.dtype == pl.List(pl.String):
        lists = column.list.eval(pl.element().str.strip_chars())
    elif column.dtype.is_nested():
        return None
    else:
        unique = _texts(column).rename("text").unique().drop_nulls()
        split = pl.Series("list", [_split(text) for text in unique], dtype=pl.List(pl.String))
        texts = _texts(column).rename("text").to_frame()
        lists = texts.join(pl.DataFrame([unique, split]), on="text", how="left", maintain_order="left")["list"]
    filled = lists.list.eval(pl.element().filter(pl.element().is_not_null() & (pl.element() != "")))
    return pl.select(pl.when(filled.list.len() > 0).then(filled).alias(column.name)).to_series()


def _texts(column: pl.Series) -> pl.Series:
    """Cells as text; a whole float without its point, as it is a number with gaps that pandas widened."""
    if column.dtype == pl.Float64:
        whole = column.cast(pl.Int64, strict=False).cast(pl.String)
        return column.cast(pl.String).zip_with(~_is_whole(column).fill_null(False), whole)
    return column.cast(pl.String)


def _is_whole(column: pl.Series) -> pl.Series:
    return (column == column.round()) & (column.abs() < _WHOLE_LIMIT)


def _split(text: str) -> Sequence[str]:
    stripped = text.strip()
    if not (stripped.startswith("[") and stripped.endswith("]")):
        return [stripped]
    try:
        found = json.loads(stripped)
    except (ValueError, RecursionError):  # a text in brackets
        return [stripped]
    if isinstance(found, list) and all(isinstance(one, str) for one in found):
        return [one.strip() for one in found]
    return [stripped]
