"""The score under a change is the one that the model gives to what is then known."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import kgrec
from kgrec.explain.item_score import NOTHING, STRANGER, Change, ItemScore
from kgrec.models.closed_form import ItemWeights
from kgrec.models.fitted import FittedModel
from kgrec.models.repeats import RepeatWeights
from kgrec.tensors.sequences import Histories
from tests.tiny import SMALL, checkerboard


@pytest.fixture
def model(fitted: kgrec.KGRecommender) -> FittedModel:
    """With a popularity, a share of the closed form and repeats that can't be overlooked."""
    repeats = RepeatWeights(np.array([1.0, 2.0, -0.5, 1.0]), np.linspace(-1, 1, 12))
    return dataclasses.replace(fitted.model_, item_share=0.7, prior=torch.linspace(0, 1, 12), repeats=repeats)


@pytest.fixture(scope="module")
def without_order() -> FittedModel:
    """Of events without times, which reads whole histories."""
    shop = checkerboard()
    untimed = kgrec.Dataset(items=shop.items, events=shop.events.drop("timestamp"))
    return kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=5), device="cpu").fit(untimed).model_


def _long(model: FittedModel, length: int) -> Histories:
    """A history of the second user's."""
    items, times = np.arange(length) % 12, np.arange(length)
    profile = np.zeros((1, model.profile.shape[1]), np.int64)
    ordered = model.histories.ordered
    return Histories(np.array([0, length]), items, np.zeros(length, np.int64), times, ordered, np.array([1]), profile)


def _model_score(model: FittedModel, history: Histories, item: int) -> float:
    return float(model.scores(model.user_vectors(history), history)[0, item])


def _only(history: Histories, kept: list[int]) -> Histories:
    parts = {name: getattr(history, name)[kept] for name in ("item_index", "event_index", "timestamp")}
    return dataclasses.replace(history, start=np.array([0, len(kept)]), **parts)


@pytest.mark.parametrize("user", [0, 7])
@pytest.mark.parametrize("item", [0, 5])
def test_score_without_a_change_is_the_models(model: FittedModel, user: int, item: int) -> None:
    history = model.histories.take(np.array([user]))
    expected = _model_score(model, history, item)
    assert ItemScore(model, history, item).of([NOTHING])[0] == pytest.approx(expected, abs=1e-5)


def test_score_with_events_left_out_is_that_of_the_history_without_them(model: FittedModel) -> None:
    history = model.histories.take(np.array([2]))
    found = ItemScore(model, history, 4).of([Change(left_out=(0,)), Change(left_out=(0, 2)), Change(left_out=(2,))])
    expected = [_model_score(model, _only(history, kept), 4) for kept in ([1, 2], [1], [0, 1])]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_score_of_a_stranger_is_that_of_an_empty_history(model: FittedModel) -> None:
    history = model.histories.take(np.array([2]))
    expected = _model_score(model, model.histories.take(np.array([-1])), 4)
    assert ItemScore(model, history, 4).of([STRANGER])[0] == pytest.approx(expected, abs=1e-5)


def test_score_of_a_history_longer_than_what_is_read_takes_the_last_events(model: FittedModel) -> None:
    history = _long(model, 40)
    asked = ItemScore(model, history, 6)
    assert asked.of([NOTHING])[0] == pytest.approx(_model_score(model, history, 6), abs=1e-5)
    without_one = _only(history, [*range(37), 38, 39])
    assert asked.of([Change(left_out=(37,))])[0] == pytest.approx(_model_score(model, without_one, 6), abs=1e-5)


def test_score_without_an_order_is_of_all_events(without_order: FittedModel) -> None:
    history = _long(without_order, 600)
    asked = ItemScore(without_order, history, 6)
    changes = [NOTHING, *(Change(left_out=(place,)) for place in range(40))]  # more than are asked for at once
    left = [history, *(_only(history, [*range(place), *range(place + 1, 600)]) for place in range(40))]
    expected = [_model_score(without_order, one, 6) for one in left]
    np.testing.assert_allclose(asked.of(changes), expected, rtol=1e-6)
    assert abs(expected[0] - expected[1]) > 1e-3


def test_score_with_other_vectors_is_that_of_a_model_with_them(model: FittedModel) -> None:
    history = model.histories.take(np.array([2]))
    item, read = 4, int(history.item_index[1])
    fused = torch.linspace(-1, 1, 16), torch.linspace(2, -1, 16)
    found = ItemScore(model, history, item).of([Change(fused={item: fused[0], read: fused[1]}), NOTHING])
    source, target = model.vectors.source.clone(), model.vectors.target.clone()
    for one, vector in zip((item, read), fused, strict=True):
        source[one] = vector / vector.norm()
        target[one] = model.network.scorer.targets(vector)
    changed = dataclasses.replace(model, vectors=type(model.vectors)(source, target, model.vectors.bias))
    expected = [_model_score(changed, history, item), _model_score(model, history, item)]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_closed_form_of_each_event_is_weight_times_recency_for_each_step_back(model: FittedModel) -> None:
    weights = ItemWeights(
        torch.tensor([0, 2]), torch.tensor([[4, 5], [1, 4]]), torch.tensor([[8.0, 1.0], [3.0, 2.0]]), 12, 0.5
    )
    model = dataclasses.replace(model, item_weights=weights, item_share=10.0)
    events = np.array([0, 2, 7, 0])
    history = Histories(np.array([0, 4]), events, np.zeros(4, np.int64), np.arange(4), True)
    asked = ItemScore(model, history, 4)
    kept = np.array([[True, True, True, True], [True, True, False, False]])
    expected = [[8 * 0.125 * 10, 2 * 0.25 * 10, 0, 8 * 10], [8 * 0.5 * 10, 2 * 10, 0, 0]]
    np.testing.assert_allclose(asked.closed_form(kept), expected)


def test_score_of_an_empty_history_needs_no_event(model: FittedModel) -> None:
    history = model.histories.take(np.array([-1]))
    assert ItemScore(model, history, 0).of([NOTHING, STRANGER]) == pytest.approx([_model_score(model, history, 0)] * 2)
