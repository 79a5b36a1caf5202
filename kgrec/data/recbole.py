"""RecBole's atomic files as the raw tables of a dataset.

`NAME.inter` becomes the events, `NAME.item` the items, `NAME.user` the users, `NAME.kg` the triples; `NAME.link` says
which entity of the triples is which item. Fields are parted by tabs; a header field is `name:type`.

Source: the documentation of RecBole, "Atomic Files". Differs: lists are documented as parted by spaces; those
of a column that holds `, ` are taken as parted by commas, as in many files in circulation.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgrec.data import columns as c
from kgrec.data.lines import read_lines, split_fields
from kgrec.data.parsing import fault_rows
from kgrec.data.report import Findings
from kgrec.data.schema import EVENTS
from kgrec.data.sources import ROW, Source, Sources
from kgrec.errors import list_first

INTER = ".inter"
PART_NAMES = {"train": c.TRAIN, "valid": c.VALIDATION, "test": c.TEST}  # NAME.train.inter, ...
_TYPES = ("token", "token_seq", "float", "float_seq")
_TABLES = {".item": c.ITEMS, ".user": c.USERS, ".kg": c.TRIPLES}
RATING, ENTITY_ID = "rating", "entity_id"
# what a column of .item becomes; of several for one the first is taken, and the others are attributes
_ITEM_COLUMNS = {
    c.TITLE: ("title", "name", "item_name", "movie_title"),
    c.DESCRIPTION: ("description",),
    c.BRAND: ("brand",),
    c.CATEGORY: ("category", "categories"),
    c.PRICE: ("price",),
}


@dataclass(frozen=True, slots=True, eq=False)
class AtomicFile:
    """A file as text columns and `__row__`, and the type of each column."""

    name: str
    frame: pl.DataFrame
    types: dict[str, str]

    def typed(self, column: str, findings: Findings) -> pl.Series:
        """A column as its type says: String, List(String), Float64 or List(Float32); bad numbers are a fault."""
        raw = self.frame[column]
        source = Source(self.frame, self.name)
        match self.types[column]:
            case "token_seq":
                return split_list(raw)
            case "float":
                numbers = raw.cast(pl.Float64, strict=False)
                bad = numbers.is_null() & raw.is_not_null()
                fault_rows(source, findings, bad=bad, column=column, problem=f"a {column} that is not a number")
                return numbers
            case "float_seq":
                lists = split_list(raw).cast(pl.List(pl.Float32), strict=False)
                bad = lists.list.eval(pl.element().is_null()).list.any().fill_null(value=False)
                problem = f"a {column} that is not a list of numbers"
                fault_rows(source, findings, bad=bad, column=column, problem=problem)
                return lists
        return raw


def from_recbole(folder: Path, findings: Findings) -> Sources:
    """Read the atomic files of a folder.

    Events with a `rating` are reviews and keep it as a column; others are of the default type. Of `.item`, title,
    brand, category, description and price are taken by name (a list of categories is a path); other tokens become
    attributes, other numbers columns. Without `.item` the items are those of the events. `NAME.train.inter`,
    `NAME.valid.inter` and `NAME.test.inter` are a fixed split; without the second, validation is empty.

    Raises
    ------
    DataError
        If the folder does not hold exactly one dataset. Everything else that is wrong is noted in `findings`.
    """
    names = sorted({_dataset_name(path) for path in folder.glob(f"*{INTER}")})
    if len(names) != 1:
        problem = f"holds the datasets {list_first(names)}" if names else f"holds no {INTER} file"
        findings.fault(str(folder), problem, "give a folder with the files of one dataset")
        findings.raise_faults("the dataset")
    name = names[0]
    sources: dict[str, Source | None] = _event_sources(folder, name, findings)
    files = {suffix: _read_atomic(folder / f"{name}{suffix}", findings) for suffix in (*_TABLES, ".link")}
    items = files[".item"]
    if items is not None:
        sources[c.ITEMS] = _items(items, findings)
    elif not (folder / f"{name}.item").is_file():
        sources[c.ITEMS] = _items_of_events(sources, name)
    else:
        sources[c.ITEMS] = None
    users = files[".user"]
    if users is not None:
        sources[c.USERS] = _source(users, [users.typed(column, findings) for column in users.types])
    if files[".kg"] is not None:
        sources[c.TRIPLES] = _triples(files[".kg"], files[".link"], sources[c.ITEMS], findings)
    _note_unread(folder, name, findings)
    return sources


def _dataset_name(path: Path) -> str:
    name, _, part = path.name.removesuffix(INTER).rpartition(".")
    return name if name and part in PART_NAMES else path.name.removesuffix(INTER)


def _read_atomic(path: Path, findings: Findings) -> AtomicFile | None:
    lines = read_lines(path, findings) if path.is_file() else None
    if lines is None:
        return None
    header = [field.strip() for field in lines["text"][0].split("\t")]
    types = {name: kind for name, _, kind in (field.rpartition(":") for field in header)}
    bad = [field for field in header if field.rpartition(":")[2] not in _TYPES or not field.rpartition(":")[0]]
    if bad or len(types) < len(header):
        problem = f"header fields {list_first(bad)}" if bad else "the header names a field twice"
        findings.fault(path.name, problem, f"expected name:type with a type of {', '.join(_TYPES)}, parted by tabs")
        return None
    frame = split_fields(lines[1:], list(types), "\t", path.name, findings)
    return AtomicFile(path.name, frame.with_columns(_cell(name) for name in types), types)


def _cell(name: str) -> pl.Expr:
    """A field as it was before a CSV writer put it into quotes; nothing is a missing value."""
    text = pl.col(name)
    quoted = text.str.contains(r'^"([^"]|"")*"$') & (text.str.len_chars() >= 2)
    plain = pl.when(quoted).then(text.str.slice(1, text.str.len_chars() - 2).str.replace_all('""', '"')).otherwise(text)
    return pl.when(plain != "").then(plain).alias(name)


def split_list(raw: pl.Series) -> pl.Series:
    """Lists in text, parted as the column shows: by `', '` where values stand in quotes, by `, `, else by spaces.

    >>> split_list(pl.Series(["Make-up, Lip care", "Soap", None])).to_list()
    [['Make-up', 'Lip care'], ['Soap'], None]
    >>> split_list(pl.Series(["'Creams, Gels', 'Lotions'"])).to_list()
    [['Creams, Gels', 'Lotions']]
    >>> split_list(pl.Series(["red blue"])).to_list()
    [['red', 'blue']]
    """
    separators = ("', '", ", ")
    separator = next((text for text in separators if raw.str.contains(text, literal=True).any()), " ")
    parts = raw.str.split(separator)
    return parts.list.eval(pl.element().str.strip_chars(" ,'\"[]").replace("", None).drop_nulls())


def _event_sources(folder: Path, name: str, findings: Findings) -> dict[str, Source | None]:
    sources: dict[str, Source | None] = {}
    whole = folder / f"{name}{INTER}"
    if whole.is_file():
        sources[c.EVENTS] = _events(_read_atomic(whole, findings), findings)
    paths = {part: folder / f"{name}.{short}{INTER}" for short, part in PART_NAMES.items()}
    if any(path.is_file() for path in paths.values()):
        for part, path in paths.items():
            if path.is_file() or part == c.VALIDATION:  # without a file: a part without a row
                sources[f"{c.EVENTS}.{part}"] = _events(_read_atomic(path, findings), findings)
    return sources


def _events(file: AtomicFile | None, findings: Findings) -> Source | None:
    """Declared columns stay text, to be read like those of any dataset."""
    if file is None:
        return None
    declared = EVENTS.dtypes
    series = [file.frame[name] if name in declared else file.typed(name, findings) for name in file.types]
    if RATING in file.types and c.EVENT not in file.types:
        series.append(pl.Series(c.EVENT, ["review"]).new_from_index(0, file.frame.height))
    return _source(file, series)


def _items(file: AtomicFile, findings: Findings) -> Source:
    taken = {
        column: next((name for name in names if name in file.types), None) for column, names in _ITEM_COLUMNS.items()
    }
    series = [file.frame[c.ITEM_ID]] if c.ITEM_ID in file.types else []
    for column, name in taken.items():
        if name is not None:
            is_path = column == c.CATEGORY and file.types[name] == "token_seq"
            values = split_list(file.frame[name]).list.join(c.CATEGORY_SEPARATOR) if is_path else file.frame[name]
            series.append(values.rename(column))
    others = [name for name in file.types if name != c.ITEM_ID and name not in taken.values()]
    floats = [name for name in others if file.types[name].startswith("float") and name != c.ATTRIBUTES]
    series += [file.typed(name, findings) for name in floats]
    tokens = [file.typed(name, findings) for name in others if file.types[name].startswith("token")]
    if tokens:
        texts = [json.dumps(row, ensure_ascii=False) for row in pl.DataFrame(tokens).iter_rows(named=True)]
        series.append(pl.Series(c.ATTRIBUTES, texts, dtype=pl.String))
    return _source(file, series)


def _items_of_events(sources: dict[str, Source | None], name: str) -> Source | None:
    frames = [source.frame for source in sources.values() if source is not None]
    ids = [frame[c.ITEM_ID].drop_nulls() for frame in frames if c.ITEM_ID in frame.columns]
    if not ids:
        return None
    return Source.of(pl.concat(ids).unique(maintain_order=True).to_frame(), f"{name}{INTER}")


def _triples(
    file: AtomicFile | None, links: AtomicFile | None, items: Source | None, findings: Findings
) -> Source | None:
    """Facts with the items in the place of the entities that are linked to them."""
    ends = {"head_id": c.HEAD, "relation_id": c.RELATION, "tail_id": c.TAIL}
    if file is None or not _has(file, ends, findings):
        return None
    facts = file.frame.select(*(pl.col(name).alias(new) for name, new in ends.items()), ROW)
    item_ids = items.frame[c.ITEM_ID] if items is not None and c.ITEM_ID in items.frame.columns else None
    if links is None or item_ids is None or not _has(links, (c.ITEM_ID, ENTITY_ID), findings):
        return Source(facts, file.name)
    pairs = links.frame.select(c.ITEM_ID, ENTITY_ID).drop_nulls().unique(maintain_order=True)
    known = pairs.filter(pl.col(c.ITEM_ID).is_in(item_ids.implode()))
    findings.line(links.name, "item_id not in items", pairs.height - known.height, "link not used")
    height = facts.height
    for end in (c.HEAD, c.TAIL):
        facts = facts.join(known, left_on=end, right_on=ENTITY_ID, how="left", maintain_order="left")
        clash = pl.col(c.ITEM_ID).is_null() & pl.col(end).is_in(item_ids.implode())
        count = int(facts.select(clash.sum()).item())
        findings.line(file.name, f"{end} has the id of an item it is not linked to", count, "named 'entity ID'")
        entity = pl.when(clash).then("entity " + pl.col(end)).otherwise(pl.col(end))
        facts = facts.with_columns(pl.coalesce(c.ITEM_ID, entity).alias(end)).drop(c.ITEM_ID)
    if facts.height > height:  # an entity of several items: its facts are theirs
        facts = facts.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias(ROW))
    return Source(facts, file.name)


def _has(file: AtomicFile, columns: Iterable[str], findings: Findings) -> bool:
    missing = [name for name in columns if name not in file.types]
    if missing:
        findings.fault(file.name, f"missing required column {list_first(missing)} (found {list_first(file.types)})")
    return not missing


def _source(file: AtomicFile, series: list[pl.Series]) -> Source:
    return Source(pl.DataFrame([*series, file.frame[ROW]]), file.name)


def _note_unread(folder: Path, name: str, findings: Findings) -> None:
    read = {f"{name}{suffix}" for suffix in (*_TABLES, ".link", INTER)} | {
        f"{name}.{part}{INTER}" for part in PART_NAMES
    }
    for path in sorted(folder.glob(f"{name}.*")):
        if path.name not in read:
            findings.line(path.name, "not a table of a dataset", 1, "not read")
