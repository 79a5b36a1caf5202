"""read_dataset: a folder of files, kgrec's own or those of other tools, to a Dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, get_args

from kgrec.data import columns as c
from kgrec.data import disk, kgat, kgcn, recbole
from kgrec.data.assembly import assemble
from kgrec.data.cleaning import OnUnknown
from kgrec.data.dataset import Dataset
from kgrec.data.report import Findings
from kgrec.data.schema import TABLES
from kgrec.data.sources import SUFFIXES, Sources, event_keys, from_folder
from kgrec.errors import ConfigError, list_first

Layout = Literal["auto", "kgrec", "recbole", "kgat", "kgcn"]
MOST_OF_MEMORY = 0.01  # the files of a log beside the machine's memory: read, they take up to fifty times their size


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
        go (`TMPDIR`, which must not be memory itself), about 140 bytes a row and while reading three times that, and
        everything is done slice by slice; pyarrow is needed. None: by the size of the files, in memory up to a
        hundredth of the machine's. Only kgrec's own layout; nothing else changes.

    Returns
    -------
    Dataset
        `dataset.report` says what was cleaned.

    Raises
    ------
    DataError
        Listing every fault of every table: the folder or a file can't be read, missing columns, bad values, ...
    ConfigError
        If `on_unknown` or `layout` is none of those, or tables are to lie on disk and pyarrow is not installed.
    """
    folder = Path(path)
    findings = Findings()
    sources = _read_sources(folder, layout, findings, in_memory)
    return Dataset.from_content(assemble(sources, findings, where=str(folder), on_unknown=on_unknown))


def _read_sources(folder: Path, layout: Layout, findings: Findings, in_memory: bool | None) -> Sources:
    if layout not in get_args(Layout):
        raise ConfigError(f"layout is {layout!r}, expected one of {', '.join(get_args(Layout))}")
    if layout == "auto":
        layout = _layout_of(folder, findings)
    match layout:
        case "recbole":
            return recbole.from_recbole(folder, findings)
        case "kgat":
            return kgat.from_kgat(folder, findings)
        case "kgcn":
            return kgcn.from_kgcn(folder, findings)
    if in_memory is None:
        in_memory = _log_size(folder) <= MOST_OF_MEMORY * os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if not in_memory:
        disk.check_disk()
    return from_folder(folder, findings, in_memory=in_memory)


def _log_size(folder: Path) -> int:
    """Bytes of the files of events and impressions."""
    keys = c.EVENTS, c.IMPRESSIONS, *event_keys()
    files = [folder / f"{key}{suffix}" for key in keys for suffix in SUFFIXES]
    return sum(file.stat().st_size for file in files if file.is_file())


def _layout_of(folder: Path, findings: Findings) -> Layout:
    """The layout of the files that are there; kgrec's own, whose reader says what is missing, when there are none."""
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
    if len(found) > 1:
        findings.fault(str(folder), f"holds files of the layouts {list_first(found)}", "say which: layout=...")
        findings.raise_faults("the dataset")
    return found[0] if found else "kgrec"
