"""Which events came before an impression."""

from __future__ import annotations

import time

import numpy as np
import polars as pl
import pytest

from kgrec.tensors.clicks import CLICK_WITHIN, acted_upon, places_before
from kgrec.tensors.sequences import Histories

UNKNOWN = np.iinfo(np.int64).min


def histories(*timestamps: list[int]) -> Histories:
    start = np.concatenate([[0], np.cumsum([len(some) for some in timestamps])])
    flat = np.array([stamp for some in timestamps for stamp in some], dtype=np.int64)
    return Histories(start, np.zeros_like(flat), np.zeros_like(flat), flat, ordered=True)


def test_places_before_count_the_strictly_earlier_events_of_the_user() -> None:
    known = histories([10, 20, 20, 30], [UNKNOWN, 5], [])
    moments = pl.Series([9, 10, 20, 21, 99, 0, 5, 6, 50, None])
    user = np.array([0, 0, 0, 0, 0, 1, 1, 1, 2, 0])
    found = places_before(moments, user, known, np.full(10, 7))
    assert found.tolist() == [0, 0, 1, 3, 4, 1, 1, 2, 0, 7]


def test_places_before_come_after_all_events_where_none_has_a_time() -> None:
    user, otherwise = np.array([0, 1, 0]), np.full(3, 7)
    found = places_before(pl.Series([3, 50, None]), user, histories([UNKNOWN, UNKNOWN], []), otherwise)
    assert found.tolist() == [2, 0, 7]
    assert places_before(pl.Series([3, 50, None]), user, histories([], []), otherwise).tolist() == [0, 0, 7]


SCHEMA = {"user_id": pl.String, "item_id": pl.String, "session_id": pl.String, "timestamp": pl.Int64}


def _rows(rng: np.random.Generator, size: int) -> pl.DataFrame:
    """Few users, items and sessions, some of no session or no time, at moments around the limit from each other."""
    sessions, moments = [None, "a", "b"], [None, *range(0, 4 * CLICK_WITHIN, CLICK_WITHIN // 2)]
    columns = {
        "user_id": [f"u{user}" for user in rng.integers(3, size=size)],
        "item_id": [f"i{item}" for item in rng.integers(4, size=size)],
        "session_id": [sessions[place] for place in rng.integers(3, size=size)],
        "timestamp": [moments[place] for place in rng.integers(len(moments), size=size)],
    }
    return pl.DataFrame(columns, schema=SCHEMA)


@pytest.mark.parametrize("seed", range(10))
def test_what_was_acted_upon_is_so_by_its_definition(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shown, events = _rows(rng, 40), _rows(rng, 15)

    def is_click(row: tuple[str, str, str | None, int | None], event: tuple[str, str, str | None, int | None]) -> bool:
        if row[:2] != event[:2]:
            return False
        if row[2] is not None and event[2] is not None:
            return row[2] == event[2] and (row[3] is None or event[3] is None or event[3] >= row[3])
        return row[3] is not None and event[3] is not None and 0 <= event[3] - row[3] <= CLICK_WITHIN

    expected = [any(is_click(row, event) for event in events.rows()) for row in shown.rows()]
    assert acted_upon(shown, events).to_list() == expected
    assert any(expected)
    assert not all(expected)


def test_what_was_acted_upon_of_one_guest_takes_no_pair_of_each() -> None:
    """All strangers of a shop may have one id; every impression with every event would be 10,000,000,000 pairs."""
    size = 100_000
    columns = {"user_id": "guest", "item_id": "i", "session_id": None, "timestamp": range(size)}
    rows = pl.DataFrame(
        {name: columns[name] for name in SCHEMA if name != "timestamp"}, schema=list(SCHEMA.items())[:3]
    )
    rows = pl.concat([rows] * size).with_columns(timestamp=pl.int_range(size, dtype=pl.Int64))
    begun = time.process_time()
    assert acted_upon(rows, rows.head(10)).sum() == 10
    assert acted_upon(rows, rows).all()
    assert time.process_time() - begun < 10
