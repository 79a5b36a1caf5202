"""What callers hand to a recommender, checked and made into series and frames."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.data.schema import EVENTS
from kgrec.errors import ConfigError, DataError, UnknownIdError, list_first
from kgrec.models.fitted import FittedModel
from kgrec.ranking.filters import allowed_items
from kgrec.scoring.pairs import Pairs, pairs_with_context
from kgrec.tensors.clicks import places_before
from kgrec.tensors.sequences import Histories, profile_rows
from kgrec.tensors.vocabulary import Vocabulary

OnUnknown = Literal["raise", "skip", "cold_start"]


def id_series(values: Iterable[str], what: str) -> pl.Series:
    """External ids as text."""
    if isinstance(values, str):
        raise DataError(f"{what} is the text {values!r}, expected a list of ids: [{values!r}]")
    series = pl.Series(what, list(values))
    return series.cast(pl.String)


def item_places(items: Vocabulary, item_ids: pl.Series, what: str) -> np.ndarray:
    """Places in the catalogue, shape (num_ids,), int64.

    Raises
    ------
    UnknownIdError
        If an item is unknown.
    """
    index = items.index(item_ids)
    if (index < 0).any():
        unknown = item_ids.filter(pl.Series(index < 0)).unique(maintain_order=True)
        raise UnknownIdError(f"{what}: unknown item_ids {list_first(unknown)}; the model knows {len(items):,} items")
    return index


def user_place(model: FittedModel, user_id: str, what: str) -> int:
    """Place of a user among the model's.

    Raises
    ------
    UnknownIdError
        If the user is unknown.
    """
    user = int(model.users.index([user_id])[0])
    if user < 0:
        raise UnknownIdError(f"{what}: unknown user_id {user_id!r}; the model knows {len(model.users):,} users")
    return user


def allowed_places(
    model: FittedModel,
    candidates: Iterable[str] | None,
    exclude: Iterable[str] | None,
    filters: Mapping[str, Any] | None,
) -> np.ndarray | None:
    """Whether each item may be listed, shape (num_items,); None: all may. See `KGRecommender.recommend`."""
    if candidates is None and exclude is None and not filters:
        return None
    allowed = np.full(len(model.items), candidates is None)
    if candidates is not None:
        allowed[item_places(model.items, id_series(candidates, "candidates"), "candidates")] = True
    if exclude is not None:
        allowed[item_places(model.items, id_series(exclude, "exclude"), "exclude")] = False
    if filters:
        allowed &= allowed_items(model.graph, model.items, filters)
    return allowed


def user_item_pairs(pairs: Any) -> pl.DataFrame:
    """Columns user_id and item_id from a frame or from tuples."""
    if isinstance(pairs, Sequence):
        return pl.DataFrame(
            [tuple(pair) for pair in pairs], schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String}, orient="row"
        )
    frame = pairs if isinstance(pairs, pl.DataFrame) else pl.DataFrame(pairs)
    missing = [name for name in (c.USER_ID, c.ITEM_ID) if name not in frame.columns]
    if missing:
        raise DataError(f"pairs: missing columns {list_first(missing)}; found {list_first(frame.columns)}")
    return frame


def asked_pairs(frame: pl.DataFrame, user: np.ndarray, item: np.ndarray, histories: Histories) -> Pairs:
    """Pairs with what a caller's frame says of their moment; see `KGRecommender.predict_click`.

    Parameters
    ----------
    user, item : int64, shape (num_pairs,)
        Rows of `histories` and places in the catalogue.

    Raises
    ------
    DataError
        If a column of the moment holds what can't be read.
    """
    kinds = {c.TIMESTAMP: pl.Int64, c.POSITION: pl.Float64, c.SESSION_ID: pl.String, c.QUERY: pl.String}
    kinds = {name: kind for name, kind in kinds.items() if name in frame.columns}
    try:
        moments = frame.select(pl.col(c.USER_ID), *(pl.col(name).cast(kind) for name, kind in kinds.items()))
    except pl.exceptions.PolarsError as error:
        raise DataError(f"pairs: {', '.join(kinds)} can't be read: {str(error).splitlines()[0]}") from error
    if c.POSITION in kinds and moments.filter(pl.col(c.POSITION) < 1).height:
        raise DataError("pairs: a position is below 1, the first place")
    place = histories.lengths[user]
    if c.TIMESTAMP in kinds:
        place = places_before(moments[c.TIMESTAMP], user, histories, place)
    return pairs_with_context(user, place, item, moments)


@dataclass(frozen=True, slots=True)
class Asked:
    """The users that lists are wanted for, and in the same order what to go by.

    Attributes
    ----------
    known : int64, shape (num_users,), or None
        Places among the model's users, where what it knows of them all is what to go by.
    """

    users: pl.Series
    histories: Histories
    known: np.ndarray | None


def asked_users(
    model: FittedModel, user_ids: Iterable[str] | None, histories: Any, profiles: Any, on_unknown: OnUnknown
) -> Asked:
    """The users asked for, by what is known of them and what was handed in; see `KGRecommender.recommend`.

    Raises
    ------
    ConfigError
        If `on_unknown` is none of its values.
    DataError
        If histories or profiles can't be read.
    UnknownIdError
        If nothing is known of a user, and on_unknown is "raise".
    """
    if on_unknown not in get_args(OnUnknown):
        raise ConfigError(f"on_unknown is {on_unknown!r}, expected 'raise', 'skip' or 'cold_start'")
    users, source = model.users, model.histories
    if histories is not None:
        events, ids = session_events(histories, model.items)
        users = Vocabulary(ids)
        source = model.histories_of(events, users)
    table = None if profiles is None else _profile_table(profiles)
    if user_ids is not None:
        wanted = id_series(user_ids, "user_ids")
    elif table is None:
        wanted = users.ids
    else:
        named = table[c.USER_ID] if histories is None else pl.concat([users.ids, table[c.USER_ID]])
        wanted = named.unique(maintain_order=True)
    index = users.index(wanted)
    known = index >= 0
    if table is not None:
        known |= wanted.is_in(table[c.USER_ID].implode()).to_numpy()
    if not known.all() and on_unknown == "raise":
        raise UnknownIdError(
            f"recommend: unknown user_ids {list_first(wanted.filter(pl.Series(~known)))}; the model knows "
            f"{len(users):,} users. Pass on_unknown='skip' or 'cold_start', their events as histories= or their "
            "profiles as profiles="
        )
    if on_unknown == "skip":
        wanted, index = wanted.filter(pl.Series(known)), index[known]
    taken = source.take(index)
    if table is not None:
        given = Vocabulary(table[c.USER_ID]).index(wanted)
        rows = profile_rows(model.profile_columns.encode(table), given)
        of_known = profile_rows(model.profile, model.users.index(wanted))
        taken = replace(taken, profile=np.where(given[:, None] >= 0, rows, of_known))
    as_known = histories is None and table is None and bool((index >= 0).all())
    return Asked(wanted, taken, index if as_known else None)


def session_events(histories: Any, items: Vocabulary) -> tuple[pl.DataFrame, pl.Series]:
    """The interactions of sessions that come from outside, checked as a dataset's events are, and their users.

    Parameters
    ----------
    histories : frame, mapping of user to item_ids, or sequence of sequences of item_ids
    """
    frame, users = _session_frame(histories)
    missing = [name for name in (c.USER_ID, c.ITEM_ID) if name not in frame.columns]
    if missing:
        raise DataError(f"histories: missing columns {list_first(missing)}; found {list_first(frame.columns)}")
    if users is None:
        users = frame[c.USER_ID].cast(pl.String).unique(maintain_order=True)
    if not frame.height and len(users):
        return pl.DataFrame(schema=EVENTS.dtypes), users
    optional = {name: frame[name] for name in (c.EVENT, c.TIMESTAMP, c.LABEL) if name in frame.columns}
    catalogue = {c.ITEM_ID: items.ids}
    events = Dataset(items=catalogue, events={c.USER_ID: frame[c.USER_ID], c.ITEM_ID: frame[c.ITEM_ID], **optional})
    return events.interactions, users


def _session_frame(histories: Any) -> tuple[pl.DataFrame, pl.Series | None]:
    """A table of events; the users too, where some may have none."""
    if isinstance(histories, pl.DataFrame):
        return histories, None
    if isinstance(histories, Sequence) and all(isinstance(items, (list, tuple)) for items in histories):
        histories = {str(place): items for place, items in enumerate(histories)}
    elif not isinstance(histories, Mapping) or c.ITEM_ID in histories:
        return pl.DataFrame(histories), None
    lists = {str(user): list(items) for user, items in histories.items()}
    table = {
        c.USER_ID: pl.Series([user for user, items in lists.items() for _ in items], dtype=pl.String),
        c.ITEM_ID: pl.Series([item for items in lists.values() for item in items], dtype=pl.String),
    }
    return pl.DataFrame(table), pl.Series(list(lists), dtype=pl.String)


def _profile_table(profiles: Any) -> pl.DataFrame:
    frame = profiles if isinstance(profiles, pl.DataFrame) else pl.DataFrame(profiles)
    if c.USER_ID not in frame.columns:
        raise DataError(f"profiles: missing column {c.USER_ID!r}; found {list_first(frame.columns)}")
    frame = frame.with_columns(pl.col(c.USER_ID).cast(pl.String))
    twice = frame.filter(pl.col(c.USER_ID).is_duplicated() | pl.col(c.USER_ID).is_null())[c.USER_ID]
    if len(twice):
        raise DataError(f"profiles: more than one row, or no user_id, for {list_first(twice.unique())}")
    return frame
