"""The rankers that a model has to beat: small, exact, on the same histories and through the same top-k."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from scipy import sparse

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.models.fitted import interactions_of
from kgrec.ranking.lists import ranked_lists
from kgrec.tensors.sequences import Histories, build_histories
from kgrec.tensors.vocabulary import Vocabulary


class Popularity:
    """Every user gets the items with the most distinct users."""

    def __init__(self, train: Dataset) -> None:
        self.items = Vocabulary(train.items[c.ITEM_ID])
        matrix = _user_item(train.interactions, self.items)
        self.counts = torch.from_numpy(np.asarray(matrix.sum(axis=0)).ravel().astype(np.float32))

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        """Lists for the users of a part, items of its history left out: columns user_id, item_id, rank, score."""
        users, histories = _before(part, self.items)
        return ranked_lists(lambda begin, end: self.counts.repeat(end - begin, 1), users, self.items, histories, k)


class ItemKNN:
    """The items that share the most users with those of the history, by cosine.

    Parameters
    ----------
    train : Dataset
    neighbours : int
        Kept per item.

    Source: Sarwar et al. 2001, item-based collaborative filtering.
    """

    def __init__(self, train: Dataset, neighbours: int = 100) -> None:
        self.items = Vocabulary(train.items[c.ITEM_ID])
        matrix = _user_item(train.interactions, self.items)
        norm = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
        unit = matrix @ sparse.diags_array(np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0))
        cosine = (unit.T @ unit).tocsr()
        cosine.setdiag(0.0)
        cosine.eliminate_zeros()
        self.cosine = _strongest(cosine, neighbours)

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        """Lists for the users of a part, items of its history left out: columns user_id, item_id, rank, score."""
        users, histories = _before(part, self.items)
        rows = sparse.csr_array(
            (np.ones(len(histories.item_index), np.float32), (histories.user_index(), histories.item_index)),
            shape=(len(users), len(self.items)),
        )
        rows.data[:] = 1.0

        def scores(begin: int, end: int) -> torch.Tensor:
            return torch.from_numpy((rows[begin:end] @ self.cosine).toarray().astype(np.float32))

        return ranked_lists(scores, users, self.items, histories, k)


def _strongest(matrix: sparse.csr_array, count: int) -> sparse.csr_array:
    coo = matrix.tocoo()
    order = np.lexsort((coo.col, -coo.data, coo.row))
    row = coo.row[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    keep = order[place < count]
    return sparse.csr_array((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=matrix.shape)


def _user_item(interactions: pl.DataFrame, items: Vocabulary) -> sparse.csr_array:
    users = Vocabulary(interactions[c.USER_ID].unique(maintain_order=True))
    pairs = np.unique(np.stack([users.index(interactions[c.USER_ID]), items.index(interactions[c.ITEM_ID])]), axis=1)
    return sparse.csr_array((np.ones(pairs.shape[1]), (pairs[0], pairs[1])), shape=(len(users), len(items)))


def _before(part: Dataset, items: Vocabulary) -> tuple[pl.Series, Histories]:
    users = part.interactions[c.USER_ID].unique(maintain_order=True)
    history = part.events.clear() if part.history is None else interactions_of(part.history)
    return users, build_histories(history, Vocabulary(users), items)
