"""What every table and setting handed to an experiment must be; all faults of a table in one error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import polars as pl

from kgrec.errors import ConfigError, DataError, list_first, raise_faults

EXAMPLES = 5
_ROW = "__row__"


def check_level(level: float, what: str) -> None:
    """Raise ConfigError unless `level` lies strictly between 0 and 1."""
    if isinstance(level, bool) or not isinstance(level, (int, float)) or not 0 < level < 1:
        raise ConfigError(f"{what}: level is {level!r}, expected a number between 0 and 1, such as 0.95")


def check_columns(frame: pl.DataFrame, columns: Sequence[str], what: str) -> None:
    """Raise DataError if the table lacks a column, is empty, or misses a value in one of the columns."""
    missing = [name for name in dict.fromkeys(columns) if name not in frame.columns]
    if missing:
        raise DataError(f"{what}: missing columns {list_first(missing)} (found {list_first(frame.columns, 12)})")
    if not frame.height:
        raise DataError(f"{what}: the table is empty (no rows)")
    gaps = [name for name in dict.fromkeys(columns) if frame[name].null_count()]
    raise_faults(DataError, what, [rows_fault(frame, pl.col(name).is_null(), name, "no value") for name in gaps])


def check_numbers(frame: pl.DataFrame, ranges: Mapping[str, tuple[pl.Expr, str]], what: str) -> None:
    """Raise DataError unless every value of each column is a finite number of which the expression holds.

    Parameters
    ----------
    ranges : mapping of column to (expression, what is expected in words)
    """
    kinds = {name: frame.schema[name] for name in ranges}
    strange = [name for name, kind in kinds.items() if not (kind.is_numeric() or kind == pl.Boolean)]
    faults = [f"column {name!r} is of type {kinds[name]}, expected {ranges[name][1]}" for name in strange]
    good = {
        name: pl.col(name).cast(pl.Float64).is_finite() & holds
        for name, (holds, _) in ranges.items()
        if name not in strange
    }
    holds_of = frame.select(expression.all().alias(name) for name, expression in good.items())
    bad = [name for name in good if not holds_of[name][0]]
    faults += [rows_fault(frame, ~good[name], name, f"expected {ranges[name][1]}") for name in bad]
    raise_faults(DataError, what, faults)


def rows_fault(frame: pl.DataFrame, bad: pl.Expr, column: str, problem: str) -> str:
    """One line on the rows where `bad` holds, with the first few of them (rows count from 0)."""
    found = frame.select(pl.col(column)).with_row_index(_ROW).filter(bad)
    shown = ", ".join(f"row {row}: {value!r}" for row, value in found.select(_ROW, column).head(EXAMPLES).rows())
    return f"{found.height:,} {'row' if found.height == 1 else 'rows'} of column {column!r}: {problem} ({shown})"


def between(name: str, low: float, high: float = math.inf, *, low_too: bool = True) -> pl.Expr:
    """Whether the column lies in low..high; `low` itself only with `low_too`."""
    value = pl.col(name).cast(pl.Float64)
    return ((value >= low) if low_too else (value > low)) & (value <= high)
