from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from kgrec.models.popularity import Popularity, popularities
from kgrec.tensors.sequences import Histories


def histories(*, ordered: bool) -> Histories:
    """Item 0 three times at the start, item 1 twice at the end of a span of 100 seconds, item 2 never."""
    item = np.array([0, 0, 1, 0, 1])
    return Histories(np.array([0, 3, 5]), item, np.zeros(5, np.int64), np.array([0, 0, 100, 0, 100]), ordered)


def test_popularity_is_the_logarithm_of_the_counts_at_unit_deviation() -> None:
    found = popularities(histories(ordered=False), 3)
    assert list(found) == ["all"]
    logarithm = np.log1p([3.0, 2.0, 0.0])
    assert_allclose(found["all"].logarithm(), logarithm / logarithm.std(), rtol=1e-6)


def test_popularity_of_late_forgets_by_half_lives_of_the_span() -> None:
    found = popularities(histories(ordered=True), 3)
    logarithm = np.log1p([3 * 0.5**4, 2.0, 0.0])  # the span is four half-lives of a quarter
    assert_allclose(found["half-life 0.25"].logarithm(), logarithm / logarithm.std(), rtol=1e-6)
    latest = found["half-life 0.01"].weight
    assert latest[0] < 1e-6 < latest[1]


def test_popularity_of_items_all_alike_is_nothing() -> None:
    alike = Histories(np.array([0, 2]), np.array([0, 1]), np.zeros(2, np.int64), np.array([5, 5]), ordered=True)
    assert popularities(alike, 2) == {}


def test_popularity_after_more_events_is_that_of_all_of_them() -> None:
    item, stamps = np.array([2, 3, 0]), np.array([150, 90, np.iinfo(np.int64).min])
    now = Popularity.of(histories(ordered=True), 3, 25.0).after(item, stamps, 4)
    # at 150: item 0 at 0 (three times) and, without a time, now; item 1 twice at 100; item 2 now; item 3 at 90
    assert_allclose(now.weight, [3 * 0.5**6 + 1, 2 * 0.5**2, 1, 0.5**2.4])
    counts = Popularity.of(histories(ordered=False), 3, None).after(item, stamps, 4)
    assert_allclose(counts.weight, [4, 2, 1, 1])
