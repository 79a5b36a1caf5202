"""The attributes column: JSON objects of name -> value or list of values."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import polars as pl

from kgrec.data import columns as c

NAME = "name"
ATTRIBUTE_VALUE = "attribute_value"


def canonical_attributes(raw: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Check JSON objects and write each in one form (keys sorted, values without a meaning left out).

    Returns
    -------
    (Series of str, Series of bool)
        The objects, null where there is none or a bad one; and which are bad: not JSON, not an object, or a value
        that is neither a string, a number, a boolean nor a list of those.

    >>> canonical_attributes(pl.Series(['{"size": 2, "color": ["red", null]}', "[1]"]))[0].to_list()
    ['{"color": ["red"], "size": 2}', None]
    """
    unique = raw.unique().drop_nulls().to_list()  # shops repeat few distinct objects
    written = [_canonical(text) for text in unique]
    forms = pl.DataFrame({"raw": unique, "form": written}, schema={"raw": pl.String, "form": pl.String})
    found = raw.rename("raw").to_frame().join(forms, on="raw", how="left", maintain_order="left")["form"]
    bad = raw.is_not_null() & found.is_null()
    return found.set(found == "{}", None), bad


def attribute_values(items: pl.DataFrame) -> pl.DataFrame:
    """One row per item and attribute value: columns `item_id, name, attribute_value`, all text.

    Numbers and booleans are written as JSON writes them: `2`, `0.5`, `true`.

    >>> frame = pl.DataFrame({"item_id": ["a"], "attributes": ['{"color": ["red", "blue"], "size": 2}']})
    >>> attribute_values(frame).rows()
    [('a', 'color', 'red'), ('a', 'color', 'blue'), ('a', 'size', '2')]
    """
    schema = {c.ATTRIBUTES: pl.String, NAME: pl.String, ATTRIBUTE_VALUE: pl.String}
    unique = items[c.ATTRIBUTES].unique().drop_nulls()
    rows = [(text, name, value) for text in unique for name, value in _pairs(text)]
    values = pl.DataFrame(rows, schema=schema, orient="row")
    pairs = items.select(c.ITEM_ID, c.ATTRIBUTES).join(values, on=c.ATTRIBUTES, maintain_order="left_right")
    return pairs.select(c.ITEM_ID, NAME, ATTRIBUTE_VALUE)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    for name, value in json.loads(text).items():
        for one in value if isinstance(value, list) else [value]:
            yield name, one if isinstance(one, str) else json.dumps(one)


def _canonical(text: str) -> str | None:
    """The object in its one form; None when it is bad."""
    try:
        found = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict):
        return None
    cleaned: dict[str, Any] = {}
    for name, value in found.items():
        values = value if isinstance(value, list) else [value]
        if not all(one is None or isinstance(one, (str, int, float, bool)) for one in values):
            return None
        kept = [one for one in values if one is not None and one != ""]
        if kept and name:
            cleaned[name] = kept if isinstance(value, list) else kept[0]
    return whole_letters(json.dumps(cleaned, ensure_ascii=False, sort_keys=True))


def whole_letters(text: str) -> str:
    """A text with a question mark for each half of a letter, such as an emoji cut in two leaves in JSON."""
    return text.encode("utf-8", "replace").decode()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")
