"""read_dataset: a dataset folder to a Dataset."""

from __future__ import annotations

import os
from pathlib import Path

from kgrec.data.assembly import assemble
from kgrec.data.cleaning import OnUnknown
from kgrec.data.dataset import Dataset
from kgrec.data.report import Findings
from kgrec.data.sources import from_folder


def read_dataset(path: str | os.PathLike[str], *, on_unknown: OnUnknown = "raise") -> Dataset:
    """Read a dataset folder: items and events, and optionally users, queries, triples and impressions.

    Each table is one file `NAME.csv`, `NAME.csv.gz` or `NAME.parquet`; the columns are those of `kgrec.data.schema`.
    The three files `events.train`, `events.validation` and `events.test` instead of `events` make a fixed split.

    Parameters
    ----------
    path : path
        The folder.
    on_unknown : "raise" or "skip"
        What to do with events and queries whose item is not in the catalogue: a fault, or drop and count them.

    Returns
    -------
    Dataset
        `dataset.report` says what was cleaned.

    Raises
    ------
    DataError
        Listing every fault of every table: the folder or a file can't be read, missing columns, bad values, ...
    ConfigError
        If `on_unknown` is neither of the two.
    """
    folder = Path(path)
    findings = Findings()
    sources = from_folder(folder, findings)
    return Dataset.from_content(assemble(sources, findings, where=str(folder), on_unknown=on_unknown))
