"""What goes with what and what comes next, in closed form: one ridge regression over events, text and graph."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn.functional import embedding_bag

from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.sequences import Histories
from kgrec.tensors.sparse import csr_tensor

LEAST_WEIGHT = 1e-3  # of an event before another, for it to count
BLOCK = 8_000_000  # pairs of events at a time, about
EVENTS_AT_ONCE = 4_000  # of which the weights are added to the scores
SPARSE = 25  # a matrix with one entry in so many or fewer multiplies faster as CSR


@dataclass(frozen=True, slots=True)
class EventProducts:
    """Inner products of the rows that the events give (see `fit_item_weights`), each of shape (num_items, num_items).

    Float32, so that they take the memory of a few dense matrices at the most.

    Attributes
    ----------
    before : sparse array
        X'X of the rows that hold what came before a place; where there is no order, of the histories.
    ahead : sparse array or None
        X'(Y - X) of the same; None: Y = X.
    among : sparse array or None
        X'X of the rows of events among themselves; None: there are none.
    """

    before: sparse.csr_array
    ahead: sparse.csr_array | None = None
    among: sparse.csr_array | None = None


@dataclass(frozen=True, slots=True)
class ItemWeights:
    """The fitted model: of each fitted item the weights that were kept.

    Attributes
    ----------
    item : Tensor of int64, shape (num_fitted,)
        Places of the fitted items in the catalogue, ascending.
    column : Tensor of int64, shape (num_fitted, kept)
        The items that each of them speaks for.
    value : Tensor, shape (num_fitted, kept), float32
        How much; 0 for itself.
    num_items : int
        Of the catalogue.
    recency : float
        Weight of an event of the history for each step back. It need not be that of the fit.
    """

    item: Tensor
    column: Tensor
    value: Tensor
    num_items: int
    recency: float

    @property
    def matrix(self) -> sparse.csr_array:
        """Row: an item of the history; column: the item it speaks for; shape (num_items, num_items)."""
        row = self.item[:, None].expand_as(self.column)
        entries = (part.cpu().numpy().ravel() for part in (self.value, row, self.column))
        value, row_index, column_index = entries
        shape = self.num_items, self.num_items
        return sparse.csr_array(sparse.coo_array((value, (row_index, column_index)), shape=shape))

    def to(self, device: torch.device) -> ItemWeights:
        """The same weights on another device."""
        item, column, value = (part.to(device) for part in (self.item, self.column, self.value))
        return replace(self, item=item, column=column, value=value)

    def scaled(self, factor: float) -> ItemWeights:
        """All weights times `factor`."""
        return replace(self, value=self.value * factor)

    def scores(self, histories: Histories) -> Tensor:
        """For every item, shape (num_users, num_items); 0 for items that no event speaks for."""
        return self.add_scores(self.value.new_zeros(histories.num_users, self.num_items), histories)

    def add_scores(self, scores: Tensor, histories: Histories, share: float = 1.0) -> Tensor:
        """Add `share` times the scores of each history to `scores`, shape (num_users, num_items), in place."""
        row_of_item = torch.full((self.num_items,), -1, device=self.item.device)
        row_of_item[self.item] = torch.arange(len(self.item), device=self.item.device)
        line, back = histories.user_index(), _steps_back(histories)
        counts = self.recency ** back.astype(np.float64) >= LEAST_WEIGHT
        item, user, steps = (
            torch.from_numpy(part[counts]).to(self.item.device) for part in (histories.item_index, line, back)
        )
        row = row_of_item[item]
        known = row >= 0
        row, weight = row[known], share * self.recency ** steps[known]
        first = user[known] * self.num_items
        flat = scores.view(-1)
        for begin in range(0, len(row), EVENTS_AT_ONCE):
            some = slice(begin, begin + EVENTS_AT_ONCE)
            place = self.column[row[some]] + first[some, None]
            flat.index_add_(0, place.view(-1), (self.value[row[some]] * weight[some, None]).to(flat.dtype).view(-1))
        return scores


def _steps_back(histories: Histories) -> np.ndarray:
    """Of each event: how many came after it in its history."""
    lengths = histories.lengths
    steps: np.ndarray = np.repeat(histories.start[1:], lengths) - 1 - np.arange(lengths.sum())
    return steps


def history_scores(histories: Histories, weights: Tensor, recency: float) -> Tensor:
    """What `ItemWeights.scores` gives, from weights that are all at hand, shape (num_users, num_items)."""
    item, start, weight = (
        torch.from_numpy(part).to(weights.device)
        for part in (histories.item_index, histories.start[:-1], recency ** _steps_back(histories).astype(np.float64))
    )
    return embedding_bag(item, weights, start, mode="sum", per_sample_weights=weight.to(weights.dtype))


def fit_item_weights(
    histories: Histories,
    num_items: int,
    sides: Sequence[tuple[float, Tensor]] = (),
    *,
    recency: float,
    penalty: float,
    among: float = 1.0,
    products: EventProducts | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """Fit B, with a zero diagonal, to the least |Y - X B|^2 + penalty |B|^2 over all rows of X and Y.

    Every place of a history gives a row: X holds the events before it, weighted by `recency` for each step back, Y the
    event there. The events of a history among themselves (`recency` to the power of their distance in steps), `among`
    times, and the side information take part as rows with Y = X. Where the order means nothing, or `recency` is 1, the
    histories are rows with Y = X and all weights are 1.

    Parameters
    ----------
    sides : sequence of (weight, Tensor of shape (num_items, num_items), float32)
        Inner products of the items' side information (see `kgrec.models.side_information`), each with its weight.
    recency : float
        In (0, 1].
    penalty : float
        > 0.
    among : float
        >= 0: how much it counts what comes together, whichever came first.
    products : EventProducts, optional
        `event_products(histories, num_items, recency)`, where they are at hand from another fit.
    device : torch.device, optional
        Where to solve.

    Returns
    -------
    Tensor, shape (num_items, num_items), float32
        B; row: an item of the history, column: the item it speaks for.

    Source: Steck 2019 (EASE), eq. 8, for the zero diagonal; Choi et al. 2021 (SLIST), eq. 10, for rows of what came
    before. Differs: both kinds of row and the side information in one regression, pairs weighted by their distance.
    """
    products = products or event_products(histories, num_items, recency)
    gram = torch.from_numpy(products.before.toarray()).to(device)
    if products.among is not None:
        gram.add_(torch.from_numpy(products.among.toarray()).to(device), alpha=among)
    for weight, side in sides:
        gram.add_(side, alpha=weight)
    ahead = None if products.ahead is None else _transposed(products.ahead).to(device)
    del products  # where nobody else holds them, there is room for the solution
    return zero_diagonal_ridge(gram, penalty, ahead)


def _transposed(products: sparse.csr_array) -> Tensor:
    """The transpose, float32, as CSR where that multiplies faster."""
    rows = products.T.tocsr()
    if rows.nnz * SPARSE > rows.shape[0] ** 2:
        return torch.from_numpy(rows.toarray())
    return csr_tensor(rows)


def zero_diagonal_ridge(gram: Tensor, penalty: float, ahead: Tensor | None = None) -> Tensor:
    """B with a zero diagonal, the least |Y - X B|^2 + penalty |B|^2; `gram` is lost.

    Parameters
    ----------
    gram : Tensor, shape (num_items, num_items)
        X'X.
    ahead : Tensor, shape (num_items, num_items), dense or CSR, optional
        (Y - X)'X; None: Y = X.

    Source: Steck 2019 (EASE), eq. 8. With P = (X'X + penalty)^-1 is P X'Y = P X'(Y - X) - penalty P + I, of which the
    first term is a product with few entries where rows of Y = X, side information say, cancel.
    """
    gram.diagonal().add_(penalty)
    columns = gram.T  # the same matrix, as LAPACK lays one out: factor and inverse take its place
    inverse = torch.cholesky_inverse(torch.linalg.cholesky(columns, out=columns), out=columns).T
    if ahead is None:
        weights = inverse.div_(-inverse.diagonal().clone())
    else:
        weights = torch.mm(ahead, inverse).T
        weights.addcmul_(inverse, (1 + weights.diagonal()) / inverse.diagonal(), value=-1.0)
    return weights.fill_diagonal_(0.0)


def event_products(histories: Histories, num_items: int, recency: float) -> EventProducts:
    """The inner products that `fit_item_weights` takes of the events.

    With r for `recency`, the row of place t holds r ** (t - 1 - a) for the event at a < t. Of two events at a < b in a
    history of n, X'X gets the sum over all places after b, r ** (b - a) c(b) with c(b) = (1 - r ** (2 (n - 1 - b))) /
    (1 - r ** 2), and X'Y gets r ** (b - 1 - a): one pass over the pairs gives both.
    """
    shape = num_items, num_items
    if not histories.ordered or recency == 1:
        pairs = histories.user_index(), histories.item_index
        rows = sparse.csr_array((np.ones(len(pairs[1])), pairs), shape=(histories.num_users, num_items))
        rows.data[:] = 1.0  # also where an item came twice
        return EventProducts((rows.T @ rows).astype(np.float32))
    after = (1 - recency ** (2.0 * _steps_back(histories))) / (1 - recency**2)  # c, of each event
    forward = sparse.csr_array(shape)  # of pairs: r ** (b - 1 - a)
    twice = sparse.csr_array(shape)  # the same times c(b)
    for first, second, weight in _pairs(histories, recency):
        ends = histories.item_index[first], histories.item_index[second]
        forward = forward + sparse.coo_array((weight, ends), shape=shape).tocsr()
        twice = twice + sparse.coo_array((weight * after[second], ends), shape=shape).tocsr()
    before = _both_ways(twice, recency, np.bincount(histories.item_index, after, minlength=num_items))
    del twice
    among = _both_ways(forward, recency, histories.item_counts(num_items))  # in X and in Y
    return EventProducts(before, forward.astype(np.float32) - before, among)


def _both_ways(pairs: sparse.csr_array, recency: float, own: np.ndarray) -> sparse.csr_array:
    """The products of two items in either order, from those of one before the other and of each with itself."""
    both = (pairs + pairs.T).astype(np.float32)
    both.data *= recency
    return (both + sparse.diags_array(own.astype(np.float32))).tocsr()


def _pairs(histories: Histories, recency: float) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Places a and b of two events of a history, a < b, and r ** (b - 1 - a), where that counts; block by block."""
    reach = 1 + math.floor(math.log(LEAST_WEIGHT) / math.log(recency))
    step = np.arange(len(histories.item_index)) - np.repeat(histories.start[:-1], histories.lengths)  # events before it
    size = np.minimum(step, reach)
    block = np.cumsum(size) // BLOCK
    for place in np.split(np.arange(len(size)), np.flatnonzero(np.diff(block)) + 1):
        line, back = flat_ranges(np.zeros_like(place), size[place])  # 0 for the event just before
        second = place[line]
        yield second - 1 - back, second, recency ** back.astype(np.float64)


def keep_largest(weights: Tensor, items: np.ndarray, num_items: int, *, keep: int, recency: float) -> ItemWeights:
    """The `keep` largest weights of each row by magnitude.

    Parameters
    ----------
    weights : Tensor, shape (num_fitted, num_fitted)
        As `fit_item_weights` gives them.
    items : int64, shape (num_fitted,)
        Places of the fitted items in the catalogue, ascending.
    recency : float
        Of the scores (see `ItemWeights`); 1 where the order means nothing.
    """
    place = torch.from_numpy(items).to(weights.device)
    column = torch.topk(weights.abs(), min(keep, len(items)), dim=1, sorted=False).indices.sort(dim=1).values
    return ItemWeights(place, place[column], weights.gather(1, column), num_items, recency)
