"""Vectors of users and items, smoothed over the graph of who liked what."""

from __future__ import annotations

import copy
import math

import numpy as np
import polars as pl
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from kgrec.baselines.ranker import Ranker, that_tells
from kgrec.data.dataset import Dataset
from kgrec.tensors.sequences import Histories, build_histories
from kgrec.tensors.sparse import Adjacency, csr_tensor, sparse_product

BATCH, MOST_STEPS = 2048, 1000  # of a step, and of an epoch: each smooths the whole graph
LEAST_EPOCHS, LEAST_STEPS = 5, 50  # between two looks at validation
REDRAWS = 10  # of negatives that are the user's own
PATIENCE = 10  # looks without a gain until the end


class LightGCN(Ranker):
    """The mean of free vectors and of what propagation over user-item edges makes of them; pairwise (BPR) loss.

    Parameters
    ----------
    train : Dataset
    validation : Dataset, optional
        Decides when to stop; None: all epochs are run.
    dim, num_layers, epochs : int
    learning_rate, penalty : float
        Of Adam; `penalty` weighs the squared norms of a batch's free vectors.

    Attributes
    ----------
    epochs : int
        After which the vectors were best on validation; without it all of them.

    Source: He et al. 2020, eqs. 3 and 15. Differs: a user without train events is the sum of the items of the history;
    what the others had by then joins the graph (no free vector changes).
    """

    def __init__(
        self,
        train: Dataset,
        validation: Dataset | None = None,
        *,
        dim: int = 64,
        num_layers: int = 3,
        epochs: int = 1000,
        learning_rate: float = 5e-3,
        penalty: float = 1e-4,
        seed: int = 0,
    ) -> None:
        super().__init__(train)
        validation = that_tells(validation)
        self.num_layers = num_layers
        self.adjacency = _normalised(self.liked)
        generator = torch.Generator().manual_seed(seed)
        draws = np.random.default_rng(seed)
        size = sum(self.liked.shape)
        self.free = (torch.randn(size, dim, generator=generator) * 0.1).requires_grad_()
        optimizer = torch.optim.Adam([self.free], lr=learning_rate)
        coo, best, kept, stale = self.liked.tocoo(), -1.0, self.free, 0
        self.epochs, per_step = epochs, max(BATCH, math.ceil(self.liked.nnz / MOST_STEPS))
        look = max(LEAST_EPOCHS, math.ceil(LEAST_STEPS * per_step / max(coo.nnz, 1)))
        look = min(look, math.ceil(epochs / PATIENCE))
        for epoch in range(1, epochs + 1):
            order = draws.permutation(len(coo.row))
            for batch in np.split(order, range(per_step, len(order), per_step)):
                user, item = coo.row[batch].astype(np.int64), coo.col[batch].astype(np.int64)
                other = self._drawn(user, draws)
                optimizer.zero_grad()
                self._loss(user, item, other, penalty).backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            if validation is None or epoch % look:
                continue
            self._propagate()
            found = self.ndcg(validation)
            stale = 0 if found > best else stale + 1
            if found > best:
                best, kept, self.epochs = found, copy.deepcopy(self.free), epoch
            if stale == PATIENCE:
                break
        self.free = self.free if validation is None else kept
        self._propagate()

    def _drawn(self, user: np.ndarray, draws: np.random.Generator) -> np.ndarray:
        """An item for each user that is none of the user's own; some item for those who have (all but) all of them."""
        other = draws.integers(0, len(self.items), len(user))
        for _ in range(REDRAWS):
            own = np.flatnonzero(np.asarray(self.liked[user, other]).ravel())
            if not len(own):
                break
            other[own] = draws.integers(0, len(self.items), len(own))
        return other

    def _loss(self, user: np.ndarray, item: np.ndarray, other: np.ndarray, penalty: float) -> Tensor:
        index = [torch.from_numpy(part) for part in (user, item + len(self.users), other + len(self.users))]
        smooth = self._smooth()
        users, items, others = (smooth[part] for part in index)
        norms = sum(self.free[part].square().sum() for part in index) / (2 * len(user))
        return functional.softplus((users * (others - items)).sum(-1)).mean() + penalty * norms

    def _smooth(self) -> Tensor:
        layer = total = self.free
        for _ in range(self.num_layers):
            layer = sparse_product(self.adjacency, layer)
            total = total + layer
        return total / (self.num_layers + 1)

    @torch.no_grad()
    def _propagate(self) -> None:
        self.user_emb, self.item_emb = torch.split(self._smooth(), [len(self.users), len(self.items)])

    def after(self, interactions: pl.DataFrame) -> LightGCN:
        had = self.liked.maximum(self.rows(build_histories(interactions, self.users, self.items)))
        if had.nnz == self.liked.nnz:
            return self
        known = copy.copy(self)
        known.adjacency = _normalised(had)
        known._propagate()
        return known

    def scores(self, histories: Histories) -> Tensor:
        scores: Tensor = self.user_vectors(histories, self.user_emb, self.item_emb) @ self.item_emb.T
        return scores


def _normalised(matrix: sparse.csr_matrix) -> Adjacency:
    """Users and items with an edge for each pair, divided by the roots of both degrees."""
    both = sparse.block_array([[None, matrix], [matrix.T, None]]).tocsr()
    degree = np.asarray(both.sum(axis=0)).ravel()
    root = sparse.diags_array(np.divide(1.0, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0))
    operator = csr_tensor(root @ both @ root)
    return Adjacency(operator, operator)  # symmetric
