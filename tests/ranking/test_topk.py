"""Exact lists."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgrec.ranking.topk import top_k

SCORES = torch.tensor([[1.0, 3.0, 2.0], [5.0, 5.0, 4.0]])


def test_top_k_sorts_best_first_and_ties_by_index() -> None:
    user, item, score = top_k(lambda a, b: SCORES[a:b].clone(), 2, 2)
    assert user.tolist() == [0, 0, 1, 1]
    assert item.tolist() == [1, 2, 0, 1]
    assert score.tolist() == [3.0, 2.0, 5.0, 5.0]


def test_top_k_with_seen_and_allowed_items_lists_what_is_left() -> None:
    seen = np.array([0, 1, 1]), np.array([1, 0, 1])
    user, item, _ = top_k(lambda a, b: SCORES[a:b].clone(), 2, 5, seen=seen, allowed=np.array([True, True, False]))
    assert list(zip(user.tolist(), item.tolist(), strict=True)) == [(0, 0)]


@given(st.integers(0, 7), st.integers(1, 9), st.integers(1, 5), st.integers(0, 10_000))
def test_top_k_in_batches_equals_a_full_sort(users: int, k: int, batch: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    scores = torch.from_numpy(generator.integers(0, 5, (users, 6)).astype(np.float32))
    hidden = generator.random((users, 6)) < 0.3
    found = top_k(lambda a, b: scores[a:b].clone(), users, k, seen=np.nonzero(hidden), batch_size=batch)
    expected = [
        (user, item)
        for user in range(users)
        for item in sorted(np.flatnonzero(~hidden[user]), key=lambda index: (-scores[user, index], index))[:k]
    ]
    assert list(zip(found[0].tolist(), found[1].tolist(), strict=True)) == expected
