"""The closed form's settings and share: chosen on validation, where it may choose."""

from __future__ import annotations

import ast
import dataclasses
import logging
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import kgrec
from kgrec.blending import closed_form
from kgrec.models.popularity import Popularity
from tests.tiny import SMALL, checkerboard


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard(num_users=60).split("leave_last_out")


def fit(split: kgrec.Split, **settings: object) -> kgrec.KGRecommender:
    config = dataclasses.replace(SMALL, epochs=4, **settings)  # type: ignore[arg-type]
    return kgrec.KGRecommender(config, device="cpu", seed=1).fit(split.train, validation=split.validation)


def test_fit_with_a_fixed_number_of_epochs_lets_validation_choose_nothing(split: kgrec.Split) -> None:
    model = fit(split, item_share=2.5).model_
    assert model.item_share == 2.5
    assert model.about["closed_form"]["penalty"] == closed_form.Settings().penalty


def test_fit_with_early_stopping_takes_the_share_that_ranks_validation_best(split: kgrec.Split) -> None:
    recommender = fit(split, patience=1)
    model = recommender.model_
    chosen = model.item_share
    found = {}
    for share in closed_form.SHARES:
        model.item_share = share
        found[share] = recommender.evaluate(split.validation, ks=(10,))["ndcg@10"]
    assert found[chosen] == pytest.approx(max(found.values()), abs=1e-9)


def test_where_few_candidates_fit_in_the_time_the_winner_among_fewer_items_is_one(
    split: kgrec.Split, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(closed_form, "WORK", 0.0)  # the least: two candidates
    monkeypatch.setattr(closed_form, "FEWER_ITEMS", 8)
    poor = closed_form.Settings(recency=1.0, fit_recency=0.95, penalty=3000.0, among=3.0, graph=0.0)
    monkeypatch.setattr(closed_form, "FIRST", poor)
    with caplog.at_level(logging.INFO, "kgrec.blending.closed_form"):
        chosen = fit(split, patience=1).model_.about["closed_form"]
    tried = re.findall(r"closed form of (\d+) items, (Settings\(.*?\)): .* by share: ({.*})", caplog.text)
    best = {(int(size), settings): max(ast.literal_eval(found).values()) for size, settings, found in tried}
    fewer = {settings: ndcg for (size, settings), ndcg in best.items() if size == 8}
    whole = {settings: ndcg for (size, settings), ndcg in best.items() if size == 12}
    assert len(fewer) > 10
    assert list(whole)[:2] == [str(closed_form.FIRST), max(fewer, key=lambda settings: fewer[settings])]
    starts, others = list(whole)[:2], list(whole)[2:]
    assert others  # the recency of the scores alone takes no time
    assert {without_recency(settings) for settings in others} <= {without_recency(settings) for settings in starts}
    names = [field.name for field in dataclasses.fields(closed_form.Settings)]
    assert str(closed_form.Settings(**{name: chosen[name] for name in names})) == max(
        whole, key=lambda settings: whole[settings]
    )


def without_recency(settings: str) -> str:
    return re.sub(r"\brecency=[\d.]+", "", settings, count=1)


def test_the_recency_of_the_scores_and_that_of_the_fit_are_two_settings(
    split: kgrec.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(closed_form, "STEPS", ())
    weights = {}
    for recency, fit_recency in ((0.9, 0.5), (0.5, 0.5), (0.5, 0.9)):
        monkeypatch.setattr(closed_form, "FIRST", closed_form.Settings(recency, fit_recency))
        found = fit(split, patience=1).model_.item_weights
        assert found is not None
        assert found.recency == recency
        weights[recency, fit_recency] = found.matrix.toarray() / np.abs(found.matrix.toarray()).max()
    np.testing.assert_allclose(weights[0.9, 0.5], weights[0.5, 0.5], atol=1e-6)
    assert np.abs(weights[0.5, 0.9] - weights[0.5, 0.5]).max() > 0.01


def test_where_validation_tells_no_share_from_another_that_of_the_settings_holds(
    split: kgrec.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    shares = sorted(closed_form.SHARES)
    monkeypatch.setattr(closed_form, "ndcg_of_each", lambda *_, **__: dict.fromkeys(shares, 0.0))
    assert fit(split, patience=1, item_share=shares[2]).model_.item_share == shares[2]


def test_what_is_popular_in_a_part_does_not_tell_how_the_part_is_ranked(split: kgrec.Split) -> None:
    recommender = fit(split, patience=1)
    model = recommender.model_
    model.about["popularity"] = {"of": "all", "share": 3.0, "half_life": None}
    model.prior = Popularity.of(model.histories, 12, None).prior(3.0, model.device)
    before = model.histories_of(split.train.events, model.users)
    prior = Popularity.of(before, 12, None).prior(3.0, model.device)
    assert model.prior is not None
    assert prior is not None
    assert not torch.equal(model.prior, prior)
    assert torch.equal(model.as_after(split.validation.history).prior, prior)
    assert torch.equal(model.as_after(split.test.history).prior, model.prior)
    lists, metrics = recommender.recommend_part(split.validation), recommender.evaluate(split.validation)
    model.histories, model.prior = before, prior  # knows nothing of the part
    assert_frame_equal(recommender.recommend_part(split.validation), lists)
    assert recommender.evaluate(split.validation) == metrics


def test_popularity_counts_only_where_it_ranks_validation_better(split: kgrec.Split) -> None:
    recommender = fit(split, patience=1)
    model = recommender.model_
    chosen = recommender.evaluate(split.validation, ks=(10,))["ndcg@10"]
    counts, model.prior = model.prior is not None, None
    without = recommender.evaluate(split.validation, ks=(10,))["ndcg@10"]
    assert counts is (chosen > without)
    assert counts is (model.about["popularity"]["share"] > 0)


def test_popularity_alone_ranks_where_all_users_like_the_same_items(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    favourites = [(user, item) for user in range(80) for item in rng.choice(30, 6, replace=False, p=_falling(30))]
    events = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user, _ in favourites],
            "item_id": [f"i{item:02}" for _, item in favourites],
            "timestamp": [1_600_000_000 + place for place in range(len(favourites))],
        }
    )
    shop = kgrec.Dataset(items={"item_id": [f"i{item:02}" for item in range(30)]}, events=events)
    parts = shop.split("leave_last_out")
    recommender = fit(parts, patience=1, learning_rate=1e-6, use_user_vectors=False)
    model = recommender.model_
    assert model.prior is not None
    counts = np.bincount(model.items.index(parts.train.interactions["item_id"]), minlength=30)
    had = counts > 0  # the others stand apart
    assert np.corrcoef(model.prior.numpy()[had], np.log1p(counts)[had])[0, 1] > 0.7
    recommender.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert_frame_equal(loaded.recommend(k=5), recommender.recommend(k=5))


def _falling(size: int) -> np.ndarray:
    weight = 0.85 ** np.arange(size)
    return weight / weight.sum()


def test_fit_without_the_closed_form_has_none(split: kgrec.Split) -> None:
    model = fit(split, use_item_weights=False).model_
    assert model.item_weights is None
    assert "closed_form" not in model.about


def test_closed_form_alone_knows_the_colours_of_the_checkerboard(split: kgrec.Split) -> None:
    recommender = fit(split, item_share=1e6, ranking_weight=1.0)
    lists = recommender.recommend(k=1)
    same = lists["user_id"].str.slice(1).cast(int) % 2 == lists["item_id"].str.slice(1).cast(int) % 2
    assert same.mean() > 0.95


def test_closed_form_with_a_limit_covers_the_items_with_the_most_events(split: kgrec.Split) -> None:
    recommender = fit(split, item_weights_limit=5)
    weights = recommender.model_.item_weights
    assert weights is not None
    counts = split.train.interactions["item_id"].value_counts(sort=True)
    used = np.flatnonzero(np.abs(weights.matrix.toarray()).sum(axis=0))
    least = counts["count"][4]
    for item in recommender.model_.items.take(used):
        assert counts.filter(counts["item_id"] == item)["count"][0] >= least
    assert recommender.model_.about["closed_form"]["items"] == 5
