"""What callers hand to a recommender, checked and made into series and frames."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal, get_args

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.assembly import read_events
from kgrec.data.cleaning import Catalogue
from kgrec.data.extras import parse_extra
from kgrec.data.parsing import parse_ids, parse_table
from kgrec.data.report import Findings
from kgrec.data.schema import EVENTS, Table
from kgrec.data.sources import Source, is_rows, to_table
from kgrec.errors import ConfigError, DataError, UnknownIdError, list_first, raise_faults
from kgrec.models.fitted import FittedModel
from kgrec.ranking.filters import allowed_items
from kgrec.scoring.pairs import Pairs, pairs_with_context
from kgrec.tensors.clicks import places_before
from kgrec.tensors.sequences import Histories, profile_rows
from kgrec.tensors.vocabulary import Vocabulary

OnUnknown = Literal["raise", "skip", "cold_start"]

logger = logging.getLogger(__name__)

_MOMENT = (c.TIMESTAMP, c.SESSION_ID, c.POSITION, c.QUERY)
_PAIRS = Table(name="pairs", columns=tuple(column for column in EVENTS.columns if column.name in (c.USER_ID, *_MOMENT)))


def id_series(values: Iterable[str], what: str) -> pl.Series:
    """External ids as text; whole numbers are ids too.

    Raises
    ------
    DataError
        If there is something else among the values, or nothing where an id should be.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        example = f": [{values!r}]" if isinstance(values, str) else ""
        raise DataError(f"{what} is {values!r}, expected a list of ids{example}")
    if hasattr(values, "columns"):
        raise DataError(f"{what} is a table ({type(values).__name__}); pass its column: table[{c.USER_ID!r}], say")
    ids, fault = _ids(values)
    if fault:
        raise DataError(f"{what} {fault}")
    return ids


def one_id(value: str, what: str) -> str:
    """An external id as text, read as those of `id_series` are."""
    return str(id_series([value], what)[0])


def _ids(values: Iterable[Any]) -> tuple[pl.Series, str]:
    """Ids as text, and what is wrong with them; see `parse_ids`."""
    given = values if isinstance(values, pl.Series) else list(values)
    try:
        series = pl.Series(given)
    except (TypeError, ValueError, OverflowError, pl.exceptions.PolarsError):
        kinds = sorted({type(value).__name__ for value in given})
        return pl.Series(dtype=pl.String), f"holds values of the types {', '.join(kinds)}, expected text or integers"
    ids, fault = parse_ids(series)
    if not fault and ids.null_count():
        fault = f"holds nothing in place {ids.is_null().arg_max()} (from 0), expected an id"
    return ids, fault


def _user_item_ids(frame: pl.DataFrame, what: str) -> pl.DataFrame:
    """Columns user_id and item_id as text."""
    missing = [name for name in (c.USER_ID, c.ITEM_ID) if name not in frame.columns]
    if missing:
        raise DataError(f"{what}: missing columns {list_first(missing)}; found {list_first(frame.columns)}")
    found = {name: _ids(frame[name]) for name in (c.USER_ID, c.ITEM_ID)}
    raise_faults(DataError, what, [f"column {name!r} {fault}" for name, (_, fault) in found.items() if fault])
    return pl.DataFrame({name: ids for name, (ids, _) in found.items()})


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
    DataError
        If the id is neither text nor an integer.
    UnknownIdError
        If the user is unknown.
    """
    user_id = one_id(user_id, "user_id")
    user = int(model.users.index([user_id])[0])
    if user < 0:
        raise UnknownIdError(f"{what}: unknown user_id {user_id!r}; the model knows {len(model.users):,} users")
    return user


def allowed_places(
    model: FittedModel,
    candidates: Iterable[str] | None,
    exclude: Iterable[str] | None,
    filters: Mapping[str, Any] | None,
    on_unknown: OnUnknown = "raise",
) -> np.ndarray | None:
    """Whether each item may be listed, shape (num_items,); None: all may. See `KGRecommender.recommend`."""
    if filters is not None and not isinstance(filters, Mapping):
        raise ConfigError(f"filters is {filters!r}, expected a mapping such as {{'price': (None, 50)}}")
    if candidates is None and exclude is None and not filters:
        return None
    allowed = np.full(len(model.items), candidates is None)
    for what, ids, may in (("candidates", candidates, True), ("exclude", exclude, False)):
        if ids is not None:
            asked = id_series(ids, what)
            place = item_places(model.items, asked, what) if on_unknown == "raise" else model.items.index(asked)
            allowed[place[place >= 0]] = may
    if filters:
        allowed &= allowed_items(model.graph, model.items, filters)
    return allowed


def user_item_pairs(pairs: Any) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Pairs as a frame, and their columns user_id and item_id as text.

    Parameters
    ----------
    pairs : frame with columns user_id and item_id, or sequence of (user_id, item_id)

    Raises
    ------
    DataError
        If they are neither, or an id is neither text nor an integer.
    """
    if not isinstance(pairs, (Sequence, np.ndarray)) or is_rows(pairs):
        frame = to_table(pairs, "pairs")
        return frame, _user_item_ids(frame, "pairs")
    wrong = [pair for pair in pairs if not isinstance(pair, (tuple, list, np.ndarray)) or len(pair) != 2]
    if wrong:
        raise DataError(f"pairs: {list_first(wrong)} found, expected a list of pairs: [('a user', 'an item'), ...]")
    users, items = zip(*pairs, strict=True) if len(pairs) else ((), ())
    frame = pl.DataFrame({c.USER_ID: id_series(users, "pairs: user_id"), c.ITEM_ID: id_series(items, "pairs: item_id")})
    return frame, frame


def asked_pairs(
    frame: pl.DataFrame, user_ids: pl.Series, user: np.ndarray, item: np.ndarray, histories: Histories
) -> Pairs:
    """Pairs with what a caller's frame says of their moment; see `KGRecommender.predict_click`.

    Parameters
    ----------
    user, item : int64, shape (num_pairs,)
        Rows of `histories` and places in the catalogue.

    Raises
    ------
    DataError
        Listing everything in the columns of the moment that can't be read.
    """
    said = pl.DataFrame([user_ids.alias(c.USER_ID), *(frame[name] for name in _MOMENT if name in frame.columns)])
    findings = Findings()
    moments = (
        parse_table(Source.of(said, "pairs"), _PAIRS, findings) if frame.height else pl.DataFrame(schema=_PAIRS.dtypes)
    )
    faults = [f"pairs: a {check} ({examples})" for _, check, _, _, examples in findings.lines]  # made null in a dataset
    raise_faults(DataError, "predict_click (rows are counted from 1)", findings.faults + faults)
    assert moments is not None  # the user_ids are there
    place = histories.lengths[user]
    if moments[c.TIMESTAMP].count():
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
        If user_ids, histories or profiles can't be read.
    UnknownIdError
        If nothing is known of a user, or an item of the histories is unknown, and on_unknown is "raise".
    """
    if on_unknown not in get_args(OnUnknown):
        raise ConfigError(f"on_unknown is {on_unknown!r}, expected 'raise', 'skip' or 'cold_start'")
    users, source, asked_of = model.users, model.histories, f"the model knows {len(model.users):,} users"
    if histories is not None:
        sessions = read_sessions(histories, model, on_unknown)
        users = Vocabulary(sessions.users)
        source = model.histories_of(sessions.events, users)
        if not sessions.named:  # the model may have a user "0" too
            strangers, asked_of = np.full(len(users), -1), "lists without names are of users '0', '1' and so on"
            source = replace(source, user=strangers, profile=profile_rows(model.profile, strangers))
    table = None if profiles is None else _profile_table(profiles)
    if user_ids is not None:
        wanted = id_series(user_ids, "user_ids")
    elif table is None:
        wanted = users.ids
    else:
        named = table[c.USER_ID] if histories is None else pl.concat([users.ids, table[c.USER_ID]])
        wanted = named.unique(maintain_order=True)
    if histories is not None and sessions.named:  # users asked for beside them go by what the model knows
        beside = wanted.filter(model.users.index(wanted) >= 0)
        beside = beside.filter(users.index(beside) < 0).unique(maintain_order=True)
        source = source.then(model.histories.take(model.users.index(beside)))
        users = Vocabulary(pl.concat([users.ids, beside]))
    index = users.index(wanted)
    known = index >= 0
    if table is not None:
        known |= wanted.is_in(table[c.USER_ID].implode()).to_numpy()
    if not known.all() and on_unknown == "raise":
        raise UnknownIdError(
            f"recommend: unknown user_ids {list_first(wanted.filter(pl.Series(~known)))}; {asked_of}. Pass "
            "on_unknown='skip' or 'cold_start', their events as histories= or their profiles as profiles="
        )
    if on_unknown == "skip":
        wanted, index = wanted.filter(pl.Series(known)), index[known]
    taken = source.take(index)
    if table is not None:
        for useless in model.profile_columns.useless(table):
            logger.warning("profiles: %s: it tells nothing", useless)
        given = Vocabulary(table[c.USER_ID]).index(wanted)
        rows = profile_rows(model.profile_columns.encode(table), given)
        assert taken.profile is not None  # a model's histories have one
        taken = replace(taken, profile=np.where(given[:, None] >= 0, rows, taken.profile))
    as_known = histories is None and table is None and bool((index >= 0).all())
    return Asked(wanted, taken, index if as_known else None)


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sessions that come from outside.

    Attributes
    ----------
    named : bool
        Whether whoever handed them in said whose they are: else the users are 0, 1 ..., and nobody that a model knows.
    """

    events: pl.DataFrame
    users: pl.Series
    named: bool


def read_sessions(histories: Any, model: FittedModel, on_unknown: OnUnknown) -> Sessions:
    """The events of sessions that come from outside, checked as a dataset's events are, and their users.

    Parameters
    ----------
    histories : frame, mapping of user to item_ids, or sequence of sequences of item_ids
    on_unknown : "raise", "skip" or "cold_start"
        What to do with items that the model does not know: an error, or leave them out. With "skip" a session of none
        but such items goes too, unless the model knows its user.

    Raises
    ------
    DataError
        If they can't be read.
    UnknownIdError
        If an item is unknown, and on_unknown is "raise".
    """
    frame, users, named = _session_frame(histories)
    ids = _user_item_ids(frame, "histories")
    users = ids[c.USER_ID].unique(maintain_order=True) if users is None else users
    if not frame.height:
        return Sessions(pl.DataFrame(schema=EVENTS.dtypes), users, named)
    if (ids[c.USER_ID] == "").any():
        raise DataError("histories: an event has the empty user_id '', expected a name for each session")
    is_known = pl.Series(model.items.index(ids[c.ITEM_ID]) >= 0)
    if on_unknown == "raise" and not is_known.all():
        unknown = ids[c.ITEM_ID].filter(~is_known).unique(maintain_order=True)
        raise UnknownIdError(
            f"histories: unknown item_ids {list_first(unknown)}; the model knows {len(model.items):,} items. Add them "
            "by update(new_items=...), or leave them out: on_unknown='skip' or 'cold_start'"
        )
    if on_unknown == "skip":
        kept = pl.concat([ids[c.USER_ID].filter(is_known), model.users.ids if named else model.users.ids.clear()])
        users = users.filter(users.is_in(kept.implode()) | ~users.is_in(ids[c.USER_ID].implode()))
    told = ids.with_columns(frame[name] for name in (c.EVENT, c.TIMESTAMP, c.LABEL) if name in frame.columns)
    source, findings = Source.of(told, "histories"), Findings()
    events, _ = read_events({c.EVENTS: source}, findings, Catalogue(model.items.ids, "skip"))
    findings.raise_faults("the histories")
    assert events is not None  # the ids are there
    return Sessions(events, users, named)


def _session_frame(histories: Any) -> tuple[pl.DataFrame, pl.Series | None, bool]:
    """A table of events; the users too, where some may have none; whether they were named."""
    named = not isinstance(histories, (Sequence, np.ndarray, pl.Series)) or is_rows(histories)
    if not named:
        histories = {str(place): items for place, items in enumerate(histories)}
    elif hasattr(histories, "to_dict") and not hasattr(histories, "columns"):  # a pandas Series of lists, by user
        histories = histories.to_dict()
    elif not isinstance(histories, Mapping) or c.ITEM_ID in histories:
        return to_table(histories, "histories"), None, True
    wrong = {
        user: items for user, items in histories.items() if isinstance(items, str) or not isinstance(items, Iterable)
    }
    if wrong:
        shown = ", ".join(f"{user!r} is {items!r}" for user, items in islice(wrong.items(), 5))
        raise DataError(f"histories: session {shown}; expected a list of item_ids for each, oldest first")
    sessions = [  # the order of a set is another in each process
        sorted(items, key=str) if isinstance(items, (set, frozenset)) else list(items) for items in histories.values()
    ]
    users = id_series(histories, "histories: user_id")
    table = {
        c.USER_ID: users.gather(np.repeat(np.arange(len(sessions)), [len(items) for items in sessions])),
        c.ITEM_ID: id_series([item for items in sessions for item in items], "histories: item_id"),
    }
    return pl.DataFrame(table), users, named


def _profile_table(profiles: Any) -> pl.DataFrame:
    frame = to_table(profiles, "profiles")
    if c.USER_ID not in frame.columns:
        raise DataError(f"profiles: missing column {c.USER_ID!r}; found {list_first(frame.columns)}")
    user_ids, findings = id_series(frame[c.USER_ID], "profiles: user_id").alias(c.USER_ID), Findings()
    source = Source.of(frame, "profiles")  # read as a dataset's columns are
    frame = pl.DataFrame(
        user_ids if name == c.USER_ID else parse_extra(source, name, findings) for name in frame.columns
    )
    findings.raise_faults("profiles")
    twice = frame.filter(pl.col(c.USER_ID).is_duplicated())[c.USER_ID]
    if len(twice):
        raise DataError(f"profiles: more than one row for {list_first(twice.unique(maintain_order=True))}")
    return frame
