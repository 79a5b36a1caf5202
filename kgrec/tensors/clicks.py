"""What was shown and whether it was clicked, as places in the histories."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

ClickBasis = Literal["impressions", "labels", "sampled"]
_ROW = "__row__"
CLICK_WITHIN = 24 * 3600  # seconds after an impression without a session in which an event on the item is its click


@dataclass(frozen=True, slots=True)
class ClickExamples:
    """Labelled (user, item) pairs at a moment.

    Attributes
    ----------
    user_index, item_index : int64, shape (num_examples,)
    place : int64, shape (num_examples,)
        How many of the user's events came before.
    label : float32, shape (num_examples,)
    row : int64, shape (num_examples,)
        Which of the events each is.
    basis : "impressions", "labels" or "sampled"
        Where the labels come from. With "labels" and "sampled" the positives are the events themselves.
    """

    user_index: np.ndarray
    item_index: np.ndarray
    place: np.ndarray
    label: np.ndarray
    row: np.ndarray
    basis: ClickBasis

    def __len__(self) -> int:
        return len(self.label)


def click_examples(
    events: pl.DataFrame, histories: Histories, users: Vocabulary, items: Vocabulary, generator: np.random.Generator
) -> ClickExamples:
    """Impressions with their labels; where there are none, the rows with label 0; where there are none, nothing.

    An impression without a label is a click when its user has an event on the item in the same session or, where the
    session is unknown, in the 24 hours after. Where the order of a history means nothing, an example's place is drawn.
    """
    numbered = events.with_row_index(_ROW)
    rows, basis = labelled_impressions(numbered), "impressions"
    if not rows.height:
        rows = numbered.filter(pl.col(c.LABEL) == 0)
        basis = "labels" if rows.height else "sampled"
    user, item = users.index(rows[c.USER_ID]), items.index(rows[c.ITEM_ID])
    known = (user >= 0) & (item >= 0)
    user, item, rows = user[known], item[known], rows.filter(pl.Series(known))
    lengths = histories.lengths[user] if histories.num_users else np.zeros(0, np.int64)
    place = places_before(rows[c.TIMESTAMP], user, histories, generator.integers(0, lengths + 1))
    label = rows[c.LABEL].cast(pl.Float32).to_numpy()
    row = rows[_ROW].cast(pl.Int64).to_numpy()
    return ClickExamples(user, item, place, label, row, basis)  # type: ignore[arg-type]


def labelled_impressions(events: pl.DataFrame) -> pl.DataFrame:
    """The impressions among events, each with a label (see `click_examples`)."""
    shown = events.filter(pl.col(c.EVENT) == c.IMPRESSION)
    if not shown[c.LABEL].null_count():
        return shown
    acted = acted_upon(shown, events.filter(pl.col(c.EVENT) != c.IMPRESSION))
    return shown.with_columns(pl.coalesce(c.LABEL, acted.cast(pl.Int8)).alias(c.LABEL))


def acted_upon(shown: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """Whether some of `events` is of the same user and item: in the same session or, if unknown, in the 24 hours after.

    Returns
    -------
    polars.Series of bool, one for each row of `shown`
    """
    shown = shown.select(c.USER_ID, c.ITEM_ID, c.SESSION_ID, c.TIMESTAMP).with_row_index(_ROW)
    acted = events.select(c.USER_ID, c.ITEM_ID, c.SESSION_ID, c.TIMESTAMP)
    together = shown.join(acted, on=[c.USER_ID, c.ITEM_ID], suffix="_acted")
    after = pl.col(f"{c.TIMESTAMP}_acted") - pl.col(c.TIMESTAMP)
    same_session = pl.col(c.SESSION_ID) == pl.col(f"{c.SESSION_ID}_acted")
    acted_on = together.filter(same_session.fill_null(after.is_between(0, CLICK_WITHIN).fill_null(value=False)))
    return shown[_ROW].is_in(acted_on[_ROW].unique().implode())


def places_before(timestamp: pl.Series, user: np.ndarray, histories: Histories, otherwise: np.ndarray) -> np.ndarray:
    """How many events of each user's history are strictly earlier; `otherwise` where there is no time to go by."""
    if not histories.ordered:
        return otherwise
    stamps = histories.timestamp
    timed = stamps[stamps > np.iinfo(np.int64).min]
    base, last = (int(timed.min()), int(timed.max())) if len(timed) else (0, 0)
    span = last - base + 3
    keys = histories.user_index() * span + np.maximum(stamps, base - 1) - base + 1
    known = timestamp.is_not_null().to_numpy()
    moment = np.clip(timestamp.fill_null(base).to_numpy() - base + 1, 1, span - 1)
    place = np.searchsorted(keys, user * span + moment) - histories.start[user]
    return np.where(known, place, otherwise)
