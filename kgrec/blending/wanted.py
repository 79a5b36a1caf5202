"""The events of a validation part as places in a model, and how well scores rank them."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import polars as pl
from torch import Tensor

from kgrec.data import columns as c
from kgrec.evaluation.metrics import metrics_at
from kgrec.models.fitted import FittedModel
from kgrec.ranking.topk import ScoreRows, ranks, top_k
from kgrec.tensors.ranges import evenly
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import places

Candidate = TypeVar("Candidate", bound=Hashable)

K = 10  # NDCG@K chooses
BLOCK = 1_024  # users at a time


@dataclass(frozen=True, slots=True)
class Wanted:
    """What each of some users went on to like.

    Attributes
    ----------
    users : int64
        Rows of the model's histories, ascending.
    line, item : int64, shape (num_events,)
        Of each event the place in `users`, and that of the item in the catalogue.
    """

    users: np.ndarray
    line: np.ndarray
    item: np.ndarray

    @classmethod
    def of(
        cls, model: FittedModel, events: pl.DataFrame, most: int, *, items: np.ndarray | None = None, once: bool = False
    ) -> Wanted:
        """The events of known users and items, of at most so many users.

        Parameters
        ----------
        events : frame of interactions
        items : int64, optional
            Only events on these places in the catalogue.
        once : bool
            Each pair of user and item once, ascending.
        """
        user, item = model.users.index(events[c.USER_ID]), model.items.index(events[c.ITEM_ID])
        known = (user >= 0) & (item >= 0 if items is None else np.isin(item, items))
        user, item = user[known], item[known]
        if once:
            user, item = np.unique(np.stack([user, item]), axis=1)
        users = np.unique(user)
        users = users[evenly(len(users), most)]
        taken = np.isin(user, users)
        return cls(users, np.searchsorted(users, user[taken]), item[taken])

    def within(self, items: np.ndarray, num_items: int) -> Wanted:
        """The same for a part of the catalogue, its items renumbered."""
        place = places(items, num_items)
        known = place[self.item] >= 0
        kept, line = np.unique(self.line[known], return_inverse=True)
        return Wanted(self.users[kept], line, place[self.item[known]])

    def only(self, users: np.ndarray) -> Wanted:
        """The same for some of the users, shape (num_users,), bool."""
        place = np.cumsum(users) - 1
        inside = users[self.line]
        return Wanted(self.users[users], place[self.line[inside]], self.item[inside])

    def block(self, begin: int, end: int) -> Wanted:
        """The same for a range of the users."""
        inside = (self.line >= begin) & (self.line < end)
        return Wanted(self.users[begin:end], self.line[inside] - begin, self.item[inside])

    def ndcg(self, score_rows: ScoreRows, seen: Histories | None) -> float:
        """NDCG@K of full rankings, the items of the histories `seen` (of `users`) left out; each event once."""
        pairs = None if seen is None else (seen.user_index(), seen.item_index)
        line, item, _ = top_k(score_rows, len(self.users), K, seen=pairs)
        size = int(max(item.max(initial=0), self.item.max(initial=0))) + 1
        hit = np.isin(line * size + item, self.line * size + self.item)
        wanted = np.bincount(self.line, minlength=len(self.users))
        return metrics_at(K, line[hit], ranks(line)[hit], wanted)[f"ndcg@{K}"]


def ndcg_of_each(
    model: FittedModel,
    wanted: Wanted,
    candidates: Callable[[Tensor, Histories], Iterable[tuple[Candidate, Tensor]]],
    *,
    filter_seen: bool = True,
) -> dict[Candidate, float]:
    """NDCG@K of each candidate, which are given as scores of some users at a time: fresh tensors, written to.

    The items of their histories are left out if `filter_seen`.
    """
    total: dict[Candidate, float] = {}
    for begin in range(0, len(wanted.users), BLOCK):
        part = wanted.block(begin, begin + BLOCK)
        histories = model.histories.take(part.users)
        seen = histories if filter_seen else None
        for key, scores in candidates(model.known_user_vectors(part.users), histories):
            value = part.ndcg(lambda a, b, rows=scores: rows[a:b], seen)  # type: ignore[misc]
            total[key] = total.get(key, 0.0) + len(part.users) * value
    return {key: value / len(wanted.users) for key, value in total.items()}
