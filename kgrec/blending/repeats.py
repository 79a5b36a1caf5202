"""How much it says for an item that the user has had it before, as validation tells."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from kgrec.blending.wanted import K, Wanted, ndcg_of_each
from kgrec.models.fitted import FittedModel
from kgrec.models.repeats import FEATURES, Pairs, RepeatWeights, features, item_rates
from kgrec.tensors.sequences import Histories

logger = logging.getLogger(__name__)

BLOCK = 256
SHARPNESS = (0.03, 0.06, 0.12, 0.25, 0.5, 0.7, 1.0, 1.4)  # of the scores as logits; they were made to rank, no more
RIDGE = 1.0  # on all weights but the first


def add_repeats(model: FittedModel, wanted: Wanted | None, previous: FittedModel | None = None) -> None:
    """Give `model` its `repeats`, in place: the weights that rank what is wanted best, or None.

    Where nothing is wanted, what held for a `previous` model holds.
    """
    if wanted is not None:
        model.repeats = _choose(model, wanted, item_rates(model.histories, len(model.items)))
    elif previous is not None and previous.repeats is not None:
        model.repeats = RepeatWeights(previous.repeats.weight, item_rates(model.histories, len(model.items)))
    weight = None if model.repeats is None else dict(zip(FEATURES, model.repeats.weight.tolist(), strict=True))
    model.about["repeats"] = weight


def _choose(model: FittedModel, wanted: Wanted, rate: np.ndarray) -> RepeatWeights | None:
    """The likeliest weights at the sharpness that ranks best, seen items among the others; None: better without.

    The sharpness is chosen by weights that are fitted to every second user and rank for the others.
    """
    halves = [wanted.only(np.arange(len(wanted.users)) % 2 == half) for half in (0, 1)]
    fitted = [likeliest(model, half, rate) for half in halves]
    if not all(fitted):
        return None
    found: dict[float | None, float] = {}
    for half, weights in zip(halves, reversed(fitted), strict=True):
        for sharpness, ndcg in _ndcg(model, half, weights, rate).items():
            found[sharpness] = found.get(sharpness, 0.0) + ndcg * len(half.users) / len(wanted.users)
    logger.info("validation ndcg@%d of lists with seen items by sharpness of the weights of repeats: %s", K, found)
    best = max(found, key=lambda sharpness: found[sharpness])
    return None if best is None else RepeatWeights(likeliest(model, wanted, rate, (best,))[best], rate)


def _ndcg(
    model: FittedModel, wanted: Wanted, weights: dict[float, np.ndarray], rate: np.ndarray
) -> dict[float | None, float]:
    """NDCG@K of lists that may hold seen items, for each sharpness; None: without weights."""

    def candidates(vectors: Tensor, histories: Histories) -> Iterator[tuple[float | None, Tensor]]:
        scores = model.scores(vectors, histories)
        yield None, scores.clone()
        for sharpness, weight in weights.items():
            one = scores.clone()
            RepeatWeights(weight, rate).add_scores(one, histories)
            yield sharpness, one

    return ndcg_of_each(model, wanted, candidates, filter_seen=False)


def likeliest(
    model: FittedModel, wanted: Wanted, rate: np.ndarray, sharpnesses: tuple[float, ...] = SHARPNESS
) -> dict[float, np.ndarray]:
    """Weights of `kgrec.models.repeats.FEATURES`, shape (4,), by penalised likelihood, for each sharpness.

    An event is a draw from the softmax over all items of the scores, times a sharpness, plus what the weights add to
    the items that the user has had. The weights are divided by the sharpness: they are for the scores as they are.
    Sharp scores get small weights; the blunter they are, the more the weights alone rank what the user has had, and
    above the rest.

    Parameters
    ----------
    model : FittedModel
        Its histories end before the events.

    Returns
    -------
    dict
        Empty where none of the events is of an item that its user has had.
    """
    pairs = Pairs.of(model.histories.take(wanted.users))
    size = len(model.items)
    own, asked = pairs.line * size + pairs.item, wanted.line * size + wanted.item  # both ascending
    came = np.isin(own, asked).astype(np.float64)
    if not came.any():
        return {}
    value = features(pairs, rate)
    events = np.bincount(wanted.line, minlength=len(wanted.users)).astype(np.float64)
    found = {}
    for sharpness, new, had in _logits(model, wanted.users, pairs, sharpnesses):
        weight = _fit(_Events(new, had, pairs.line, value, events, came))
        logger.info("weights of %s at sharpness %g: %s", FEATURES, sharpness, weight)
        found[sharpness] = weight / sharpness
    return found


@dataclass(frozen=True, slots=True)
class _Events:
    """What the likelihood of some users' events is made of."""

    new: np.ndarray  # logarithm of the sum of exp(logit) over the items that each user hasn't had, shape (num_users,)
    had: np.ndarray  # logit of each pair of user and item had, shape (num_pairs,)
    line: np.ndarray  # the user of each pair, ascending
    value: np.ndarray  # the features of each pair
    count: np.ndarray  # events of each user
    came: np.ndarray  # events of each pair

    def loss(self, weight: np.ndarray) -> tuple[float, np.ndarray]:
        """Mean over the events of what depends on the weights, and its gradient."""
        added = self.value @ weight
        logit = self.had + added
        top = self.new.copy()
        begin = np.flatnonzero(np.diff(self.line, prepend=-1))  # of each user that has had something
        top[self.line[begin]] = np.maximum(top[self.line[begin]], np.maximum.reduceat(logit, begin))
        share = np.exp(logit - top[self.line])
        total = np.exp(self.new - top) + np.bincount(self.line, share, minlength=len(top))
        loss = self.count @ (top + np.log(total)) - self.came @ added
        slope = self.value.T @ ((self.count / total)[self.line] * share - self.came)
        pull = np.concatenate([[0.0], weight[1:]])
        return (loss + RIDGE / 2 * pull @ pull) / self.count.sum(), (slope + RIDGE * pull) / self.count.sum()


def _fit(events: _Events) -> np.ndarray:
    found: np.ndarray = minimize(events.loss, np.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x
    return found


@torch.no_grad()
def _logits(
    model: FittedModel, users: np.ndarray, pairs: Pairs, sharpnesses: tuple[float, ...]
) -> Iterator[tuple[float, np.ndarray, np.ndarray]]:
    """`new` and `had` of `_Events` at each sharpness."""
    new: list[list[np.ndarray]] = [[] for _ in sharpnesses]
    had = np.zeros(len(pairs.item))
    for begin in range(0, len(users), BLOCK):
        some = users[begin : begin + BLOCK]
        scores = model.scores(model.known_user_vectors(some), model.histories.take(some))
        inside = slice(*np.searchsorted(pairs.line, [begin, begin + BLOCK]))
        own = tuple(torch.from_numpy(part[inside]).to(scores.device) for part in (pairs.line - begin, pairs.item))
        had[inside] = scores[own].cpu().numpy()
        scores[own] = -torch.inf
        for place, sharpness in enumerate(sharpnesses):
            new[place].append((sharpness * scores).logsumexp(1).double().cpu().numpy())
    for place, sharpness in enumerate(sharpnesses):
        yield sharpness, np.concatenate(new[place]), sharpness * had
