"""Clicks beside what was to be expected of the places that things were shown in: of an item, of a user, of a kind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from kgrec.data.disk import slices
from kgrec.scoring.relations import ItemRelations
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.shown import Shown

LATEST = 500  # things shown to a user that are read
PLACES = 50  # of a list that have a rate of their own; those further down share one
BLOCK = 1 << 21  # rows whose users are looked at together
LEAST, MOST = 0.1, 1e4  # strength of a prior
ITEM, USER = "item", "user"


@dataclass(frozen=True, slots=True)
class ClickRates:
    """How often what is shown is clicked, and how far the rates of items, users and kinds lie apart.

    Attributes
    ----------
    by_place : float64, shape (PLACES + 2,)
        The share that is clicked at each place of a list; at 0 where the place is unknown.
    strength : dict of str to float
        For items, users and each relation: the expected clicks at which a ratio of clicks to expected clicks is
        believed by half, the rest being 1.

    Source: clicks over expected clicks (COEC, Zhang and Jones 2007); their ratio has a gamma prior of mean 1 whose
    strength is fitted by the method of moments.
    """

    by_place: np.ndarray
    strength: Mapping[str, float]

    @classmethod
    def of(cls, shown: Shown, relations: ItemRelations, num_items: int) -> ClickRates:
        """Those of a log, and of the relations that the items have."""
        rate = (shown.clicked.sum() + 1) / (len(shown) + 2)
        counts, clicks = np.zeros(PLACES + 2, np.int64), np.zeros(PLACES + 2)
        for some in slices(len(shown)):
            place = _place(shown.position[some])
            counts += np.bincount(place, minlength=PLACES + 2)
            clicks += np.bincount(place, shown.clicked[some], minlength=PLACES + 2)
        rates = cls((clicks + rate * 10) / (counts + 10), {})  # ten more at the rate of all
        of_item, of_user = np.zeros((2, num_items)), np.zeros((2, len(shown.start) - 1))
        for some in slices(len(shown)):
            _add(of_item, shown.item_index[some], shown.clicked[some], rates.expected(shown, some))
        for users, some in _blocks(shown):
            _add(of_user, _users(shown, users), shown.clicked[some], rates.expected(shown, some))
        shown_items = int(shown.item_index.max(initial=-1)) + 1
        strength = {ITEM: _strength(_moments(*of_item[:, :shown_items])), USER: _strength(_moments(*of_user))}
        ratio = _ratio(of_user[0], of_user[1], strength[USER])
        moments = {name: np.zeros(2) for name in relations.neighbours}
        for users, some in _blocks(shown):
            user = _users(shown, users)
            shape, pair = (users.stop - users.start, num_items), (user - users.start, shown.item_index[some])
            parts = shown.clicked[some], rates.expected(shown, some) * ratio[user]
            of_pair = [sparse.csr_array((part, pair), shape=shape) for part in parts]
            for name, rows in relations.neighbours.items():
                moments[name] += _moments(*_aligned(*(part @ rows for part in of_pair)))
        return cls(rates.by_place, strength | {name: _strength(found) for name, found in moments.items()})

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> ClickRates:
        """The inverse of `to_dict`."""
        return cls(np.array(plain["by_place"]), dict(plain["strength"]))

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {"by_place": self.by_place.tolist(), "strength": dict(self.strength)}

    def expected(self, shown: Shown, rows: np.ndarray | slice) -> np.ndarray:
        """The clicks to be expected of some rows by their places alone, shape (num_rows,), float64."""
        found: np.ndarray = self.by_place[_place(shown.position[rows])]
        return found


@dataclass(frozen=True, slots=True)
class ShownBefore:
    """A log with its rates, summed up by item, for features of pairs.

    Attributes
    ----------
    of_item : float64, shape (3, num_items)
        Times shown, clicks, expected clicks.
    """

    shown: Shown
    rates: ClickRates
    of_item: np.ndarray

    @classmethod
    def of(cls, shown: Shown, rates: ClickRates, num_items: int) -> ShownBefore:
        """The sums of a log."""
        of_item = np.zeros((3, num_items))
        for some in slices(len(shown)):
            clicked = shown.clicked[some]
            _add(of_item, shown.item_index[some], np.ones_like(clicked), clicked, rates.expected(shown, some))
        return cls(shown, rates, of_item)

    def columns(
        self, relations: ItemRelations, source: np.ndarray, user: np.ndarray, moment: np.ndarray, item: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Numbers of pairs by name, each of shape (num_pairs,).

        Parameters
        ----------
        source : float32, shape (num_items, dim)
            Unit vectors of the items.
        user, item : int64, shape (num_pairs,)
            The user as a place in the log, -1 where not known.
        moment : int64, shape (num_pairs,)
            UTC epoch seconds; what the user was shown then or later does not count. The greatest int64: all does.
        """
        begin, stop = self.shown.before(user, moment)
        keys, state = np.unique(np.stack([begin, stop]), axis=1, return_inverse=True)
        state = state.reshape(-1)
        first = np.maximum(keys[0], keys[1] - LATEST)
        line, row = flat_ranges(first, keys[1])
        clicked, expected = self.shown.clicked[row], self.rates.expected(self.shown, row)
        strength = self.rates.strength
        of_user = [np.bincount(line, part, len(first)) for part in (clicked, expected)]
        ratio = _ratio(of_user[0], of_user[1], strength[USER])
        times, of_item = self.of_item[0], self.of_item[:, item]
        found = {
            "times the item was shown": np.log1p(times[item]) - np.log1p(times.mean()),
            "clicks on the item": np.log(_ratio(of_item[1], of_item[2], strength[ITEM])),
            "clicks of the user": np.log(ratio)[state],
        }
        of_pair = [
            sparse.csr_array((part, (line, self.shown.item_index[row])), shape=(len(first), len(times)))
            for part in (clicked, expected * ratio[line], 1 - clicked)
        ]
        passed = of_pair.pop()
        found["passed over before"] = np.log1p(np.asarray(passed[state, item]).ravel())
        mean = passed @ source
        mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-12)
        found["like the passed over"] = np.einsum("ij,ij->i", mean[state], source[item])
        clicks, wanted = (relations.shared(rows, state, item) for rows in of_pair)
        for place, name in enumerate(relations.names):
            if name in strength:
                found[f"clicks on {name}"] = np.log(_ratio(clicks[:, place], wanted[:, place], strength[name]))
        return found


def _place(position: np.ndarray) -> np.ndarray:
    place: np.ndarray = np.nan_to_num(position, nan=0.0).clip(0, PLACES + 1).astype(np.int64)
    return place


def _ratio(clicks: np.ndarray, expected: np.ndarray, strength: float) -> np.ndarray:
    """The mean of the posterior of their ratio."""
    found: np.ndarray = (clicks + strength) / (expected + strength)
    return found


def _moments(clicks: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """The sum of the squares that are expected, and that of the variance which is not Poisson's."""
    return np.array([np.square(expected).sum(), (np.square(clicks - expected) - expected).sum()])


def _strength(moments: np.ndarray) -> float:
    """That of the gamma prior under which Poisson clicks vary as they do (method of moments)."""
    return float(np.clip(moments[0] / max(float(moments[1]), 1e-9), LEAST, MOST))


def _add(sums: np.ndarray, place: np.ndarray, *parts: np.ndarray) -> None:
    """Add each part to the sums of its own, in the order of the rows: slices give the bits of the whole."""
    for line, part in zip(sums, parts, strict=True):
        np.add.at(line, place.astype(np.intp), part.astype(np.float64))


def _blocks(shown: Shown) -> Iterator[tuple[slice, slice]]:
    """Users who are known and their rows, about BLOCK rows at a time."""
    begin = 0
    while begin < len(shown.start) - 1:
        end = int(np.searchsorted(shown.start, shown.start[begin] + BLOCK, side="right")) - 1
        end = min(max(end, begin + 1), len(shown.start) - 1)
        yield slice(begin, end), slice(int(shown.start[begin]), int(shown.start[end]))
        begin = end


def _users(shown: Shown, users: slice) -> np.ndarray:
    """The user of each row of some users."""
    return np.repeat(np.arange(users.start, users.stop), np.diff(shown.start[users.start : users.stop + 1]))


def _aligned(clicks: sparse.csr_array, expected: sparse.csr_array) -> tuple[np.ndarray, np.ndarray]:
    """The entries of two matrices where the second has some; the first has none elsewhere."""
    some = expected.tocoo()
    return np.asarray(clicks[some.row, some.col]).ravel(), some.data
