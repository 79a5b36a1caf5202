"""Clicks beside expected clicks, against their definitions, and what they teach the scoring module."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from kgrec.scoring.click_rates import ITEM, USER, ClickRates, ShownBefore
from kgrec.scoring.relations import ItemRelations
from kgrec.tensors.shown import Shown

ALWAYS = np.iinfo(np.int64).max
RELATIONS = ItemRelations({"HAS_BRAND Brand": sparse.csr_array(np.array([[1, 0], [1, 0], [0, 1.0]], np.float32))}, None)


def log(rows: list[tuple[int, int, int, float, float]], num_users: int) -> Shown:
    """Rows of user, item, time, place, click."""
    user, item, stamp, place, clicked = (np.array(part) for part in zip(*sorted(rows), strict=True))
    start = np.searchsorted(user, np.arange(num_users + 1))
    is_open = np.zeros(len(rows), dtype=bool)
    return Shown(start, item, stamp, place.astype(np.float32), clicked.astype(np.float32), is_open)


def test_ratio_of_an_item_is_that_of_clicks_to_what_its_places_let_expect() -> None:
    rates = ClickRates(np.array([0.25, 0.5, 0.1] + [0.1] * 49), {ITEM: 2.0, USER: 1.0, "HAS_BRAND Brand": 1.0})
    shown = log([(0, 0, 1, 1, 1), (0, 1, 1, 2, 0), (1, 0, 2, np.nan, 0), (1, 2, 9, 99, 1)], 2)
    before = ShownBefore.of(shown, rates, 3)
    np.testing.assert_allclose(before.rates.expected(before.shown, slice(None)), [0.5, 0.1, 0.25, 0.1])
    source = np.eye(3, dtype=np.float32)
    user, item = np.array([0, 1, -1]), np.array([0, 1, 0])
    found = before.columns(RELATIONS, source, user, np.full(3, ALWAYS), item)
    of_item = [np.log((1 + 2) / (0.75 + 2)), np.log((0 + 2) / (0.1 + 2))]
    np.testing.assert_allclose(found["clicks on the item"], [*of_item, of_item[0]])
    own = [(1 + 1) / (0.6 + 1), (1 + 1) / (0.35 + 1), 1.0]
    np.testing.assert_allclose(found["clicks of the user"], np.log(own))
    wanted = [0.6 * own[0], 0.25 * own[1], 0.0]  # of the brand of items 0 and 1
    clicks = np.array([1.0, 0.0, 0.0])
    np.testing.assert_allclose(
        found["clicks on HAS_BRAND Brand"], np.log((clicks + 1) / (np.array(wanted) + 1)), rtol=1e-6
    )
    np.testing.assert_allclose(found["passed over before"], [0, 0, 0])
    np.testing.assert_allclose(found["like the passed over"], [0, 0, 0])
    again = before.columns(RELATIONS, source, np.array([0]), np.array([ALWAYS]), np.array([1]))
    assert again["passed over before"] == pytest.approx(np.log(2))
    assert again["like the passed over"] == pytest.approx(1.0)


def test_only_what_was_shown_before_the_moment_counts_for_the_user() -> None:
    rates = ClickRates(np.full(52, 0.2), {ITEM: 1.0, USER: 1.0, "HAS_BRAND Brand": 1.0})
    rows = [(0, 0, 10, 1, 1), (0, 1, 20, 1, 0), (0, 2, 30, 1, 1)]
    source = np.eye(3, dtype=np.float32)
    whole, part = (ShownBefore.of(log(some, 1), rates, 3) for some in (rows, rows[:2]))
    asked = np.array([0]), np.array([25]), np.array([1])
    of_part, of_whole = part.columns(RELATIONS, source, *asked), whole.columns(RELATIONS, source, *asked)
    for name in ("clicks of the user", "clicks on HAS_BRAND Brand", "passed over before", "like the passed over"):
        np.testing.assert_array_equal(of_whole[name], of_part[name], err_msg=name)


def test_strength_of_a_prior_is_what_the_clicks_were_drawn_with() -> None:
    """Items whose rates vary by a gamma law of strength 4, users who are all alike."""
    draws = np.random.default_rng(0)
    rate = draws.gamma(4, 1 / 4, 400)
    item, user = np.repeat(np.arange(400), 500), np.tile(np.arange(500), 400)
    clicked = draws.random(len(item)) < 0.1 * rate[item]
    rows = list(zip(user, item, np.zeros(len(item), np.int64), np.ones(len(item)), clicked, strict=True))
    brands = sparse.csr_array(np.ones((400, 1), np.float32))
    found = ClickRates.of(log(rows, 500), ItemRelations({"HAS_BRAND Brand": brands}, None), 400)
    assert 3 < found.strength[ITEM] < 5
    assert found.strength[USER] > 50
    assert found.by_place[1] == pytest.approx(clicked.mean(), abs=1e-3)
    assert ClickRates.from_dict(found.to_dict()).strength == found.strength
