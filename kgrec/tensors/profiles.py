"""Users' profile columns -> numbered features: one for each value that some users share, numbers cut at quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.timestamps import parse_timestamps
from kgrec.errors import DataError, list_first
from kgrec.tensors.sequences import profile_rows
from kgrec.tensors.vocabulary import Vocabulary

LEAST_USERS = 5  # with a value, for it to be one: names and addresses tell nothing about the next user
MOST_NUMBERS = 16  # of a column, for each to be a value of its own
QUANTILES = 8


@dataclass(frozen=True, slots=True)
class ProfileColumn:
    """One column: the values known, or the inner bounds of the ranges of its numbers."""

    name: str
    values: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many features it has."""
        return len(self.bounds) + 1 if self.bounds else len(self.values)

    def index(self, column: pl.Series) -> np.ndarray:
        """The feature of each user, from 0, shape (num_users,), int64; -1 where there is none."""
        if column.dtype.is_nested():
            return np.full(len(column), -1)
        if self.bounds:
            number = _number(column)
            place = np.searchsorted(np.array(self.bounds), number.fill_null(0).to_numpy(), side="right")
            return np.where(number.is_null().to_numpy(), -1, place)
        known = {value: place for place, value in enumerate(self.values)}
        text = _text(column)
        index: np.ndarray = text.replace_strict(known, default=-1, return_dtype=pl.Int64).fill_null(-1).to_numpy()
        return index


@dataclass(frozen=True, slots=True)
class ProfileColumns:
    """The columns that tell users apart, fitted on the profiles of a dataset."""

    columns: tuple[ProfileColumn, ...] = ()

    @classmethod
    def fit(cls, profiles: pl.DataFrame) -> ProfileColumns:
        """Those columns of a table of users with two features or more.

        Parameters
        ----------
        profiles : frame
            Column user_id and any others; lists and other nested values are left out.
        """
        made = (_fit(profiles[name]) for name in profiles.columns if name != c.USER_ID)
        return cls(tuple(column for column in made if column is not None and column.size > 1))

    @property
    def size(self) -> int:
        """How many features all columns have."""
        return sum(column.size for column in self.columns)

    def encode(self, profiles: pl.DataFrame) -> np.ndarray:
        """Features of each row, shape (num_rows, num_columns), int64, from 1; 0 where a column tells nothing.

        Raises
        ------
        DataError
            If none of the columns is there.
        """
        names = [column.name for column in self.columns]
        if not set(names) & set(profiles.columns):
            known = (
                f"none of the columns that the model knows, {list_first(names)}" if names else "the model knows none"
            )
            raise DataError(f"profiles: {known}; found {list_first(profiles.columns)}")
        encoded = np.zeros((profiles.height, len(names)), np.int64)
        offset = 1
        for place, column in enumerate(self.columns):
            if column.name in profiles.columns:
                index = column.index(profiles[column.name])
                encoded[:, place] = np.where(index >= 0, offset + index, 0)
            offset += column.size
        return encoded

    def useless(self, profiles: pl.DataFrame) -> list[str]:
        """What a table of profiles holds that tells nothing: columns and values that are not known."""
        known = {column.name: column for column in self.columns}
        told = [name for name in profiles.columns if name != c.USER_ID]
        found = [f"column {name!r} is none of {list_first(known)}" for name in told if name not in known]
        for name in (name for name in told if name in known):
            lost = profiles[name].filter(pl.Series(known[name].index(profiles[name]) < 0)).drop_nulls().unique()
            if len(lost):
                found.append(f"column {name!r} holds {list_first(lost.sort().to_list())}, which the model doesn't know")
        return found

    def of(self, user_ids: pl.Series, profiles: pl.DataFrame) -> np.ndarray:
        """Features of the users named, in their order, from a table of profiles; 0 for those not in it."""
        if not profiles.height or not self.columns:
            return np.zeros((len(user_ids), len(self.columns)), np.int64)
        return profile_rows(self.encode(profiles), Vocabulary(profiles[c.USER_ID]).index(user_ids))

    def to_list(self) -> list[dict[str, Any]]:
        """Plain values, for JSON."""
        return [asdict(column) for column in self.columns]

    @classmethod
    def from_list(cls, columns: Sequence[Mapping[str, Any]]) -> ProfileColumns:
        """The inverse of `to_list`."""
        made = (ProfileColumn(item["name"], tuple(item["values"]), tuple(item["bounds"])) for item in columns)
        return cls(tuple(made))


def _fit(column: pl.Series) -> ProfileColumn | None:
    if column.dtype.is_nested() or column.dtype in (pl.Binary, pl.Object):
        return None
    number = _number(column)
    if (
        number.null_count() == column.null_count() and number.n_unique() > MOST_NUMBERS
    ):  # text that reads as numbers too
        cuts = np.quantile(number.drop_nulls().to_numpy(), np.arange(1, QUANTILES) / QUANTILES)
        return ProfileColumn(column.name, bounds=tuple(np.unique(cuts).tolist()))
    counts = _text(column).drop_nulls().value_counts(name="users").filter(pl.col("users") >= LEAST_USERS)
    return ProfileColumn(column.name, values=tuple(counts.to_series(0).sort().to_list()))


def _number(column: pl.Series) -> pl.Series:
    """Values as numbers, times as seconds, null for those that are neither."""
    if column.dtype in (pl.Date, pl.Datetime):
        return parse_timestamps(column)[0]
    number = column.cast(pl.Float64, strict=False).fill_nan(None)
    if column.dtype == pl.String and number.null_count() > column.null_count():  # a dataset's dates are text
        number = number.zip_with(number.is_not_null(), parse_timestamps(column)[0])
    return number


def _text(column: pl.Series) -> pl.Series:
    """Values as text; a whole number reads alike whether it was stored as one or as a float."""
    if column.dtype.is_float():
        whole = column.cast(pl.Int64, strict=False)
        alike = (column == whole).fill_null(value=False)
        return whole.cast(pl.String).zip_with(alike, column.cast(pl.String))
    return column.cast(pl.String)
