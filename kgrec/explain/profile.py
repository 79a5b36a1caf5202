"""What a user is interested in, as probabilities over brands, categories, attributes and price bands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from scipy import sparse

from kgrec.explain.item_values import ItemValues, item_values
from kgrec.models.fitted import FittedModel
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.sequences import EVENT_NAMES, Histories

HALF_LIFE = 5.0  # events after which one counts half in the short term
VISIT = 30 * 60  # seconds without an event after which the next one begins another visit, as web analytics has it
LATER, MOST_LATER = 0.25, 8  # of a user's visits: the last quarter, at most so many, are to be foreseen
TRIED_USERS = 2_000
CONCENTRATIONS = np.geomspace(0.3, 30_000.0, 30)
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

    A user's events count by their type (`RecommenderConfig.event_weights`, their mean made 1), mixed with some events'
    worth of the shop: how many is what foresees best, for the users of the model, each of their last visits from all
    that came before it. So a user with few events is near the shop and one with many near the own counts. The short
    term, in which an event counts half after five more, is mixed with the long term likewise. The likelihood of all
    counts (as drawn from a Dirichlet) would not do: the events of one visit are about one thing, and it would take
    users for far more decided than they are.

    Parameters
    ----------
    model : FittedModel

    Source: Zhai and Lafferty 2001, section 3.2, for the smoothing.
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
        visits = _Visits.of(self.histories, tried, self.event_weight, len(model.items))
        self.kinds = {kind: self._fit(table, visits) for kind, table in tables.items()}

    def fits(self, model: FittedModel) -> bool:
        """Whether it was made of the histories and the graph that the model holds."""
        return self.histories is model.histories and self.model.graph is model.graph

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

    def _fit(self, table: ItemValues, visits: _Visits) -> _Kind:
        values, shares = table.values, table.shares
        catalogue = shares.sum(axis=0)
        every = np.bincount(self.histories.item_index, self.event_weight, minlength=shares.shape[0]) @ shares
        shop = smoothed(every, catalogue / catalogue.sum(), float(len(values)))
        before, fading, after = (
            sparse.csr_array(events @ shares) for events in (visits.before, visits.fading, visits.after)
        )
        entries = sparse.coo_array(after)
        long = best_weight(before, entries, shop[entries.col])
        if not self.histories.ordered:
            return _Kind(values, shares, shop, long, long)
        of_before = np.asarray(before[entries.row, entries.col]).ravel() + long * shop[entries.col]
        long_term = of_before / (before.sum(axis=1)[entries.row] + long)
        return _Kind(values, shares, shop, long, best_weight(fading, entries, long_term))


@dataclass(frozen=True, slots=True)
class _Visits:
    """Some later visits of some users: weighted events by item, csr_arrays of shape (num_visits, num_items).

    Attributes
    ----------
    before, fading : csr_array
        All that the user did before the visit; in `fading` an event counts half after `HALF_LIFE` more.
    after : csr_array
        The events of the visit.
    """

    before: sparse.csr_array
    fading: sparse.csr_array
    after: sparse.csr_array

    @classmethod
    def of(cls, histories: Histories, users: np.ndarray, event_weight: np.ndarray, num_items: int) -> _Visits:
        """The last of each user, none of a user with one; where nobody has two, every event is a visit."""
        lengths = histories.lengths[users]
        first = np.cumsum(lengths) - lengths
        row = np.repeat(np.arange(len(users)), lengths)
        place = np.arange(len(row)) - first[row] + histories.start[users][row]
        item, weight = histories.item_index[place], event_weight[place]
        begins = _begins(histories)[place]
        begins[first] = True
        if begins.sum() == len(users):
            begins[:] = True
        start = np.flatnonzero(begins)  # of each visit
        end = np.append(start[1:], len(row))[: len(start)]
        owner = row[start]
        count = np.bincount(owner, minlength=len(users))
        number = np.arange(len(start)) - (np.cumsum(count) - count)[owner]
        taken = np.minimum(np.ceil(LATER * count), MOST_LATER)[owner]
        some = (number > 0) & (number >= count[owner] - taken)
        start, end, begin = start[some], end[some], first[owner[some]]
        line, known = flat_ranges(begin, start)
        faded = weight[known] * 0.5 ** ((start[line] - 1 - known) / HALF_LIFE)
        of_visit, own = flat_ranges(start, end)
        shape = len(start), num_items
        return cls(
            sparse.csr_array((weight[known], (line, item[known])), shape=shape),
            sparse.csr_array((faded, (line, item[known])), shape=shape),
            sparse.csr_array((weight[own], (of_visit, item[own])), shape=shape),
        )


def _begins(histories: Histories) -> np.ndarray:
    """Whether each event begins a visit, as far as its time and the one before it in the flat array say."""
    if not histories.ordered:
        return np.ones(len(histories.item_index), dtype=bool)
    earlier, stamp = histories.timestamp[:-1], histories.timestamp[1:]
    unknown = earlier == np.iinfo(np.int64).min
    return np.concatenate([[True], unknown | (stamp - np.where(unknown, stamp, earlier) > VISIT)])[
        : len(histories.item_index)
    ]


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


def best_weight(counts: sparse.csr_array, later: sparse.coo_array, prior: np.ndarray) -> float:
    """How many events' worth of the prior to mix counts with: of `CONCENTRATIONS` the one that foresees best.

    Parameters
    ----------
    counts : csr_array, shape (num_users, num_values)
        What is known.
    later : coo_array, shape (num_users, num_values)
        What is to be foreseen: the mean of the logarithm of its probabilities, weighted by its counts, is to be high.
    prior : array, shape (number of entries of `later`,)
        The prior's probability at each of them, above 0.
    """
    known = np.asarray(counts[later.row, later.col]).ravel() if later.nnz else np.zeros(0)
    total = np.asarray(counts.sum(axis=1)).ravel()[later.row]
    found = [(later.data * np.log((known + weight * prior) / (total + weight))).sum() for weight in CONCENTRATIONS]
    return float(CONCENTRATIONS[int(np.argmax(found))])
