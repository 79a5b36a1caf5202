"""A fitted model measured on a part of a split."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import DataError
from kgrec.evaluation.click_metrics import click_metrics
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.models.fitted import FittedModel
from kgrec.ranking.lists import model_lists
from kgrec.tensors.clicks import click_examples
from kgrec.tensors.sequences import Histories, build_histories
from kgrec.tensors.vocabulary import Vocabulary


def part_metrics(model: FittedModel, part: Dataset, ks: Sequence[int], seed: int) -> dict[str, float]:
    """Full-ranking and click metrics; see `KGRecommender.evaluate`."""
    wanted = part.interactions
    if not wanted.height:
        raise DataError("evaluate: the part has no interaction")
    metrics = ranking_metrics(part_lists(model, part, max(ks)), wanted, ks=ks, num_items=len(model.items))
    return {**metrics, **part_click_metrics(model, part, seed)}


def part_lists(model: FittedModel, part: Dataset, k: int) -> pl.DataFrame:
    """The lists that `part_metrics` scores: for each user of the part, going by what came before it."""
    users = part.interactions[c.USER_ID].unique(maintain_order=True)
    return model_lists(model, users, _before(model, part, users), k)


def _before(model: FittedModel, part: Dataset, users: pl.Series) -> Histories:
    if part.history is None:
        return model.histories.take(model.users.index(users))
    return model.histories_of(part.history, Vocabulary(users))


def part_click_metrics(model: FittedModel, part: Dataset, seed: int) -> dict[str, float]:
    """The click metrics among `part_metrics`."""
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"evaluate"]))
    users = Vocabulary(part.events[c.USER_ID].unique(maintain_order=True))
    histories = _before(model, part, users.ids)
    examples = click_examples(part.events, histories, users, model.items, draws)
    user, item, place, label = examples.user_index, examples.item_index, examples.place, examples.label
    if examples.basis != "impressions":
        positive = build_histories(part.interactions, users, model.items)
        own, liked = positive.user_index(), positive.item_index
        count = len(own) if examples.basis == "sampled" else 0
        user = np.concatenate([user, own, own[:count]])
        item = np.concatenate([item, liked, draws.integers(0, len(model.items), count)])
        label = np.concatenate([label, np.ones(len(own)), np.zeros(count)])
        place = histories.lengths[user]
    return click_metrics(label, model.click_probabilities(model.vectors_at(histories, user, place), item))
