"""What every baseline does: scores for users by their histories, turned into lists."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
import polars as pl
import torch
from scipy import sparse
from torch import Tensor

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import check_whole
from kgrec.evaluation.links import matrix_of
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
        The catalogue, what most users liked first; and the users of the training part. What ties in a list goes by how
        many users had liked it before the part.
    liked : csr_matrix, shape (num_users, num_items), float32
        1 where a user liked an item.
    """

    def __init__(self, train: Dataset) -> None:
        self.items = Vocabulary(train.items[c.ITEM_ID])
        interactions = train.interactions
        self.users = Vocabulary(interactions[c.USER_ID].unique(maintain_order=True))
        liked = self.rows(build_histories(interactions, self.users, self.items))
        order = np.argsort(-liked.getnnz(axis=0), kind="stable")
        self.items, self.liked = Vocabulary(self.items.take(order)), liked[:, order]

    @abstractmethod
    def scores(self, histories: Histories) -> Tensor:
        """Scores of every item for each history, shape (num_users, num_items), a fresh tensor."""

    def rows(self, histories: Histories) -> sparse.csr_matrix:
        """1 for every item that a history holds, float32, shape (num_users, num_items)."""
        shape = histories.num_users, len(self.items)
        rows: sparse.csr_matrix = matrix_of(histories.user_index(), histories.item_index, shape)
        return rows

    def user_vectors(self, histories: Histories, users: Tensor, items: Tensor) -> Tensor:
        """A row for each history: its user's, or the sum of its items' where train doesn't know the user.

        `users` and `items` are the vectors of `self.users`, shape (num_users, dim), and of `self.items`, shape
        (num_items, dim), float32.
        """
        index = torch.from_numpy(np.full(histories.num_users, -1) if histories.user is None else histories.user)
        vectors = torch.from_numpy(self.rows(histories) @ items.numpy())
        known = index >= 0
        vectors[known] = users[index[known]]
        return vectors

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        """Lists for the users of a part, items of its history left out: columns user_id, item_id, rank, score."""
        check_whole(1, k=k)
        users = part.interactions[c.USER_ID].unique(maintain_order=True)
        history = part.events.clear() if part.history is None else interactions_of(part.history)
        ranker = self if part.history is None else self.after(history)
        histories = build_histories(history, Vocabulary(users), self.items, self.users)
        order = np.argsort(-self.likers(history), kind="stable")

        def scores(begin: int, end: int) -> Tensor:
            return ranker.scores(histories.take(np.arange(begin, end)))[:, torch.from_numpy(order)]

        seen = histories.renumber(np.argsort(order))
        return ranked_lists(scores, users, Vocabulary(self.items.take(order)), seen, k)

    def likers(self, interactions: pl.DataFrame) -> np.ndarray:
        """How many users have an interaction with each item, int64, shape (num_items,)."""
        index = self.items.index(interactions.select(c.USER_ID, c.ITEM_ID).unique()[c.ITEM_ID])
        return np.bincount(index[index >= 0], minlength=len(self.items))

    def after(self, interactions: pl.DataFrame) -> Ranker:  # noqa: ARG002
        """The ranker as it is after these interactions of everyone, where it follows more than the users' own."""
        return self

    def ndcg(self, part: Dataset) -> float:
        """NDCG@K on a part."""
        return ranking_metrics(self.recommend_part(part, K), part.interactions, ks=[K])[f"ndcg@{K}"]


def that_tells(validation: Dataset | None) -> Dataset | None:
    """The validation part, if it has an interaction: else there is nothing that could choose."""
    return None if validation is None or not validation.interactions.height else validation
