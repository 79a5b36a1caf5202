"""Profile columns as features, against what they are defined to be."""

from __future__ import annotations

import datetime
import json

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.errors import DataError
from kgrec.tensors.profiles import ProfileColumns

TABLE = pl.DataFrame(
    {
        "user_id": [f"u{index}" for index in range(80)],
        "name": [f"somebody {index}" for index in range(80)],
        "region": ["north", "south", None, "east"] * 20,
        "one": ["same"] * 80,
        "kids": [0, 1, 2, None] * 20,
        "spent": [float(index) for index in range(80)],
        "since": [datetime.date(2020, 1, 1) + datetime.timedelta(days=index) for index in range(80)],
        "tags": [["a", "b"]] * 80,
    }
)


def test_only_columns_that_tell_users_apart_and_are_shared_count() -> None:
    made = ProfileColumns.fit(TABLE)
    sizes = {column.name: column.size for column in made.columns}
    assert sizes == {"region": 3, "kids": 3, "spent": 8, "since": 8}
    assert made.size == 22


def test_every_feature_has_a_number_of_its_own_and_none_is_zero() -> None:
    made = ProfileColumns.fit(TABLE)
    encoded = made.encode(TABLE)
    assert encoded.shape == (80, 4)
    assert (encoded[:, 0] == np.tile([2, 3, 0, 1], 20)).all()  # east, north, south in their order; null is none
    assert (encoded[:, 1] == np.tile([4, 5, 6, 0], 20)).all()
    assert sorted(np.unique(encoded)) == list(range(23))
    assert (np.bincount(encoded[:, 2])[7:15] == 10).all()  # eighths of the users
    assert (np.diff(encoded[:, 2]) >= 0).all()
    assert (np.diff(encoded[:, 3]) >= 0).all()


def test_values_never_seen_and_columns_not_given_tell_nothing() -> None:
    made = ProfileColumns.fit(TABLE)
    other = pl.DataFrame({"user_id": ["x", "y"], "region": ["west", "south"], "spent": [-5.0, 1e9]})
    encoded = made.encode(other)
    assert encoded[:, [0, 1, 3]].tolist() == [[0, 0, 0], [3, 0, 0]]
    assert encoded[:, 2].tolist() == [7, 14]


def test_a_number_given_as_float_or_text_is_the_same_value() -> None:
    made = ProfileColumns.fit(TABLE)
    for kids in ([1], [1.0], ["1"]):
        assert made.encode(pl.DataFrame({"kids": kids}))[0, 1] == 5
    assert made.encode(pl.DataFrame({"spent": ["79"]}))[0, 2] == 14
    assert made.encode(pl.DataFrame({"since": [datetime.datetime(2020, 1, 1)]}))[0, 3] == 15


def test_profiles_are_found_by_user_and_survive_json() -> None:
    made = ProfileColumns.fit(TABLE)
    again = ProfileColumns.from_list(json.loads(json.dumps(made.to_list())))
    assert again == made
    some = again.of(pl.Series(["u1", "nobody", "u0"]), TABLE)
    assert (some == np.stack([made.encode(TABLE)[1], np.zeros(4), made.encode(TABLE)[0]])).all()


def test_profiles_without_a_known_column_list_those_known() -> None:
    with pytest.raises(
        DataError, match=r"none of the columns that the model knows, 'region', 'kids', 'spent', 'since'"
    ):
        ProfileColumns.fit(TABLE).encode(pl.DataFrame({"user_id": ["x"], "colour": ["red"]}))


def test_no_profiles_make_no_columns() -> None:
    empty = ProfileColumns.fit(TABLE.clear())
    assert empty.size == 0
    assert empty.of(pl.Series(["u1"]), TABLE.clear()).shape == (1, 0)


def test_dates_of_a_dataset_are_cut_as_dates_are() -> None:
    users = kgrec.Dataset(
        items={"item_id": ["a"]}, events={"user_id": ["u0"], "item_id": ["a"]}, users=TABLE.select("user_id", "since")
    ).users
    found = ProfileColumns.fit(users).of(TABLE["user_id"], users)[:, 0]
    assert np.bincount(found)[1:].tolist() == [10] * 8  # quantiles, the earliest first
    assert (np.diff(found) >= 0).all()
    late = ProfileColumns.fit(users).encode(pl.DataFrame({"user_id": ["x"], "since": ["2031-05-01"]}))
    assert late.tolist() == [[8]]
