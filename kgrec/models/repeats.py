"""What it says for an item that the user has had it before: how often, how long ago, and how often it comes again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from kgrec.tensors.sequences import Histories

FEATURES = ("again", "log times", "log age", "log item rate")
PRIOR_EVENTS = 20.0  # at the rate of all items, beside those of the item


@dataclass(frozen=True, slots=True)
class Pairs:
    """The items that each of some users has had.

    Attributes
    ----------
    line, item : int64, shape (num_pairs,)
        Ascending; no pair comes twice.
    times : int64, shape (num_pairs,)
        Events of the user with the item.
    age : int64, shape (num_pairs,)
        Events of the user since the last of them, itself counted: 1 for the item that came last, and for all where the
        order means nothing.
    """

    line: np.ndarray
    item: np.ndarray
    times: np.ndarray
    age: np.ndarray

    @classmethod
    def of(cls, histories: Histories) -> Pairs:
        """Those of histories."""
        line = histories.user_index()
        size = int(histories.item_index.max(initial=0)) + 1
        keys = (line * size + histories.item_index)[::-1]  # the last event of a pair comes first
        pair, place, times = np.unique(keys, return_index=True, return_counts=True)
        last = len(keys) - 1 - place
        age = histories.start[1:][line[last]] - last
        return cls(pair // size, pair % size, times, age if histories.ordered else np.ones_like(age))


@dataclass(frozen=True, slots=True)
class RepeatWeights:
    """What is added to the ranking score of items that the user has had.

    Source: what people take again, they take by how often and how lately they took it (Anderson et al. 2014, "The
    dynamics of repeat consumption"), and by what it is (Bhagat et al. 2018, "Buy it again", section 3.1). Differs: one
    log-linear term beside the score of a ranker that knows more.

    Attributes
    ----------
    weight : float64, shape (4,)
        Of `FEATURES`.
    rate : float64, shape (num_items,)
        See `item_rates`.
    """

    weight: np.ndarray
    rate: np.ndarray

    def added(self, pairs: Pairs) -> np.ndarray:
        """What is added to the score of each pair, float64, shape (num_pairs,)."""
        value: np.ndarray = features(pairs, self.rate) @ self.weight
        return value

    def add_scores(self, scores: Tensor, histories: Histories) -> None:
        """Add to scores of every item, shape (num_users, num_items), in place."""
        pairs = Pairs.of(histories)
        value = torch.from_numpy(self.added(pairs)).to(scores)
        line, item = (torch.from_numpy(part).to(scores.device) for part in (pairs.line, pairs.item))
        scores[line, item] += value

    def with_items(self, num_items: int) -> RepeatWeights:
        """The same for more items, at the end; they are like the others."""
        return replace(self, rate=np.concatenate([self.rate, np.zeros(num_items - len(self.rate))]))


def features(pairs: Pairs, rate: np.ndarray) -> np.ndarray:
    """What the weights weigh, shape (num_pairs, 4)."""
    return np.stack([np.ones(len(pairs.item)), np.log(pairs.times), np.log(pairs.age), rate[pairs.item]], axis=1)


def item_rates(histories: Histories, num_items: int) -> np.ndarray:
    """Logarithm of how much oftener than others an item is had by who has had it before, shape (num_items,).

    The rate is the share of the item's events that are not the user's first with it, drawn towards that of all.
    """
    pairs = Pairs.of(histories)
    events = np.bincount(histories.item_index, minlength=num_items)
    again = np.bincount(pairs.item, pairs.times - 1, minlength=num_items)
    overall = again.sum() / max(events.sum(), 1)
    if not overall:
        return np.zeros(num_items)
    found: np.ndarray = np.log((again / overall + PRIOR_EVENTS) / (events + PRIOR_EVENTS))
    return found
