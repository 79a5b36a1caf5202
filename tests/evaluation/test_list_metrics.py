from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

import kgrec
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.list_metrics import list_metrics

# a is liked by 3 of 4 users, b by 1; c and d by none
TRAIN = kgrec.Dataset(
    items=pl.DataFrame({"item_id": ["a", "b", "c", "d"]}),
    events=pl.DataFrame({"user_id": ["u", "v", "w", "x"], "item_id": ["a", "a", "a", "b"]}),
)
LISTS = pl.DataFrame(
    {"user_id": ["u", "u", "u", "v", "v"], "item_id": ["b", "c", "a", "b", "a"], "rank": [1, 2, 3, 1, 2]}
)


def test_list_metrics_by_hand() -> None:
    vectors = np.array([[1.0, 0.0], [0.0, 2.0], [0.0, 0.0], [1.0, 1.0]])  # c has none
    found = list_metrics(LISTS, TRAIN, 2, {"text": vectors})
    assert found["coverage@2"] == pytest.approx(3 / 4)
    # shown: a 1, b 2, c 1, d 0 -> mean absolute difference 12 / 16, over twice the mean 1
    assert found["gini@2"] == pytest.approx(12 / 16 / 2)
    assert found["novelty@2"] == pytest.approx(np.mean(-np.log2([2 / 5, 1 / 5, 2 / 5, 4 / 5])))
    # events of the items shown: 1, 0, 1, 3; of the events of train: 3, 3, 3, 1
    assert found["popularity_lift@2"] == pytest.approx((5 / 4) / (10 / 4))
    assert found["diversity_text@2"] == pytest.approx(1.0)  # u has one pair less: c has no vector


def test_list_metrics_diversity_of_sparse_vectors_is_that_of_dense_ones() -> None:
    dense = np.random.default_rng(0).random((4, 6)) * (np.random.default_rng(1).random((4, 6)) < 0.5)
    found = list_metrics(LISTS, TRAIN, 3, {"dense": dense, "sparse": sparse.csr_array(dense)})
    assert found["diversity_sparse@3"] == pytest.approx(found["diversity_dense@3"])
    assert 0 < found["diversity_sparse@3"] < 1


def test_list_metrics_diversity_of_equal_items_is_zero() -> None:
    assert list_metrics(LISTS, TRAIN, 3, {"x": np.ones((4, 3))})["diversity_x@3"] == pytest.approx(0.0)


def test_list_metrics_gini_is_0_when_all_are_shown_alike() -> None:
    lists = pl.DataFrame({"user_id": list("uvwx"), "item_id": list("abcd"), "rank": [1] * 4})
    assert list_metrics(lists, TRAIN, 1)["gini@1"] == pytest.approx(0.0)


def test_list_metrics_of_unknown_items_or_no_list_raise() -> None:
    other = LISTS.with_columns(item_id=pl.lit("no such item"))
    for lists in (other, LISTS.clear()):
        with pytest.raises(DataError, match="list metrics"):
            list_metrics(lists, TRAIN)


def test_list_metrics_of_what_is_no_list_say_what_is_wrong() -> None:
    with pytest.raises(ConfigError, match="k is 0"):
        list_metrics(LISTS, TRAIN, 0)
    numbers = LISTS.with_columns(item_id=1)
    for lists, message in ((LISTS.drop("rank"), "missing column 'rank'"), (numbers, "item_id is of type Int32")):
        with pytest.raises(DataError, match=message):
            list_metrics(lists, TRAIN)
    with pytest.raises(DataError, match="vectors 'text' has 3 rows, expected 4"):
        list_metrics(LISTS, TRAIN, 2, {"text": np.ones((3, 2))})
