"""What was shown and whether it was clicked, as places in the histories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.disk import slices
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

ClickBasis = Literal["impressions", "labels", "sampled"]
ROW, OPEN = "__row__", "__open__"  # which of the events a row is; whether its click may be still to come
_PAIR_AND_MOMENT = (c.USER_ID, c.ITEM_ID, c.SESSION_ID, c.TIMESTAMP)
CLICK_WITHIN = 24 * 3600  # seconds after an impression without a session in which an event on the item is its click


@dataclass(frozen=True, slots=True)
class ClickExamples:
    """Labelled (user, item) pairs at a moment.

    Attributes
    ----------
    user_index, item_index : int32, shape (num_examples,)
    place : int32, shape (num_examples,)
        How many of the user's events came before.
    label : int8, shape (num_examples,)
        1 or 0.
    row : uint32, shape (num_examples,)
        Which of the events each is; ascending.
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
    events: pl.DataFrame,
    histories: Histories,
    users: Vocabulary,
    items: Vocabulary,
    generator: np.random.Generator,
    before: pl.DataFrame | None = None,
) -> ClickExamples:
    """Impressions with their labels; where there are none, the rows with label 0; where there are none, nothing.

    An impression without a label is a click when its user has an event on the item from then on in the same session or,
    where the session is unknown, in the 24 hours after. Where the order of a history means nothing, an example's place
    is drawn.

    Parameters
    ----------
    before : frame, optional
        The events before those of a part of a split: under leave-last-out a list may show an item clicked in another.
    """
    basis: ClickBasis = "impressions"
    size = int((events[c.EVENT] == c.IMPRESSION).sum())
    if not size:
        size = int((events[c.LABEL] == 0).sum())
        basis = "labels" if size else "sampled"
    kinds = {"user_index": np.int32, "item_index": np.int32, "place": np.int32, "label": np.int8, "row": np.uint32}
    made, end = {name: np.empty(size, kind) for name, kind in kinds.items()}, 0
    for rows in labelled_impressions(events, before) if basis == "impressions" else refused(events):
        user, item = users.index(rows[c.USER_ID]), items.index(rows[c.ITEM_ID])
        known = (user >= 0) & (item >= 0)
        user, item, rows = user[known], item[known], rows.filter(pl.Series(known))
        lengths = histories.lengths[user] if histories.num_users else np.zeros(0, np.int64)
        place = places_before(rows[c.TIMESTAMP], user, histories, generator.integers(0, lengths + 1))
        begin, end = end, end + rows.height
        parts = user, item, place, rows[c.LABEL].to_numpy(), rows[ROW].to_numpy()
        for whole, part in zip(made.values(), parts, strict=True):
            whole[begin:end] = part
    return ClickExamples(**{name: whole[:end] for name, whole in made.items()}, basis=basis)


def labelled_impressions(events: pl.DataFrame, before: pl.DataFrame | None = None) -> Iterator[pl.DataFrame]:
    """The impressions among events, each with a label (see `click_examples`) and its row; slice by slice.

    Column `OPEN` says where no label was given and no click was found, so that one may be still to come.
    """
    acted: pl.DataFrame | None = None
    for rows in _numbered_slices(events):
        shown = rows.filter(pl.col(c.EVENT) == c.IMPRESSION)
        if shown[c.LABEL].null_count():
            if acted is None:
                acted = acts(events, before)
            clicked = acted_upon(shown, acted)
            is_open = pl.col(c.LABEL).is_null() & ~clicked
            shown = shown.with_columns(pl.coalesce(c.LABEL, clicked.cast(pl.Int8)).alias(c.LABEL), is_open.alias(OPEN))
        yield shown if OPEN in shown.columns else shown.with_columns(pl.lit(value=False).alias(OPEN))


def acts(events: pl.DataFrame, before: pl.DataFrame | None, *, event: str | None = None) -> pl.DataFrame:
    """What was done, of one type or all, in the events of a part and, by its users, before them."""
    wanted = pl.col(c.EVENT) != c.IMPRESSION if event is None else pl.col(c.EVENT) == event
    found = events.select(*_PAIR_AND_MOMENT, c.EVENT).filter(wanted)
    if before is None:
        return found
    earlier = before.select(*_PAIR_AND_MOMENT, c.EVENT).filter(wanted)
    return pl.concat([found, earlier.join(events.select(c.USER_ID), on=c.USER_ID, how="semi")])


def refused(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """The events with label 0, each with its row; slice by slice."""
    for rows in _numbered_slices(events):
        yield rows.filter(pl.col(c.LABEL) == 0).with_columns(pl.lit(value=False).alias(OPEN))


def _numbered_slices(events: pl.DataFrame) -> Iterator[pl.DataFrame]:
    for some in slices(events.height):
        yield events[some].with_row_index(ROW, some.start)


def acted_upon(shown: pl.DataFrame, events: pl.DataFrame) -> pl.Series:
    """Whether some of `events` is of the same user and item: in the same session or, if unknown, in the 24 hours after.

    In the same session it may not be earlier, where both times are known.

    Returns
    -------
    polars.Series of bool, one for each row of `shown`
    """
    shown, acted = shown.select(_PAIR_AND_MOMENT).with_row_index(ROW), events.select(_PAIR_AND_MOMENT)
    keys, has_session = [c.USER_ID, c.ITEM_ID], pl.col(c.SESSION_ID).is_not_null()
    in_session = acted.filter(has_session).group_by(*keys, c.SESSION_ID)
    last = in_session.agg(pl.col(c.TIMESTAMP).max().alias("last"), pl.col(c.TIMESTAMP).has_nulls().alias("untimed"))
    beside = shown.join(last, on=[*keys, c.SESSION_ID])
    is_later = pl.col("untimed") | pl.col(c.TIMESTAMP).is_null() | (pl.col("last") >= pl.col(c.TIMESTAMP))
    found = [
        beside.filter(is_later)[ROW],
        followed_soon(shown.filter(has_session), acted.filter(~has_session), keys, c.TIMESTAMP, ROW),
        followed_soon(shown.filter(~has_session), acted, keys, c.TIMESTAMP, ROW),
    ]
    return shown[ROW].is_in(pl.concat(found).unique().implode())


def followed_soon(shown: pl.DataFrame, acted: pl.DataFrame, keys: list[str], at: str, row: str) -> pl.Series:
    """The rows of what was shown that are followed within `CLICK_WITHIN` by an event of the same keys.

    Parameters
    ----------
    keys : list of str
        The columns of user and item.
    at : str
        The column of the time in seconds, null where unknown.
    row : str
        The column of `shown` that is returned.
    """
    first, then = (table.drop_nulls(at).sort(at) for table in (shown, acted))
    then = then.select(*keys, at, then=at)
    soon = first.join_asof(then, on=at, by=keys, strategy="forward", tolerance=CLICK_WITHIN, check_sortedness=False)
    return soon.filter(pl.col("then").is_not_null())[row]


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
