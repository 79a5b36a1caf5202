"""Cells: from what a file or a frame holds to the declared types, with every fault noted by its row."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from kgrec.data import columns as c
from kgrec.data.attributes import canonical_attributes
from kgrec.data.extras import parse_extra
from kgrec.data.report import EXAMPLES, Findings
from kgrec.data.schema import Column, Table
from kgrec.data.sources import ROW, Source
from kgrec.data.timestamps import MILLISECONDS_FROM, are_dates, parse_timestamps
from kgrec.errors import list_first

CLOCK = "__clock__"  # the timestamp before its fraction of a second is cut, for the order of the rows
MOST_WHOLE = 2**53  # up to which every whole number is exact as a float


def parse_table(source: Source, table: Table, findings: Findings) -> pl.DataFrame | None:
    """Read every cell of a raw table as its declared type; extra columns get the plainest type that holds them.

    Returns
    -------
    polars.DataFrame or None
        Every declared column (null where the source has none), then the extra ones in the source's order, then
        `__row__` and, when there is a timestamp, `__clock__`; None when a required column is missing.
    """
    found = [name for name in source.frame.columns if name != ROW]
    missing = [name for name in table.required if name not in found]
    if missing:
        expected = "missing required column " + list_first(missing)
        findings.fault(source.name, f"{expected} (found {list_first(found, limit=12)})")
        return None
    if not source.frame.height:
        findings.fault(source.name, "the table is empty (no rows)")
        return None
    series = [source.stored(_parse_declared(source, column, table, findings)) for column in table.columns]
    declared = {column.name for column in table.columns}
    series += [source.stored(parse_extra(source, name, findings)) for name in found if name not in declared]
    series.append(source.stored(source.frame[ROW]))
    if c.TIMESTAMP in declared:
        series.append(source.stored(_clock(source)))
    return pl.DataFrame(series)


def row_examples(rows: Iterable[object], values: Iterable[object]) -> str:
    """The first few rows and their values as text: `row 3: 'abc', row 9: 'x'`."""
    pairs = [f"row {row}: {value!r}" for row, value, _ in zip(rows, values, range(EXAMPLES), strict=False)]
    return ", ".join(pairs)


def fault_rows(source: Source, findings: Findings, *, bad: pl.Series, column: str, problem: str, fix: str = "") -> None:
    """Note one fault for all the rows where `bad` is true, with the first few of them."""
    picked = source.frame.select(ROW, column).filter(bad)
    if picked.height:
        shown = row_examples(picked[ROW], picked[column])
        count = f"{picked.height:,} {'row' if picked.height == 1 else 'rows'}"
        findings.fault(source.name, f"{count} with {problem} ({shown})", fix)


def _parse_declared(source: Source, column: Column, table: Table, findings: Findings) -> pl.Series:
    height = source.frame.height
    if column.name not in source.frame.columns:
        return pl.Series(column.name, [None], dtype=column.dtype).new_from_index(0, height)
    raw = without_blanks(source.frame[column.name])
    match column.kind:
        case "id":
            parsed = parse_id(source, raw, findings)
        case "text" | "name" | "category" | "event":
            parsed = _parse_text(source, raw, column, findings)
        case "number" | "integer" | "flag":
            parsed = _parse_number(source, raw, column, table, findings)
        case "time":
            parsed = parse_seconds(source, raw, findings).floor().cast(pl.Int64)
        case "json":
            parsed = _parse_json(source, raw, findings)
    return parsed.rename(column.name)


def without_blanks(raw: pl.Series) -> pl.Series:
    """The same values; an empty string is a missing value, as it is in a CSV file."""
    if isinstance(raw.dtype, (pl.Categorical, pl.Enum)) or raw.dtype == pl.Null:
        raw = raw.cast(pl.String)
    if raw.dtype == pl.String:
        return raw.set(raw == "", None) if (raw == "").any() else raw
    return raw.fill_nan(None) if raw.dtype.is_float() else raw


def parse_id(source: Source, raw: pl.Series, findings: Findings) -> pl.Series:
    """The ids as text; where `parse_ids` finds something wrong, it is noted and all are null."""
    parsed, fault = parse_ids(raw)
    if fault:
        findings.fault(source.name, f"column {raw.name!r} {fault}")
    return parsed


def parse_ids(raw: pl.Series) -> tuple[pl.Series, str]:
    """Read ids as text.

    Returns
    -------
    (Series of str, str)
        The ids, null where there is none; and what is wrong with them, "" where nothing is: if it is, all are null.

    >>> parse_ids(pl.Series([13, 1]))[0].to_list()
    ['13', '1']
    >>> parse_ids(pl.Series([13.0]))[1].partition(";")[0]
    'holds floating-point numbers (13.0), expected text or integers'
    """
    if isinstance(raw.dtype, (pl.String, pl.Categorical, pl.Enum, pl.Null)) or raw.dtype.is_integer():
        return raw.cast(pl.String), ""
    if raw.null_count() == raw.len():
        return _nulls(raw, pl.String()), ""
    shown = list_first(raw.drop_nulls().head(EXAMPLES).to_list())
    what = "floating-point numbers" if raw.dtype.is_float() else f"values of type {raw.dtype}"
    fix = "read the ids as text, so that none changes its form"
    if raw.dtype in (pl.Binary, pl.Object):
        shown, fix = list_first(map(type, raw.drop_nulls().head(1).to_list())), "make text of them, of UUIDs by str"
    return _nulls(raw, pl.String()), f"holds {what} ({shown}), expected text or integers; {fix}"


def _parse_text(source: Source, raw: pl.Series, column: Column, findings: Findings) -> pl.Series:
    if raw.dtype.is_nested() or raw.dtype in (pl.Binary, pl.Object, pl.Duration):
        findings.fault(source.name, f"column {raw.name!r} holds values of type {raw.dtype}, expected text")
        return _nulls(raw, pl.String())
    text = raw.cast(pl.String)
    match column.kind:
        case "name":
            return normalise_name(text)
        case "category":
            return normalise_category(text)
        case "event":
            unknown = ~text.is_in(c.EVENT_TYPES) & text.is_not_null()
            names = text.filter(unknown).unique(maintain_order=True)
            fault_rows(
                source,
                findings,
                bad=unknown,
                column=raw.name,
                problem=f"an unknown {raw.name}: {list_first(names)}",
                fix=f"expected one of {', '.join(c.EVENT_TYPES)}",
            )
    return text


def normalise_name(text: pl.Series) -> pl.Series:
    """Names without the blanks around them, null when nothing is left."""
    text = text.str.strip_chars()
    return text.set(text == "", None)


def normalise_category(text: pl.Series) -> pl.Series:
    """Category paths as `A > B > C`: levels trimmed, empty levels left out, null when no level is left.

    >>> normalise_category(pl.Series(["A>B > C ", " > ", None])).to_list()
    ['A > B > C', None, None]
    """
    path = text.str.replace_all(r"(\s*>\s*)+", c.CATEGORY_SEPARATOR).str.strip_chars(" >\t\r\n")
    return path.set(path == "", None)


def _parse_number(source: Source, raw: pl.Series, column: Column, table: Table, findings: Findings) -> pl.Series:
    if raw.dtype.is_nested() or raw.dtype.is_temporal() or raw.dtype in (pl.Binary, pl.Object):
        findings.fault(source.name, f"column {raw.name!r} holds values of type {raw.dtype}, expected numbers")
        return _nulls(raw, column.dtype)
    numbers = raw.cast(pl.Float64, strict=False)
    unread = raw.is_not_null() & (numbers.is_null() | numbers.is_infinite().fill_null(value=False))
    numbers = numbers.fill_nan(None)
    fault_rows(
        source,
        findings,
        bad=unread,
        column=raw.name,
        problem=f"a {raw.name} that is not a number",
        fix="write it as digits, like 12.50, without a currency or a thousands separator",
    )
    if column.kind == "flag":
        wrong = ~numbers.is_in([0.0, 1.0]) & numbers.is_not_null() & ~unread
        fault_rows(source, findings, bad=wrong, column=raw.name, problem=f"a {raw.name} that is neither 0 nor 1")
        return numbers.set(wrong | unread, None).cast(column.dtype)
    if column.kind == "integer":
        wrong = ((numbers != numbers.floor()) | (numbers.abs() > MOST_WHOLE)).fill_null(value=False) & ~unread
        fault_rows(source, findings, bad=wrong, column=raw.name, problem=f"a {raw.name} that is not a whole number")
        numbers = numbers.set(wrong | unread, None)
    numbers = numbers.set(unread, None)
    return _in_range(source, numbers, column, table, findings).cast(column.dtype)


def _in_range(source: Source, numbers: pl.Series, column: Column, table: Table, findings: Findings) -> pl.Series:
    outside = pl.repeat(False, numbers.len(), eager=True)
    if column.minimum is not None:
        outside |= numbers <= column.minimum if column.above else numbers < column.minimum
    if column.maximum is not None:
        outside |= numbers > column.maximum
    outside = outside.fill_null(value=False)
    picked = source.frame.select(ROW, column.name).filter(outside)
    shown = [f"row {row}: {value}" for row, value in picked.head(EXAMPLES).rows()]
    findings.line(table.name, f"{column.name} not {column.range_text}", picked.height, "made null", shown)
    return numbers.set(outside, None)


def parse_seconds(source: Source, raw: pl.Series, findings: Findings) -> pl.Series:
    """Times as UTC epoch seconds with fractions; null where there is none or a bad one, which is noted."""
    clock, bad = parse_timestamps(raw)
    fault_rows(
        source,
        findings,
        bad=bad,
        column=raw.name,
        problem=f"a bad {raw.name}",
        fix="expected UTC epoch seconds or ISO 8601, like 2014-07-21T10:30:00Z",
    )
    long = (clock.abs() > MILLISECONDS_FROM).fill_null(value=False)
    fault_rows(
        source,
        findings,
        bad=long,
        column=raw.name,
        problem=f"a {raw.name} that looks like milliseconds or finer",
        fix="expected seconds: divide by 1,000 (milliseconds) or 1,000,000 (microseconds)",
    )
    if are_dates(clock):
        findings.fault(source.name, f"column {raw.name!r} holds dates like {raw.drop_nulls()[0]}: write 2014-07-21")
    return clock.set(long, None)


def _parse_json(source: Source, raw: pl.Series, findings: Findings) -> pl.Series:
    if raw.dtype == pl.Struct:
        raw = raw.struct.json_encode().set(raw.is_null(), None)
    if raw.dtype != pl.String:
        findings.fault(source.name, f"column {raw.name!r} holds values of type {raw.dtype}, expected JSON objects")
        return _nulls(raw, pl.String())
    parsed, bad = canonical_attributes(raw)
    fault_rows(
        source,
        findings,
        bad=bad,
        column=raw.name,
        problem=f"{raw.name} that can't be read",
        fix='expected a JSON object of name -> value or list of values, like {"color": ["red"]}',
    )
    return parsed


def _clock(source: Source) -> pl.Series:
    if c.TIMESTAMP not in source.frame.columns:
        return pl.Series(CLOCK, [None], dtype=pl.Float64).new_from_index(0, source.frame.height)
    return parse_timestamps(without_blanks(source.frame[c.TIMESTAMP]))[0].rename(CLOCK)


def _nulls(like: pl.Series, dtype: pl.DataType) -> pl.Series:
    return pl.Series(like.name, [None], dtype=dtype).new_from_index(0, like.len())
