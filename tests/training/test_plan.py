"""What each step of a training is of."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.tensors.clicks import click_examples
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.plan import Planner, TrainingData


def planner(length: np.ndarray, batch_size: int) -> Planner:
    """Of users with so many events each."""
    user = np.repeat(np.arange(len(length)), length)
    rng = np.random.default_rng(0)
    items = Vocabulary([f"i{place}" for place in range(20)])
    events = pl.DataFrame(
        {
            "user_id": pl.Series(user).cast(pl.String),
            "item_id": items.ids.gather(rng.integers(0, 20, len(user))),
            "event": "view",
            "timestamp": np.arange(len(user)),
            "session_id": pl.Series([None] * len(user), dtype=pl.String),
            "label": pl.Series([None] * len(user), dtype=pl.Int8),
        }
    )
    users = Vocabulary(events["user_id"].unique(maintain_order=True))
    histories = build_histories(events, users, items)
    data = TrainingData.of(histories, click_examples(events, histories, users, items, rng), 50)
    return Planner(data, 20, kgrec.RecommenderConfig(batch_size=batch_size), seed=0)


def test_an_epoch_is_of_every_window_once_in_steps_of_like_lengths() -> None:
    length = np.minimum(np.random.default_rng(1).geometric(1 / 15, 4_000), 50)
    plan = planner(length, 170)  # pools do not end where steps do
    batches = plan.batches()
    assert np.array_equal(np.sort(np.concatenate(batches)), np.arange(4_000))
    assert len(batches) == plan.steps_per_epoch > 250  # some twenty pools
    events = np.array([plan.length[batch].sum() for batch in batches])
    padded = np.array([len(batch) * plan.length[batch].max() for batch in batches])
    assert padded.sum() < 1.2 * events.sum()
    assert padded.max() < 3 * np.median(padded)


@pytest.mark.parametrize("ordered", [True, False])
def test_what_a_user_had_before_is_read_but_is_no_target(ordered: bool) -> None:
    plan = planner(np.array([130, 3, 1]), 60)  # the first user's windows are three, of 20 items at the most
    plan = Planner(replace(plan.data, histories=replace(plan.data.histories, ordered=ordered)), 20, plan.config, seed=0)
    histories, seen = plan.data.histories, list[tuple[int, int]]()
    read = 0
    for window in range(len(plan.windows)):
        step = plan.step(np.array([window]))
        read += int((step.batch.item_index >= 0).sum())
        user = int(plan.windows.row[window])
        targets = step.batch.item_index[step.is_target].tolist()
        assert len(targets) == len(set(targets)) == step.num_targets
        if ordered:
            seen += [(user, item) for item in targets]
        else:  # what is foreseen from the others of the window: once in each
            begin, stop = plan.windows.start[window], plan.windows.stop[window]
            inside = set(histories.item_index[begin:stop].tolist())
            assert set(targets) == inside or not plan.windows.is_first[window]
    if ordered:
        firsts = {(user, int(item)) for user in range(3) for item in histories.of(user)}
        assert len(seen) == len(firsts)
        assert set(seen) == firsts
    assert read >= 134


def test_a_step_of_nothing_but_repeats_has_no_target() -> None:
    plan = planner(np.array([130]), 60)
    plan.data.histories.item_index[:] = 4
    data = replace(plan.data, is_repeat=plan.data.histories.is_repeat())
    plan = Planner(data, 20, plan.config, seed=0)
    assert [plan.step(np.array([window])).num_targets for window in range(len(plan.windows))] == [1, 0, 0]
