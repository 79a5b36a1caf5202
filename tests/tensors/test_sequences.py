"""Histories, their padding and their windows."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from kgrec.tensors.sequences import Histories, build_histories, cut_windows, pad
from kgrec.tensors.vocabulary import Vocabulary
from tests.tiny import latest


def _histories(lengths: list[int], ordered: bool = True) -> Histories:
    start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    rows = np.arange(start[-1])
    return Histories(start, rows, np.zeros_like(rows), rows, ordered)


def test_build_histories_sorts_by_time_and_keeps_ties_in_order() -> None:
    events = pl.DataFrame(
        {
            "user_id": ["u", "v", "u", "u", "u"],
            "item_id": ["a", "b", "c", "d", "zzz"],
            "event": ["view", "click", "view", "purchase", "view"],
            "timestamp": [5, 1, 5, 2, 1],
        }
    )
    histories = build_histories(events, Vocabulary(["u", "v"]), Vocabulary(["a", "b", "c", "d"]))
    assert histories.of(0).tolist() == [3, 0, 2]
    assert histories.of(1).tolist() == [1]
    assert histories.event_index.tolist() == [4, 0, 0, 1]
    assert histories.ordered


def test_build_histories_without_times_is_not_ordered() -> None:
    events = pl.DataFrame(
        {"user_id": ["u"], "item_id": ["a"], "event": ["click"], "timestamp": [None]},
        schema_overrides={"timestamp": pl.Int64},
    )
    assert not build_histories(events, Vocabulary(["u"]), Vocabulary(["a"])).ordered


def test_take_of_unknown_and_repeated_users_gives_empty_and_repeated_histories() -> None:
    taken = _histories([2, 0, 3]).take(np.array([2, -1, 0, 2]))
    assert taken.lengths.tolist() == [3, 0, 2, 3]
    assert taken.item_index.tolist() == [2, 3, 4, 0, 1, 2, 3, 4]


def test_latest_keeps_the_end_of_a_history() -> None:
    batch = latest(_histories([5, 1, 0]), 3)
    assert batch.item_index.tolist() == [[2, 3, 4], [5, -1, -1], [-1, -1, -1]]
    assert batch.length.tolist() == [3, 1, 0]


def test_pad_shuffled_keeps_each_history_together() -> None:
    histories = _histories([4, 2])
    batch = pad(histories, np.arange(2), histories.start[:-1], histories.start[1:], np.random.default_rng(0))
    assert sorted(batch.item_index[0].tolist()) == [0, 1, 2, 3]
    assert sorted(batch.item_index[1].tolist()) == [-1, -1, 4, 5]
    assert batch.item_index[1, 2:].tolist() == [-1, -1]


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(2, 9))
def test_windows_make_every_event_the_target_of_one_window(lengths: list[int], length: int) -> None:
    histories = _histories(lengths)
    windows = cut_windows(histories, length)
    targets = [
        place
        for start, stop, first in zip(windows.start, windows.stop, windows.is_first, strict=True)
        for place in range(start if first else start + 1, stop)
    ]
    assert sorted(targets) == list(range(sum(lengths)))
    assert (windows.stop - windows.start <= length).all()


@given(st.lists(st.integers(0, 40), min_size=1, max_size=6), st.integers(2, 9), st.data())
def test_windows_locate_finds_a_window_that_holds_the_place(
    lengths: list[int], length: int, data: st.DataObject
) -> None:
    histories = _histories(lengths)
    windows = cut_windows(histories, length)
    user = data.draw(st.integers(0, len(lengths) - 1))
    place = data.draw(st.integers(0, lengths[user]))
    window = windows.locate(histories, np.array([user]), np.array([place]))[0]
    offset = place - (windows.start[window] - histories.start[user])
    assert histories.start[user] <= windows.start[window] <= windows.stop[window] <= histories.start[user + 1]
    assert 0 <= offset <= windows.stop[window] - windows.start[window]
    assert offset > 0 or windows.is_first[window]


def test_take_keeps_who_the_users_are() -> None:
    histories = dataclasses.replace(_histories([2, 0, 1]), user=np.array([7, -1, 3]))
    taken = histories.take(np.array([2, -1, 0]))
    assert taken.user is not None
    assert taken.user.tolist() == [3, -1, 7]
    assert latest(taken, 3).user.tolist() == [3, -1, 7]
    assert latest(_histories([2, 1]), 3).user.tolist() == [-1, -1]
