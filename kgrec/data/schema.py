"""The declared schema of a dataset: every table, its columns, what they hold and in which range."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import polars as pl

from kgrec.data import columns as c

Kind = Literal["id", "text", "name", "category", "number", "integer", "flag", "time", "event", "json"]

DTYPES: dict[Kind, pl.DataType] = {
    "id": pl.String(),
    "text": pl.String(),
    "name": pl.String(),  # text, trimmed
    "category": pl.String(),  # a path, normalised to `A > B > C`
    "number": pl.Float64(),
    "integer": pl.Int64(),
    "flag": pl.Int8(),  # 0 or 1
    "time": pl.Int64(),  # UTC epoch seconds
    "event": pl.String(),  # one of EVENT_TYPES
    "json": pl.String(),  # a JSON object, keys sorted
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One declared column.

    A value under `minimum` (or at it, when `above` is set) or over `maximum` is out of range and becomes null.
    """

    name: str
    kind: Kind
    required: bool = False
    minimum: float | None = None
    above: bool = False
    maximum: float | None = None

    @property
    def dtype(self) -> pl.DataType:
        """The polars type of the column once read."""
        return DTYPES[self.kind]

    @property
    def range_text(self) -> str:
        """The allowed range in words: `> 0`, `>= 0`, `>= -1 and <= 1`, or empty."""
        low = [] if self.minimum is None else [f"{'>' if self.above else '>='} {self.minimum:g}"]
        return " and ".join(low if self.maximum is None else [*low, f"<= {self.maximum:g}"])


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One declared table. `key` columns identify a row: two different rows with the same key are a fault."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    counted: tuple[str, ...] = ()  # optional columns whose gaps the cleaning report counts

    @property
    def required(self) -> list[str]:
        """Names of the columns without which the table can't be read."""
        return [column.name for column in self.columns if column.required]

    @property
    def dtypes(self) -> dict[str, pl.DataType]:
        """Declared column -> polars type, in canonical order."""
        return {column.name: column.dtype for column in self.columns}


_USER = Column(name=c.USER_ID, kind="id", required=True)
_ITEM = Column(name=c.ITEM_ID, kind="id", required=True)
_EVENT_DETAILS = (
    Column(name=c.TIMESTAMP, kind="time"),
    Column(name=c.QUANTITY, kind="number", minimum=0, above=True),
    Column(name=c.VALUE, kind="number", minimum=0),  # in the shop's currency
    Column(name=c.QUERY, kind="text"),
    Column(name=c.SESSION_ID, kind="id"),
    Column(name=c.POSITION, kind="integer", minimum=1),
    Column(name=c.LABEL, kind="flag"),
    Column(name=c.TEXT, kind="text"),
    Column(name=c.SENTIMENT, kind="number", minimum=-1, maximum=1),
)

ITEMS = Table(
    name=c.ITEMS,
    key=(c.ITEM_ID,),
    columns=(
        _ITEM,
        Column(name=c.TITLE, kind="text"),
        Column(name=c.DESCRIPTION, kind="text"),
        Column(name=c.BRAND, kind="name"),
        Column(name=c.CATEGORY, kind="category"),
        Column(name=c.PRICE, kind="number", minimum=0),  # in the shop's currency
        Column(name=c.ATTRIBUTES, kind="json"),
        Column(name=c.UPDATED_AT, kind="time"),
    ),
    counted=(c.TITLE, c.DESCRIPTION, c.BRAND, c.CATEGORY, c.PRICE),
)
EVENTS = Table(
    name=c.EVENTS,
    columns=(_USER, _ITEM, Column(name=c.EVENT, kind="event"), *_EVENT_DETAILS),
    counted=(c.TIMESTAMP,),
)
IMPRESSIONS = Table(name=c.IMPRESSIONS, columns=(_USER, _ITEM, *_EVENT_DETAILS))
USERS = Table(name=c.USERS, columns=(_USER,), key=(c.USER_ID,))
QUERIES = Table(
    name=c.QUERIES,
    key=(c.QUERY, c.ITEM_ID),
    columns=(
        Column(name=c.QUERY, kind="text", required=True),
        _ITEM,
        Column(name=c.RELEVANCE, kind="number", minimum=0),
    ),
)
TRIPLES = Table(
    name=c.TRIPLES,
    columns=tuple(Column(name=name, kind="id", required=True) for name in (c.HEAD, c.RELATION, c.TAIL)),
)
TABLES = {table.name: table for table in (ITEMS, EVENTS, USERS, QUERIES, TRIPLES, IMPRESSIONS)}
