"""Re-ranking by MMR."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from kgrec.ranking.diversity import diversify


def _by_hand(score: np.ndarray, vectors: np.ndarray, k: int, diversity: float) -> list[int]:
    relevance = (score - score.min()) / max(score.max() - score.min(), 1e-12)
    chosen = [int(relevance.argmax())]
    while len(chosen) < min(k, len(score)):
        nearest = (vectors @ vectors[chosen].T).max(1)
        value = (1 - diversity) * relevance - diversity * nearest
        value[chosen] = -np.inf
        chosen.append(int(value.argmax()))
    return chosen


@given(st.integers(0, 10_000), st.integers(1, 8), st.floats(0, 1))
def test_diversify_chooses_as_the_definition_says(seed: int, k: int, diversity: float) -> None:
    generator = np.random.default_rng(seed)
    vectors = generator.normal(size=(9, 4)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    counts = (6, 3)
    items = [generator.permutation(9)[:count] for count in counts]
    scores = [np.sort(generator.random(count).astype(np.float32))[::-1] for count in counts]
    flat = np.repeat([0, 4], counts), np.concatenate(items), np.concatenate(scores)
    line, item, score = diversify(*flat, torch.from_numpy(vectors), k, diversity)
    for user, own, known in zip((0, 4), items, scores, strict=True):
        expected = _by_hand(known, vectors[own], k, diversity)
        assert item[line == user].tolist() == own[expected].tolist()
        assert score[line == user].tolist() == known[expected].tolist()


def test_diversify_of_many_users_is_that_of_each(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(0)
    vectors = torch.nn.functional.normalize(torch.from_numpy(generator.normal(size=(20, 4)).astype(np.float32)), dim=1)
    line, item = np.arange(30).repeat(6), np.concatenate([generator.permutation(20)[:6] for _ in range(30)])
    score = np.sort(generator.random((30, 6)).astype(np.float32), 1)[:, ::-1].ravel()
    whole = diversify(line, item, score, vectors, 3, 0.5)
    monkeypatch.setattr("kgrec.ranking.diversity.BATCH", 100)
    for one, other in zip(whole, diversify(line, item, score, vectors, 3, 0.5), strict=True):
        assert one.tolist() == other.tolist()


def test_diversify_with_nothing_to_choose_from_is_empty() -> None:
    nothing = np.zeros(0, np.int64)
    assert [len(part) for part in diversify(nothing, nothing, np.zeros(0), torch.eye(3), 5, 0.5)] == [0, 0, 0]
