"""What comes after a dataset: new events and new items, checked and cleaned as those of a dataset are."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias, cast

import polars as pl

from kgrec.data import columns as c
from kgrec.data import schema
from kgrec.data.assembly import Content, or_empty, read_events, read_table
from kgrec.data.cleaning import Catalogue, OnUnknown
from kgrec.data.dataset import Dataset
from kgrec.data.report import CleaningReport, Findings
from kgrec.data.sources import Frame, from_frames, read_file
from kgrec.errors import ConfigError

File: TypeAlias = "str | os.PathLike[str]"


def read_additions(
    events: Frame | File | None, items: Frame | File | None, known: pl.Series, *, on_unknown: OnUnknown = "raise"
) -> tuple[Dataset, Dataset]:
    """Read new events, and new items and news of known ones.

    Parameters
    ----------
    events, items : frames or files, optional
        As `Dataset` and `read_dataset` take them; either may be without rows.
    known : polars.Series
        The item_ids that there are already. Events may be on these and on the new items.
    on_unknown : "raise" or "skip"
        What to do with events on other items: a fault, or drop and count them.

    Returns
    -------
    Dataset, Dataset
        The events with the new items, and the items that are known.

    Raises
    ------
    ConfigError
        If `on_unknown` is neither of the two.
    DataError
        Listing every fault of both tables.
    """
    if on_unknown not in ("raise", "skip"):
        raise ConfigError(f'on_unknown is {on_unknown!r}, expected "raise" or "skip"')
    findings = Findings()
    given = {c.EVENTS: events, c.ITEMS: items}
    files = {key: Path(table) for key, table in given.items() if isinstance(table, (str, os.PathLike))}
    taken = {
        **from_frames({key: cast("Frame | None", table) for key, table in given.items() if key not in files}, findings),
        **{key: read_file(file, findings) for key, file in files.items()},
    }
    sources = {key: source for key, source in taken.items() if source is None or source.frame.height}
    found = or_empty(read_table(schema.ITEMS, sources, findings), schema.ITEMS)
    catalogue = Catalogue(pl.concat([known, found[c.ITEM_ID]]).unique(), on_unknown)
    logged, _ = read_events(sources, findings, catalogue)
    findings.raise_faults("the update")
    is_known = found[c.ITEM_ID].is_in(known.implode())
    content = Content(
        items=found.filter(~is_known),
        events=or_empty(logged, schema.EVENTS),
        users=or_empty(None, schema.USERS),
        queries=or_empty(None, schema.QUERIES),
        triples=or_empty(None, schema.TRIPLES),
        report=CleaningReport.of(findings.lines),
    )
    news = replace(content, items=found.filter(is_known), events=content.events.clear())
    return Dataset.from_content(content), Dataset.from_content(news)
