"""Cleaning of one table: what is dropped, what is only counted, what is a fault. Nothing goes without a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data import disk
from kgrec.data.parsing import CLOCK
from kgrec.data.report import EXAMPLES, Findings
from kgrec.data.schema import Table
from kgrec.data.sources import ROW, Source
from kgrec.errors import list_first

OnUnknown = Literal["raise", "skip"]
HIDDEN = (ROW, CLOCK)


def drop_missing_ids(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> pl.DataFrame:
    """Drop and count the rows that lack a required value (blank lines of a CSV file among them)."""
    for name in table.required:
        lost = frame[ROW].filter(frame[name].is_null())
        findings.line(table.name, f"missing {name}", lost.len(), "dropped", _rows(lost))
        frame = source.kept(frame, frame[name].is_not_null()) if lost.len() else frame
    return frame


def count_gaps(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> None:
    """Count the missing values of the optional columns that matter."""
    for name in table.counted:
        gaps = frame[name].null_count()
        note = []
        if name not in source.frame.columns:
            near = [other for other in source.frame.columns if other.strip().casefold() == name]
            note = ["there is no such column" + (f", but {list_first(near)}" if near else "")]
        findings.line(table.name, f"missing {name}", gaps, "kept", note)


def drop_duplicate_rows(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> pl.DataFrame:
    """Drop and count the rows that repeat an earlier one in every column."""
    return _drop_repeats(frame, [name for name in frame.columns if name not in HIDDEN], source, table, findings)


def _drop_repeats(
    frame: pl.DataFrame,
    names: list[str],
    source: Source,
    table: Table,
    findings: Findings,
    among: pl.Series | None = None,
) -> pl.DataFrame:
    """Drop the rows that repeat an earlier one in the columns `names`; only rows of a mask where one is given."""
    if not frame.height:
        return frame
    hashes = pl.concat([frame[some].select(names).hash_rows() for some in disk.slices(frame.height)])
    ordered = np.sort((hashes if among is None else hashes.filter(among)).to_numpy())
    again = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    del ordered
    if not len(again):
        return frame
    is_suspect = hashes.is_in(pl.Series(again).implode())  # whole rows take ten times the memory
    del hashes
    suspects = frame.filter(is_suspect if among is None else is_suspect & among)
    first = suspects.unique(subset=names, keep="first", maintain_order=True)
    if first.height == suspects.height:
        return frame
    lost = suspects.join(first, on=ROW, how="anti", maintain_order="left")[ROW]
    findings.line(table.name, "exact duplicate", lost.len(), "dropped", _rows(lost))
    return source.kept(frame, ~frame[ROW].is_in(lost.implode()))


def check_keys(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> None:
    """Note a fault when different rows have the same key."""
    if not table.key or frame.select(table.key).n_unique() == frame.height:
        return
    repeated = frame.group_by(table.key, maintain_order=True).agg(pl.col(ROW)).filter(pl.col(ROW).list.len() > 1)
    shown = [
        f"{' / '.join(map(repr, ids))} in rows {', '.join(map(str, rows[:EXAMPLES]))}"
        for *ids, rows in repeated.head(EXAMPLES).rows()
    ]
    count = f"{repeated.height:,} duplicate {'/'.join(table.key)}"
    findings.fault(source.name, f"{count} with rows that differ ({'; '.join(shown)})", "keep one row of each")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The known item_ids, and what to do with a row that names another."""

    item_ids: pl.Series
    on_unknown: OnUnknown


def drop_unknown_items(
    frame: pl.DataFrame, source: Source, table: Table, catalogue: Catalogue, findings: Findings
) -> pl.DataFrame:
    """Find the rows whose item is not in the catalogue: a fault, or dropped and counted with "skip"."""
    known = frame[c.ITEM_ID].is_in(catalogue.item_ids.implode())
    if known.all():
        return frame
    lost = frame.select(ROW, c.ITEM_ID).filter(~known)
    ids = lost[c.ITEM_ID].unique(maintain_order=True)
    if catalogue.on_unknown == "skip":
        findings.line(table.name, "item_id not in items", lost.height, "dropped", ids)
        return source.kept(frame, known)
    rows = f"{lost.height:,} {'row' if lost.height == 1 else 'rows'} (first: {lost[ROW][0]})"
    problem = f"{rows} with an item_id that is not among the {catalogue.item_ids.len():,} of items: {list_first(ids)}"
    findings.fault(source.name, problem, 'add the items or pass on_unknown="skip"')
    return frame


def clean_events(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> pl.DataFrame:
    """Fill in the default event, order the rows of one second, drop exact duplicates, count repeats without a time."""
    if table.name == c.IMPRESSIONS:
        frame = frame.with_columns(pl.lit(c.IMPRESSION).alias(c.EVENT))
    else:
        findings.line(table.name, "missing event", frame[c.EVENT].null_count(), f"taken as {c.DEFAULT_EVENT!r}")
        frame = frame.with_columns(source.stored(frame[c.EVENT].fill_null(c.DEFAULT_EVENT)))
    frame = _ordered_within_seconds(frame, source, table, findings)
    names = [name for name in frame.columns if name != ROW]  # the clock too: fractions tell events apart
    timed = frame[c.TIMESTAMP].is_not_null()
    untimed = frame.select(c.USER_ID, c.ITEM_ID, c.EVENT).filter(~timed)
    findings.line(table.name, "repeated (no timestamp)", untimed.height - untimed.n_unique(), "kept")
    return _drop_repeats(frame, names, source, table, findings, timed)


def _ordered_within_seconds(frame: pl.DataFrame, source: Source, table: Table, findings: Findings) -> pl.DataFrame:
    """Keep the order in time of rows whose times differ by less than a second, though the fraction is cut.

    Each row stays in a place that a row of the same second had, so the order of the file is kept otherwise.
    """
    cut = frame[CLOCK].filter(frame[CLOCK] != frame[c.TIMESTAMP])
    if not cut.len():
        return frame
    findings.line(table.name, "timestamp with a fraction of a second", cut.len(), "cut to whole seconds", cut)
    places = frame[c.TIMESTAMP].arg_sort(nulls_last=True).to_numpy()
    order = frame.select(pl.arg_sort_by(c.TIMESTAMP, CLOCK, nulls_last=True, maintain_order=True)).to_series()
    row = np.empty_like(places)
    row[places] = order.to_numpy()
    return frame[row] if not source.on_disk else disk.on_disk(disk.gathered(frame, row))


def _rows(numbers: pl.Series) -> list[str]:
    return [f"row {row}" for row in numbers.head(EXAMPLES)]
