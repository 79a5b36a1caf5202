from __future__ import annotations

import polars as pl
import pytest

import kgrec
from kgrec.evaluation.slices import slice_metrics, slices


def _part(pairs: list[tuple[str, str]]) -> kgrec.Dataset:
    items = pl.DataFrame({"item_id": list("abcdefg")})
    return kgrec.Dataset(items=items, events=pl.DataFrame(pairs, schema=["user_id", "item_id"], orient="row"))


# train: a has 5 users, b has 1; c and d are cold; u has one event, v two, w none
TRAIN = _part([("u", "a"), ("v", "a"), ("v", "b"), ("x", "a"), ("y", "a"), ("z", "a")])
TEST = _part([("u", "b"), ("u", "c"), ("v", "c"), ("w", "a")])


def test_slices_by_hand() -> None:
    found = {name: sorted(frame.rows()) for name, frame in slices(TEST, TRAIN).items()}
    assert found == {
        "cold items": [("u", "c"), ("v", "c")],
        "tail items": [("u", "b"), ("u", "c"), ("v", "c")],
        "new users": [("w", "a")],
        "short histories": [("u", "b"), ("u", "c")],
        "long histories": [("v", "c")],
    }


def test_histories_are_cut_at_the_median_of_the_users_not_of_their_pairs() -> None:
    train = _part([("u", "a"), ("v", "a"), ("v", "b"), ("x", "a"), ("x", "b"), ("x", "c")])
    test = _part([("u", "d"), ("v", "d"), ("x", "d"), ("x", "e"), ("x", "f"), ("x", "g")])
    found = slices(test, train)
    assert sorted(found["short histories"]["user_id"].unique()) == ["u", "v"]
    assert found["long histories"]["user_id"].unique().to_list() == ["x"]


def test_slice_metrics_count_only_the_pairs_of_the_slice() -> None:
    lists = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["b", "d", "c"], "rank": [1, 2, 1]})
    table = slice_metrics(lists, TEST, TRAIN, ks=(2,))
    recall = dict(zip(table["slice"], table["recall@2"], strict=True))
    assert recall["cold items"] == pytest.approx(0.5)
    assert recall["tail items"] == pytest.approx(0.75)
    assert recall["new users"] == 0
    assert recall["short histories"] == pytest.approx(0.5)
    assert recall["long histories"] == 1
