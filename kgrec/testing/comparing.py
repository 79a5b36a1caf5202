"""Two knowledge graphs compared, with the difference in words."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from kgrec.errors import list_first
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph

_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxother = 60


def assert_graph_equal(found: KnowledgeGraph, expected: KnowledgeGraph) -> None:
    """Fail with the difference of two graphs: tables, columns and their types, rows, values; the first five of each.

    Raises
    ------
    AssertionError
        If a table, a column, a column's type, a row or a value differs.
    """
    __tracebackhide__ = True
    if found == expected:
        return
    differences = list(_differences(found, expected))
    head = (
        f"the graphs differ: found {found.num_nodes:,} nodes and {found.num_edges:,} edges, "
        f"expected {expected.num_nodes:,} and {expected.num_edges:,}"
    )
    raise AssertionError("\n  - ".join([head, *differences]))


def _differences(found: KnowledgeGraph, expected: KnowledgeGraph) -> Iterator[str]:
    yield from _table_differences(
        {f"nodes {label!r}": table for label, table in found.nodes.items()},
        {f"nodes {label!r}": table for label, table in expected.nodes.items()},
        [ID],
    )
    yield from _table_differences(
        {f"edges ({head})-[{rel}]->({tail})": table for (head, rel, tail), table in found.edges.items()},
        {f"edges ({head})-[{rel}]->({tail})": table for (head, rel, tail), table in expected.edges.items()},
        [HEAD_ID, TAIL_ID],
    )


def _table_differences(
    found: Mapping[str, pl.DataFrame], expected: Mapping[str, pl.DataFrame], keys: list[str]
) -> Iterator[str]:
    for where in sorted(found.keys() | expected.keys()):
        if where not in expected:
            yield f"{where}: found {_rows(found[where].height)}, expected no such table"
        elif where not in found:
            yield f"{where}: found no such table, expected {_rows(expected[where].height)}"
        else:
            yield from _column_differences(where, found[where], expected[where], keys)
            yield from _row_differences(where, found[where], expected[where], keys)


def _column_differences(where: str, found: pl.DataFrame, expected: pl.DataFrame, keys: list[str]) -> Iterator[str]:
    for name in sorted(found.schema.keys() | expected.schema.keys()):
        if name not in expected.schema:
            yield f"{where}: column {name!r} is not expected (set in {_filled(found, name, keys)})"
        elif name not in found.schema:
            yield f"{where}: column {name!r} is missing (set in {_filled(expected, name, keys)})"
        elif found.schema[name] != expected.schema[name]:
            yield f"{where}: column {name!r} is {found.schema[name]}, expected {expected.schema[name]}"


def _row_differences(where: str, found: pl.DataFrame, expected: pl.DataFrame, keys: list[str]) -> Iterator[str]:
    added = found.join(expected, on=keys, how="anti", maintain_order="left")
    if added.height:
        yield f"{where}: {_rows(added.height)} not expected: {_ids(added, keys)}"
    lost = expected.join(found, on=keys, how="anti", maintain_order="left")
    if lost.height:
        yield f"{where}: {_rows(lost.height)} missing: {_ids(lost, keys)}"
    mine = found.join(expected, on=keys, how="semi", maintain_order="left").sort(keys)
    theirs = expected.join(found, on=keys, how="semi", maintain_order="left").sort(keys)
    for name in mine.columns:
        if name in keys or mine.schema[name] != theirs.schema.get(name):
            continue  # said already
        unequal = mine[name].ne_missing(theirs[name])
        if not unequal.any():
            continue
        pairs = zip(_keys(mine.filter(unequal), keys), mine[name].filter(unequal), theirs[name].filter(unequal),
                    strict=True)  # fmt: skip
        values = [_Text(f"{key}: {_value(one)}, expected {_value(other)}") for key, one, other in pairs]
        yield f"{where}: {_rows(len(values))} with another {name!r}: {list_first(values)}"


class _Text(str):
    """Text that `list_first` shows without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _keys(table: pl.DataFrame, keys: list[str]) -> list[str]:
    return ["->".join(_REPR.repr(part) for part in row) for row in table.select(keys).iter_rows()]


def _ids(table: pl.DataFrame, keys: list[str]) -> str:
    return list_first(map(_Text, _keys(table, keys)))


def _value(value: Any) -> str:
    return _REPR.repr(value.to_list() if isinstance(value, pl.Series) else value)


def _filled(table: pl.DataFrame, name: str, keys: list[str]) -> str:
    rows = table.filter(pl.col(name).is_not_null())
    return f"{_rows(rows.height)}: {_ids(rows, keys)}"


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count:,} rows"
