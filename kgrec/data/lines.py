"""Text files of other tools, line by line: what a line holds, and which lines are bad."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from kgrec.data.report import EXAMPLES, Findings
from kgrec.data.sources import ROW

_NO_SEPARATOR = "\x01"  # occurs in no text: polars then reads whole lines
NUMBERS = r"^\s*\d{1,18}(\s+\d{1,18})*\s*$"  # a line of whole numbers
_TEXT, _FIELDS = "text", "fields"


def read_lines(path: Path, findings: Findings) -> pl.DataFrame | None:
    """The lines of a text file that are not blank: `__row__` (the number of the line, from 1) and `text`.

    Returns
    -------
    polars.DataFrame or None
        None when the file can't be read or has no line, which is noted in `findings`.
    """
    try:
        lines = pl.read_csv(
            path, separator=_NO_SEPARATOR, has_header=False, quote_char=None, infer_schema=False, glob=False
        )
    except pl.exceptions.NoDataError:
        findings.fault(path.name, "the file is empty")
        return None
    except (pl.exceptions.PolarsError, OSError) as error:
        findings.fault(path.name, f"can't be read as UTF-8 text: {str(error).strip().splitlines()[0]}")
        return None
    text = lines.to_series().rename(_TEXT).str.strip_prefix("\ufeff")
    numbers = pl.int_range(1, text.len() + 1, dtype=pl.Int64, eager=True).alias(ROW)
    kept = pl.DataFrame([numbers, text]).filter(text.str.strip_chars().fill_null("") != "")
    if not kept.height:
        findings.fault(path.name, "the file is empty")
        return None
    return kept


def split_fields(
    lines: pl.DataFrame, columns: list[str], separator: str, name: str, findings: Findings
) -> pl.DataFrame:
    """Lines of fields to a table of text; lines with more or fewer fields are a fault.

    Quotes are text, but in a line that would have another number of fields: there they are read as in a CSV file, where
    a quoted field may hold the separator.

    Returns
    -------
    polars.DataFrame: the columns, and `__row__`.
    """
    split = lines.with_columns(pl.col(_TEXT).str.split(separator).alias(_FIELDS))
    fits = pl.col(_FIELDS).list.len() == len(columns)
    odd = split.filter(~fits)  # few: they alone are read one by one
    reread = [_quoted(text, separator) for text in odd[_TEXT]]
    odd = odd.with_columns(pl.Series(_FIELDS, reread, dtype=pl.List(pl.String)))
    note_bad_lines(odd.filter(~fits), f"another number of fields than {len(columns)}", name, findings)
    good = pl.concat([split.filter(fits), odd.filter(fits)]).sort(ROW)
    return good.select(*(pl.col(_FIELDS).list.get(place).alias(column) for place, column in enumerate(columns)), ROW)


def _quoted(text: str, separator: str) -> list[str]:
    """The fields of a line with quotes; none of one that can't be such a line."""
    try:
        return next(csv.reader([text], delimiter=separator))
    except csv.Error:  # a field of more than 131,072 letters, a carriage return within
        return []


def read_numbers(path: Path, columns: Sequence[str], what: str, findings: Findings) -> pl.DataFrame | None:
    """A file of as many whole numbers a line as there are columns: these as Int64, and `__row__`.

    Parameters
    ----------
    what : str
        The numbers of a line in words, for the fault of lines that hold others.
    """
    lines = read_lines(path, findings)
    if lines is None:
        return None
    numbers = lines[_TEXT].str.extract_all(r"\d+").cast(pl.List(pl.Int64), strict=False)
    is_good = lines[_TEXT].str.contains(NUMBERS) & (numbers.list.len() == len(columns))
    note_bad_lines(lines.filter(~is_good), f"something else than {what}", path.name, findings)
    good = numbers.filter(is_good)
    table = pl.DataFrame([good.list.get(place).alias(name) for place, name in enumerate(columns)])
    return table.with_columns(lines.filter(is_good)[ROW])


def note_bad_lines(bad: pl.DataFrame, problem: str, name: str, findings: Findings) -> None:
    """Note one fault for all the lines of `bad`, with the first few of them."""
    if bad.height:
        shown = ", ".join(f"line {line}: {text[:60]!r}" for line, text in bad.select(ROW, _TEXT).head(EXAMPLES).rows())
        count = f"{bad.height:,} {'line' if bad.height == 1 else 'lines'}"
        findings.fault(name, f"{count} with {problem} ({shown})")
