"""All tables together: raw tables in, clean and consistent ones out, or one error that lists every fault."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from kgrec.data import cleaning, disk, schema
from kgrec.data import columns as c
from kgrec.data.cleaning import HIDDEN, Catalogue, OnUnknown
from kgrec.data.parsing import parse_table
from kgrec.data.report import CleaningReport, Findings
from kgrec.data.schema import Table
from kgrec.data.sources import SUFFIXES, Sources, event_keys
from kgrec.errors import ConfigError, list_first

_PART = "__part__"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Content:
    """The clean tables of a dataset. Every declared column is there; one that was not given is null.

    Parameters
    ----------
    part : polars.Series or None
        For a fixed split: the part of each event, as its place in `columns.PARTS`.
    on_disk : bool
        Whether the events lie on disk.
    """

    items: pl.DataFrame
    events: pl.DataFrame
    users: pl.DataFrame
    queries: pl.DataFrame
    triples: pl.DataFrame
    report: CleaningReport
    part: pl.Series | None = None
    on_disk: bool = False

    def kept(self, mask: pl.Series) -> pl.DataFrame:
        """Some of the events, on disk where they are."""
        return disk.stored(self.events, mask) if self.on_disk else self.events.filter(mask)


def assemble(sources: Sources, findings: Findings, *, where: str, on_unknown: OnUnknown) -> Content:
    """Read, clean and check all tables.

    Raises
    ------
    ConfigError
        If `on_unknown` is neither "raise" nor "skip".
    DataError
        Listing every fault of every table.
    """
    if on_unknown not in ("raise", "skip"):
        raise ConfigError(f'on_unknown is {on_unknown!r}, expected "raise" or "skip"')
    _check_presence(sources, findings)
    items = read_table(schema.ITEMS, sources, findings)
    catalogue = None if items is None else Catalogue(items[c.ITEM_ID], on_unknown)
    events, part = read_events(sources, findings, catalogue)
    users = read_table(schema.USERS, sources, findings)
    queries = read_table(schema.QUERIES, sources, findings, catalogue)
    triples = read_table(schema.TRIPLES, sources, findings)
    for name, frame in ((c.ITEMS, items), (c.EVENTS, events)):
        if frame is not None and not frame.height and not findings.faults:
            findings.fault(name, "no row is left after cleaning")
    findings.raise_faults(where)
    assert items is not None  # absent tables are faults
    assert events is not None
    _count_idle(items, events, users, findings)
    report = CleaningReport.of(findings.lines)
    users, queries, triples = (
        or_empty(users, schema.USERS),
        or_empty(queries, schema.QUERIES),
        or_empty(triples, schema.TRIPLES),
    )
    return Content(
        items=items,
        events=events,
        users=users,
        queries=queries,
        triples=triples,
        part=part,
        report=report,
        on_disk=is_on_disk(sources),
    )


def _check_presence(sources: Sources, findings: Findings) -> None:
    parts = [key for key in event_keys() if key in sources]
    absent = [key for key in event_keys() if key not in sources]
    forms = f"expected {{}}{', {}'.join(SUFFIXES)}"
    if c.ITEMS not in sources:
        findings.fault(c.ITEMS, "the table is missing", forms.format(*[c.ITEMS] * 3))
    if c.EVENTS in sources and parts:
        findings.fault(c.EVENTS, f"given both whole and in parts ({list_first(parts)})", "keep one of the two")
    elif c.EVENTS not in sources and not parts:
        findings.fault(c.EVENTS, "the table is missing", forms.format(*[c.EVENTS] * 3))
    elif parts and absent:
        findings.fault(c.EVENTS, f"a fixed split needs all three parts, and there is no {list_first(absent)}")
    if c.IMPRESSIONS in sources and parts:
        findings.fault(
            c.IMPRESSIONS,
            "a fixed split says nothing of the part of these rows",
            "put them into events.train, events.validation and events.test",
        )


def read_table(
    table: Table,
    sources: Sources,
    findings: Findings,
    catalogue: Catalogue | None = None,
) -> pl.DataFrame | None:
    """One table other than the events, cleaned; None where it is not given or can't be read, which is noted."""
    source = sources.get(table.name)
    frame = parse_table(source, table, findings) if source else None
    if source is None or frame is None:
        return None
    frame = cleaning.drop_missing_ids(frame, source, table, findings)
    if catalogue is not None:
        frame = cleaning.drop_unknown_items(frame, source, table, catalogue, findings)
    frame = cleaning.drop_duplicate_rows(frame, source, table, findings)
    cleaning.check_keys(frame, source, table, findings)
    cleaning.count_gaps(frame, source, table, findings)
    return frame.drop(HIDDEN, strict=False)


def read_events(
    sources: Sources, findings: Findings, catalogue: Catalogue | None
) -> tuple[pl.DataFrame | None, pl.Series | None]:
    """All events, cleaned, and of a fixed split the part of each; None where there are none or they can't be read."""
    keys = [key for key in event_keys() if key in sources]
    fixed, later = bool(keys) and c.EVENTS not in sources, event_keys()[1:]
    frames = []
    for key in keys if fixed else [c.EVENTS, c.IMPRESSIONS]:
        table = schema.IMPRESSIONS if key == c.IMPRESSIONS else replace(schema.EVENTS, name=key)
        source = sources.get(key)
        if source and key in later and not source.frame.height:
            continue  # a split need not have anything to choose by or to be tested on
        frame = parse_table(source, table, findings) if source else None
        if source is None or frame is None:
            continue
        frame = cleaning.drop_missing_ids(frame, source, table, findings)
        if catalogue is not None:
            frame = cleaning.drop_unknown_items(frame, source, table, catalogue, findings)
        frame = cleaning.clean_events(frame, source, table, findings)
        if key != c.IMPRESSIONS:
            cleaning.count_gaps(frame, source, table, findings)
        part = event_keys().index(key) if fixed else -1
        frames.append(frame.drop(HIDDEN).with_columns(pl.lit(part, dtype=pl.Int8).alias(_PART)))
    if not frames:
        return None, None
    try:
        events = _together(frames, is_on_disk(sources))
    except pl.exceptions.PolarsError as error:
        findings.fault(c.EVENTS, f"the tables of events do not fit together: {error}")
        return None, None
    declared = list(schema.EVENTS.dtypes)
    events = events.select(*declared, pl.exclude(declared))
    return events.drop(_PART), events[_PART].rename("part") if fixed else None


def _together(frames: Sequence[pl.DataFrame], on_disk: bool) -> pl.DataFrame:
    """The rows of all frames, with the columns of all."""
    if not on_disk:
        return pl.concat(frames, how="diagonal_relaxed")
    like = pl.concat([frame.clear() for frame in frames], how="diagonal_relaxed")
    parts = (frame[some] for frame in frames for some in disk.slices(frame.height))
    return disk.on_disk(pl.concat([like, part], how="diagonal_relaxed") for part in parts)


def is_on_disk(sources: Sources) -> bool:
    """Whether some table lies on disk: then the events do."""
    return any(source is not None and source.on_disk for source in sources.values())


def _count_idle(items: pl.DataFrame, events: pl.DataFrame, users: pl.DataFrame | None, findings: Findings) -> None:
    idle = items.filter(~pl.col(c.ITEM_ID).is_in(events[c.ITEM_ID].unique().implode()))[c.ITEM_ID]
    findings.line(c.ITEMS, "without events", idle.len(), "kept", idle)
    if users is not None:
        active = events[c.USER_ID].unique(maintain_order=True)
        idle = users.filter(~pl.col(c.USER_ID).is_in(active.implode()))[c.USER_ID]
        findings.line(c.USERS, "without events", idle.len(), "kept", idle)
        unlisted = events[c.USER_ID].filter(~events[c.USER_ID].is_in(users[c.USER_ID].implode()))
        findings.line(c.EVENTS, "user_id not in users", unlisted.len(), "kept", unlisted.unique(maintain_order=True))


def or_empty(frame: pl.DataFrame | None, table: Table) -> pl.DataFrame:
    """The frame, or one without rows."""
    return pl.DataFrame(schema=table.dtypes) if frame is None else frame
