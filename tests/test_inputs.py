"""Ids in every form, the same in every call."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import polars as pl
from polars.testing import assert_frame_equal

import kgrec
from tests.tiny import SMALL


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
