"""The closed form is the regression that it says it is, row by row."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose

import kgrec
from kgrec.models.closed_form import LEAST_WEIGHT, _pairs, fit_item_weights, keep_largest
from kgrec.models.side_information import graph_products, text_products
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

NUM_ITEMS = 7


def histories(*, ordered: bool) -> Histories:
    """Six users with 0 to 12 events; without an order no item twice."""
    generator = np.random.default_rng(4)
    lists = [
        generator.integers(0, NUM_ITEMS, size) if ordered else generator.permutation(NUM_ITEMS)[:size]
        for size in (3, 0, 1, 12 if ordered else 7, 5, 4)
    ]
    items = np.concatenate(lists)
    start = np.concatenate([[0], np.cumsum([len(part) for part in lists])])
    return Histories(start, items, np.zeros_like(items), np.arange(len(items)), ordered)


def one_hot(items: np.ndarray) -> np.ndarray:
    return np.eye(NUM_ITEMS)[items]


def rows_of_the_regression(data: Histories, recency: float, among: float) -> tuple[np.ndarray, np.ndarray]:
    """X and Y as the docstring tells them."""
    inputs, goals = [np.zeros((0, NUM_ITEMS))], [np.zeros((0, NUM_ITEMS))]
    for user in range(data.num_users):
        events = one_hot(data.of(user))
        if not data.ordered:
            inputs.append(events.sum(axis=0, keepdims=True))
            goals.append(inputs[-1])
            continue
        for place in range(len(events)):
            weight = recency ** (place - 1 - np.arange(place))
            inputs.append((weight[:, None] * events[:place]).sum(axis=0, keepdims=True))
            goals.append(events[place : place + 1])
        if len(events):
            apart = np.abs(np.subtract.outer(np.arange(len(events)), np.arange(len(events))))
            inputs.append(among**0.5 * np.linalg.cholesky(recency**apart).T @ events)
            goals.append(inputs[-1])
    return np.concatenate(inputs), np.concatenate(goals)


def solve_column_by_column(inputs: np.ndarray, goals: np.ndarray, penalty: float) -> np.ndarray:
    """Ridge regression of each item on all others."""
    weights = np.zeros((NUM_ITEMS, NUM_ITEMS))
    for item in range(NUM_ITEMS):
        others = np.arange(NUM_ITEMS) != item
        x = inputs[:, others]
        weights[others, item] = np.linalg.solve(x.T @ x + penalty * np.eye(NUM_ITEMS - 1), x.T @ goals[:, item])
    return weights


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("with_side", [True, False])
@pytest.mark.parametrize("among", [0.0, 0.4, 1.0])
def test_item_weights_are_the_ridge_regression_of_each_item_on_the_others(
    ordered: bool, with_side: bool, among: float
) -> None:
    data, recency, penalty = histories(ordered=ordered), 0.7, 2.0
    inputs, goals = rows_of_the_regression(data, recency, among)
    side = np.random.default_rng(1).normal(size=(4, NUM_ITEMS)) if with_side else np.zeros((0, NUM_ITEMS))
    expected = solve_column_by_column(np.concatenate([inputs, side]), np.concatenate([goals, side]), penalty)
    sides = [(0.5, torch.from_numpy((2 * side.T @ side).astype(np.float32)))] if with_side else []
    fitted = fit_item_weights(data, NUM_ITEMS, sides, recency=recency, penalty=penalty, among=among)
    assert_allclose(fitted.numpy(), expected, atol=2e-5)


def test_item_weights_with_recency_one_are_those_without_an_order() -> None:
    data = histories(ordered=True)  # with items twice in a history: they count once
    inputs = np.minimum(np.stack([one_hot(data.of(user)).sum(axis=0) for user in range(data.num_users)]), 1)
    expected = solve_column_by_column(inputs, inputs, 2.0)
    assert_allclose(fit_item_weights(data, NUM_ITEMS, recency=1.0, penalty=2.0).numpy(), expected, atol=2e-5)


def test_item_weights_of_blocks_are_those_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    data = histories(ordered=True)
    whole = fit_item_weights(data, NUM_ITEMS, recency=0.7, penalty=2.0).numpy()
    monkeypatch.setattr("kgrec.models.closed_form.BLOCK", 3)
    assert_allclose(fit_item_weights(data, NUM_ITEMS, recency=0.7, penalty=2.0).numpy(), whole, atol=1e-6)


@pytest.mark.parametrize("recency", [0.6, 1.0])
def test_item_weights_of_items_that_came_twice_leave_the_histories_as_they_were(recency: float) -> None:
    data, before = histories(ordered=True), histories(ordered=True)
    assert any(len(np.unique(data.of(user))) < len(data.of(user)) for user in range(data.num_users))
    fit_item_weights(data, NUM_ITEMS, recency=recency, penalty=1.0)
    np.testing.assert_equal(dataclasses.asdict(data), dataclasses.asdict(before))


def test_item_weights_without_any_event_are_zero() -> None:
    empty = Histories(np.zeros(3, np.int64), *(np.zeros(0, np.int64) for _ in range(3)), ordered=True)
    assert not fit_item_weights(empty, NUM_ITEMS, recency=0.7, penalty=2.0).numpy().any()


def test_item_weights_keep_the_largest_of_each_row() -> None:
    data = histories(ordered=True)
    whole = fit_item_weights(data, NUM_ITEMS, recency=0.7, penalty=2.0).numpy()
    fitted = fit_item_weights(data, NUM_ITEMS, recency=0.7, penalty=2.0)
    kept = keep_largest(fitted, np.arange(NUM_ITEMS), NUM_ITEMS, keep=2, recency=0.7).matrix.toarray()
    for row, all_of_row in zip(kept, whole, strict=True):
        largest = np.argsort(-np.abs(all_of_row))[:2]
        assert_allclose(row[largest], all_of_row[largest])
        assert np.count_nonzero(row) <= 2


def test_item_weights_score_a_history_by_its_events_and_their_recency() -> None:
    data = histories(ordered=True)
    fitted = fit_item_weights(data, NUM_ITEMS, recency=0.7, penalty=2.0)
    weights = keep_largest(fitted, np.arange(NUM_ITEMS), NUM_ITEMS, keep=NUM_ITEMS, recency=0.7)
    dense = weights.matrix.toarray()
    assert_allclose(dense, fitted.numpy())
    scores = weights.scores(data).numpy()
    for user in range(data.num_users):
        events = data.of(user)[::-1]
        expected = sum((0.7**back * dense[item] for back, item in enumerate(events)), np.zeros(NUM_ITEMS))
        assert_allclose(scores[user], expected, atol=1e-6)


def test_item_weights_of_some_items_add_a_share_of_their_scores_and_nothing_for_the_others() -> None:
    data, items = histories(ordered=True), np.array([1, 3, 4])
    place = np.full(NUM_ITEMS, -1)
    place[items] = np.arange(3)
    fitted = fit_item_weights(data.renumber(place), 3, recency=0.7, penalty=2.0)
    weights = keep_largest(fitted, items, NUM_ITEMS, keep=3, recency=0.7)
    before = torch.randn(data.num_users, NUM_ITEMS, generator=torch.Generator().manual_seed(0))
    after = weights.add_scores(before.clone(), data, 0.5)
    expected = before.numpy().copy()
    for user in range(data.num_users):
        for back, item in enumerate(data.of(user)[::-1]):
            if place[item] >= 0:
                expected[user, items] += 0.5 * 0.7**back * fitted.numpy()[place[item]]
    assert_allclose(after.numpy(), expected, atol=1e-6)


def test_renumbered_histories_hold_the_kept_items_alone() -> None:
    data = histories(ordered=True)
    place = np.array([-1, 0, -1, 1, 2, -1, 3])
    fewer = data.renumber(place)
    for user in range(data.num_users):
        assert fewer.of(user).tolist() == [place[item] for item in data.of(user) if place[item] >= 0]


def test_graph_products_count_shared_neighbours_of_each_relation() -> None:
    brands = pl.DataFrame({"head_id": ["a", "b", "c"], "tail_id": ["x", "x", "y"]})
    colours = pl.DataFrame({"head_id": ["a", "b", "b"], "tail_id": ["red", "red", "blue"]})
    graph = kgrec.KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["a", "b", "c"]}),
            "Brand": pl.DataFrame({"id": ["x", "y"]}),
            "Colour": pl.DataFrame({"id": ["red", "blue"]}),
        },
        {("Product", "HAS_BRAND", "Brand"): brands, ("Product", "HAS_COLOUR", "Colour"): colours},
    )
    data = hetero_data(graph, Vocabulary(["c", "b", "a"]))
    products = graph_products(data, np.array([1, 2]))  # b and a
    assert products is not None
    assert products.tolist() == [[2.0, 2.0], [2.0, 2.0]]
    assert text_products(data, np.array([1, 2])) is None
    assert graph_products(data, np.array([0, 1])) is None  # c and b share nothing


def test_item_weights_hold_nothing_on_the_diagonal() -> None:
    weights = fit_item_weights(histories(ordered=True), NUM_ITEMS, recency=0.9, penalty=1.0)
    assert not weights.diagonal().any()


def test_pairs_of_long_histories_come_in_blocks_of_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kgrec.models.closed_form.BLOCK", 1_000)
    size = 2_000
    flat = np.zeros(size, np.int64)
    long = Histories(np.array([0, size]), flat, flat, np.arange(size), ordered=True)
    reach = 1 + int(np.log(LEAST_WEIGHT) / np.log(0.9))
    blocks = [len(first) for first, _, _ in _pairs(long, 0.9)]
    assert max(blocks) <= 1_000 + reach
    assert sum(blocks) == sum(min(step, reach) for step in range(size))
