"""Columns the schema does not declare: kept, each in the plainest type that holds all its values."""

from __future__ import annotations

import polars as pl

from kgrec.data.report import Findings
from kgrec.data.sources import Source

_INTEGER = r"^(0|-?[1-9]\d{0,17})$"  # no leading zero: that is a code, not a number
_LONG = r"^-?\d{19,}$"  # a code: as a number it would lose its last digits
_FLOAT = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"
_BOOLEAN = r"^(true|false|True|False)$"
_LIST = r"^\[.*\]$"


def parse_extra(source: Source, name: str, findings: Findings) -> pl.Series:
    """Keep an undeclared column as text, int64, float64, bool, list[str] or list[float32] (image embeddings).

    Text of a CSV file becomes numbers, booleans or number lists when every value is one; dates become ISO 8601 text.
    """
    raw = source.frame[name]
    dtype = raw.dtype
    if isinstance(dtype, (pl.Categorical, pl.Enum)) or dtype == pl.Null:
        raw, dtype = raw.cast(pl.String), pl.String()
    if dtype == pl.String:
        raw = raw.set(raw == "", None)
        return _guessed(raw) if source.is_text else raw
    if dtype == pl.Boolean:
        return raw
    if dtype.is_integer():
        return raw.cast(pl.Int64, strict=False) if _fits(raw) else raw.cast(pl.Float64)
    if dtype.is_float() or dtype.is_decimal():
        return raw.cast(pl.Float64).fill_nan(None)
    if isinstance(dtype, (pl.List, pl.Array)) and dtype.inner is not None:
        if dtype.inner == pl.Null:
            return raw.cast(pl.List(pl.String))
        if dtype.inner.is_numeric():
            return raw.cast(pl.List(pl.Float32))
        if dtype.inner == pl.String:
            return raw.cast(pl.List(pl.String))
    if dtype.is_temporal():
        return raw.dt.to_string("iso")
    findings.fault(
        source.name,
        f"column {name!r} holds values of type {dtype}, which can't be kept",
        "expected text, numbers, booleans, dates or lists of numbers or text",
    )
    return pl.Series(name, [None], dtype=pl.String).new_from_index(0, raw.len())


def _fits(raw: pl.Series) -> bool:
    return raw.cast(pl.Int64, strict=False).null_count() == raw.null_count()


def _guessed(raw: pl.Series) -> pl.Series:
    if raw.null_count() == raw.len():
        return raw
    if _all_match(raw, _INTEGER):
        return raw.cast(pl.Int64)
    if _all_match(raw, _FLOAT) and not raw.str.contains(_LONG).any():
        numbers = raw.cast(pl.Float64)
        return raw if numbers.is_infinite().any() else numbers
    if _all_match(raw, _BOOLEAN):
        return raw.str.to_lowercase() == "true"
    if _all_match(raw, _LIST):
        try:
            return raw.str.json_decode(pl.List(pl.Float32))
        except pl.exceptions.ComputeError:  # lists of something else: left as the text they are
            return raw
    return raw


def _all_match(raw: pl.Series, pattern: str) -> bool:
    return bool(raw.str.contains(pattern).all())  # nulls are passed over
