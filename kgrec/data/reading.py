"""read_dataset: a folder of files, kgrec's own or those of other tools, to a Dataset."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Literal, get_args

import polars as pl

from kgrec.data import columns as c
from kgrec.data import disk, kgat, kgcn, recbole
from kgrec.data.assembly import assemble
from kgrec.data.cleaning import OnUnknown
from kgrec.data.dataset import Dataset
from kgrec.data.report import Findings
from kgrec.data.schema import TABLES
from kgrec.data.sources import SUFFIXES, Sources, event_keys, from_folder
from kgrec.errors import ConfigError, check_is, list_first

logger = logging.getLogger(__name__)

Layout = Literal["auto", "kgrec", "recbole", "kgat", "kgcn"]
ROW_BYTES, MOST_OF_MEMORY = 300, 0.5  # an event read and trained on in memory, at most; share of the machine's for all
TEXT_BYTES, ZIPPED_BYTES = 50, 10  # a row of a file, about
CONTAINER_LIMITS = (  # of cgroups, version 2 and 1
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def read_dataset(
    path: str | os.PathLike[str],
    *,
    on_unknown: OnUnknown = "raise",
    layout: Layout = "auto",
    in_memory: bool | None = None,
) -> Dataset:
    """Read a dataset folder: items and events, and optionally users, queries, triples and impressions.

    In kgrec's own layout each table is one file `NAME.csv`, `NAME.csv.gz` or `NAME.parquet`; the columns are those of
    `kgrec.data.schema`. The three files `events.train`, `events.validation` and `events.test` instead of `events` make
    a fixed split. RecBole's atomic files (`NAME.inter`, ...), KGAT's (`train.txt`, ...) and KGCN's
    (`ratings_final.txt`, ...) are read too; the modules `kgrec.data.recbole`, `kgrec.data.kgat` and `kgrec.data.kgcn`
    say what becomes of them.

    Parameters
    ----------
    path : path
        The folder.
    on_unknown : "raise" or "skip"
        What to do with events and queries whose item is not in the catalogue: a fault, or drop and count them.
    layout : "auto", "kgrec", "recbole", "kgat" or "kgcn"
        Whose files the folder holds; "auto" goes by their names.
    in_memory : bool, optional
        Whether events and impressions are held in memory. Else they lie in files without a name where temporary files
        go (`TMPDIR`, which must not be memory itself), 140 bytes a row, while reading three times that, and are gone
        through slice by slice: the same dataset, in less memory. pyarrow is needed. None: on disk where they would take
        half of the machine's memory, or of what its container may have, and pyarrow is there. Other tools' layouts are
        read into memory.

    Returns
    -------
    Dataset
        `dataset.report` says what was cleaned.

    Raises
    ------
    DataError
        Listing every fault of every table: the folder or a file can't be read, missing columns, bad values, ...
    ConfigError
        If `on_unknown` or `layout` is none of those, or tables are to lie on disk and there is no room, or no pyarrow.
    """
    check_is((str, os.PathLike), "read_dataset", path=path)
    folder = Path(path)
    findings = Findings()
    sources = _read_sources(folder, layout, findings, in_memory)
    return Dataset.from_content(assemble(sources, findings, where=str(folder), on_unknown=on_unknown))


def _read_sources(folder: Path, layout: Layout, findings: Findings, in_memory: bool | None) -> Sources:
    if layout not in get_args(Layout):
        raise ConfigError(f"layout is {layout!r}, expected one of {', '.join(get_args(Layout))}")
    if in_memory is False and not disk.is_possible():
        raise ConfigError("tables on disk need pyarrow: pip install 'kgrec[disk]', or pass in_memory=True")
    if layout == "auto":
        layout = _layout_of(folder, findings)
    match layout:
        case "recbole":
            return recbole.from_recbole(folder, findings)
        case "kgat":
            return kgat.from_kgat(folder, findings)
        case "kgcn":
            return kgcn.from_kgcn(folder, findings)
    return from_folder(folder, findings, in_memory=_fits(folder) if in_memory is None else in_memory)


def _fits(folder: Path) -> bool:
    """Whether events and impressions are to be held in memory, by how many there are."""
    keys = c.EVENTS, c.IMPRESSIONS, *event_keys()
    files = [folder / f"{key}{suffix}" for key in keys for suffix in SUFFIXES]
    rows = sum(_rows_about(file) for file in files if file.is_file())
    if not hasattr(os, "sysconf"):  # Windows, where a file that is mapped can't lose its name either
        return True
    if rows * ROW_BYTES <= MOST_OF_MEMORY * _memory():
        return True
    if not disk.is_possible():
        logger.warning("%s: some %s events are read into memory; on disk, with kgrec[disk]", folder, f"{rows:,}")
        return True
    return False


def _memory() -> int:
    """Bytes of memory that there are to use: the machine's, or the container's where that has fewer."""
    sizes = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for file in CONTAINER_LIMITS:
        try:
            sizes.append(int(file.read_text()))
        except (OSError, ValueError):  # another version of cgroups, or "max": no limit
            continue
    return min(sizes)


def _rows_about(file: Path) -> int:
    """How many rows a file holds, for text by its size; none where it can't be read, which its reader notes."""
    if file.suffix != ".parquet":
        return file.stat().st_size // (ZIPPED_BYTES if file.suffix == ".gz" else TEXT_BYTES)
    try:
        return int(pl.scan_parquet(file, glob=False).select(pl.len()).collect().item())
    except (pl.exceptions.PolarsError, OSError):
        return 0


def _layout_of(folder: Path, findings: Findings) -> Layout:
    """The layout of the files that are there; kgrec's own, whose reader says what is missing, when there are none."""
    found = layouts_in(folder)
    if len(found) > 1:
        findings.fault(str(folder), f"holds files of the layouts {list_first(found)}", "say which: layout=...")
        findings.raise_faults("the dataset")
    return found[0] if found else "kgrec"


def layouts_in(folder: Path) -> list[Layout]:
    """The layouts of which a folder holds files: one where it is a dataset, none where it isn't."""
    own = [f"{key}{suffix}" for key in [*TABLES, *event_keys()] for suffix in SUFFIXES]
    found: list[Layout] = []
    if any((folder / name).is_file() for name in own):
        found.append("kgrec")
    if any(folder.glob(f"*{recbole.INTER}")):
        found.append("recbole")
    if any((folder / name).is_file() for name in kgat.PARTS):
        found.append("kgat")
    if (folder / kgcn.RATINGS).is_file():
        found.append("kgcn")
    return found
