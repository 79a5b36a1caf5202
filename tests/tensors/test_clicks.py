"""Which events came before an impression."""

from __future__ import annotations

import numpy as np
import polars as pl

from kgrec.tensors.clicks import places_before
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
