"""What was left out of the data, and what a place in a list does, taken out of the probabilities."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.evaluation.click_metrics import click_metrics, reliability_curve
from kgrec.plots import draw_learning_curves, draw_reliability
from kgrec.scoring.network import Examination
from tests.scoring.test_fitting import CONFIG, LIKED, MOMENT, OTHER, SECOND, shop


def test_negative_rate_gives_the_probabilities_of_all_impressions() -> None:
    split, shown = shop(kept=0.25)
    config = dataclasses.replace(CONFIG, negative_rate=0.25)
    recommender, plain = (
        kgrec.KGRecommender(one, device="cpu").fit(split.train, validation=split.validation) for one in (config, CONFIG)
    )
    asked = shown.filter(pl.col("timestamp") >= split.test.events["timestamp"].min())
    found, raw = (one.predict_click(asked.select(MOMENT))["click_probability"] for one in (recommender, plain))
    base = float(asked["chance"].mean())  # type: ignore[arg-type]
    assert found.mean() == pytest.approx(base, abs=0.05)
    assert raw.mean() > base + 0.15  # type: ignore[operator]
    assert recommender.evaluate(split.test, (3,))["ece"] < 0.06


def test_click_metrics_with_sampled_non_clicks_are_those_of_all() -> None:
    rng = np.random.default_rng(0)
    chance = rng.uniform(0.02, 0.6, 20_000)
    label = (rng.random(20_000) < chance).astype(float)
    kept = (label == 1) | (rng.random(20_000) < 0.3)
    whole, few = click_metrics(label, chance), click_metrics(label[kept], chance[kept], 0.3)
    for name, value in whole.items():
        assert few[name] == pytest.approx(value, abs=0.01)
    assert click_metrics(label[kept], chance[kept])["ece"] > 0.1
    assert reliability_curve(label[kept], chance[kept], 0.3)["num_pairs"].sum() == pytest.approx(20_000, rel=0.02)


def test_examination_is_one_at_the_first_place_and_falls() -> None:
    import torch

    log_place = torch.tensor([1.0, 2.0, 5.0, 10.0]).log()
    examination = Examination(torch.linspace(0, float(np.log(10)), 5)[None])
    found = examination(log_place)
    assert found[0] == 0
    assert (found.diff() < 0).all()
    examination.settle(log_place)
    unknown = examination(torch.tensor([float("nan")]))
    assert unknown.exp().item() == pytest.approx(found.exp().mean().item())
    with torch.no_grad():
        examination.usual.fill_(-0.25)  # learned of pairs without a place
    examination.settle(torch.tensor([1.0, float("nan")]))
    assert examination.usual.item() == -0.25


def test_position_bias_is_learned_and_left_out_where_no_position_is_given(tmp_path: Path) -> None:
    split, shown = shop()
    config = dataclasses.replace(CONFIG, position_bias=True)
    recommender = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation)
    module = recommender.model_.scoring
    assert module is not None
    assert "position" not in module.names
    asked = shown.filter(pl.col("timestamp") >= split.test.events["timestamp"].min()).select(MOMENT)
    first, second, none = (
        recommender.predict_click(frame)["click_probability"].to_numpy()
        for frame in (
            asked.with_columns(position=pl.lit(1)),
            asked.with_columns(position=pl.lit(2)),
            asked.drop("position"),
        )
    )
    assert np.mean(second / first) == pytest.approx(SECOND, abs=0.15)
    assert (second < none).all()
    assert (none < first).all()
    liked = (asked["item_id"].str.slice(1).cast(int) % 2 == asked["user_id"].str.slice(1).cast(int) % 2).to_numpy()
    assert first[liked].mean() == pytest.approx(LIKED, abs=0.15)
    assert first[~liked].mean() == pytest.approx(OTHER, abs=0.1)
    recommender.save(tmp_path)
    again = kgrec.KGRecommender.load(tmp_path, device="cpu").predict_click(asked)["click_probability"].to_numpy()
    assert np.array_equal(again, recommender.predict_click(asked)["click_probability"].to_numpy())


def test_reliability_and_curves_are_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    split, _ = shop(60)
    config = dataclasses.replace(CONFIG, epochs=2)
    recommender = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation)
    curve = recommender.reliability(split.test)
    gap = ((curve["click_probability"] - curve["click_share"]).abs() * curve["num_pairs"]).sum()
    assert gap / curve["num_pairs"].sum() == pytest.approx(recommender.evaluate(split.test)["ece"])
    draw_reliability(curve, tmp_path / "reliability.png")
    draw_learning_curves(recommender.model_.about["training"]["rows"], tmp_path / "curves.png")
    for file in tmp_path.iterdir():
        assert file.read_bytes()[:4] == b"\x89PNG"
