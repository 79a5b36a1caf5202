"""Event histories: flat arrays by user, windows of them for training, padded batches."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.data import columns as c
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.vocabulary import Vocabulary

EVENT_NAMES = tuple(name for name in c.EVENT_TYPES if name != c.IMPRESSION)
_BY_EVENT = ("item_index", "event_index", "timestamp")
_EVENT_INDEX = {name: index for index, name in enumerate(EVENT_NAMES)}


@dataclass(frozen=True, slots=True)
class Histories:
    """The interactions of many users, oldest first, one flat array for all.

    Attributes
    ----------
    start : int64, shape (num_users + 1,)
        User u's events are at `start[u]:start[u + 1]`.
    item_index : int64, shape (num_events,)
    event_index : int64, shape (num_events,)
        Place in `EVENT_NAMES`.
    timestamp : int64, shape (num_events,)
        UTC epoch seconds; the least int64 where unknown.
    ordered : bool
        Whether the order means something: two events have different timestamps.
    user : int64, shape (num_users,), optional
        Place of each user among those that a model knows, -1 for one it does not know; None: it knows none.
    profile : int64, shape (num_users, num_columns), optional
        Features of each user's profile, from 1; 0 for none (`kgrec.tensors.profiles`).
    """

    start: np.ndarray
    item_index: np.ndarray
    event_index: np.ndarray
    timestamp: np.ndarray
    ordered: bool
    user: np.ndarray | None = None
    profile: np.ndarray | None = None

    @property
    def num_users(self) -> int:
        return len(self.start) - 1

    @property
    def lengths(self) -> np.ndarray:
        """Events of each user, shape (num_users,), int64."""
        return np.diff(self.start)

    def user_index(self) -> np.ndarray:
        """The user of each event, shape (num_events,), int64."""
        return np.repeat(np.arange(self.num_users), self.lengths)

    def item_counts(self, num_items: int) -> np.ndarray:
        """Events of each item, shape (num_items,), int64."""
        return np.bincount(self.item_index, minlength=num_items)

    def of(self, user: int) -> np.ndarray:
        """Items of one user, oldest first."""
        return self.item_index[self.start[user] : self.start[user + 1]]

    def take(self, users: np.ndarray) -> Histories:
        """The histories of some users, in the order asked; -1 gives an empty one."""
        lengths = np.where(users >= 0, self.lengths[users], 0) if self.num_users else np.zeros(len(users), np.int64)
        begin = np.where(users >= 0, self.start[users], 0)
        _, rows = flat_ranges(begin, begin + lengths)
        user = self.user
        if user is not None:
            user = np.where(users >= 0, user[users], -1) if len(user) else users
        profile = None if self.profile is None else profile_rows(self.profile, users)
        return replace(
            self,
            start=np.concatenate([[0], np.cumsum(lengths)]),
            item_index=self.item_index[rows],
            event_index=self.event_index[rows],
            timestamp=self.timestamp[rows],
            user=user,
            profile=profile,
        )

    def then(self, other: Histories) -> Histories:
        """These users and after them those of `other`; both are read by one model: with its users and profiles."""
        names = (*_BY_EVENT, "user", "profile")
        joined = {name: np.concatenate([getattr(self, name), getattr(other, name)]) for name in names}
        start = np.concatenate([self.start, self.start[-1] + other.start[1:]])
        return Histories(start=start, ordered=self.ordered, **joined)

    def without(self, place: np.ndarray) -> Histories:
        """The histories without the events at some places."""
        kept = np.delete(np.arange(len(self.item_index)), place)
        lengths = np.bincount(self.user_index()[kept], minlength=self.num_users)
        parts = {name: getattr(self, name)[kept] for name in _BY_EVENT}
        return replace(self, start=np.concatenate([[0], np.cumsum(lengths)]), **parts)

    def is_repeat(self) -> np.ndarray:
        """Which events are of an item that their user had before, bool, shape (num_events,)."""
        pairs = self.user_index() * (int(self.item_index.max(initial=0)) + 1) + self.item_index
        _, first = np.unique(pairs, return_index=True)
        again = np.ones(len(self.item_index), dtype=bool)
        again[first] = False
        return again

    def renumber(self, place: np.ndarray) -> Histories:
        """The events of some items alone, item i renamed to `place[i]`; -1 leaves it out."""
        item_index = place[self.item_index]
        kept = item_index >= 0
        start = np.concatenate([[0], np.cumsum(np.bincount(self.user_index()[kept], minlength=self.num_users))])
        event_index, timestamp = self.event_index[kept], self.timestamp[kept]
        return replace(self, start=start, item_index=item_index[kept], event_index=event_index, timestamp=timestamp)


def profile_rows(profile: np.ndarray, users: np.ndarray) -> np.ndarray:
    """Profile features of some users, in the order asked, shape (num_asked, num_columns); none for -1."""
    if not len(profile):
        return np.zeros((len(users), profile.shape[1]), np.int64)
    return np.where(users[:, None] >= 0, profile[users], 0)


def build_histories(
    interactions: pl.DataFrame, users: Vocabulary, items: Vocabulary, model_users: Vocabulary | None = None
) -> Histories:
    """Sort interactions by user and time; ties, and events without a time (earliest), keep their order.

    Rows of users or items outside the vocabularies are left out.

    Parameters
    ----------
    model_users : Vocabulary, optional
        Those of the model that will read the histories; None: `users`.
    """
    user_index, item_index = users.index(interactions[c.USER_ID]), items.index(interactions[c.ITEM_ID])
    known = (user_index >= 0) & (item_index >= 0)
    lowest = np.iinfo(np.int64).min
    timestamp = interactions[c.TIMESTAMP].fill_null(lowest).to_numpy()
    event = interactions[c.EVENT].replace_strict(_EVENT_INDEX, return_dtype=pl.Int64).to_numpy()
    user_index, item_index, timestamp, event = (array[known] for array in (user_index, item_index, timestamp, event))
    order = np.lexsort((timestamp, user_index))  # stable: the last key is the first to count
    start = np.concatenate([[0], np.cumsum(np.bincount(user_index, minlength=len(users)))])
    ordered = len(np.unique(timestamp[timestamp > lowest])) > 1
    user = np.arange(len(users)) if model_users is None else model_users.index(users.ids)
    return Histories(start, item_index[order], event[order], timestamp[order], ordered, user)


@dataclass(frozen=True, slots=True)
class Batch:
    """Histories padded to one length, oldest first.

    Attributes
    ----------
    item_index, event_index : int64, shape (batch, length)
        Padding is -1, at the end.
    length : int64, shape (batch,)
    user : int64, shape (batch,)
        As `Histories.user`.
    profile : int64, shape (batch, num_columns)
        As `Histories.profile`.
    """

    item_index: Tensor
    event_index: Tensor
    length: Tensor
    user: Tensor
    profile: Tensor

    def to(self, device: torch.device) -> Batch:
        return Batch(*(getattr(self, part.name).to(device) for part in fields(self)))


def pad(
    histories: Histories,
    row: np.ndarray,
    start: np.ndarray,
    stop: np.ndarray,
    shuffle: np.random.Generator | None = None,
) -> Batch:
    """Cut `item_index[start[i]:stop[i]]` out for each i and pad to the longest.

    Parameters
    ----------
    row : int64, shape (batch,)
        The user of each cut: row of the histories.
    start, stop : int64, shape (batch,)
        Places in the flat arrays.
    shuffle : Generator, optional
        Puts each cut in a random order: for histories whose order is not read.
    """
    length = stop - start
    widest = max(int(length.max(initial=0)), 1)
    offset = np.broadcast_to(np.arange(widest), (len(start), widest))
    inside = offset < length[:, None]
    if shuffle is not None:
        keys = np.where(inside, shuffle.random(offset.shape), 2.0)
        offset = np.argsort(keys, axis=1)
    rows = np.where(inside, start[:, None] + offset, 0)
    if not len(histories.item_index):
        item_index = event_index = np.full(rows.shape, -1)
    else:
        item_index = np.where(inside, histories.item_index[rows], -1)
        event_index = np.where(inside, histories.event_index[rows], -1)
    user = np.full(len(row), -1) if histories.user is None else histories.user[row]
    profile = np.zeros((len(row), 0)) if histories.profile is None else histories.profile[row]
    parts = item_index, event_index, length, user, profile
    return Batch(*(torch.from_numpy(part.astype(np.int64)) for part in parts))


@dataclass(frozen=True, slots=True)
class Windows:
    """Cuts of at most `length` events of the histories; those of one user overlap by one event.

    The overlap makes every event the target of just one window: a user's first event of the first window, and of the
    later ones all but the first.

    Attributes
    ----------
    row : int64, shape (num_windows,)
        The user: row of the histories.
    start, stop : int64, shape (num_windows,)
        Places in the flat arrays of the histories.
    is_first : bool, shape (num_windows,)
        Whether the window opens its user's history.
    """

    row: np.ndarray
    start: np.ndarray
    stop: np.ndarray
    is_first: np.ndarray
    length: int

    def __len__(self) -> int:
        return len(self.start)

    def locate(self, histories: Histories, user: np.ndarray, place: np.ndarray) -> np.ndarray:
        """The window in which each place `(user, events before it)` falls, shape (num_places,), int64."""
        counts = _windows_per_user(histories.lengths, self.length)
        first = np.concatenate([[0], np.cumsum(counts)[:-1]])
        window: np.ndarray = first[user] + np.clip((place - 2) // (self.length - 1), 0, counts[user] - 1)
        return window


def cut_windows(histories: Histories, length: int) -> Windows:
    """Cut every history, the empty ones too, into windows of at most `length` (>= 2) events."""
    length = max(length, 2)
    counts = _windows_per_user(histories.lengths, length)
    user = np.repeat(np.arange(histories.num_users), counts)
    number = np.arange(len(user)) - np.repeat(np.cumsum(counts) - counts, counts)
    start = histories.start[user] + number * (length - 1)
    return Windows(user, start, np.minimum(start + length, histories.start[user + 1]), number == 0, length)


def _windows_per_user(lengths: np.ndarray, length: int) -> np.ndarray:
    counts: np.ndarray = 1 + np.maximum(np.ceil((lengths - length) / (length - 1)), 0).astype(np.int64)
    return counts
