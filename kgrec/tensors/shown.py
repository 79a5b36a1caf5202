"""What was shown to whom, and whether it was clicked: a log in flat arrays by user."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.splitting import liked
from kgrec.tensors.clicks import OPEN, ClickBasis, followed_soon, labelled_impressions, refused
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

UNKNOWN = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Shown:
    """Impressions, or pairs whose labels were given, by user and time; those of users not known come first.

    Attributes
    ----------
    start : int64, shape (num_users + 1,)
        User u's rows are at `start[u]:start[u + 1]`, oldest first.
    item_index : int32, shape (num_shown,)
    timestamp : int64, shape (num_shown,)
        UTC epoch seconds; the least int64 where unknown.
    position : float32, shape (num_shown,)
        In the list, from 1; NaN where unknown.
    clicked : float32, shape (num_shown,)
        1 or 0.
    is_open : bool, shape (num_shown,)
        Whether a click may be still to come: no label was given, and no event tells.
    """

    start: np.ndarray
    item_index: np.ndarray
    timestamp: np.ndarray
    position: np.ndarray
    clicked: np.ndarray
    is_open: np.ndarray

    def __len__(self) -> int:
        return len(self.item_index)

    def user_index(self) -> np.ndarray:
        """The user of each row, -1 where not known, shape (num_shown,), int64."""
        return np.repeat(np.arange(-1, len(self.start) - 1), np.diff(self.start, prepend=0))

    def before(self, user: np.ndarray, moment: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where the rows begin and end that users were shown before a moment: two int64 of shape (num_asked,).

        Rows without a time count as earlier. Of the user -1 there is none.
        """
        begin = np.where(user >= 0, self.start[user], 0)
        stop = np.where(user >= 0, self.start[user + 1], 0)
        low, high = begin, stop
        while len(low) and (low < high).any():  # a binary search for all of them at once
            middle = np.minimum((low + high) // 2, len(self) - 1)
            is_open, is_earlier = low < high, self.timestamp[middle] < moment
            low, high = (
                np.where(is_open & is_earlier, middle + 1, low),
                np.where(is_open & ~is_earlier, middle, high),
            )
        return begin, low

    def and_later(self, other: Shown) -> Shown:
        """These rows and others, of the same users in the same order and maybe more.

        A row of the same user, item and time as one of these is the same come again, and is left out; without a time
        each one counts.
        """
        known = with_room(self, len(other.start) - 1)
        if not len(other):
            return known
        user, item, stamp = other.user_index(), other.item_index, other.timestamp
        asked = np.unique(user[user >= 0])
        begin, stop = known.start[asked], known.start[asked + 1]
        line, row = flat_ranges(begin, stop)
        mine = {"user": asked[line], "item": known.item_index[row], "stamp": known.timestamp[row]}
        theirs = pl.DataFrame({"user": user, "item": item, "stamp": stamp})
        seen = pl.DataFrame(mine).unique().with_columns(again=True)
        again = theirs.join(seen, on=theirs.columns, how="left", maintain_order="left")["again"]
        new = np.flatnonzero(again.is_null().to_numpy() | (stamp == UNKNOWN))
        _, place = known.before(user[new], stamp[new] + 1)
        added = np.bincount(user[new] + 1, minlength=len(known.start))
        return Shown(
            known.start + np.cumsum(added),
            np.insert(known.item_index, place, item[new]),
            np.insert(known.timestamp, place, stamp[new]),
            np.insert(known.position, place, other.position[new]),
            np.insert(known.clicked, place, other.clicked[new]),
            np.insert(known.is_open, place, other.is_open[new]),
        )

    def clicked_by(self, histories: Histories, users: np.ndarray) -> Shown:
        """The same, clicked where these users had an event on the item in the 24 hours after and no label was given.

        Parameters
        ----------
        histories : Histories
            Of the same users.
        """
        line, row = flat_ranges(self.start[users], self.start[users + 1])
        waits = self.is_open[row]
        line, row = line[waits], row[waits]
        acted = histories.take(users)
        rows = {"user": line, "item": self.item_index[row], "at": self.timestamp[row], "row": row}
        events = {"user": acted.user_index(), "item": acted.item_index.astype(np.int32), "at": acted.timestamp}
        first, then = (pl.DataFrame(table).filter(pl.col("at") > UNKNOWN) for table in (rows, events))
        found = followed_soon(first, then, ["user", "item"], "at", "row").to_numpy()
        if not len(found):
            return self
        clicked, is_open = self.clicked.copy(), self.is_open.copy()
        clicked[found], is_open[found] = 1.0, False
        return replace(self, clicked=clicked, is_open=is_open)


def build_shown(events: pl.DataFrame, users: Vocabulary, items: Vocabulary, basis: ClickBasis | None = None) -> Shown:
    """The impressions among events; where there are none but negatives, these and beside them what was liked.

    Rows on items outside the vocabulary are left out.

    Parameters
    ----------
    basis : ClickBasis, optional
        That of the model's log so far: where it is of labels, what was liked is logged without a negative too.
    """
    log: Iterable[pl.DataFrame] = labelled_impressions(events)
    size = int((events[c.EVENT] == c.IMPRESSION).sum())
    if not size and (basis == "labels" or (events[c.LABEL] == 0).any()):
        chosen = events.filter(liked()).with_columns(pl.lit(1, pl.Int8).alias(c.LABEL), pl.lit(value=False).alias(OPEN))
        log, size = chain(refused(events), [chosen]), events.height
    kinds: dict[str, Any] = {
        "user": np.int32,
        "item": np.int32,
        "stamp": np.int64,
        "position": np.float32,
        "clicked": np.float32,
        "open": np.bool_,
    }
    parts, end = {name: np.empty(size, kind) for name, kind in kinds.items()}, 0
    for rows in log:
        item = items.index(rows[c.ITEM_ID])
        known = item >= 0
        rows = rows.filter(pl.Series(known))
        begin, end = end, end + rows.height
        parts["user"][begin:end] = users.index(rows[c.USER_ID])
        parts["item"][begin:end] = item[known]
        parts["stamp"][begin:end] = rows[c.TIMESTAMP].fill_null(UNKNOWN).to_numpy()
        parts["position"][begin:end] = rows[c.POSITION].cast(pl.Float32).fill_null(np.nan).to_numpy()
        parts["clicked"][begin:end] = rows[c.LABEL].to_numpy()
        parts["open"][begin:end] = rows[OPEN].to_numpy()
    order = np.lexsort((parts["stamp"][:end], parts["user"][:end]))  # stable: the last key is the first to count
    for name in kinds:  # one at a time: each takes memory for a moment
        parts[name] = parts[name][:end][order]
    start = np.searchsorted(parts.pop("user"), np.arange(len(users) + 1, dtype=np.int32))
    return Shown(start, *parts.values())


def with_room(shown: Shown, num_users: int) -> Shown:
    """The log with users at the end of whom it holds nothing, up to so many."""
    more = num_users + 1 - len(shown.start)
    return replace(shown, start=np.concatenate([shown.start, np.full(more, len(shown))])) if more else shown
