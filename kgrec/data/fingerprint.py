"""A hash of what tables hold, the same on every platform, in every process and for every file format."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

import numpy as np
import polars as pl

from kgrec.data.disk import slices


def fingerprint(tables: Mapping[str, pl.DataFrame], *, ordered: frozenset[str]) -> str:
    """SHA-256 of the tables as 64 hex digits.

    The order of columns does not count; the order of rows counts only in the tables named in `ordered`. Columns
    without a value are left out.

    Parameters
    ----------
    tables : mapping of name to frame
        Columns of text, int, float, bool, or lists of text or numbers.
    ordered : set of names
        The tables in which the order of the rows counts.
    """
    digest = hashlib.sha256()
    for name, table in sorted(tables.items()):
        kept = table.select(sorted(column for column in table.columns if table[column].null_count() < table.height))
        if name not in ordered:
            kept = kept.sort([column for column, dtype in kept.schema.items() if not dtype.is_nested()])
        digest.update(f"table {name} {kept.height}\n".encode())
        for series in kept:
            _update(digest, series)
    return digest.hexdigest()


def _update(digest: hashlib._Hash, series: pl.Series) -> None:
    """Add one column. Lengths go before bytes, so that no two contents give the same stream."""
    if series.dtype == pl.List:
        digest.update(f"list {series.name}\n".encode())
        lengths = series.list.len().cast(pl.Int64).fill_null(-1)
        digest.update(_bytes(lengths, "<i8"))
        _update(digest, series.filter(lengths > 0).explode())
    elif series.dtype == pl.String:
        digest.update(f"text {series.name}\n".encode())
        for some in slices(series.len()):
            digest.update(_bytes(series[some].str.len_bytes().cast(pl.Int64).fill_null(-1), "<i8"))
        for some in slices(series.len()):
            digest.update("".join(series[some].drop_nulls().to_list()).encode())
    else:
        kind = "<f8" if series.dtype.is_float() else "<i8"
        digest.update(f"{kind} {series.name}\n".encode())
        for some in slices(series.len()):
            digest.update(_bytes(series[some].is_null().cast(pl.Int64), "<i1"))
        filled = 0 if series.dtype.is_numeric() else False
        for some in slices(series.len()):
            digest.update(_bytes(series[some].fill_null(filled), kind))


def _bytes(series: pl.Series, kind: str) -> bytes:
    return (series.cast(pl.Float64 if kind == "<f8" else pl.Int64).to_numpy() + 0).astype(np.dtype(kind)).tobytes()
