"""Pairs of user and item at a moment, and what became of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.data.disk import taken
from kgrec.data.schema import EVENTS
from kgrec.data.splitting import shown_list
from kgrec.tensors.clicks import ClickBasis, acted_upon, acts, click_examples
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

REPEATS = 0.01  # of the interactions, from which on people take again what they had
REDRAWS = 20
_UNKNOWN = np.iinfo(np.int64).min


@dataclass(frozen=True, slots=True)
class Pairs:
    """What is to be scored, each attribute of shape (num_pairs,).

    Attributes
    ----------
    user_index : int64
        Row of the histories.
    place : int64
        How many of the user's events came before.
    item_index : int64
    timestamp : int64
        UTC epoch seconds; the least int64 where unknown.
    position : float64
        In the list, from 1; NaN where unknown.
    shown_with : int64
        The same number for pairs of one list; -1 where nothing is known of a list.
    query : object
        Text that the list answers; None where there is none.
    """

    user_index: np.ndarray
    place: np.ndarray
    item_index: np.ndarray
    timestamp: np.ndarray
    position: np.ndarray
    shown_with: np.ndarray
    query: np.ndarray

    def __len__(self) -> int:
        return len(self.user_index)

    def take(self, rows: np.ndarray | slice) -> Pairs:
        """Some of them, in the order asked."""
        return Pairs(*(getattr(self, part.name)[rows] for part in fields(self)))


@dataclass(frozen=True, slots=True)
class LabelledPairs:
    """Pairs, and whether each was clicked (1 or 0) and bought (1 or 0; NaN where nothing says so), float32."""

    pairs: Pairs
    clicked: np.ndarray
    bought: np.ndarray
    basis: ClickBasis

    def take(self, rows: np.ndarray | slice) -> LabelledPairs:
        """Some of them, in the order asked."""
        return LabelledPairs(self.pairs.take(rows), self.clicked[rows], self.bought[rows], self.basis)


def pairs_with_context(user: np.ndarray, place: np.ndarray, item: np.ndarray, rows: pl.DataFrame) -> Pairs:
    """Pairs with what their rows say of time, position, list (see `shown_list`) and query; a column may be missing."""
    kinds = {c.TIMESTAMP: pl.Int64, c.POSITION: pl.Float64, c.QUERY: pl.String, c.SESSION_ID: pl.String}
    said = rows.with_columns(pl.lit(None, kind).alias(name) for name, kind in kinds.items() if name not in rows.columns)
    said = said.select(
        pl.col(c.TIMESTAMP).fill_null(_UNKNOWN),
        pl.col(c.POSITION).cast(pl.Float64).fill_null(np.nan),
        shown_list().fill_null(-1).cast(pl.Int64).alias("list"),
        pl.col(c.QUERY),
    )
    return Pairs(
        user_index=user,
        place=place,
        item_index=item,
        timestamp=said[c.TIMESTAMP].to_numpy(),
        position=said[c.POSITION].to_numpy(),
        shown_with=said["list"].to_numpy(),
        query=np.array(said[c.QUERY].to_list(), dtype=object),
    )


def labelled_pairs(
    part: Dataset,
    histories: Histories,
    users: Vocabulary,
    items: Vocabulary,
    generator: np.random.Generator,
    choose: Callable[[np.ndarray], np.ndarray | slice] | None = None,
) -> LabelledPairs:
    """The impressions of a part; where it has none its interactions and, beside them, its negatives or drawn pairs.

    Parameters
    ----------
    histories : Histories
        Of `users`, the events before the part, or through it where its impressions have times.
    generator : Generator
        Draws as many pairs as there are interactions, where there is no negative: items that the user does not like in
        this part, nor has had before where people don't take again what they had (`REPEATS`).
    choose : callable, optional
        Which pairs are wanted, their places ascending, by the user of each; None: all.
    """
    events = part.events
    examples = click_examples(events, histories, users, items, generator, part.history)
    is_log = examples.basis == "impressions"
    some = choose(examples.user_index) if choose and is_log else slice(None)  # before more is made of them
    user, item, place = (
        whole[some].astype(np.int64) for whole in (examples.user_index, examples.item_index, examples.place)
    )
    clicked, rows = examples.label[some].astype(np.float32), taken(events, examples.row[some])
    bought = acted_upon(rows, acts(events, part.history, event="purchase")).cast(pl.Float32).to_numpy()
    if not is_log:
        liked = part.interactions
        own, liked_item = users.index(liked[c.USER_ID]), items.index(liked[c.ITEM_ID])
        known = (own >= 0) & (liked_item >= 0)
        own, liked_item, liked = own[known], liked_item[known], liked.filter(pl.Series(known))
        drawn = len(own) if examples.basis == "sampled" else 0
        user = np.concatenate([user, own, own[:drawn]])
        item = np.concatenate([item, liked_item, _not_liked(own, liked_item, histories, len(items), generator)[:drawn]])
        clicked = np.concatenate([clicked, np.ones(len(own), np.float32), np.zeros(drawn, np.float32)])
        purchased = (liked[c.EVENT] == "purchase").cast(pl.Float32).to_numpy()
        bought = np.concatenate([np.zeros(len(examples), np.float32), purchased, np.zeros(drawn, np.float32)])
        rows = pl.DataFrame(schema=EVENTS.dtypes).clear(len(user))
        place = histories.lengths[user]
    found = LabelledPairs(pairs_with_context(user, place, item, rows), clicked, bought, examples.basis)
    return found.take(choose(user)) if choose and not is_log else found


def _not_liked(
    user: np.ndarray, item: np.ndarray, histories: Histories, num_items: int, generator: np.random.Generator
) -> np.ndarray:
    """For each of the pairs an item at random that its user does not like; what has liked everything keeps any."""
    pairs, had = user * num_items + item, histories.user_index() * num_items + histories.item_index
    if np.isin(pairs, had).sum() < REPEATS * len(pairs):
        pairs = np.concatenate([pairs, had])
    taken, drawn = np.unique(pairs), generator.integers(0, num_items, len(user))
    for _ in range(REDRAWS):
        again = np.flatnonzero(np.isin(user * num_items + drawn, taken))
        if not len(again):
            break
        drawn[again] = generator.integers(0, num_items, len(again))
    return drawn
