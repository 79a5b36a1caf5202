"""Ranking and click metrics: worked out by hand, against plain Python, and their laws."""

from __future__ import annotations

import math
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.errors import ConfigError, DataError, ShapeError
from kgrec.evaluation.click_metrics import click_metrics
from kgrec.evaluation.metrics import ranking_metrics

Lists = dict[str, list[str]]


def lists(ranked: Lists) -> pl.DataFrame:
    rows = [(user, item, rank) for user, items in ranked.items() for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String, "rank": pl.Int64}, orient="row")


def wanted(relevant: Lists) -> pl.DataFrame:
    rows = [(user, item) for user, items in relevant.items() for item in items]
    return pl.DataFrame(rows, schema={"user_id": pl.String, "item_id": pl.String}, orient="row")


def reference(ranked: Lists, relevant: Lists, ks: list[int]) -> dict[str, float]:
    """As `../shared/bench/eval_ranking.py` does it."""
    totals: dict[str, float] = defaultdict(float)
    for user, items in relevant.items():
        target, found = set(items), ranked.get(user, [])
        for k in ks:
            ranks = [rank for rank, item in enumerate(found[:k], 1) if item in target]
            ideal = sum(1 / math.log2(rank + 1) for rank in range(1, min(len(target), k) + 1))
            totals[f"recall@{k}"] += len(ranks) / len(target)
            totals[f"hit@{k}"] += bool(ranks)
            totals[f"ndcg@{k}"] += sum(1 / math.log2(rank + 1) for rank in ranks) / ideal
            totals[f"mrr@{k}"] += 1 / ranks[0] if ranks else 0.0
    return {metric: total / len(relevant) for metric, total in totals.items()}


def test_ranking_metrics_by_hand() -> None:
    """u: of x, y, z the list has y at 1 and z at 3. At 2: recall 1/3, NDCG 1/(1 + 1/log2 3), MRR 1.
    At 3: recall 2/3, NDCG (1 + 1/2)/(1 + 1/log2 3 + 1/2). v finds its one item at rank 3: nothing at 2; at 3 recall
    1, NDCG 1/2, MRR 1/3."""
    found = ranking_metrics(
        lists({"u": ["y", "a", "z"], "v": ["a", "b", "c"]}), wanted({"u": ["x", "y", "z"], "v": ["c"]}), ks=(2, 3)
    )
    second = 1 / math.log2(3)
    assert found == pytest.approx(
        {
            "recall@2": (1 / 3 + 0) / 2,
            "ndcg@2": (1 / (1 + second) + 0) / 2,
            "hit@2": 1 / 2,
            "mrr@2": 1 / 2,
            "recall@3": (2 / 3 + 1) / 2,
            "ndcg@3": (1.5 / (1.5 + second) + 0.5) / 2,
            "hit@3": 1.0,
            "mrr@3": (1 + 1 / 3) / 2,
        }
    )


def test_ranking_metrics_default_keys_and_coverage() -> None:
    found = ranking_metrics(lists({"u": ["a", "b"], "v": ["a"], "w": ["c"]}), wanted({"u": ["a"]}), num_items=6)
    assert list(found) == [f"{name}@{k}" for k in (10, 20) for name in ("recall", "ndcg", "hit", "mrr", "coverage")]
    assert found["coverage@10"] == 0.5  # a, b and c of 6: w's list counts too


def test_ranking_metrics_user_without_list_scores_zero() -> None:
    assert ranking_metrics(lists({"u": ["a"]}), wanted({"u": ["a"], "v": ["a"]}), ks=[1])["recall@1"] == 0.5
    assert ranking_metrics(lists({}), wanted({"v": ["a"]}), ks=[1])["ndcg@1"] == 0.0


def test_ranking_metrics_repeated_relevant_rows_count_once() -> None:
    assert ranking_metrics(lists({"u": ["a"]}), wanted({"u": ["a", "a", "b"]}), ks=[2])["recall@2"] == 0.5


def test_ranking_metrics_go_by_rank_not_by_row() -> None:
    shuffled = lists({"u": ["a", "b", "c"]})[[2, 0, 1]]
    assert ranking_metrics(shuffled, wanted({"u": ["c"]}), ks=[3])["mrr@3"] == pytest.approx(1 / 3)


def test_ranking_metrics_gaps_in_ranks_do_no_harm() -> None:
    gaps = lists({"u": ["a", "b"]}).with_columns(pl.col("rank") * 10)
    assert ranking_metrics(gaps, wanted({"u": ["b"]}), ks=[2])["mrr@2"] == 0.5


IDS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(
    st.dictionaries(st.sampled_from("uvwx"), IDS, max_size=4),
    st.dictionaries(st.sampled_from("uvwx"), IDS.filter(bool), min_size=1, max_size=4),
    st.lists(st.integers(1, 8), min_size=1, max_size=3, unique=True),
)
def test_ranking_metrics_equal_the_reference(ranked: Lists, relevant: Lists, ks: list[int]) -> None:
    found = ranking_metrics(lists(ranked), wanted(relevant), ks)
    assert found == pytest.approx(reference(ranked, relevant, ks))
    assert all(0 <= value <= 1 + 1e-12 for value in found.values())


@pytest.mark.parametrize("ks", [[0], [-1], [1.5], [True], []])
def test_ranking_metrics_with_bad_k_is_a_config_error(ks: list[int]) -> None:
    with pytest.raises(ConfigError, match="k"):
        ranking_metrics(lists({"u": ["a"]}), wanted({"u": ["a"]}), ks=ks)


def test_ranking_metrics_with_bad_num_items_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="num_items is 0"):
        ranking_metrics(lists({"u": ["a"]}), wanted({"u": ["a"]}), num_items=0)


def test_ranking_metrics_with_missing_columns_lists_all() -> None:
    with pytest.raises(DataError) as caught:
        ranking_metrics(lists({"u": ["a"]}).drop("rank"), wanted({"u": ["a"]}).drop("user_id"))
    assert "recommendations: missing column 'rank'" in str(caught.value)
    assert "relevant: missing column 'user_id'" in str(caught.value)


def test_ranking_metrics_with_repeated_items_or_ranks_is_a_data_error() -> None:
    twice = pl.DataFrame({"user_id": ["u", "u", "v", "v"], "item_id": ["a", "a", "a", "b"], "rank": [1, 2, 1, 1]})
    with pytest.raises(DataError) as caught:
        ranking_metrics(twice, wanted({"u": ["a"]}))
    assert "recommendations: repeated user_id and item_id: ('u', 'a')" in str(caught.value)
    assert "recommendations: repeated user_id and rank: ('v', 1)" in str(caught.value)


def test_ranking_metrics_with_nothing_relevant_is_a_data_error() -> None:
    with pytest.raises(DataError, match="relevant: the table is empty"):
        ranking_metrics(lists({"u": ["a"]}), wanted({}))


def test_click_metrics_by_hand() -> None:
    """Clicks .8 and .4, others .6 and .2: three of four pairs are in order."""
    found = click_metrics([1, 1, 0, 0], [0.8, 0.4, 0.6, 0.2])
    assert found["auc"] == 0.75
    assert found["log_loss"] == pytest.approx(-(math.log(0.8) + math.log(0.4) + math.log(0.4) + math.log(0.8)) / 4)


def test_click_metrics_of_one_class_have_no_auc() -> None:
    found = click_metrics([1, 1], [0.5, 0.5])
    assert math.isnan(found["auc"])
    assert found["log_loss"] == pytest.approx(math.log(2))


def test_click_metrics_sure_mistake_is_a_finite_loss() -> None:
    assert click_metrics([1], [0.0])["log_loss"] == pytest.approx(-math.log(1e-7))


def test_click_metrics_take_series_arrays_and_booleans() -> None:
    expected = click_metrics([1, 0], [0.9, 0.1])
    assert click_metrics(np.array([True, False]), np.array([0.9, 0.1], dtype=np.float64)) == expected
    assert click_metrics(pl.Series([1, 0], dtype=pl.Int8), pl.Series([0.9, 0.1])) == expected


@given(st.lists(st.tuples(st.booleans(), st.sampled_from([0.0, 0.1, 0.25, 0.5, 0.9, 1.0])), min_size=1, max_size=40))
def test_click_metrics_auc_equals_counting_pairs(pairs: list[tuple[bool, float]]) -> None:
    clicks, others = ([p for label, p in pairs if label is wanted_label] for wanted_label in (True, False))
    auc = click_metrics([float(label) for label, _ in pairs], [p for _, p in pairs])["auc"]
    if not clicks or not others:
        assert math.isnan(auc)
        return
    won = sum((click > other) + (click == other) / 2 for click in clicks for other in others)
    assert auc == pytest.approx(won / (len(clicks) * len(others)))


@pytest.mark.parametrize(
    ("labels", "probabilities", "error"),
    [
        ([1, 0], [0.5], ShapeError),
        ([], [], DataError),
        ([2], [0.5], DataError),
        ([1], [1.5], DataError),
        ([1], [float("nan")], DataError),
    ],
)
def test_click_metrics_with_bad_input_raise(
    labels: list[float], probabilities: list[float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        click_metrics(labels, probabilities)


def test_ranking_metrics_of_ranks_that_are_no_numbers_say_so() -> None:
    listed, relevant = lists({"u": ["a", "b"]}), wanted({"u": ["b"]})
    for rank, message in (
        (pl.Series(["1", "2"]), "rank is of type String, expected numbers"),
        (pl.Series([1, None]), "a row has no rank"),
        (pl.Series([1.0, float("nan")]), "a row has no rank"),
    ):
        with pytest.raises(DataError, match=message):
            ranking_metrics(listed.with_columns(rank=rank), relevant, ks=[1])
    with pytest.raises(DataError, match="item_id is of type Int64 in recommendations, String in relevant"):
        ranking_metrics(listed.with_columns(item_id=pl.Series([1, 2])), relevant, ks=[1])
    with pytest.raises(DataError, match="num_items is 1, and 2 are recommended"):
        ranking_metrics(listed, relevant, ks=[1], num_items=1)


@pytest.mark.parametrize("rate", [0, -1, 2, float("nan"), "x", None])
def test_click_metrics_of_a_negative_rate_that_is_no_share_say_so(rate: object) -> None:
    with pytest.raises(ConfigError, match="negative_rate is"):
        click_metrics([1, 0], [0.5, 0.5], negative_rate=rate)  # type: ignore[arg-type]


def test_click_metrics_of_labels_in_words_say_so() -> None:
    with pytest.raises(DataError, match="labels and probabilities must be numbers"):
        click_metrics(["yes", "no"], [0.5, 0.5])  # type: ignore[list-item]
