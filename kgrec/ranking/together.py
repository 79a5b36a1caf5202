"""How often items are chosen together: of late, in one session, by the graph."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import EVENT_NAMES, Histories

SESSION_GAP = 1_800  # seconds: events further apart are of two sessions
DECAY, REACH = 0.95, 20  # weight of a pair of events for each event between them; the most events between, and one
LINK_WEIGHT = 1.0  # of an edge of the graph between two products, beside one pair of events
BUYING = ("cart", "purchase", "review")


@dataclass(frozen=True, slots=True)
class Pairing:
    """What counts how much in the score of an item that may go with another.

    Attributes
    ----------
    affinity : float
        Of the cosine, beside the logarithm of the probability.
    popular, lent : float
        Pairs' worth of popularity in what an item has, and of what like items have.
    """

    affinity: float = 4.0
    popular: float = 100.0
    lent: float = 200.0


@dataclass(frozen=True, slots=True)
class Together:
    """How often items are chosen together.

    Attributes
    ----------
    histories : Histories
        That it was counted in.
    pairs : csr_array, shape (num_items, num_items)
        Weight of all pairs of events, and of the graph's links; symmetric, 0 on the diagonal.
    bought : csr_array, shape (num_items, num_items), or None
        The same of pairs in one session where both are put in the cart or bought; None: nothing is ever bought.
    popular : float64 array, shape (num_items,)
        Share of each item in all pairs, above 0.
    pairing : Pairing
    """

    histories: Histories
    pairs: sparse.csr_array
    bought: sparse.csr_array | None
    popular: np.ndarray
    pairing: Pairing

    @classmethod
    def of(cls, model: FittedModel) -> Together:
        """Count the pairs of a model's histories and the links of its graph; the pairing is what `fit` chose."""
        histories, num_items = model.histories, len(model.items)
        pairs = event_pairs(histories, num_items) + LINK_WEIGHT * _links(model)
        buys = np.isin(histories.event_index, [EVENT_NAMES.index(name) for name in BUYING])
        bought = event_pairs(histories, num_items, only=buys) if buys.any() else None
        count = pairs.sum(axis=1) + histories.item_counts(num_items) + 0.5
        pairing = Pairing(**model.about.get("complements", {}))
        return cls(histories, sparse.csr_array(pairs), bought, count / count.sum(), pairing)

    def probabilities(self, items: np.ndarray, near: np.ndarray, cosine: np.ndarray) -> np.ndarray:
        """How likely each item is the other one of a pair, shape (num_asked, num_items).

        An item's pairs are mixed with those that like items have, the more the fewer it has itself, and these with how
        popular items are.

        Parameters
        ----------
        items : int64, shape (num_asked,)
        near : int64, shape (num_asked, num_near)
            Like items.
        cosine : float array, shape (num_asked, num_near)
        """
        total, popular, lent = np.asarray(self.pairs.sum(axis=1)).ravel(), self.pairing.popular, self.pairing.lent
        weight = np.concatenate([np.ones((len(items), 1)), cosine.clip(min=0)], axis=1)
        weight /= weight.sum(axis=1, keepdims=True)
        lender = np.concatenate([items[:, None], near], axis=1)
        row = np.repeat(np.arange(len(items)), lender.shape[1])
        scale = (weight / (total[lender] + popular)).ravel()
        loans = sparse.csr_array((scale, (row, lender.ravel())), shape=(len(items), len(total)))
        like = (loans @ self.pairs).toarray() + popular * np.asarray(loans.sum(axis=1))[:, None] * self.popular
        found: np.ndarray = (self.pairs[items].toarray() + lent * like) / (total[items] + lent)[:, None]
        return found


def event_pairs(histories: Histories, num_items: int, only: np.ndarray | None = None) -> sparse.csr_array:
    """Weights of the pairs of events that users have, by item, both ways round, shape (num_items, num_items).

    A pair weighs `DECAY` for each event between; where the order means nothing, the events between don't count. A
    session lasts while no two events in a row are known to be further apart than `SESSION_GAP`.

    Parameters
    ----------
    only : bool array, shape (num_events,), optional
        Pairs of these events in one session alone.
    """
    user, item, session = histories.user_index(), histories.item_index, sessions(histories)
    decay = DECAY if histories.ordered and only is None else 1.0
    shape = num_items, num_items
    pairs = sparse.csr_array(shape)
    for step in range(1, REACH + 1):
        first, second = item[:-step], item[step:]
        inside = (user[step:] == user[:-step]) & (first != second)
        if only is not None:
            inside &= (session[step:] == session[:-step]) & only[step:] & only[:-step]
        weight = np.full(int(inside.sum()), decay ** (step - 1))
        pairs = pairs + sparse.coo_array((weight, (first[inside], second[inside])), shape=shape).tocsr()
    return sparse.csr_array(pairs + pairs.T)


def sessions(histories: Histories) -> np.ndarray:
    """Number of the session of each event, shape (num_events,), int64: the same number is the same session."""
    user, time = histories.user_index(), histories.timestamp
    known = time > np.iinfo(np.int64).min
    gap = np.where(known[1:] & known[:-1], time[1:] - np.where(known, time, 0)[:-1], 0)
    begins = (user[1:] != user[:-1]) | (gap > SESSION_GAP)
    number: np.ndarray = np.concatenate([[0], np.cumsum(begins)])[: len(user)]
    return number


def _links(model: FittedModel) -> sparse.csr_array:
    """1 for each edge of the graph between two items, both ways round."""
    shape = len(model.items), len(model.items)
    links = sparse.csr_array(shape)
    for head, relation, tail in model.graph.edges:
        if (head, tail) == (PRODUCT, PRODUCT):
            place = model.items.index(model.graph.nodes[PRODUCT][ID])
            first, second = place[model.graph.edge_index((head, relation, tail))]
            known = (first >= 0) & (second >= 0) & (first != second)
            ends = first[known], second[known]
            links = links + sparse.coo_array((np.ones(int(known.sum())), ends), shape=shape).tocsr()
    return sparse.csr_array(links + links.T)
