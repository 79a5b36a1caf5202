"""Users' vectors by their histories, many at once."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

import kgrec
from kgrec.models.fitted import LONG
from kgrec.tensors.sequences import Histories
from tests.tiny import SMALL, checkerboard

LENGTHS = np.array([5, 0, 9 * LONG, 1, LONG, 3, 2 * LONG, LONG - 1])


@pytest.mark.parametrize("timed", [True, False])
def test_vectors_of_histories_of_any_length_are_those_of_each_alone(
    timed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = checkerboard()
    if not timed:
        shop = kgrec.Dataset(items=shop.items, events=shop.events.drop("timestamp"))
    model = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=2), device="cpu").fit(shop).model_
    monkeypatch.setattr("kgrec.models.fitted.BATCH_ON_CPU", 4)
    draws, total = np.random.default_rng(0), int(LENGTHS.sum())
    histories = Histories(
        start=np.concatenate([[0], np.cumsum(LENGTHS)]),
        item_index=draws.integers(0, 12, total),
        event_index=np.zeros(total, np.int64),
        timestamp=np.arange(total),
        ordered=timed,
        user=np.arange(len(LENGTHS)),
        profile=np.zeros((len(LENGTHS), model.profile.shape[1]), np.int64),
    )
    alone = [model.user_vectors(histories.take(np.array([user]))) for user in range(len(LENGTHS))]
    torch.testing.assert_close(model.user_vectors(histories), torch.cat(alone))
    latest = histories.take(np.array([2]))
    short = dataclasses.replace(
        latest,
        start=np.array([0, SMALL.history_length]),
        **{name: getattr(latest, name)[-SMALL.history_length :] for name in ("item_index", "event_index", "timestamp")},
    )
    assert torch.allclose(model.user_vectors(short), alone[2], atol=1e-6) == timed  # with an order the last ones count
