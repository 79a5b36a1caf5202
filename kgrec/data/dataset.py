"""Dataset: the clean tables of a shop; Split: its events divided into train, validation and test."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import polars as pl

from kgrec.data import columns as c
from kgrec.data import splitting
from kgrec.data.assembly import Content, assemble
from kgrec.data.cleaning import OnUnknown
from kgrec.data.fingerprint import fingerprint
from kgrec.data.kcore import k_core
from kgrec.data.report import CleaningReport, Findings
from kgrec.data.sources import Frame, from_frames
from kgrec.data.splitting import SplitMethod
from kgrec.errors import ConfigError, DataError, check_is, check_whole

logger = logging.getLogger(__name__)

History: TypeAlias = "pl.DataFrame | Callable[[], pl.DataFrame] | None"


class Dataset:
    """A catalogue and an event log, checked and cleaned; immutable.

    Parameters
    ----------
    items, events, users, queries, triples, impressions : frames
        Any of pandas, polars, an object with the Arrow C stream interface, a dict of columns or a list of dicts; the
        columns are those of `kgrec.data.schema`. `events` may be a dict of the frames "train", "validation" and
        "test": a fixed split. `impressions` are appended to the events.
    on_unknown : "raise" or "skip"
        What to do with events and queries whose item is not in `items`: a fault, or drop and count them.

    Raises
    ------
    DataError
        Listing every fault of every table.
    ConfigError
        If `on_unknown` is neither of the two.

    >>> dataset = Dataset(items={"item_id": ["a", "b"]}, events={"user_id": ["u", "u"], "item_id": ["a", "b"]})
    >>> dataset
    Dataset(2 items, 1 users, 2 events)
    """

    __slots__ = ("_content", "_fingerprint", "_history", "_interactions")

    def __init__(
        self,
        *,
        items: Frame,
        events: Frame | Mapping[str, Frame],
        users: Frame | None = None,
        queries: Frame | None = None,
        triples: Frame | None = None,
        impressions: Frame | None = None,
        on_unknown: OnUnknown = "raise",
    ) -> None:
        findings = Findings()
        tables = {
            c.ITEMS: items,
            c.EVENTS: events,
            c.USERS: users,
            c.QUERIES: queries,
            c.TRIPLES: triples,
            c.IMPRESSIONS: impressions,
        }
        sources = from_frames(tables, findings)
        self._set(assemble(sources, findings, where="the dataset", on_unknown=on_unknown))

    @classmethod
    def from_content(cls, content: Content, history: History = None) -> Dataset:
        """Wrap tables that are already clean; `history` holds the events before those of a part of a split."""
        dataset = cls.__new__(cls)
        dataset._set(content, history)
        return dataset

    def _set(self, content: Content, history: History = None) -> None:
        self._content = content
        self._history = history
        self._interactions: pl.DataFrame | None = None
        self._fingerprint: str | None = None

    @property
    def items(self) -> pl.DataFrame:
        """The catalogue: every declared column (null where not given), then the extra ones."""
        return self._content.items

    @property
    def events(self) -> pl.DataFrame:
        """All events in the order given, impressions and negatives among them."""
        return self._content.events

    @property
    def users(self) -> pl.DataFrame:
        """User profiles; without rows when none were given. Not every user of the events need be there."""
        return self._content.users

    @property
    def queries(self) -> pl.DataFrame:
        """Queries with relevant items; without rows when none were given."""
        return self._content.queries

    @property
    def triples(self) -> pl.DataFrame:
        """Extra facts; without rows when none were given."""
        return self._content.triples

    @property
    def report(self) -> CleaningReport:
        """What was found in the tables and what was done about it."""
        return self._content.report

    @property
    def history(self) -> pl.DataFrame | None:
        """For a part of a split: the events before it, those of the parts before and what is given of its own users.

        None for train and for a whole dataset.
        """
        if callable(self._history):
            self._history = self._history()
        return self._history

    @property
    def interactions(self) -> pl.DataFrame:
        """The events that express liking: no impressions, and none with label 0 (no label is a positive one)."""
        if self._interactions is None:
            self._interactions = self.events.filter(splitting.liked())
        return self._interactions

    def map_events(self, change: Callable[[pl.DataFrame], pl.DataFrame]) -> Dataset:
        """The same dataset with other values in its events: `change` is given the events and, of a part, the history.

        Raises
        ------
        DataError
            If what comes back has other rows (in number) or columns than what was given.
        """

        def changed(events: pl.DataFrame) -> pl.DataFrame:
            made = change(events)
            check_is(pl.DataFrame, "map_events", returned=made)
            if made.height != events.height or made.schema != events.schema:
                raise DataError(f"map_events: {events.shape} events became {made.shape}; keep rows, columns and types")
            return made

        history = None if self.history is None else changed(self.history)
        return Dataset.from_content(replace(self._content, events=changed(self.events)), history)

    def k_core(self, users: int = 5, items: int = 5) -> Dataset:
        """Keep the users and items with at least so many interactions, again and again until all have them.

        Items that go leave the catalogue, and with them their queries and triples; users that go leave the profiles.
        The report says how many.

        Raises
        ------
        ConfigError
            If a threshold is not a whole number >= 1.
        DataError
            If nothing is left.
        """
        return Dataset.from_content(k_core(self._content, users=users, items=items))

    def split(self, method: SplitMethod, ratio: Sequence[float] = (0.7, 0.15, 0.15), seed: int = 0) -> Split:
        """Divide the events into train, validation and test; every part keeps all items, users, queries and triples.

        Parameters
        ----------
        method : "leave_last_out", "leave_users_out", "temporal", "random" or "fixed"
            `leave_last_out`: per user, the last interaction is test, the one before it validation; without
            timestamps by the order of the rows, which no model reads: give row numbers as timestamps where they say
            what came when. `leave_users_out`: of users that train doesn't know, the last interaction; those before it
            are given, as a session passed to `recommend(histories=)` is. `temporal`: two moments for everyone.
            `random`: by (user, item) pair. `fixed`: the parts that were given. The functions of
            `kgrec.data.splitting` say more, on ties and on impressions.
        ratio : three shares that sum to 1
            Of the interactions, for `temporal` and `random`; of the users with two or more, for `leave_users_out`.
        seed : int >= 0
            For `random` and `leave_users_out`.

        Raises
        ------
        ConfigError
            If the method is unknown, or the ratio or the seed is out of range.
        DataError
            If the dataset can't be split so: no fixed parts, no timestamps, nothing left to train on.
        """
        shares = splitting.check_ratio(ratio)
        check_whole(0, seed=seed)
        match method:
            case "leave_last_out":
                part = splitting.leave_last_out(self.events)
                if self.events.height and self.events[c.TIMESTAMP].is_null().all():
                    logger.warning(
                        "leave_last_out without timestamps goes by the order of the rows, which no model reads: "
                        "give row numbers as timestamps where they say what came when"
                    )
            case "leave_users_out":
                part = splitting.leave_users_out(self.events, shares, seed)
            case "temporal":
                part = splitting.temporal(self.events, shares)
            case "random":
                part = splitting.random(self.events, shares, seed)
            case "fixed":
                if self._content.part is None:
                    raise DataError("the dataset has no fixed parts: give events.train, events.validation, events.test")
                part = self._content.part
            case _:
                *others, last = splitting.METHODS
                raise ConfigError(f"method is {method!r}, expected {', '.join(others)} or {last}")
        return _split(self._content, part, method)

    def fingerprint(self) -> str:
        """SHA-256 of the tables' content as 64 hex digits, the same for every file format, platform and process.

        The order of the events counts, that of the other tables' rows does not. The parts of a fixed split count.
        """
        if self._fingerprint is None:
            content = self._content
            events = (
                content.events if content.part is None else content.events.with_columns(content.part.alias("__part__"))
            )
            tables = {
                c.ITEMS: content.items,
                c.EVENTS: events,
                c.USERS: content.users,
                c.QUERIES: content.queries,
                c.TRIPLES: content.triples,
            }
            self._fingerprint = fingerprint(tables, ordered=frozenset({c.EVENTS}))
        return self._fingerprint

    def __repr__(self) -> str:
        counts = [
            f"{self.items.height:,} items",
            f"{self.events[c.USER_ID].n_unique():,} users",
            f"{self.events.height:,} events",
        ]
        counts += [f"{table.height:,} {name}" for name, table in self._optional if table.height]
        return f"Dataset({', '.join(counts)})"

    @property
    def _optional(self) -> list[tuple[str, pl.DataFrame]]:
        return [(c.QUERIES, self.queries), (c.TRIPLES, self.triples)]


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Three datasets with the same items, users, queries and triples, and each its own events.

    Parameters
    ----------
    train, validation, test : Dataset
        `history` of validation holds the train events, that of test the train and validation events; where users are
        left out also what is given of those who had come by then. Parts made elsewhere, without a history, get it.
    method : str
        How the events were divided.
    """

    train: Dataset
    validation: Dataset
    test: Dataset
    method: SplitMethod

    def __post_init__(self) -> None:
        train, validation, test = self.train, self.validation, self.test
        if validation._history is None:
            object.__setattr__(self, c.VALIDATION, Dataset.from_content(validation._content, train.events))
        if test._history is None:
            before = functools.partial(pl.concat, [train.events, validation.events], how="diagonal_relaxed")
            object.__setattr__(self, c.TEST, Dataset.from_content(test._content, before))

    @property
    def parts(self) -> dict[str, Dataset]:
        """The three datasets by name."""
        return {c.TRAIN: self.train, c.VALIDATION: self.validation, c.TEST: self.test}

    @property
    def known(self) -> Dataset:
        """What comes before the test part, train and validation in one: for a last training once all is chosen."""
        events = self.test.history
        assert events is not None
        if self.method == "leave_users_out":  # those of the test part stay unknown
            tested = events[c.USER_ID].is_in(self.test.events[c.USER_ID].unique().implode())
            events = replace(self.train._content, events=events).kept(~tested)
        return Dataset.from_content(replace(self.train._content, events=events))

    def report(self) -> pl.DataFrame:
        """One line per part: columns `part, events, interactions, users, items, known_pairs, new_users`.

        `users` and `items` are those with an interaction in the part. `known_pairs` counts the interactions with an
        item that the user already had in the part's history: a ranker that leaves seen items out can't hit them.
        `new_users` have no interaction there.
        """
        return pl.DataFrame([{"part": name, **_counts(part)} for name, part in self.parts.items()])

    def __str__(self) -> str:
        lines = [f"Split by {self.method}"]
        for part in self.report().iter_rows(named=True):
            line = f"  {part['part']:<10}"
            line += "".join(f"  {part[name]:>9,} {name}" for name in ("events", "interactions", "users", "items"))
            if part["known_pairs"]:
                line += (
                    f"  {part['known_pairs']:,} of items the user had before (no hit is possible without seen items)"
                )
            if part["new_users"] and part["part"] != c.TRAIN:
                line += f"  {part['new_users']:,} users without history"
            lines.append(line)
        return "\n".join(lines)


def hold_out_last(dataset: Dataset, share: float, seed: int) -> Split:
    """The last interaction of some users as the validation part, about a `share` of all; the test part is empty.

    Raises
    ------
    DataError
        If nothing is left to train on.
    """
    part = splitting.last_of_some(dataset.events, share, seed)
    return _split(dataset._content, part, "leave_last_out")


def _split(content: Content, part: pl.Series, method: SplitMethod) -> Split:
    if not (content.events.select(splitting.liked()).to_series() & (part == splitting.TRAIN)).any():
        raise DataError(f"split by {method}: no interaction is left in train ({content.events.height:,} events in all)")

    train, validation, test = (
        replace(content, events=content.kept(part == code), part=None)
        for code in (splitting.TRAIN, splitting.VALIDATION, splitting.TEST)
    )
    given = part == splitting.VALIDATION_GIVEN
    return Split(
        Dataset.from_content(train),
        Dataset.from_content(
            validation,
            functools.partial(content.kept, given | (part == splitting.TRAIN)) if given.any() else train.events,
        ),
        # a copy of nearly all events: made where it is asked for
        Dataset.from_content(test, functools.partial(content.kept, part != splitting.TEST)),
        method,
    )


def _counts(part: Dataset) -> dict[str, int]:
    own = part.interactions
    earlier = part.events.clear() if part.history is None else part.history.filter(splitting.liked())
    return {
        "events": part.events.height,
        "interactions": own.height,
        "users": own[c.USER_ID].n_unique(),
        "items": own[c.ITEM_ID].n_unique(),
        "known_pairs": own.join(earlier, on=[c.USER_ID, c.ITEM_ID], how="semi").height,
        "new_users": own.join(earlier, on=c.USER_ID, how="anti")[c.USER_ID].n_unique(),
    }
