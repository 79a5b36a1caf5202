"""A fit that is given no validation part holds out its own, and in the end learns from it too."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from kgrec.learning import FEWEST_HELD, can_choose, own_validation
from tests.tiny import SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=6, patience=1, warm_epochs=2)


@pytest.fixture(scope="module")
def shop() -> kgrec.Dataset:
    return checkerboard(200)


def _with_times(shop: kgrec.Dataset, times: pl.Expr) -> kgrec.Dataset:
    return kgrec.Dataset(items=shop.items, events=shop.events.with_columns(times.alias("timestamp")))


def test_the_last_tenth_of_the_events_chooses_and_is_then_learned_from(shop: kgrec.Dataset) -> None:
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(shop).model_
    held = own_validation(shop, 0)
    assert held is not None
    said = model.about["own_validation"]
    assert (said["method"], said["events"]) == ("temporal", held.validation.events.height)
    assert said["events"] == pytest.approx(80, abs=2)
    assert len(model.histories.item_index) == shop.events.height
    alone = kgrec.KGRecommender(CONFIG, device="cpu").fit(held.train, held.validation).model_
    for chosen in ("temperatures", "repeats"):
        assert model.about[chosen] == alone.about[chosen]
    assert model.about["popularity"] == alone.about["popularity"]
    assert model.item_share == alone.item_share
    assert len(said["last_training"]["rows"]) == CONFIG.warm_epochs
    assert [row["epoch"] for row in model.about["training"]["rows"]] == [
        row["epoch"] for row in alone.about["training"]["rows"]
    ]
    assert model.item_weights is not None
    assert alone.item_weights is not None
    assert not torch.equal(model.item_weights.value, alone.item_weights.value)  # of all events now


def test_where_times_do_not_tell_random_events_choose(shop: kgrec.Dataset) -> None:
    few = pl.when(pl.int_range(pl.len()) % 5 > 0).then(pl.col("timestamp"))
    for times in (pl.lit(None, pl.Int64), pl.lit(5), few):
        held = own_validation(_with_times(shop, times), 3)
        assert held is not None
        assert held.method == "random"
        assert held.validation.events.height == pytest.approx(80, abs=2)


def test_where_the_last_events_are_of_new_users_the_last_of_some_users_choose() -> None:
    """Sessions that come one after the other, each a user: the last tenth knows nobody, but the order tells."""
    following = np.random.default_rng(0).permutation(12)
    rows = []
    for session in range(200):
        item = session % 12
        for step in range(4):
            rows.append((f"s{session:03}", f"i{item:02}", 1_600_000_000 + 86_400 * session + step))
            item = following[item]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    sessions = kgrec.Dataset(items={"item_id": [f"i{item:02}" for item in range(12)]}, events=events)
    held = own_validation(sessions, 0)
    assert held is not None
    assert held.method == "leave_last_out"
    last = held.validation.events
    assert last.height == last["user_id"].n_unique() == 80
    assert held.train.events.height == 720
    before = held.train.events.group_by("user_id").agg(pl.col("timestamp").max().alias("before"))
    assert last.join(before, on="user_id").select((pl.col("timestamp") > pl.col("before")).all()).item()
    assert own_validation(sessions, 1).validation.events["user_id"].to_list() != last["user_id"].to_list()  # type: ignore[union-attr]
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(sessions).model_
    assert model.histories.ordered
    assert model.histories.item_counts(12).sum() == 800


def test_events_of_one_moment_have_no_order(shop: kgrec.Dataset) -> None:
    rec = kgrec.KGRecommender(CONFIG, device="cpu").fit(_with_times(shop, pl.lit(5)))
    assert not rec.model_.histories.ordered


def test_lists_of_users_whose_events_have_no_order_do_not_go_by_that_of_the_rows(shop: kgrec.Dataset) -> None:
    untimed = _with_times(shop, pl.lit(None, pl.Int64))
    config = dataclasses.replace(CONFIG, history_length=2)  # of the 4 that each user has
    model = kgrec.KGRecommender(config, device="cpu").fit(untimed).model_
    events = untimed.interactions
    there, back = (model.user_vectors(model.histories_of(rows, model.users)) for rows in (events, events.reverse()))
    torch.testing.assert_close(there, back)


def test_a_few_events_without_a_time_are_taken_for_the_oldest(shop: kgrec.Dataset) -> None:
    data = _with_times(shop, pl.when(pl.int_range(pl.len()) > 0).then(pl.col("timestamp")))
    held = own_validation(data, 3)
    assert held is not None
    assert held.method == "temporal"
    assert held.train.events.height + held.validation.events.height == data.events.height
    assert held.validation.events["timestamp"].min() >= held.train.events["timestamp"].max()  # type: ignore[operator]
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(data).model_
    assert model.histories.ordered
    assert (model.histories.timestamp == np.iinfo(np.int64).min).sum() == 1  # it is not known in the end either


def test_random_events_choose_a_model_without_order_and_it_stays_so(shop: kgrec.Dataset) -> None:
    split = shop.split("random")
    rec = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    assert not rec.model_.histories.ordered
    recency = rec.model_.item_weights.recency if rec.model_.item_weights else None
    rec.fit(split.known, warm_start=True)
    assert not rec.model_.histories.ordered
    assert rec.model_.network.behaviour.transformer is None
    assert (rec.model_.item_weights.recency if rec.model_.item_weights else None) == recency


def test_a_validation_part_without_events_is_none(shop: kgrec.Dataset) -> None:
    split = shop.split("temporal", (0.8, 0.0, 0.2))
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation).model_
    assert model.about["own_validation"]["method"] == "temporal"


def test_a_validation_part_without_an_interaction_chooses_nothing(
    shop: kgrec.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    shown = shop.events.head(3).with_columns(event=pl.lit("impression"))
    validation = kgrec.Dataset(items=shop.items, events=shown)
    assert not can_choose(shop, validation)
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(shop, validation=validation).model_
    assert model.about["own_validation"]["method"] == "temporal"
    assert any("validation holds no interaction, and can't choose" in line for line in caplog.messages)


def test_where_few_events_could_choose_nothing_does() -> None:
    few = checkerboard(FEWEST_HELD // 2)
    assert own_validation(few, 0) is None
    assert "own_validation" not in kgrec.KGRecommender(CONFIG, device="cpu").fit(few).model_.about


def test_a_fixed_number_of_epochs_learns_from_everything_at_once(shop: kgrec.Dataset) -> None:
    config = dataclasses.replace(CONFIG, patience=None)
    model = kgrec.KGRecommender(config, device="cpu").fit(shop).model_
    assert "own_validation" not in model.about
    assert len(model.about["training"]["rows"]) == config.epochs


def test_same_seed_gives_the_same_model(shop: kgrec.Dataset) -> None:
    first, second = (kgrec.KGRecommender(CONFIG, device="cpu", seed=4).fit(shop).recommend(k=5) for _ in range(2))
    assert first.equals(second)
    assert np.isfinite(first["score"].to_numpy()).all()
