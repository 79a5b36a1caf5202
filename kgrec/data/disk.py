"""Frames that lie in files: the system holds their pages in memory only as long as there is room."""

from __future__ import annotations

import errno
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import polars as pl

from kgrec.errors import ConfigError

ROWS = 1 << 19  # of a slice
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def slices(height: int) -> Iterator[slice]:
    """Ranges of at most `ROWS` rows that are all of them; of no row there is one too.

    >>> list(slices(0))
    [slice(0, 0, None)]
    """
    for begin in range(0, max(height, 1), ROWS):
        yield slice(begin, min(begin + ROWS, height))


def is_possible() -> bool:
    """Whether frames can lie on disk: pyarrow maps them."""
    try:
        import pyarrow  # noqa: F401
    except ImportError:
        return False
    return True


def on_disk(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """The rows of frames with one schema, at least one, as a frame that is mapped from files.

    The files lie where temporary ones do (`TMPDIR`) and lose their name at once: the system frees them with the frame.
    """
    with _folder() as folder:
        pieces = []
        for number, frame in enumerate(frames):
            file = folder / f"{number}.arrow"
            frame.rechunk().write_ipc(file)  # the same chunks for every column of as many rows
            pieces.append(_mapped(file))
        return pl.concat(pieces)


def scanned(table: pl.LazyFrame) -> pl.DataFrame:
    """What a scan of a file holds, as a frame that is mapped from another file, written bit by bit."""
    with _folder() as folder:
        file = folder / "table.arrow"
        table.sink_ipc(file)
        return _mapped(file)


def stored(frame: pl.DataFrame, mask: pl.Series | None = None) -> pl.DataFrame:
    """The rows of a frame, those of a mask where one is given, on disk."""
    parts = ((frame[some], None if mask is None else mask[some]) for some in slices(frame.height))
    return on_disk(part if chosen is None else part.filter(chosen) for part, chosen in parts)


def gathered(frame: pl.DataFrame, rows: np.ndarray) -> Iterator[pl.DataFrame]:
    """Some rows in the order asked, slice by slice.

    What lies between the first and the last row of a slice is copied: polars does so to gather from many chunks.
    """
    for some in slices(len(rows)):
        place = rows[some].astype(np.int64)
        first, last = (int(place.min()), int(place.max())) if len(place) else (0, -1)
        yield frame[first : last + 1][place - first]


def taken(frame: pl.DataFrame, rows: np.ndarray) -> pl.DataFrame:
    """Some rows, whose places ascend, in memory."""
    parts = []
    for some in slices(frame.height):
        first, last = np.searchsorted(rows, [some.start, some.stop])
        parts.append(frame[some][rows[first:last].astype(np.int64) - some.start])
    together: pl.DataFrame = pl.concat(parts)
    return together


@contextmanager
def _folder() -> Iterator[Path]:
    """One for files that lose their name; one error where there is no room for them."""
    with tempfile.TemporaryDirectory(prefix="kgrec-") as folder:
        try:
            yield Path(folder)
        except OSError as error:
            if not _is_full(error):
                raise
            raise ConfigError(
                f"there is no room in {tempfile.gettempdir()} for tables on disk, some 420 bytes a row: "
                "set TMPDIR to a folder with room, or pass in_memory=True"
            ) from error


def _is_full(error: OSError) -> bool:
    """Whether there was no room; the errors of polars tell their number in words alone."""
    return error.errno in _FULL or any(f"(os error {number})" in str(error) for number in _FULL)


def _mapped(file: Path) -> pl.DataFrame:
    import pyarrow as pa  # optional

    with pa.memory_map(str(file)) as source:
        frame = pl.from_arrow(pa.ipc.open_file(source).read_all(), rechunk=False)
    assert isinstance(frame, pl.DataFrame)
    return frame
