"""What a user is interested in, as probabilities over brands, categories, attributes and price bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse
from scipy.special import gammaln

from kgrec.explain.item_values import ItemValues, item_values
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import EVENT_NAMES, Histories

HALF_LIFE = 5.0  # events after which one counts half in the short term
RECENT = 5  # last events of a history, by which it is told how far short-term interest strays from long-term
TRIED_USERS = 2_000
CONCENTRATIONS = np.geomspace(0.3, 3_000.0, 25)
KIND, VALUE, LONG_TERM, SHORT_TERM, SHOP, LIFT = "kind", "value", "long_term", "short_term", "shop", "lift"
_EMPTY = pl.DataFrame(
    schema={KIND: pl.String, VALUE: pl.String} | dict.fromkeys((LONG_TERM, SHORT_TERM, SHOP, LIFT), pl.Float64)
)


@dataclass(frozen=True, slots=True)
class _Kind:
    """One kind: what items have, what all users together are interested in, and how much users differ.

    Attributes
    ----------
    shop : float64 array, shape (num_values,)
    long, short : float
        Events' worth of the shop that a user's own events are mixed with, and of the long term in the short term.
    """

    values: pl.Series
    shares: sparse.csr_array
    shop: np.ndarray
    long: float
    short: float


class Interests:
    """The interests of all users of a model.

    A user's events count by their type (`RecommenderConfig.event_weights`, their mean made 1). The counts of a kind are
    taken as drawn from the user's own distribution, and that from a Dirichlet around the shop's; how concentrated it is
    follows from how much the users differ, by maximum likelihood over `CONCENTRATIONS`. So a user with few events is
    near the shop and one with many near the own counts. The short term is to the long term what that is to the shop.

    Parameters
    ----------
    model : FittedModel

    Source: Minka 2000 (Estimating a Dirichlet distribution), the likelihood of counts; Zhai and Lafferty 2001, section
    3.2, for the smoothing.
    """

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        self.histories = model.histories
        weights = np.array([model.config.event_weights.get(name, 1.0) for name in EVENT_NAMES])
        events = weights[self.histories.event_index]
        self.event_weight = events / (events.mean() if len(events) else 1.0)
        users = np.flatnonzero(self.histories.lengths)
        tried = users[:: max(1, len(users) // TRIED_USERS)]
        tables = item_values(model.graph, model.items)
        self.kinds = {kind: self._fit(table, tried) for kind, table in tables.items()}

    def of(self, user: int) -> pl.DataFrame:
        """The interests of one user.

        Parameters
        ----------
        user : int
            Place among the model's users.

        Returns
        -------
        polars.DataFrame
            See `KGRecommender.profile`.
        """
        place = np.arange(self.histories.start[user], self.histories.start[user + 1])
        item, weight = self.histories.item_index[place], self.event_weight[place]
        fading = weight * 0.5 ** (np.arange(len(place))[::-1] / HALF_LIFE)
        tables = []
        for name, kind in self.kinds.items():
            long = smoothed(weight @ kind.shares[item], kind.shop, kind.long)
            short = smoothed(fading @ kind.shares[item], long, kind.short) if self.histories.ordered else long
            columns = {VALUE: kind.values, LONG_TERM: long, SHORT_TERM: short, SHOP: kind.shop, LIFT: long / kind.shop}
            table = pl.DataFrame(columns).sort(LONG_TERM, VALUE, descending=[True, False])
            tables.append(table.select(pl.lit(name).alias(KIND), pl.all()))
        return pl.concat([_EMPTY, *tables])

    def _fit(self, table: ItemValues, tried: np.ndarray) -> _Kind:
        values, shares = table.values, table.shares
        counts = _counts(self.histories, tried, self.event_weight, shares)
        catalogue = shares.sum(axis=0)
        every = np.bincount(self.histories.item_index, self.event_weight, minlength=shares.shape[0]) @ shares
        shop = smoothed(every, catalogue / catalogue.sum(), float(len(values)))
        long = short = 1.0
        if counts.nnz:
            long = concentration(counts, shop[sparse.coo_array(counts).col])
        if self.histories.ordered and counts.nnz:
            last = np.minimum(self.histories.lengths[tried], RECENT)
            recent = _counts(self.histories, tried, self.event_weight, shares, last)
            before, entries = sparse.csr_array(counts - recent), sparse.coo_array(recent)
            of_before = np.asarray(before[entries.row, entries.col]).ravel() + long * shop[entries.col]
            short = concentration(recent, of_before / (before.sum(axis=1)[entries.row] + long))
        return _Kind(values, shares, shop, long, short)


def smoothed(counts: np.ndarray, prior: np.ndarray, weight: float) -> np.ndarray:
    """Counts as probabilities, mixed with `weight` events' worth of a prior.

    Parameters
    ----------
    counts : array, shape (..., num_values)
    prior : array, shape (..., num_values)
        Sums to 1.

    >>> smoothed(np.array([3.0, 1.0]), np.array([0.5, 0.5]), 4.0).tolist()
    [0.625, 0.375]
    """
    found: np.ndarray = (counts + weight * prior) / (counts.sum(axis=-1, keepdims=True) + weight)
    return found


def concentration(counts: sparse.csr_array, mean: np.ndarray) -> float:
    """How many events' worth the prior counts: the likeliest of `CONCENTRATIONS` for counts drawn from Dirichlets.

    Parameters
    ----------
    counts : csr_array, shape (num_users, num_values)
    mean : array, shape (number of entries,)
        The prior's probability, above 0, at each entry of `counts`, in the order of its COO form.
    """
    entries, total = sparse.coo_array(counts).data, counts.sum(axis=1)
    best, most = float(CONCENTRATIONS[0]), -np.inf
    for alpha in CONCENTRATIONS:
        likelihood = (gammaln(entries + alpha * mean) - gammaln(alpha * mean)).sum()
        likelihood += (gammaln(alpha) - gammaln(total + alpha)).sum()
        if likelihood > most:
            best, most = float(alpha), likelihood
    return best


def _counts(
    histories: Histories,
    users: np.ndarray,
    weight: np.ndarray,
    shares: sparse.csr_array,
    last: np.ndarray | None = None,
) -> sparse.csr_array:
    """Weighted events of some users by value, of all or of the last so many, shape (num_users, num_values)."""
    lengths = histories.lengths[users] if last is None else last
    stop = histories.start[users + 1]
    row = np.repeat(np.arange(len(users)), lengths)
    place = np.arange(len(row)) - np.repeat(np.cumsum(lengths) - lengths, lengths) + np.repeat(stop - lengths, lengths)
    shape = len(users), shares.shape[0]
    events = sparse.csr_array((weight[place], (row, histories.item_index[place])), shape=shape)
    return sparse.csr_array(events @ shares)
