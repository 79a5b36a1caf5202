"""New events into the known histories."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.models.fitted import interactions_of
from kgrec.tensors.sequences import Histories, build_histories, profile_rows
from kgrec.tensors.vocabulary import Vocabulary

UNKNOWN = np.iinfo(np.int64).min  # the time of an event without one


@dataclass(frozen=True, slots=True)
class GrownHistories:
    """Histories with more events in them.

    Attributes
    ----------
    users : Vocabulary
        Those known before, in their order, then the new ones.
    touched : int64
        Places of the users that have more events now.
    item_index, timestamp : int64, shape (num_added,)
        The events that were added.
    repeated : int
        Events that were known already and left out.
    """

    users: Vocabulary
    histories: Histories
    touched: np.ndarray
    item_index: np.ndarray
    timestamp: np.ndarray
    repeated: int


def grow_histories(histories: Histories, users: Vocabulary, items: Vocabulary, events: pl.DataFrame) -> GrownHistories:
    """Put events into the histories, each at its place in time; after those of the same second.

    An event with a time that is in the history already, of the same type and item, is the same event come again and
    is left out. One without a time has just happened: it comes last, with the time of the one before it. All users of
    the events are known afterwards.

    Parameters
    ----------
    users : Vocabulary
        Of the histories.
    events : frame
        Cleaned, of known items; impressions and negatives add nothing but their users.
    """
    named = events[c.USER_ID].unique(maintain_order=True)
    fresh = named.filter(pl.Series(users.index(named) < 0))
    if len(fresh):
        users = Vocabulary(pl.concat([users.ids, fresh.rename("id")]))
    histories = _with_room(histories, len(users))
    asked = Vocabulary(named)
    place = users.index(named)  # of each asked user
    known, new = histories.take(place), build_histories(interactions_of(events), asked, items)
    latest = int(max(histories.timestamp.max(initial=UNKNOWN), new.timestamp.max(initial=UNKNOWN)))
    stamps = np.where(new.timestamp == UNKNOWN, latest, new.timestamp)  # what has no time has just happened
    line, is_known = new.user_index(), _is_known(new, known)
    order = np.lexsort((new.timestamp == UNKNOWN, stamps, place[line]))  # what has just happened comes last
    kept = order[~is_known[order]]
    line, item, kind, stamps = (part[kept] for part in (line, new.item_index, new.event_index, stamps))
    position = histories.start[place[line]] + _earlier(known, line, stamps)
    added = np.bincount(place[line], minlength=len(users))
    grown = replace(
        histories,
        start=histories.start + np.concatenate([[0], np.cumsum(added)]),
        item_index=np.insert(histories.item_index, position, item),
        event_index=np.insert(histories.event_index, position, kind),
        timestamp=np.insert(histories.timestamp, position, stamps),
    )
    return GrownHistories(users, grown, np.flatnonzero(added), item, stamps, int(is_known.sum()))


def _with_room(histories: Histories, num_users: int) -> Histories:
    """The histories with empty ones at the end, up to so many users."""
    more = num_users - histories.num_users
    if not more:
        return histories
    start = np.concatenate([histories.start, np.full(more, histories.start[-1])])
    profile = histories.profile
    if profile is not None:
        profile = np.concatenate([profile, profile_rows(profile[:0], np.full(more, -1))])
    return replace(histories, start=start, user=np.arange(num_users), profile=profile)


def _is_known(new: Histories, known: Histories) -> np.ndarray:
    """Whether each new event is among the known ones of its user, which only one with a time can be."""
    names = ["line", "item", "kind", "time"]

    def table(histories: Histories) -> pl.DataFrame:
        parts = (histories.user_index(), histories.item_index, histories.event_index, histories.timestamp)
        return pl.DataFrame(dict(zip(names, parts, strict=True)))

    found = table(new).with_row_index("row").join(table(known), on=names, how="semi")["row"].to_numpy()
    repeats = np.zeros(len(new.item_index), dtype=bool)
    repeats[found] = True
    return repeats & (new.timestamp > UNKNOWN)


def _earlier(known: Histories, line: np.ndarray, stamps: np.ndarray) -> np.ndarray:
    """How many known events of its user each new event comes after, shape (num_events,)."""
    moments = np.unique(np.concatenate([known.timestamp, stamps]), return_inverse=True)[1]
    of_known, of_new = moments[: len(known.timestamp)], moments[len(known.timestamp) :]
    size = len(moments) + 1
    keys = known.user_index() * size + of_known  # ascending
    after: np.ndarray = np.searchsorted(keys, line * size + of_new, side="right") - known.start[line]
    return after
