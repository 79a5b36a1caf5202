"""Ids in every form, the same in every call."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import kgrec
from kgrec.errors import ConfigError, DataError
from tests.tiny import SMALL, checkerboard


def test_integer_ids_are_read_as_text_everywhere() -> None:
    events = pl.DataFrame({"user_id": np.arange(40) // 4, "item_id": (np.arange(40) * 5 + np.arange(40) // 4) % 12})
    shop = kgrec.Dataset(items={"item_id": np.arange(12), "title": ["thing"] * 12}, events=events)
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(shop)
    assert_frame_equal(rec.recommend(np.array([3, 1]), k=2), rec.recommend(["3", "1"], k=2))
    assert_frame_equal(rec.recommend(histories=[[1, 2]], k=2), rec.recommend(histories=[["1", "2"]], k=2))
    assert_frame_equal(rec.recommend(histories={"s": [1, 2]}, k=2), rec.recommend(histories={"s": ["1", "2"]}, k=2))
    few = {"candidates": range(6), "exclude": [2]}
    as_text = {name: [str(item) for item in ids] for name, ids in few.items()}
    assert_frame_equal(rec.recommend([1], **few), rec.recommend(["1"], **as_text))  # type: ignore[arg-type]
    assert_frame_equal(rec.similar_items([3]), rec.similar_items(["3"]))
    assert rec.explain(3, 1).to_dict() == rec.explain("3", "1").to_dict()  # type: ignore[arg-type]
    assert_frame_equal(rec.profile(3), rec.profile("3"))  # type: ignore[arg-type]
    assert_frame_equal(rec.search("thing", user_id=3), rec.search("thing", user_id="3"))  # type: ignore[arg-type]
    assert_frame_equal(rec.predict_click([(3, 1)]), rec.predict_click([("3", "1")]))
    assert_frame_equal(rec.predict_click(np.array([[3, 1]])), rec.predict_click([("3", "1")]))
    assert rec.predict_click(pd.DataFrame({"user_id": [], "item_id": []}, dtype=float)).height == 0
    lazy = rec.predict_click(pl.LazyFrame({"user_id": [3], "item_id": [1]}))
    assert lazy.select("user_id", "item_id").rows() == [(3, 1)]
    assert lazy["click_probability"].to_list() == rec.predict_click([("3", "1")])["click_probability"].to_list()


def test_tables_given_as_ids_are_errors_and_sets_given_as_sessions_are_in_the_order_of_their_ids() -> None:
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(checkerboard())
    with pytest.raises(DataError, match=r"user_ids is a table \(DataFrame\); pass its column"):
        rec.recommend(pd.DataFrame({"user_id": ["u00"]}), k=1, on_unknown="cold_start")
    with pytest.raises(DataError, match="exclude is a table"):
        rec.recommend(["u00"], exclude=pl.DataFrame({"item_id": ["i01"]}), on_unknown="skip")
    several = ["i01", "i03", "i05", "i06"]
    assert_frame_equal(rec.recommend(histories=[set(several)]), rec.recommend(histories=[several]))
    for diversity in ("x", None, float("nan"), -0.1):
        with pytest.raises(ConfigError, match="diversity is"):
            rec.recommend(["u00"], diversity=diversity)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="'price' can't be"):
        rec.recommend(["u00"], filters={"price": (float("nan"), 10)})


def test_profiles_that_tell_nothing_are_warned_of(caplog: pytest.LogCaptureFixture) -> None:
    shop = checkerboard()
    users = shop.interactions["user_id"].unique().sort()
    kinds = {"gender": ["f", "m"] * (len(users) // 2), "age": [20 + place for place in range(len(users))]}
    whole = kgrec.Dataset(items=shop.items, events=shop.events, users={"user_id": users, **kinds})
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(whole)
    rec.recommend(profiles={"user_id": ["x"], "gender": ["f"], "age": [30]}, k=1)
    assert not caplog.messages
    rec.recommend(profiles={"user_id": ["x"], "gendre": ["f"], "gender": ["F"], "age": [30]}, k=1)
    assert any("column 'gendre' is none of" in line for line in caplog.messages)
    assert any("column 'gender' holds 'F'" in line for line in caplog.messages)


def test_filters_of_numbers_take_attributes_that_are_numbers() -> None:
    shop = checkerboard()
    pages = [{"pages": 100 + place} for place in range(shop.items.height)]
    items = shop.items.with_columns(attributes=pl.Series([json.dumps(one) for one in pages]))
    whole = kgrec.Dataset(items=items, events=shop.events)
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(whole)
    few = {"k": 12, "filter_seen": False}
    assert set(rec.recommend(["u00"], filters={"pages": (101, 102)}, **few)["item_id"]) == {"i01", "i02"}  # type: ignore[arg-type]
    assert set(rec.recommend(["u00"], filters={"pages": [103, 104.0]}, **few)["item_id"]) == {"i03", "i04"}  # type: ignore[arg-type]
    assert set(rec.recommend(["u00"], filters={"pages": "105"}, **few)["item_id"]) == {"i05"}  # type: ignore[arg-type]
