"""What goes with what and what comes next, in closed form: one ridge regression over events, text and graph."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kgrec.tensors.sequences import Histories

EventProducts = tuple[sparse.csr_array, sparse.csr_array]
LEAST_WEIGHT = 1e-3  # of an event before another, for it to count
BLOCK = 500_000  # events at a time


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """The fitted model.

    Attributes
    ----------
    matrix : csr_array, shape (num_items, num_items), float32
        Row: an item of the history; column: the item it speaks for. The diagonal is zero.
    recency : float
        Weight of an event of the history for each step back.
    """

    matrix: sparse.csr_array
    recency: float

    def scores(self, histories: Histories) -> np.ndarray:
        """For every item, shape (num_users, num_items), float32; 0 for items that no event speaks for."""
        lengths = histories.lengths
        back = np.repeat(histories.start[1:], lengths) - 1 - np.arange(lengths.sum())
        weight = (self.recency ** back.astype(np.float64)).astype(np.float32)
        shape = histories.num_users, self.matrix.shape[0]
        rows = sparse.csr_array((weight, histories.item_index, histories.start), shape=shape)
        dense: np.ndarray = (rows @ self.matrix).toarray()
        return dense


def fit_item_weights(
    histories: Histories,
    num_items: int,
    side: Tensor | None = None,
    *,
    recency: float,
    penalty: float,
    keep: int | None = None,
    products: EventProducts | None = None,
) -> ItemWeights:
    """Fit B, with a zero diagonal, to the least |Y - X B|^2 + penalty |B|^2 over all rows of X and Y.

    Every place of a history gives a row: X holds the events before it, weighted by `recency` for each step back, Y the
    event there. The events of a history among themselves (`recency` to the power of their distance in steps) and the
    side information take part as rows with Y = X. Where the order means nothing, the histories are rows with Y = X and
    all weights are 1.

    Parameters
    ----------
    side : Tensor, shape (num_items, num_items), float32, optional
        Inner products of the items' side information (see `kgrec.models.side_information`).
    recency : float
        In (0, 1).
    penalty : float
        > 0.
    keep : int, optional
        Weights kept of each row, the largest; None keeps all.
    products : EventProducts, optional
        `event_products(histories, num_items, recency)`, where they are at hand from another fit.

    Source: Steck 2019 (EASE), eq. 8, for the zero diagonal; Choi et al. 2021 (SLIST), eq. 10, for rows of what came
    before. Differs: both kinds of row and the side information in one regression, pairs weighted by their distance.
    """
    before, forward = products or event_products(histories, num_items, recency)
    parts = (before, forward) if histories.ordered else (before,)  # without an order both are the same
    dense = [torch.from_numpy(part.astype(np.float32).toarray()) for part in parts]
    if side is not None:
        for part in dense:
            part += side
    weights = zero_diagonal_ridge(dense[0], penalty, *dense[1:])
    return ItemWeights(_largest(weights, keep), recency if histories.ordered else 1.0)


def zero_diagonal_ridge(gram: Tensor, penalty: float, goal: Tensor | None = None) -> Tensor:
    """B with a zero diagonal, the least |Y - X B|^2 + penalty |B|^2; `gram` is written to.

    Parameters
    ----------
    gram : Tensor, shape (num_items, num_items)
        X'X.
    goal : Tensor, shape (num_items, num_items), optional
        X'Y; None: Y = X, which takes half of the work.

    Source: Steck 2019 (EASE), eq. 8.
    """
    gram.diagonal().add_(penalty)
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
    if goal is None:
        weights = inverse.div_(-inverse.diagonal().clone())
    else:
        weights = torch.mm(inverse, goal, out=gram)
        weights.addcmul_(inverse, weights.diagonal() / inverse.diagonal(), value=-1.0)
    return weights.fill_diagonal_(0.0)


def event_products(histories: Histories, num_items: int, recency: float) -> EventProducts:
    """X'X and X'Y of the rows that the events give (see `fit_item_weights`)."""
    if not histories.ordered:
        ones = np.ones(len(histories.item_index))
        rows = sparse.csr_array((ones, histories.item_index, histories.start), shape=(histories.num_users, num_items))
        together = rows.T @ rows
        return together, together
    before = sparse.csr_array((num_items, num_items))  # products of what came before a place, with itself
    forward = sparse.csr_array((num_items, num_items))  # and with the event there
    for begin in range(0, max(len(histories.item_index), 1), BLOCK):
        rows, events = _before(histories, num_items, recency, begin)
        before = before + rows.T @ rows
        forward = forward + rows.T @ events
    counts = np.bincount(histories.item_index, minlength=num_items).astype(np.float64)
    among = recency * (forward + forward.T) + sparse.diags_array(counts)
    return (before + among).tocsr(), (forward + among).tocsr()


def _before(
    histories: Histories, num_items: int, recency: float, begin: int
) -> tuple[sparse.csr_array, sparse.csr_array]:
    """For each of a block of events one row: the events before it, weighted, and the event itself."""
    item = histories.item_index[begin : begin + BLOCK]
    place = np.arange(begin, begin + len(item))
    first = histories.start[np.searchsorted(histories.start, place, side="right") - 1]
    step = place - first  # events before it
    reach = 1 + math.floor(math.log(LEAST_WEIGHT) / math.log(recency))
    count = np.minimum(step, reach)
    start = np.concatenate([[0], np.cumsum(count)])
    back = np.arange(start[-1]) - np.repeat(start[:-1], count)  # 0 for the event just before
    column = histories.item_index[np.repeat(place, count) - 1 - back]
    shape = len(item), num_items
    rows = sparse.csr_array((recency ** back.astype(np.float64), column, start), shape=shape)
    return rows, sparse.csr_array((np.ones(len(item)), item, np.arange(len(item) + 1)), shape=shape)


def _largest(weights: Tensor, keep: int | None) -> sparse.csr_array:
    """The `keep` largest weights of each row by magnitude, as a sparse matrix."""
    size = weights.shape[0]
    if keep is None or keep >= size:
        return sparse.csr_array(weights.numpy())
    columns = torch.topk(weights.abs(), keep, dim=1, sorted=False).indices.sort(dim=1).values
    values = weights.gather(1, columns)
    start = np.arange(size + 1) * keep
    return sparse.csr_array((values.numpy().ravel(), columns.numpy().ravel(), start), shape=(size, size))
