"""What only a GPU can show; skipped without one."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.testing import assert_close

import kgrec
from tests.tiny import SMALL, checkerboard

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA here"),
]
CONFIG = dataclasses.replace(SMALL, epochs=6, dropout=0.0, user_events=0.0, item_events=0.0)


def fitted(device: str, config: kgrec.RecommenderConfig = CONFIG, **options: object) -> kgrec.KGRecommender:
    split = checkerboard(impressions=True).split("leave_last_out")
    recommender = kgrec.KGRecommender(config, device=device, seed=2)
    return recommender.fit(split.train, split.validation, **options)  # type: ignore[arg-type]


def vectors(recommender: kgrec.KGRecommender) -> torch.Tensor:
    return recommender.model_.vectors.source.cpu()


def test_training_on_cuda_without_a_graph_gives_the_vectors_of_the_cpu() -> None:
    plain = dataclasses.replace(CONFIG, use_graph=False, epochs=2)  # with one the facts' negatives are drawn elsewhere
    assert_close(vectors(fitted("cuda", plain)), vectors(fitted("cpu", plain)), atol=5e-3, rtol=5e-3)


def test_deterministic_training_on_cuda_gives_the_same_bits() -> None:
    assert torch.equal(vectors(fitted("cuda", deterministic=True)), vectors(fitted("cuda", deterministic=True)))


def test_training_in_16_bits_is_near_that_in_32() -> None:
    whole, half = vectors(fitted("cuda")), vectors(fitted("cuda", precision="bf16"))
    assert (whole * half).sum(dim=1).min() > 0.98


def test_scoring_on_cuda_gives_the_probabilities_of_the_cpu() -> None:
    recommender = fitted("cuda")
    pairs = [(f"u{user:02}", f"i{item:02}") for user in range(4) for item in range(12)]
    there = recommender.predict_click(pairs)["click_probability"]
    other = fitted("cpu").predict_click(pairs)["click_probability"]
    assert (there - other).abs().max() < 0.05  # type: ignore[operator]
