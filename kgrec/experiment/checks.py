"""What every table and setting handed to an experiment must be; all faults of a table in one error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias

import polars as pl

from kgrec.data import columns as c
from kgrec.data.parsing import parse_id, parse_seconds, row_examples, without_blanks
from kgrec.data.report import Findings
from kgrec.data.sources import ROW, Frame, Source, to_table
from kgrec.errors import ConfigError, DataError, list_first, not_number, raise_faults

Ranges: TypeAlias = "Mapping[str, tuple[pl.Expr, str]]"


def check_level(level: float, what: str) -> None:
    """Raise ConfigError unless `level` lies strictly between 0 and 1."""
    if faults := not_number(0, 1, level=level):
        raise ConfigError(f"{what}: {faults[0]}, such as 0.95")


def read_table(frame: Frame, columns: Sequence[str], what: str, ranges: Ranges | None = None) -> pl.DataFrame:
    """Take a table of any frame library, with the columns that an experiment needs read as `Dataset` reads them.

    Parameters
    ----------
    frame : frame
        Polars, pandas, Arrow, LazyFrame or dict of columns.
    columns : sequence of str
        May have no gap. Of these user_id, item_id, arm and event become text (from text or integers), and timestamp
        UTC epoch seconds, int64 if given as integers, else float64.
    ranges : mapping of column to (expression, what is expected in words), optional
        More columns: finite numbers of which the expression holds.

    Returns
    -------
    polars.DataFrame
        All columns and rows in the order given.

    Raises
    ------
    DataError
        If it is no table, lacks a column or a row, or a value can't be; all bad values in one error.
    """
    table, ranges = to_table(frame, what), ranges or {}
    names = dict.fromkeys([*columns, *ranges])
    missing = [name for name in names if name not in table.columns]
    if missing:
        raise DataError(f"{what}: missing columns {list_first(missing)} (found {list_first(table.columns, 12)})")
    if not table.height:
        raise DataError(f"{what}: the table is empty (no rows)")
    source, findings = Source(table.drop(ROW, strict=False).with_row_index(ROW), what), Findings()
    raw = {name: table[name] if name in ranges else without_blanks(table[name]) for name in names}
    read = [_PARSERS[name](source, raw[name], findings) for name in names if name in _PARSERS and name not in ranges]
    faults = [rows_fault(table, raw[name].is_null(), name, "no value") for name in names if raw[name].null_count()]
    faults += [fault.removeprefix(f"{what}: ") for fault in findings.faults]
    raise_faults(DataError, what, [*faults, *_number_faults(table, ranges)])
    return table.with_columns(read)


def _seconds(source: Source, raw: pl.Series, findings: Findings) -> pl.Series:
    seconds = parse_seconds(source, raw, findings)
    return (seconds.cast(pl.Int64) if raw.dtype.is_integer() else seconds).rename(raw.name)


_PARSERS = {c.USER_ID: parse_id, c.ITEM_ID: parse_id, c.ARM: parse_id, c.EVENT: parse_id, c.TIMESTAMP: _seconds}


def _number_faults(table: pl.DataFrame, ranges: Ranges) -> list[str]:
    kinds = {name: table.schema[name] for name in ranges}
    strange = [name for name, kind in kinds.items() if not (kind.is_numeric() or kind in (pl.Boolean, pl.Null))]
    faults = [f"column {name!r} is of type {kinds[name]}, expected {ranges[name][1]}" for name in strange]
    good = {
        name: pl.col(name).cast(pl.Float64).is_finite() & holds
        for name, (holds, _) in ranges.items()
        if name not in strange
    }
    holds_of = table.select(expression.all().alias(name) for name, expression in good.items())
    bad = [name for name in good if not holds_of[name][0]]
    return faults + [rows_fault(table, ~good[name], name, f"expected {ranges[name][1]}") for name in bad]


def rows_fault(frame: pl.DataFrame, bad: pl.Expr | pl.Series, column: str, problem: str) -> str:
    """One line on the rows where `bad` holds, with the first few of them (rows count from 0)."""
    found = frame.select(pl.col(column)).with_row_index(ROW).filter(bad)
    shown = row_examples(found[ROW], found[column])
    return f"{found.height:,} {'row' if found.height == 1 else 'rows'} of column {column!r}: {problem} ({shown})"


def between(name: str, low: float, high: float = math.inf, *, low_too: bool = True) -> pl.Expr:
    """Whether the column lies in low..high; `low` itself only with `low_too`."""
    value = pl.col(name).cast(pl.Float64)
    return ((value >= low) if low_too else (value > low)) & (value <= high)


def zero_or_one(*names: str) -> Ranges:
    """The ranges of columns such as label; true and false are 1 and 0."""
    return {name: (pl.col(name).cast(pl.Float64).is_in([0.0, 1.0]), "0 or 1") for name in names}
