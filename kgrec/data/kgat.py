"""KGAT's files (also LightGCN's, KGIN's, ...) as the raw tables of a dataset.

A line of `train.txt`, `test.txt` and, if there is one, `valid.txt` is a user and the items it interacted with; a line
of `kg_final.txt` is a head, a relation and a tail; all are whole numbers. `item_list.txt`, `user_list.txt` and
`relation_list.txt` say what the numbers stand for.

Source: Wang et al. 2019 (KGAT), its data folder. Entities whose number is below that of the items are the items.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import polars as pl

from kgrec.data import columns as c
from kgrec.data.lines import NUMBERS, note_bad_lines, read_lines, read_numbers, split_fields
from kgrec.data.report import Findings
from kgrec.data.sources import ROW, Source, Sources, event_keys

PARTS = ("train.txt", "valid.txt", "test.txt")  # in the order of columns.PARTS
GRAPH = "kg_final.txt"
_LISTS = {c.ITEM_ID: "item_list.txt", c.USER_ID: "user_list.txt", c.RELATION: "relation_list.txt"}


def from_kgat(folder: Path, findings: Findings) -> Sources:
    """Read the files of a KGAT folder.

    The ids are the numbers of the files. What the lists say of items and users is kept as columns (`org_id`, ...);
    relations take their names from theirs. The items are all that a part, the list or the graph names: the graph's
    are the numbers up to the largest item. The parts are a fixed split; without `valid.txt` validation is empty.
    """
    parts = {name: _read_part(folder / name, findings) for name in PARTS if (folder / name).is_file()}
    for name in (PARTS[0], PARTS[2]):
        if name not in parts:
            findings.fault(name, "the file is missing", "a KGAT folder holds train.txt and test.txt")
    lists = {id_column: _read_list(folder / name, id_column, findings) for id_column, name in _LISTS.items()}
    facts = read_graph(folder / GRAPH, findings) if (folder / GRAPH).is_file() else None
    sources: dict[str, Source | None] = {c.ITEMS: item_table(parts.values(), lists[c.ITEM_ID], facts)}
    for key, name in zip(event_keys(), PARTS, strict=True):
        sources[key] = _numbered(parts.get(name), name)  # None: an empty part, or one whose fault is noted
    if lists[c.USER_ID] is not None:
        sources[c.USERS] = _numbered(lists[c.USER_ID], _LISTS[c.USER_ID])
    if facts is not None:
        sources[c.TRIPLES] = triple_table(facts, lists[c.RELATION])
    _note_unread(folder, findings)
    return sources


def _read_part(path: Path, findings: Findings) -> pl.DataFrame | None:
    """One row per user and item, both Int64."""
    lines = read_lines(path, findings)
    if lines is None:
        return None
    is_good = lines["text"].str.contains(NUMBERS)
    note_bad_lines(
        lines.filter(~is_good), "something else than whole numbers: a user and its items", path.name, findings
    )
    numbers = lines.filter(is_good)["text"].str.extract_all(r"\d+").cast(pl.List(pl.Int64))
    users = pl.DataFrame([numbers.list.first().alias(c.USER_ID), numbers.list.slice(1).alias(c.ITEM_ID)])
    idle = users.filter(pl.col(c.ITEM_ID).list.len() == 0)[c.USER_ID]
    findings.line(path.name, "user without an item", idle.len(), "dropped", idle)
    pairs = users.filter(pl.col(c.ITEM_ID).list.len() > 0).explode(c.ITEM_ID)
    distinct = pairs.unique(maintain_order=True)
    findings.line(path.name, "item named twice for a user", pairs.height - distinct.height, "dropped")
    if not distinct.height and is_good.all():
        findings.fault(path.name, "the table is empty (no rows)")
        return None
    return distinct


def _read_list(path: Path, id_column: str, findings: Findings) -> pl.DataFrame | None:
    """A list with a header line: `remap_id` becomes the id, Int64, the other columns stay text."""
    lines = read_lines(path, findings) if path.is_file() else None
    if lines is None:
        return None
    header = lines["text"][0].split()
    if "remap_id" not in header or len(set(header)) < len(header):
        findings.fault(path.name, f"the header is {lines['text'][0]!r}", "expected one like 'org_id remap_id'")
        return None
    spaced = lines[1:].with_columns(pl.col("text").str.strip_chars().str.replace_all(r"\s+", " "))
    table = split_fields(spaced, header, " ", path.name, findings)
    number = table["remap_id"].cast(pl.Int64, strict=False)
    note_bad_lines(
        spaced.filter(spaced[ROW].is_in(table.filter(number.is_null())[ROW].implode())),
        "a remap_id that is no whole number",
        path.name,
        findings,
    )
    table = table.with_columns(number.alias(id_column)).drop("remap_id", ROW).drop_nulls(id_column)
    repeated = table.filter(pl.col(id_column).is_duplicated())[id_column].unique().sort()
    if repeated.len():
        findings.fault(path.name, f"{repeated.len():,} remap_id listed twice, such as {repeated[0]}")
    return table.select(id_column, pl.exclude(id_column))


def read_graph(path: Path, findings: Findings) -> pl.DataFrame | None:
    """The lines of `kg_final.txt`, Int64."""
    return read_numbers(path, (c.HEAD, c.RELATION, c.TAIL), "three whole numbers: head, relation, tail", findings)


def item_table(
    parts: Iterable[pl.DataFrame | None], listed: pl.DataFrame | None, facts: pl.DataFrame | None
) -> Source | None:
    """The items of the parts, of the list and, up to the largest of those, of the graph."""
    seen = [part[c.ITEM_ID] for part in parts if part is not None]
    seen += [] if listed is None else [listed[c.ITEM_ID]]
    known = pl.concat(seen).unique().drop_nulls() if seen else pl.Series([], dtype=pl.Int64)
    if not known.len():
        return None
    if facts is not None:
        entities = pl.concat([facts[c.HEAD], facts[c.TAIL]]).unique()
        known = pl.concat([known, entities.filter(entities <= known.max())]).unique()
    items = known.sort().rename(c.ITEM_ID).to_frame()
    if listed is not None:
        items = items.join(listed.unique(c.ITEM_ID), on=c.ITEM_ID, how="left", maintain_order="left")
    return _numbered(items, c.ITEMS)


def triple_table(facts: pl.DataFrame, names: pl.DataFrame | None) -> Source:
    """Relations by name where the list has one, else by number."""
    relation = pl.col(c.RELATION).cast(pl.String)
    if names is not None and "org_id" in names.columns:
        facts = facts.join(names.unique(c.RELATION), on=c.RELATION, how="left", maintain_order="left")
        relation = pl.coalesce("org_id", relation)
    frame = facts.select(c.HEAD, relation.alias(c.RELATION), c.TAIL, ROW)
    return Source(frame, GRAPH)


def _numbered(frame: pl.DataFrame | None, name: str) -> Source | None:
    return None if frame is None else Source.of(frame, name)


def _note_unread(folder: Path, findings: Findings) -> None:
    known = {*PARTS, GRAPH, *_LISTS.values()}
    for path in sorted(folder.glob("*.txt")):
        if path.name not in known:
            findings.line(path.name, "not a table of a dataset", 1, "not read")
