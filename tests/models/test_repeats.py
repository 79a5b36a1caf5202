"""What repeats say, against counts by hand."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from kgrec.models.repeats import PRIOR_EVENTS, Pairs, RepeatWeights, item_rates
from kgrec.tensors.sequences import Histories


@pytest.fixture
def histories() -> Histories:
    """Of three users: 5 2 5 5 1, nothing, 2 7."""
    items = np.array([5, 2, 5, 5, 1, 2, 7])
    return Histories(np.array([0, 5, 5, 7]), items, np.zeros(7, np.int64), np.arange(7), ordered=True)


def test_pairs_count_the_times_and_the_events_since_the_last(histories: Histories) -> None:
    pairs = Pairs.of(histories)
    found = list(zip(*(part.tolist() for part in (pairs.line, pairs.item, pairs.times, pairs.age)), strict=True))
    assert found == [(0, 1, 1, 1), (0, 2, 1, 4), (0, 5, 3, 2), (2, 2, 1, 2), (2, 7, 1, 1)]


def test_pairs_of_histories_without_an_order_are_of_the_same_age(histories: Histories) -> None:
    assert Pairs.of(dataclasses.replace(histories, ordered=False)).age.tolist() == [1, 1, 1, 1, 1]


def test_pairs_of_nothing_are_none(histories: Histories) -> None:
    pairs = Pairs.of(histories.take(np.array([1, -1])))
    assert [len(part) for part in (pairs.line, pairs.item, pairs.times, pairs.age)] == [0, 0, 0, 0]


def test_item_rates_compare_the_share_of_repeats_with_that_of_all(histories: Histories) -> None:
    rate = item_rates(histories, 9)
    overall = 2 / 7
    expected = (2 + PRIOR_EVENTS * overall) / (3 + PRIOR_EVENTS) / overall
    assert rate[5] == pytest.approx(np.log(expected))
    assert rate[2] == pytest.approx(np.log(PRIOR_EVENTS / (2 + PRIOR_EVENTS)))
    assert rate[0] == 0.0
    assert not item_rates(histories.take(np.array([2])), 9).any()


def test_scores_get_what_the_weights_give_to_the_features(histories: Histories) -> None:
    rate = np.linspace(-1, 1, 9)
    scores = torch.ones(3, 9)
    RepeatWeights(np.array([2.0, 0.5, -0.25, 3.0]), rate).add_scores(scores, histories)
    expected = torch.ones(3, 9)
    for line, item, times, age in ((0, 1, 1, 1), (0, 2, 1, 4), (0, 5, 3, 2), (2, 2, 1, 2), (2, 7, 1, 1)):
        expected[line, item] += 2 + 0.5 * np.log(times) - 0.25 * np.log(age) + 3 * rate[item]
    torch.testing.assert_close(scores, expected)


def test_items_that_come_later_are_like_the_others() -> None:
    weights = RepeatWeights(np.ones(4), np.array([0.5, -0.5])).with_items(4)
    assert weights.rate.tolist() == [0.5, -0.5, 0.0, 0.0]
