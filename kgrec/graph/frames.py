"""Python values, as a graph server answers them, into polars columns."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from typing import Any

import polars as pl

_SCALARS: dict[type, pl.DataType] = {
    type(None): pl.Null(),
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    bytes: pl.Binary(),
    dt.date: pl.Date(),
    dt.time: pl.Time(),
}


class MixedTypesError(Exception):
    """The values of one column have no polars type in common."""


def make_frame(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
    """A frame of plain values; dicts become structs, and a column whose values share no type becomes JSON text.

    >>> make_frame(["x"], [[1], ["a"]])["x"].to_list()
    ['1', '"a"']
    """
    return pl.DataFrame([_column(name, [row[place] for row in rows]) for place, name in enumerate(columns)])


def column_type(values: Iterable[Any]) -> pl.DataType:
    """The narrowest type that holds all values; Null when there is none.

    Raises
    ------
    MixedTypesError
        If there is no such type.
    """
    values = list(values)
    kinds = set(map(type, values))
    if kinds <= _SCALARS.keys():
        return common_type(_SCALARS[kind] for kind in sorted(kinds, key=str))
    by_kind: dict[type, list[Any]] = {}
    for value in values:
        by_kind.setdefault(type(value), []).append(value)
    return common_type(_kind_type(kind, members) for kind, members in by_kind.items())


def common_type(types: Iterable[pl.DataType]) -> pl.DataType:
    """The narrowest type that holds values of all types; Null for none.

    Raises
    ------
    MixedTypesError
        If there is no such type.
    """
    found: pl.DataType = pl.Null()
    for dtype in types:
        found = _common_type(found, dtype)
    return found


def _column(name: str, values: list[Any]) -> pl.Series:
    try:
        # Not strict, so that whole numbers go into a column of floats; the type is known to fit.
        return pl.Series(name, values, dtype=column_type(values), strict=False)
    except MixedTypesError:
        texts = [None if value is None else json.dumps(value, ensure_ascii=False, default=str) for value in values]
        return pl.Series(name, texts, dtype=pl.String())


def _kind_type(kind: type, values: list[Any]) -> pl.DataType:
    """The type of a column that holds values of one Python type."""
    if kind in _SCALARS:
        return _SCALARS[kind]
    if issubclass(kind, list):
        return pl.List(column_type(chain.from_iterable(values)))
    if issubclass(kind, dict):
        names = dict.fromkeys(name for value in values for name in value)
        return pl.Struct({name: column_type([value.get(name) for value in values]) for name in names})
    if issubclass(kind, dt.datetime):
        return common_type(pl.Datetime("us", None if value.tzinfo is None else "UTC") for value in values)
    raise MixedTypesError(f"no column type for {kind.__name__}")


def _common_type(one: pl.DataType, other: pl.DataType) -> pl.DataType:
    if one == other or isinstance(other, pl.Null):
        return one
    if isinstance(one, pl.Null):
        return other
    if {type(one), type(other)} == {pl.Int64, pl.Float64}:
        return pl.Float64()
    if isinstance(one, pl.List) and isinstance(other, pl.List):
        return pl.List(_common_type(_as_type(one.inner), _as_type(other.inner)))
    if isinstance(one, pl.Struct) and isinstance(other, pl.Struct):
        return pl.Struct(_common_fields(_fields(one), _fields(other)))
    raise MixedTypesError(f"no type holds both {one} and {other}")


def _common_fields(one: Mapping[str, pl.DataType], other: Mapping[str, pl.DataType]) -> dict[str, pl.DataType]:
    names = [*one, *(name for name in other if name not in one)]
    null = pl.Null()
    return {name: _common_type(one.get(name, null), other.get(name, null)) for name in names}


def _fields(struct: pl.Struct) -> dict[str, pl.DataType]:
    return {field.name: _as_type(field.dtype) for field in struct.fields}


def _as_type(dtype: Any) -> pl.DataType:
    """Polars gives an inner type as a class or as an instance of it."""
    found: pl.DataType = dtype if isinstance(dtype, pl.DataType) else dtype()
    return found
