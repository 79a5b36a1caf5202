"""The log of what was shown: order, moments, updates."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.tensors.clicks import CLICK_WITHIN
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.shown import Shown, build_shown
from kgrec.tensors.vocabulary import Vocabulary
from tests.tiny import checkerboard

USERS, ITEMS = Vocabulary(["u0", "u1"]), Vocabulary(["i0", "i1", "i2"])


def events(*rows: tuple[str, str, int | None, int]) -> pl.DataFrame:
    """Impressions: user, item, time, label."""
    table = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "label"], orient="row")
    table = table.with_columns(pl.lit("impression").alias("event"), pl.lit(2).alias("position"))
    return Dataset(items={"item_id": ITEMS.ids}, events=table).events


def rows_of(shown: Shown) -> list[tuple[int, int, int, float]]:
    parts = shown.user_index(), shown.item_index, shown.timestamp, shown.clicked
    return list(zip(*(part.tolist() for part in parts), strict=True))


def test_rows_are_by_user_and_time_and_strangers_come_first() -> None:
    shown = build_shown(events(("u1", "i0", 30, 0), ("u1", "i1", 20, 1), ("who", "i2", 5, 0)), USERS, ITEMS)
    assert rows_of(shown) == [(-1, 2, 5, 0.0), (1, 1, 20, 1.0), (1, 0, 30, 0.0)]
    assert shown.position.tolist() == [2.0, 2.0, 2.0]
    begin, stop = shown.before(np.array([0, 1, 1, 1, -1]), np.array([99, 20, 21, np.iinfo(np.int64).max, 99]))
    assert (stop - begin).tolist() == [0, 0, 1, 2, 0]


def test_impressions_without_a_label_are_clicks_where_an_event_followed() -> None:
    dataset = Dataset(
        items={"item_id": ["i0", "i1", "i2"]},
        events={
            "user_id": ["u0"] * 3,
            "item_id": ["i0", "i1", "i1"],
            "event": ["impression", "impression", "click"],
            "timestamp": [1, 1, 2],
        },
    )
    assert build_shown(dataset.events, USERS, ITEMS).clicked.tolist() == [0.0, 1.0]


def test_labels_without_impressions_bring_the_liked_with_them() -> None:
    rows = {"user_id": ["u0", "u0", "u1"], "item_id": ["i0", "i1", "i2"], "label": [0, 1, 1]}
    shown = build_shown(Dataset(items={"item_id": ITEMS.ids}, events=rows).events, USERS, ITEMS)
    assert sorted(rows_of(shown)) == [(0, 0, np.iinfo(np.int64).min, 0.0)] + [
        (user, item, np.iinfo(np.int64).min, 1.0) for user, item in ((0, 1), (1, 2))
    ]
    assert not len(build_shown(checkerboard().events, USERS, ITEMS))  # nothing was shown or refused


def test_later_rows_join_at_their_place_and_repeats_count_once() -> None:
    first = events(("u1", "i0", 30, 0), ("u1", "i1", 20, 1))
    later = events(("u1", "i2", 25, 1), ("u1", "i0", 30, 0), ("u2", "i0", 7, 1), ("u1", "i2", None, 0))
    users = Vocabulary(["u0", "u1", "u2"])
    grown = build_shown(first, USERS, ITEMS).and_later(build_shown(later, users, ITEMS))
    whole = build_shown(pl.concat([first, later]).unique(maintain_order=True), users, ITEMS)
    assert rows_of(grown) == rows_of(whole)
    assert rows_of(grown.and_later(build_shown(later.head(3), users, ITEMS))) == rows_of(grown)


def _at(moment: int, kind: str, label: int | None = None) -> pl.DataFrame:
    columns = {"user_id": ["u0"], "item_id": ["i1"], "event": [kind], "timestamp": [moment]}
    given = columns if label is None else columns | {"label": [label]}
    return Dataset(items={"item_id": ITEMS.ids}, events=given).events


@pytest.mark.parametrize(
    ("label", "moments", "clicked"),
    [
        (None, [1_000, 1_005], 1.0),
        (None, [1_000, 1_000 + CLICK_WITHIN], 1.0),
        (None, [1_000, 1_001 + CLICK_WITHIN], 0.0),
        (None, [1_000, 999], 0.0),
        (0, [1_000, 1_005], 0.0),  # said so
    ],
)
def test_a_click_that_comes_later_is_that_of_what_was_shown(
    label: int | None, moments: list[int], clicked: float
) -> None:
    shown = build_shown(_at(moments[0], "impression", label), USERS, ITEMS)
    assert shown.clicked.tolist() == [0.0]
    histories = build_histories(_at(moments[1], "click"), USERS, ITEMS)
    found = shown.clicked_by(histories, np.array([0, 1]))
    assert found.clicked.tolist() == [clicked]
    assert shown.clicked.tolist() == [0.0]
    if label is None:
        assert found.is_open.tolist() == [clicked == 0.0]
    both = pl.concat([_at(moments[0], "impression", label), _at(moments[1], "click")])
    assert build_shown(both, USERS, ITEMS).clicked.tolist() == [clicked]


def test_what_was_liked_is_of_a_log_of_labels_without_a_negative_too() -> None:
    liked = _at(5, "view", 1)
    assert not len(build_shown(liked, USERS, ITEMS))
    assert build_shown(liked, USERS, ITEMS, "labels").clicked.tolist() == [1.0]
