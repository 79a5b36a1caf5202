"""What every baseline does: scores for users by their histories, turned into lists."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import polars as pl
from scipy import sparse
from torch import Tensor

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.models.fitted import interactions_of
from kgrec.ranking.lists import ranked_lists
from kgrec.tensors.sequences import Histories, build_histories
from kgrec.tensors.vocabulary import Vocabulary

K = 10  # NDCG@K on validation chooses


class Ranker(ABC):
    """A fitted ranker.

    Attributes
    ----------
    items, users : Vocabulary
        The catalogue, and the users of the training part.
    liked : csr_array, shape (num_users, num_items), float32
        1 where a user liked an item.
    """

    def __init__(self, train: Dataset) -> None:
        self.items = Vocabulary(train.items[c.ITEM_ID])
        interactions = train.interactions
        self.users = Vocabulary(interactions[c.USER_ID].unique(maintain_order=True))
        index = self.users.index(interactions[c.USER_ID]), self.items.index(interactions[c.ITEM_ID])
        self.liked = _user_item(*index, len(self.users), len(self.items))

    @abstractmethod
    def scores(self, histories: Histories) -> Tensor:
        """Scores of every item for each history, shape (num_users, num_items), a fresh tensor."""

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        """Lists for the users of a part, items of its history left out: columns user_id, item_id, rank, score."""
        users = part.interactions[c.USER_ID].unique(maintain_order=True)
        history = part.events.clear() if part.history is None else interactions_of(part.history)
        histories = build_histories(history, Vocabulary(users), self.items, self.users)
        return ranked_lists(
            lambda begin, end: self.scores(histories.take(np.arange(begin, end))), users, self.items, histories, k
        )

    def ndcg(self, part: Dataset) -> float:
        """NDCG@K on a part."""
        return ranking_metrics(self.recommend_part(part, K), part.interactions, ks=[K])[f"ndcg@{K}"]


def _user_item(users: np.ndarray, items: np.ndarray, num_users: int, num_items: int) -> sparse.csr_array:
    """1 for every pair of places that occurs, float32, shape (num_users, num_items)."""
    pairs = np.unique(np.stack([users, items]), axis=1)
    return sparse.csr_array((np.ones(pairs.shape[1], np.float32), (pairs[0], pairs[1])), shape=(num_users, num_items))


def rows_of(histories: Histories, num_items: int) -> sparse.csr_array:
    """1 for every item that a history holds, float32, shape (num_users, num_items)."""
    return _user_item(histories.user_index(), histories.item_index, histories.num_users, num_items)
