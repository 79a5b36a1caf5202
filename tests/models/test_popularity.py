from __future__ import annotations

import numpy as np
from numpy.testing import assert_allclose

from kgrec.models.popularity import popularity
from kgrec.tensors.sequences import Histories


def histories(*, ordered: bool) -> Histories:
    """Item 0 three times at the start, item 1 twice at the end of a span of 100 seconds, item 2 never."""
    item = np.array([0, 0, 1, 0, 1])
    return Histories(np.array([0, 3, 5]), item, np.zeros(5, np.int64), np.array([0, 0, 100, 0, 100]), ordered)


def test_popularity_is_the_logarithm_of_the_counts_at_unit_deviation() -> None:
    found = popularity(histories(ordered=False), 3)
    assert list(found) == ["all"]
    logarithm = np.log1p([3.0, 2.0, 0.0])
    assert_allclose(found["all"], logarithm / logarithm.std(), rtol=1e-6)


def test_popularity_of_late_forgets_by_half_lives_of_the_span() -> None:
    found = popularity(histories(ordered=True), 3)
    logarithm = np.log1p([3 * 0.5**4, 2.0, 0.0])  # the span is four half-lives of a quarter
    assert_allclose(found["half-life 0.25"], logarithm / logarithm.std(), rtol=1e-6)
    assert found["half-life 0.01"][0] < 1e-6 < found["half-life 0.01"][1]


def test_popularity_of_items_all_alike_is_nothing() -> None:
    alike = Histories(np.array([0, 2]), np.array([0, 1]), np.zeros(2, np.int64), np.array([5, 5]), ordered=True)
    assert popularity(alike, 2) == {}
