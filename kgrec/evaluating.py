"""A fitted model measured on a part of a split."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import DataError, check_whole
from kgrec.evaluation.click_metrics import click_metrics, reliability_curve
from kgrec.evaluation.metrics import check_cutoffs, ranking_metrics
from kgrec.models.fitted import FittedModel
from kgrec.ranking.diversity import check_diversity
from kgrec.ranking.lists import model_lists
from kgrec.scoring.model import probabilities
from kgrec.scoring.pairs import LabelledPairs, labelled_pairs
from kgrec.scoring.past import Past, histories_through
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

logger = logging.getLogger(__name__)

MANY_KNOWN = 0.5  # share of a part's interactions


def part_metrics(
    model: FittedModel,
    part: Dataset,
    ks: Sequence[int],
    seed: int,
    *,
    filter_seen: bool = True,
    diversity: float = 0.0,
) -> dict[str, float]:
    """Full-ranking and click metrics; see `KGRecommender.evaluate`."""
    check_cutoffs(ks)
    check_diversity("evaluate", diversity)
    wanted = part.interactions
    if not wanted.height:
        raise DataError("evaluate: the part has no interaction")
    users = wanted[c.USER_ID].unique(maintain_order=True)
    model, before = _as_before(model, part), _before(model, part, users)
    if filter_seen:
        _warn_of_known(model, wanted, users, before)
    vectors, metrics = model.user_vectors(before), dict[str, float]()
    for cut in [[k] for k in ks] if diversity else [ks]:  # a longer list with variety doesn't begin as a shorter one
        lists = model_lists(
            model, users, before, max(cut), filter_seen=filter_seen, diversity=diversity, vectors=vectors
        )
        metrics |= ranking_metrics(lists, wanted, ks=cut, num_items=len(model.items))
    return {**metrics, **_click_metrics(model, part, seed)}


def part_lists(
    model: FittedModel, part: Dataset, k: int, *, filter_seen: bool = True, diversity: float = 0.0
) -> pl.DataFrame:
    """The lists that `part_metrics` scores: for each user of the part, going by what came before it."""
    check_whole(1, k=k)
    check_diversity("recommend_part", diversity)
    users = part.interactions[c.USER_ID].unique(maintain_order=True)
    before = _before(model, part, users)
    return model_lists(_as_before(model, part), users, before, k, filter_seen=filter_seen, diversity=diversity)


def _as_before(model: FittedModel, part: Dataset) -> FittedModel:
    """The model as it was before a part, whose events it may know: else what is popular would tell them."""
    return model if part.history is None else model.as_after(part.history)


def _before(model: FittedModel, part: Dataset, users: pl.Series) -> Histories:
    if part.history is None:
        return model.histories.take(model.users.index(users))
    return model.histories_of(part.history, Vocabulary(users))


def _warn_of_known(model: FittedModel, wanted: pl.DataFrame, users: pl.Series, before: Histories) -> None:
    """Log it where most of what is wanted can't be listed, being in the histories."""
    user, item, size = (
        Vocabulary(users).index(wanted[c.USER_ID]),
        model.items.index(wanted[c.ITEM_ID]),
        len(model.items),
    )
    known = np.isin(user * size + item, before.user_index() * size + before.item_index) & (item >= 0)
    if known.mean() > MANY_KNOWN:
        logger.warning(
            "evaluate: %.0f%% of the interactions are on items of the users' histories, which the lists leave out: "
            "pass a part that the model does not know, or filter_seen=False",
            100 * known.mean(),
        )


def part_click_metrics(model: FittedModel, part: Dataset, seed: int) -> dict[str, float]:
    """The click metrics among `part_metrics`; none where the model knows no user or no item of any pair."""
    return _click_metrics(_as_before(model, part), part, seed)


def _click_metrics(model: FittedModel, part: Dataset, seed: int) -> dict[str, float]:
    """Those of a model as it was before the part."""
    clicked, probability = _clicks(model, part, seed)
    return click_metrics(clicked, probability, model.config.negative_rate) if len(clicked) else {}


def part_reliability(model: FittedModel, part: Dataset, seed: int) -> pl.DataFrame:
    """Click probabilities beside the clicks; see `KGRecommender.reliability`."""
    return reliability_curve(*_clicks(_as_before(model, part), part, seed), model.config.negative_rate)


def _clicks(model: FittedModel, part: Dataset, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Labels and probabilities of the pairs of a part, by a model as it was before the part."""
    labelled, past = _pairs(model, part, seed)
    return labelled.clicked, probabilities(model, labelled.pairs, past)[c.CLICK_PROBABILITY]


def part_pairs(model: FittedModel, part: Dataset, seed: int) -> tuple[LabelledPairs, Past]:
    """The labelled pairs of a part, and what came before it; of the histories, those of the part's users."""
    return _pairs(_as_before(model, part), part, seed)


def _pairs(model: FittedModel, part: Dataset, seed: int) -> tuple[LabelledPairs, Past]:
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"evaluate"]))
    users = Vocabulary(part.events[c.USER_ID].unique(maintain_order=True))
    if part.history is None:
        past = replace(Past.of(model), histories=_before(model, part, users.ids))
    else:
        histories = histories_through(model, part.history, part, users)
        past = Past.after(model, part.history, histories)
    return labelled_pairs(part, past.histories, users, model.items, draws), past
