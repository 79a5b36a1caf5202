"""Raw tables, from a dataset folder or from frames of any library, before their cells are read."""

from __future__ import annotations

import gzip
import json
import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeGuard, cast

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data import disk
from kgrec.data.report import Findings
from kgrec.data.schema import TABLES
from kgrec.errors import DataError, list_first

SUFFIXES = (".csv", ".csv.gz", ".parquet")
ROW = "__row__"  # the row's number in its source, for messages
_RENAMED = re.compile(r"(.*)_duplicated_\d+")  # what polars calls a repeated CSV column


class ArrowTable(Protocol):
    """Anything that exports the Arrow C stream interface: pandas, polars, pyarrow, DuckDB, ..."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Columns: TypeAlias = "Mapping[str, Sequence[Any] | np.ndarray | pl.Series]"
Frame: TypeAlias = "ArrowTable | pl.LazyFrame | Columns | Sequence[Mapping[str, Any]]"


@dataclass(frozen=True, slots=True)
class Source:
    """One raw table and what to call it in messages.

    Parameters
    ----------
    frame : polars.DataFrame
        The rows as found, and their numbers in the column `__row__`.
    name : str
        The file's name, or the table's when it was given as a frame.
    is_text : bool
        Whether every cell is text whose type must be guessed (CSV).
    on_disk : bool
        Whether the rows lie on disk, and what is made of them is to.
    """

    frame: pl.DataFrame
    name: str
    is_text: bool = False
    on_disk: bool = False

    @classmethod
    def of(cls, frame: pl.DataFrame, name: str, *, is_text: bool = False) -> Source:
        """Number the rows; a CSV's first data row is row 2, as its header is row 1."""
        numbers = pl.int_range(frame.height, dtype=pl.Int64, eager=True).rename(ROW) + (2 if is_text else 1)
        return cls(frame.with_columns(numbers.alias(ROW)), name, is_text)

    @classmethod
    def scanned(cls, table: pl.LazyFrame, name: str, *, is_text: bool = False) -> Source:
        """The same, of a table that is not read into memory."""
        numbered = table.drop(ROW, strict=False).with_row_index(ROW, 2 if is_text else 1)
        ordered = numbered.select(pl.exclude(ROW), pl.col(ROW).cast(pl.Int64))
        return cls(disk.scanned(ordered), name, is_text, on_disk=True)

    def stored(self, column: pl.Series) -> pl.Series:
        """A column made of this table, where the table lies."""
        return disk.stored(column.to_frame()).to_series() if self.on_disk else column

    def kept(self, frame: pl.DataFrame, mask: pl.Series) -> pl.DataFrame:
        """Some rows of what was made of this table, where the table lies."""
        return disk.stored(frame, mask) if self.on_disk else frame.filter(mask)


# By table (`events.train`, ... for a fixed split); None: given, but it can't be read, which has been noted, or a part
# of a fixed split that holds no event.
Sources: TypeAlias = Mapping[str, Source | None]


def event_keys() -> list[str]:
    """The names under which events of a fixed split are found: `events.train`, ..."""
    return [f"{c.EVENTS}.{part}" for part in c.PARTS]


def from_folder(folder: Path, findings: Findings, *, in_memory: bool = True) -> Sources:
    """Read every table of a dataset folder; unless `in_memory`, events and impressions onto disk.

    Raises
    ------
    DataError
        If there is no such folder. Everything else that is wrong is noted in `findings`.
    """
    if not folder.is_dir():
        findings.fault(str(folder), "is not a folder", "give the folder that holds the items and events files")
        findings.raise_faults("the dataset")
    sources: dict[str, Source | None] = {}
    known: set[Path] = set()
    for key in [*TABLES, *event_keys()]:
        paths = [path for path in (folder / f"{key}{suffix}" for suffix in SUFFIXES) if path.is_file()]
        known.update(paths)
        if len(paths) > 1:
            findings.fault(key, f"found twice, as {list_first(path.name for path in paths)}", "keep one")
        elif paths:
            is_log = key in (c.EVENTS, c.IMPRESSIONS, *event_keys())
            sources[key] = read_file(paths[0], findings, in_memory=in_memory or not is_log)
    for path in sorted(folder.iterdir()):
        if path.name.endswith(SUFFIXES) and path not in known:
            findings.line(path.name, "not a table of a dataset", 1, "not read")
    return sources


def from_frames(tables: Mapping[str, Frame | Mapping[str, Frame] | None], findings: Findings) -> Sources:
    """Take tables given as frames; the events may be a mapping of part to frame, for a fixed split.

    One without rows is as good as none where none need be given: another dataset's `users`, say.
    """
    sources: dict[str, Source | None] = {}
    for key, frame in _flattened(tables):
        try:
            taken = Source.of(to_polars(frame), key)
            if taken.frame.height or key == c.ITEMS or key.startswith(c.EVENTS):
                sources[key] = taken
        except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
            findings.fault(key, f"can't be taken as a table: {first_line(error)}")
            sources[key] = None
    return sources


def _flattened(tables: Mapping[str, Frame | Mapping[str, Frame] | None]) -> Iterator[tuple[str, Frame]]:
    for key, frame in tables.items():
        if key == c.EVENTS and isinstance(frame, Mapping) and frame and set(frame) <= set(c.PARTS):
            yield from ((f"{key}.{part}", cast("Frame", frame[part])) for part in c.PARTS if part in frame)
        elif frame is not None:
            yield key, cast("Frame", frame)


def read_file(path: Path, findings: Findings, *, in_memory: bool = True) -> Source | None:
    """Read one table, into memory or onto disk; None where it can't be read, which is noted."""
    is_text = not path.name.endswith(".parquet")
    try:
        if in_memory:
            frame = pl.read_csv(path, infer_schema=False, glob=False) if is_text else pl.read_parquet(path, glob=False)
            source = Source.of(frame, path.name, is_text=is_text)
        else:
            scan = pl.scan_csv(path, infer_schema=False, glob=False) if is_text else pl.scan_parquet(path, glob=False)
            source = Source.scanned(scan, path.name, is_text=is_text)
    except pl.exceptions.NoDataError:
        findings.fault(path.name, "the file is empty")
        return None
    except (pl.exceptions.PolarsError, OSError, NotImplementedError) as error:  # the last: of pyarrow
        fix = "save it as UTF-8" if "utf-8" in str(error).lower() else _separated(path) if is_text else ""
        findings.fault(path.name, f"can't be read: {first_line(error)}", fix)
        return None
    if is_text and source.frame.width == 2 and (fix := _separated(path)):  # one column, and the numbers of the rows
        findings.fault(path.name, f"has the one column {source.frame.columns[0]!r}", fix)
        return None
    if odd := patterns(source.frame.columns):
        findings.fault(path.name, f"the columns {list_first(odd)} have names of patterns", "rename them")
        return None
    for name in source.frame.columns:
        renamed = _RENAMED.fullmatch(name)
        if is_text and renamed and renamed[1] in source.frame.columns:
            findings.fault(path.name, f"has the column {renamed[1]!r} twice")
    return source


def _separated(path: Path) -> str:
    """What to do about a file of text whose header has no comma but another sign between words."""
    try:
        with gzip.open(path, "rt", errors="replace") if path.suffix == ".gz" else path.open(errors="replace") as file:
            header = file.readline()
    except OSError:
        return ""
    sign = next((sign for sign in (";", "\t", "|") if sign in header and "," not in header), "")
    return f"it looks separated by {sign!r}: separate it by commas, with a point in numbers" if sign else ""


def first_line(error: BaseException) -> str:
    """What an error says, in one line; its name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@dataclass(frozen=True, slots=True)
class _Stream:
    """Hides what a frame is, so that polars takes it by the Arrow stream and needs no pyarrow of its own."""

    frame: ArrowTable

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self.frame.__arrow_c_stream__(requested_schema)


def patterns(names: Iterable[str]) -> list[str]:
    """The names that polars takes for patterns of column names: `*`, and `^...$`."""
    return [name for name in names if name == "*" or (name.startswith("^") and name.endswith("$"))]


def to_polars(frame: Frame) -> pl.DataFrame:
    """Take a frame of any library, a list of dicts, or a dict of columns, where one value is that of every row.

    Raises
    ------
    TypeError, ValueError, polars.exceptions.PolarsError
        If it is no table, or its columns can't be.
    """
    taken = _taken(frame)
    if odd := patterns(taken.columns):
        raise ValueError(f"the columns {list_first(odd)} have names of patterns: rename them")
    return taken


def _taken(frame: Frame) -> pl.DataFrame:
    if isinstance(frame, pl.LazyFrame):
        return frame.collect()
    if isinstance(frame, pl.DataFrame):
        return frame
    if isinstance(frame, Mapping):
        return pl.DataFrame(
            {
                str(name): _series(str(name), values)
                if isinstance(values, Iterable) and not isinstance(values, str)
                else values
                for name, values in frame.items()
            }
        )
    if isinstance(frame, (list, tuple)) and not frame:
        return pl.DataFrame()
    if is_rows(frame):
        names = dict.fromkeys(str(name) for row in frame for name in row)
        return pl.DataFrame([_series(name, [row.get(name) for row in frame]) for name in names])
    if hasattr(frame, "__arrow_c_stream__"):
        try:
            taken = pl.DataFrame(_Stream(frame))
        except (ImportError, NotImplementedError, TypeError, ValueError):  # pandas: no pyarrow, or a mixed column
            if not (hasattr(frame, "columns") and hasattr(frame, "__getitem__")):
                raise
            mixed = cast("Any", frame)
            if twice := [name for name, times in Counter(map(str, mixed.columns)).items() if times > 1]:
                raise ValueError(f"several columns are called {list_first(twice)}") from None
            return pl.DataFrame([_series(str(name), mixed[name].tolist()) for name in mixed.columns])
        return taken.select(name for name in taken.columns if not name.startswith("__index_level_"))
    expected = "a pandas, polars or Arrow table, a dict of columns or a list of dicts"
    raise TypeError(f"found {type(frame).__name__}, expected {expected}")


def is_rows(given: object) -> TypeGuard[Sequence[Mapping[str, Any]]]:
    """Whether it is a list of dicts, each a row."""
    return isinstance(given, (list, tuple)) and bool(given) and all(isinstance(row, Mapping) for row in given)


def to_table(frame: Frame, what: str) -> pl.DataFrame:
    """What `to_polars` makes of a frame; DataError if it is none."""
    try:
        return to_polars(frame)
    except (pl.exceptions.PolarsError, TypeError, ValueError, OSError) as error:
        raise DataError(f"{what}: can't be taken as a table: {first_line(error)}") from error


def _series(name: str, values: Sequence[Any] | np.ndarray | pl.Series) -> pl.Series:
    """A column of Python values; dicts become JSON text, NaN, NA and NaT null, other values text where some are."""
    if isinstance(values, (pl.Series, np.ndarray)) and not (isinstance(values, np.ndarray) and values.dtype == object):
        return pl.Series(name, values)
    plain = [_plain(value) for value in values]
    if any(isinstance(value, str) for value in plain):
        plain = [json.dumps(value, default=str) if isinstance(value, list) else value for value in plain]
        plain = [value if value is None or isinstance(value, str) else str(value) for value in plain]
    return pl.Series(name, plain, strict=False)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return json.dumps(value)
    if isinstance(value, (np.number, np.bool_, np.str_)):
        value = value.item()
    is_missing = type(value).__name__ in ("NAType", "NaTType") or (isinstance(value, float) and math.isnan(value))
    return None if is_missing else value
