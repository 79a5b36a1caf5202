"""Users and items that the model has no event of: by profile, by a few items, by text and graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import kgrec
from kgrec.errors import ConfigError, DataError, UnknownIdError
from tests.tiny import SMALL, checkerboard, tiny_items


@pytest.fixture(scope="module")
def fitted() -> kgrec.KGRecommender:
    """Even users like even items, and their profile says so; 'red' and 'blue' have a profile alone."""
    shop = checkerboard()
    users = [f"u{index:02}" for index in range(40)]
    colour = ["odd" if index % 2 else "even" for index in range(40)]
    table = pl.DataFrame({"user_id": [*users, "blue", "red"], "taste": [*colour, "even", "odd"]})
    split = kgrec.Dataset(items=tiny_items(), events=shop.events, users=table).split("leave_last_out")
    return kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(split.train, validation=split.validation)


def _odd(lists: pl.DataFrame) -> pl.DataFrame:
    """Per user the share of the list that is odd."""
    odd = (pl.col("item_id").str.slice(1).cast(pl.Int64) % 2).mean()
    return lists.group_by("user_id", maintain_order=True).agg(odd.alias("odd"))


def test_users_with_a_profile_alone_are_known_and_ranked_by_it(fitted: kgrec.KGRecommender) -> None:
    assert _odd(fitted.recommend(["blue", "red"], k=4)).rows() == [("blue", 0.0), ("red", 1.0)]
    assert fitted.recommend(k=1).height == 42


def test_profiles_passed_in_rank_for_users_never_seen(fitted: kgrec.KGRecommender) -> None:
    profiles = pl.DataFrame({"user_id": ["x", "y"], "taste": ["odd", "even"]})
    lists = fitted.recommend(profiles=profiles, k=4)
    assert _odd(lists).rows() == [("x", 1.0), ("y", 0.0)]
    assert_frame_equal(fitted.recommend(["y"], profiles=profiles, k=4), lists.filter(pl.col("user_id") == "y"))


def test_events_weigh_more_than_a_profile_that_says_otherwise(fitted: kgrec.KGRecommender) -> None:
    events = pl.DataFrame({"user_id": ["x"] * 3, "item_id": ["i00", "i04", "i08"]})
    lists = fitted.recommend(histories=events, profiles={"user_id": ["x"], "taste": ["even"]}, k=2)
    assert _odd(lists).rows() == [("x", 0.0)]


def test_profiles_survive_saving(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    profiles = {"user_id": ["x"], "taste": ["odd"]}
    assert_frame_equal(loaded.recommend(profiles=profiles, k=12), fitted.recommend(profiles=profiles, k=12))
    assert_frame_equal(loaded.recommend(["blue", "u03"], k=5), fitted.recommend(["blue", "u03"], k=5))


def test_histories_as_lists_or_a_mapping_are_those_of_a_frame(fitted: kgrec.KGRecommender) -> None:
    frame = pl.DataFrame({"user_id": ["0", "0", "1"], "item_id": ["i00", "i02", "i01"]})
    expected = fitted.recommend(histories=frame, k=3)
    assert_frame_equal(fitted.recommend(histories=[["i00", "i02"], ["i01"]], k=3), expected)
    assert_frame_equal(fitted.recommend(histories={"0": ["i00", "i02"], "1": ["i01"]}, k=3), expected)
    assert fitted.recommend(histories=[[]], k=3).height == 3  # a newcomer
    assert fitted.recommend(histories={}).height == 0


@pytest.mark.parametrize(
    "sessions",
    [
        [np.array(["i00", "i02"]), pl.Series(["i01"])],
        pl.Series([["i00", "i02"], ["i01"]]),
        (pd.Series(["i00", "i02"]), {"i01"}),
        [{"user_id": 0, "item_id": "i00"}, {"user_id": 0, "item_id": "i02"}, {"user_id": 1, "item_id": "i01"}],
        pl.LazyFrame({"user_id": [0, 0, 1], "item_id": ["i00", "i02", "i01"]}),
        pd.DataFrame({"user_id": [0, 0, 1], "item_id": ["i00", "i02", "i01"]}),
        {0: ["i00", "i02"], 1: ["i01"]},
        pd.DataFrame({"u": [0, 0, 1], "i": ["i00", "i02", "i01"]}).groupby("u")["i"].apply(list),
    ],
)
def test_histories_of_any_kind_of_list_or_frame_are_read(fitted: kgrec.KGRecommender, sessions: Any) -> None:
    expected = fitted.recommend(histories=[["i00", "i02"], ["i01"]], k=3)
    assert_frame_equal(fitted.recommend(histories=sessions, k=3), expected)


def test_sessions_with_unknown_items_go_by_the_others(fitted: kgrec.KGRecommender) -> None:
    sessions = {"s": ["zz", "i01"], "t": ["zz"], "u": []}
    as_known = fitted.recommend(histories={"s": ["i01"], "t": [], "u": []}, k=3)
    assert_frame_equal(fitted.recommend(histories=sessions, k=3, on_unknown="cold_start"), as_known)
    skipped = fitted.recommend(histories=sessions, k=3, on_unknown="skip")
    assert_frame_equal(skipped, as_known.filter(pl.col("user_id") != "t"))
    assert fitted.recommend(["t"], histories=sessions, on_unknown="skip").height == 0


def test_a_session_of_unknown_items_is_not_skipped_where_its_user_is_known(fitted: kgrec.KGRecommender) -> None:
    of_user = fitted.recommend(histories={"u01": ["zz"]}, k=3, on_unknown="skip")
    assert_frame_equal(of_user, fitted.recommend(histories={"u01": []}, k=3))
    profiles = {"user_id": ["s"], "taste": ["odd"]}
    by_profile = fitted.recommend(histories={"s": ["zz"]}, profiles=profiles, k=3, on_unknown="skip")
    assert_frame_equal(by_profile, fitted.recommend(profiles=profiles, k=3))


def test_known_users_asked_for_beside_sessions_go_by_what_the_model_knows(fitted: kgrec.KGRecommender) -> None:
    sessions = {"s": ["i01"], "u01": ["i00", "i02"]}
    lists = fitted.recommend(["red", "s", "u00", "u01"], histories=sessions, k=12)
    alone = [fitted.recommend([user], k=12) for user in ("red", "u00")]
    named = [fitted.recommend([user], histories=sessions, k=12) for user in ("s", "u01")]
    assert_frame_equal(lists, pl.concat([alone[0], named[0], alone[1], named[1]]), abs_tol=1e-5)
    assert not named[1].equals(fitted.recommend(["u01"], k=12))
    profiles = {"user_id": ["u00"], "taste": ["even"]}
    beside = fitted.recommend(histories={"s": ["i01"]}, profiles=profiles, k=12)
    assert_frame_equal(beside.filter(pl.col("user_id") == "u00"), alone[1], abs_tol=1e-5)


def test_sessions_without_a_name_are_nobodys() -> None:
    """A shop may call its users 0 and 1 as well."""
    events = checkerboard().events.with_columns(pl.col("user_id").str.slice(1).cast(int))
    users = {"user_id": range(40), "taste": ["even", "odd"] * 20}
    data = kgrec.Dataset(items=tiny_items(), events=events, users=users)
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=40, user_events=0.5), device="cpu").fit(data)
    lists, named, own = (
        rec.recommend(histories=histories, k=3) for histories in ([["i01"]], {"who?": ["i01"]}, {"0": ["i01"]})
    )
    assert lists["user_id"].to_list() == ["0"] * 3
    assert_frame_equal(lists.drop("user_id"), named.drop("user_id"))
    assert not lists["score"].equals(own["score"])
    skipped = rec.recommend(histories=[["nothing"], ["i01"]], k=3, on_unknown="skip")
    assert skipped["user_id"].unique().to_list() == ["1"]


def test_profiles_of_a_lazy_frame_or_list_of_dicts_are_read(fitted: kgrec.KGRecommender) -> None:
    expected = fitted.recommend(profiles={"user_id": ["1"], "taste": "odd"}, k=3)
    assert_frame_equal(fitted.recommend(profiles=pl.LazyFrame({"user_id": [1], "taste": ["odd"]}), k=3), expected)
    assert_frame_equal(fitted.recommend(profiles=[{"user_id": 1, "taste": "odd"}], k=3), expected)
    of_kinds = pd.DataFrame({"user_id": [1], "taste": pd.Categorical(["odd"])})
    assert_frame_equal(fitted.recommend(profiles=of_kinds, k=3), expected)


def test_a_list_in_a_profile_tells_nothing(fitted: kgrec.KGRecommender, caplog: pytest.LogCaptureFixture) -> None:
    lists = fitted.recommend(profiles={"user_id": ["x"], "taste": [["odd"]]}, k=3)
    assert_frame_equal(lists, fitted.recommend(["x"], k=3, on_unknown="cold_start"))
    assert any("column 'taste' holds ['odd']" in line for line in caplog.messages)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"profiles": {"taste": ["odd"]}}, DataError, "profiles: missing column 'user_id'"),
        ({"profiles": {"user_id": ["x", "x"], "taste": ["odd", "odd"]}}, DataError, "more than one row"),
        ({"profiles": {"user_id": ["x"], "shoe": [9]}}, DataError, "that the model knows, 'taste'"),
        ({"histories": {"item_id": ["i00"]}}, DataError, "histories: missing columns 'user_id'"),
        ({"histories": [["i00", "nothing"]]}, UnknownIdError, "(?s)'nothing'.*update.*on_unknown='skip'"),
        ({"histories": {"s": "i01"}}, DataError, "session 's' is 'i01'; expected a list of item_ids"),
        ({"histories": {"s": None}}, DataError, "session 's' is None"),
        ({"histories": [["i01"], None]}, DataError, "session '1' is None"),
        ({"histories": ["i01", "i02"]}, DataError, "session '0' is 'i01', '1' is 'i02'"),
        ({"histories": [["i01", None]]}, DataError, "holds nothing in place 1"),
        ({"histories": {"s": ["i01", 1]}}, DataError, "values of the types int, str"),
        ({"histories": {"s": [1.0, 2.0]}}, DataError, "floating-point numbers"),
        ({"histories": {"user_id": [1.0], "item_id": [2.0]}}, DataError, "(?s)2 faults.*'user_id'.*'item_id'"),
        ({"histories": {"user_id": "s", "item_id": ["i01"], "timestamp": ["noon"]}}, DataError, "a bad timestamp"),
        ({"histories": {"": ["i01"]}}, DataError, "empty user_id"),
        ({"user_ids": ["z"], "histories": {"s": ["i01"]}}, UnknownIdError, "'z'; the model knows 42 users"),
        ({"user_ids": ["u00"], "histories": [["i01"]]}, UnknownIdError, "lists without names are of users '0', '1'"),
        ({"profiles": {"user_id": ["x"], "taste": [b"odd"]}}, DataError, "column 'taste' holds values of type"),
        ({"histories": 3}, DataError, "can't be taken as a table"),
        ({"profiles": {"user_id": [None], "taste": ["odd"]}}, DataError, "holds nothing in place 0"),
        ({"user_ids": ["z"], "profiles": {"user_id": ["x"], "taste": ["odd"]}}, UnknownIdError, "z"),
        ({"on_unknown": "guess"}, ConfigError, "on_unknown is 'guess'"),
    ],
)
def test_cold_start_input_that_cannot_be_read_is_one_clear_error(
    fitted: kgrec.KGRecommender, arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fitted.recommend(**arguments)  # type: ignore[arg-type]
