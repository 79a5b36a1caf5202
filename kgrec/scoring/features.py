"""Numbers that describe a pair: what the ranker makes of it, what the two share in the graph, price, moment, list."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from scipy import sparse

from kgrec.models.fitted import FittedModel
from kgrec.scoring.click_rates import ClickRates, ShownBefore
from kgrec.scoring.pairs import Pairs
from kgrec.scoring.past import Past
from kgrec.scoring.query_match import QueryMatch
from kgrec.scoring.relations import ItemRelations, item_relations
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.sequences import Histories
from kgrec.tensors.shown import Shown

BLOCK = 20_000  # pairs at a time
BLOCK_EVENTS = 1_000_000  # of their histories together, at most
DAY = 24 * 3600.0
WEIGHTS = ("last", "lately", "ever")  # how the events of a history count: the last alone, fading, all alike
SINCE, POSITION, QUERY = "time since the last event", "position", "query"
HOUR = ("sine of the hour", "cosine of the hour")
OF_LIST, BESIDE_LIST = " of the list", " beside the list"  # how names of features end
Columns = dict[str, np.ndarray]


def is_of_the_moment(name: str) -> bool:
    """Whether a feature says something of the moment, which a caller may not know."""
    return name in (SINCE, POSITION, QUERY, *HOUR) or name.endswith((OF_LIST, BESIDE_LIST))


@dataclass(slots=True)
class PairFeatures:
    """What the numbers are made of.

    Attributes
    ----------
    log_price : float64, shape (num_items,)
        NaN where an item has none.
    item_weights : csr_array, shape (num_items, num_items), or None
        The closed form, where it has a share in the ranking.
    rates : ClickRates or None
        By which what was shown and clicked before is read; None: it is not.
    """

    model: FittedModel
    relations: ItemRelations
    log_price: np.ndarray
    query_match: QueryMatch
    item_weights: sparse.csr_array | None
    rates: ClickRates | None
    _shown_before: ShownBefore | None = field(default=None, repr=False)  # the sums of the log last asked for

    @classmethod
    def of(cls, model: FittedModel, rates: ClickRates | None = None) -> PairFeatures:
        """Those of a fitted model; without `rates` by those of what it knows was shown."""
        item_weights = model.item_weights.matrix if model.item_weights is not None and model.item_share else None
        relations = item_relations(model.graph, model.items) if model.config.use_graph else ItemRelations({}, None)
        if rates is None and model.shown is not None and len(model.shown):
            rates = ClickRates.of(model.shown, relations, len(model.items))
        return cls(model, relations, _log_price(model), QueryMatch(model), item_weights, rates)

    def columns(self, pairs: Pairs, past: Past) -> Columns:
        """Each number by name, float32, shape (num_pairs,); NaN where it can't be known."""
        order = np.lexsort((pairs.place, pairs.user_index, pairs.shown_with))  # a list stays together
        events_read = np.minimum(pairs.place[order], self._recent(past.histories))
        blocks = list(_blocks(pairs.shown_with[order], events_read))
        parts = [self._block(pairs.take(order[some]), past) for some in blocks]
        back = np.argsort(order, kind="stable")
        if not parts:
            return {}
        return {name: np.concatenate([part[name] for part in parts])[back] for name in parts[0]}

    def forget_shown(self) -> None:
        """Let go of the log last asked for."""
        self._shown_before = None

    def _recent(self, histories: Histories) -> int:
        """How many of a user's last events are read; features go by time wherever it is known."""
        return self.model.config.history_length if histories.ordered else self.model.events_read

    def _block(self, pairs: Pairs, past: Past) -> Columns:
        histories, counts = past.histories, past.counts
        keys, state = np.unique(np.stack([pairs.user_index, pairs.place]), axis=1, return_inverse=True)
        state = state.reshape(-1)
        before = _Before.of(histories, keys[0], keys[1], self._recent(histories))
        item = pairs.item_index
        columns = self._ranker(before, past, keys, state, item)
        columns["events of the item"] = np.log1p(counts[item]) - np.log1p(counts.mean())  # which grow with time
        columns["events of the user"] = np.log1p(pairs.place)
        columns[SINCE] = _log_since(before.last_time[state], pairs.timestamp)
        for name in WEIGHTS:
            weights = before.weights(name, self.model.config.recency, len(self.model.items))
            columns |= self._history(name, weights, state, item)
        if self.rates is not None and past.shown is not None:
            columns |= self._shown_earlier(pairs, past, past.shown, self.rates)
        columns |= self._shown(pairs, columns)
        return {name: np.asarray(values, dtype=np.float32) for name, values in columns.items()}

    def _ranker(self, before: _Before, past: Past, keys: np.ndarray, state: np.ndarray, item: np.ndarray) -> Columns:
        """What the ranker makes of the pairs."""
        model, histories = self.model, past.histories
        rows, target = (torch.from_numpy(index).to(model.device) for index in (state, item))
        is_known = histories is model.histories and bool((keys[1] == histories.lengths[keys[0]]).all())
        vectors = model.known_user_vectors(keys[0]) if is_known else model.vectors_after(histories, *keys)
        user = vectors[rows]
        cosine = (user * model.vectors.target[target]).sum(dim=-1)
        bias = model.vectors.bias
        if past.prior is not None:  # which grows with the events of all items
            bias = bias + (past.prior - past.prior.mean())
        found = {
            "cosine": cosine.cpu().numpy(),
            "liked by all": bias[target].cpu().numpy(),
            "click network": model.click_logits(user, item),
        }
        if self.item_weights is not None and model.item_weights is not None:
            found["closed form"] = before.pair_sums(self.item_weights, model.item_weights.recency, state, item)
        return found

    def _history(self, name: str, weights: sparse.csr_array, state: np.ndarray, item: np.ndarray) -> Columns:
        """How like the item is to those of the history, whose events have `weights`."""
        source = self.model.vectors.source.cpu().numpy()
        mean = weights @ source
        alike = np.einsum("ij,ij->i", mean[state], source[item])
        none = np.asarray(weights.sum(axis=1)).ravel() == 0
        found = {f"like the {name}": np.where(none[state], np.nan, alike)}
        shared = self.relations.shared(weights, state, item)
        found |= {f"{of} of the {name}": values for of, values in zip(self.relations.names, shared.T, strict=True)}
        priced = ~np.isnan(self.log_price)
        if priced.any():
            weight = weights @ priced.astype(np.float32)
            usual = (weights @ np.where(priced, self.log_price, 0.0)) / np.where(weight > 0, weight, np.nan)
            found[f"price beside the {name}"] = self.log_price[item] - usual[state]
        return found

    def _shown_earlier(self, pairs: Pairs, past: Past, shown: Shown, rates: ClickRates) -> Columns:
        """What the item and the user have to say for themselves as to what was shown and clicked before."""
        if self._shown_before is None or self._shown_before.shown is not shown:
            self._shown_before = ShownBefore.of(shown, rates, len(self.model.items))
        of_model = past.histories.user
        user = np.full(len(pairs), -1) if of_model is None else of_model[pairs.user_index]
        is_timed = (pairs.timestamp > np.iinfo(np.int64).min) & past.histories.ordered
        moment = np.where(is_timed, pairs.timestamp, np.iinfo(np.int64).max)
        source = self.model.vectors.source.cpu().numpy()
        return self._shown_before.columns(self.relations, source, user, moment, pairs.item_index)

    def _shown(self, pairs: Pairs, columns: Columns) -> Columns:
        """Time, place and query of an impression, and how the item compares with what is shown beside it."""
        known = pairs.timestamp > np.iinfo(np.int64).min
        angle = np.where(known, 2 * np.pi * (pairs.timestamp % DAY) / DAY, np.nan)
        found = {
            POSITION: np.log(pairs.position),
            HOUR[0]: np.sin(angle),
            HOUR[1]: np.cos(angle),
        }
        found[QUERY] = self.query_match.scores(pairs.query, pairs.item_index)
        numbers, row = np.unique(pairs.shown_with, return_inverse=True)
        size = np.bincount(row, minlength=len(numbers))
        alone = (numbers[row] < 0) | (size[row] < 2)
        shown = sparse.csr_array(
            (np.ones(len(row), np.float32), (row, pairs.item_index)), shape=(len(numbers), len(self.model.items))
        )
        others = (size[row] - 1.0).clip(1)
        shared = self.relations.shared(shown, row, pairs.item_index)
        for name, values in zip(self.relations.names, shared.T, strict=True):
            of_others = values - self.relations.of_itself(name, pairs.item_index)
            found[f"{name}{OF_LIST}"] = np.where(alone, np.nan, of_others / others)
        for name in ("cosine", "closed form"):
            if name in columns:
                mean = np.bincount(row, columns[name], minlength=len(numbers)) / size.clip(1)
                found[f"{name}{BESIDE_LIST}"] = np.where(alone, np.nan, columns[name] - mean[row])
        return found


@dataclass(frozen=True, slots=True)
class _Before:
    """The last events before some moments, flat.

    Attributes
    ----------
    row, back, item : int64
        The moment of each event, how many came between (from 0), and its item.
    last_time : int64, shape (num_moments,)
        The least int64 where unknown.
    """

    row: np.ndarray
    back: np.ndarray
    item: np.ndarray
    last_time: np.ndarray

    @classmethod
    def of(cls, histories: Histories, user: np.ndarray, place: np.ndarray, length: int) -> _Before:
        stop = histories.start[user] + place
        row, back = flat_ranges(np.zeros_like(place), np.minimum(place, length))
        lowest = np.iinfo(np.int64).min
        if not len(histories.item_index):
            return cls(row, back, row, np.full(len(user), lowest))
        last_time = np.where(place > 0, histories.timestamp[np.maximum(stop - 1, 0)], lowest)
        return cls(row, back, histories.item_index[stop[row] - 1 - back], last_time)

    def weights(self, name: str, recency: float, num_items: int) -> sparse.csr_array:
        """A row for each moment, its weights summing to 1, shape (num_moments, num_items)."""
        match name:
            case "last":
                value = (self.back == 0).astype(np.float32)
            case "lately":
                value = recency ** self.back.astype(np.float32)
            case _:
                value = np.ones(len(self.back), np.float32)
        total = np.bincount(self.row, value, minlength=len(self.last_time))
        value = value / total[self.row]
        return sparse.csr_array(
            (value.astype(np.float32), (self.row, self.item)), shape=(len(self.last_time), num_items)
        )

    def pair_sums(self, matrix: sparse.csr_array, recency: float, state: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Of each pair (moment, item): the sum over the moment's events of recency^back times matrix[event, item]."""
        counts = np.bincount(self.row, minlength=len(self.last_time))
        first = np.cumsum(counts) - counts
        taken = counts[state]
        pair = np.repeat(np.arange(len(state)), taken)
        event = first[state][pair] + np.arange(len(pair)) - np.repeat(np.cumsum(taken) - taken, taken)
        if not len(pair):
            return np.zeros(len(state))
        values = np.asarray(matrix[self.item[event], item[pair]]).ravel()
        summed: np.ndarray = np.bincount(
            pair, values * recency ** self.back[event].astype(np.float64), minlength=len(state)
        )
        return summed


def _blocks(shown_with: np.ndarray, events_read: np.ndarray) -> Iterator[slice]:
    """Slices of about BLOCK pairs, fewer where many events are read, that cut no list; `shown_with` ascends."""
    events_until = np.cumsum(events_read)
    begin = 0
    while begin < len(shown_with):
        events_before = events_until[begin] - events_read[begin]
        most = int(np.searchsorted(events_until, events_before + BLOCK_EVENTS, side="right"))
        end = min(begin + BLOCK, max(most, begin + 1), len(shown_with))
        if end < len(shown_with) and shown_with[end] >= 0:
            end = int(np.searchsorted(shown_with, shown_with[end - 1], side="right"))
        yield slice(begin, end)
        begin = end


def _log_since(earlier: np.ndarray, now: np.ndarray) -> np.ndarray:
    """The logarithm of the days in between, plus one; NaN where either is unknown."""
    lowest = np.iinfo(np.int64).min
    unknown = (earlier == lowest) | (now == lowest)
    days = np.where(unknown, 0, now - np.where(unknown, now, earlier)) / DAY
    return np.where(unknown, np.nan, np.log1p(days.clip(0)))


def _log_price(model: FittedModel) -> np.ndarray:
    prices = model.prices()
    return np.log(np.where(prices > 0, prices, np.nan))
