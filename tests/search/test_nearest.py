from __future__ import annotations

import numpy as np
import pytest
import torch

from kgrec.search.nearest import ItemCosines


def _vectors(size: int) -> torch.Tensor:
    return torch.nn.functional.normalize(torch.randn(size, 32, generator=torch.Generator().manual_seed(0)), dim=1)


def test_cosines_up_to_the_limit_are_exact() -> None:
    vectors = _vectors(100)
    found, mean = ItemCosines(vectors, limit=100).scores(vectors[3])
    assert np.allclose(found, (vectors @ vectors[3]).numpy())
    assert mean == pytest.approx(found.mean(), abs=1e-6)


def test_cosines_of_half_floats_are_exact_for_the_best() -> None:
    vectors = _vectors(1000).half()
    query = _vectors(1)[0]
    found, _ = ItemCosines(vectors, limit=1000).scores(query)
    exact = (vectors.float() @ query).numpy()
    assert np.abs(found - exact).max() < 2e-3
    best = np.argsort(-exact)[:100]
    assert np.allclose(found[best], exact[best], atol=1e-6)
    assert np.argsort(-found)[:100].tolist() == best.tolist()


def test_cosines_above_the_limit_come_from_an_index_that_finds_the_nearest() -> None:
    pytest.importorskip("usearch")
    vectors = _vectors(5000)
    cosines = ItemCosines(vectors, limit=4999)
    assert cosines.recall is not None
    assert cosines.recall > 0.95
    found, mean = cosines.scores(vectors[3], wanted=np.array([17]))
    exact = (vectors @ vectors[3]).numpy()
    best = np.argsort(-exact)[:10]
    assert np.isin(best, np.argsort(-found)[:12]).mean() >= 0.9
    assert found[17] == pytest.approx(exact[17], abs=1e-3)
    assert (found == np.float32(mean)).sum() >= 3000
