"""Users whom train does not know, with a few events given: they can choose, and are served like any other."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from kgrec.comparison import compare
from kgrec.evaluation.leakage import leakage_report
from tests.tiny import SMALL

CONFIG = dataclasses.replace(SMALL, epochs=8, patience=2, warm_epochs=2)
NUM_ITEMS = 30


@pytest.fixture(scope="module")
def sessions() -> kgrec.Dataset:
    """Sessions one after the other, each of a user of its own: an item says which comes next."""
    rng = np.random.default_rng(0)
    following = rng.permutation(NUM_ITEMS)
    rows = []
    for session in range(300):
        item = rng.integers(NUM_ITEMS)
        for step in range(5):
            rows.append((f"s{session:03}", f"i{item:02}", 1_600_000_000 + 86_400 * session + step))
            item = following[item]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return kgrec.Dataset(items={"item_id": [f"i{item:02}" for item in range(NUM_ITEMS)]}, events=events)


@pytest.fixture(scope="module")
def split(sessions: kgrec.Dataset) -> kgrec.Split:
    return sessions.split("leave_users_out", ratio=(0.6, 0.2, 0.2))


@pytest.fixture(scope="module")
def fitted(split: kgrec.Split) -> kgrec.KGRecommender:
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, split.validation)


def test_what_is_given_of_strangers_lets_them_choose(split: kgrec.Split, fitted: kgrec.KGRecommender) -> None:
    """With their histories the sessions' next item is foreseen, at the looks at validation too."""
    looks = [row["validation"] for row in fitted.model_.about["training"]["rows"] if "validation" in row]
    found = fitted.evaluate(split.test)["ndcg@10"]
    assert max(looks) > 0.8
    assert found > 0.8
    assert "own_validation" not in fitted.model_.about


def test_they_are_served_as_histories_are(split: kgrec.Split, fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend_part(split.test, 5)
    assert split.test.history is not None
    asked = split.test.events["user_id"].to_list()
    given = [split.test.history.filter(pl.col("user_id") == user)["item_id"].to_list() for user in asked]
    passed = fitted.recommend(histories=given, k=5)
    assert lists["item_id"].to_list() == passed["item_id"].to_list()


def test_nothing_is_trained_on_what_is_given(split: kgrec.Split) -> None:
    """Of whom the histories are changes no weight, where all choices are the same."""
    fixed = dataclasses.replace(CONFIG, patience=None, epochs=2, temperature=0.1)
    assert split.validation.history is not None
    others = split.validation.history.filter(
        pl.col("user_id").is_in(split.train.events["user_id"].implode()) | (pl.col("timestamp") % 86_400 < 2)
    )
    shorter = kgrec.Dataset.from_content(split.validation._content, others)
    weights = []
    for validation in (split.validation, shorter):
        model = kgrec.KGRecommender(fixed, device="cpu").fit(split.train, validation).model_
        assert model.item_weights is not None
        weights.append([*model.network.state_dict().values(), model.vectors.source, model.item_weights.value])
    assert all(torch.equal(one, other) for one, other in itertools.zip_longest(*weights))


def test_afterwards_they_are_known(split: kgrec.Split, fitted: kgrec.KGRecommender) -> None:
    model = fitted.model_
    asked = split.validation.events["user_id"].to_list()
    lengths = model.histories.lengths[model.users.index(asked)]
    assert set(lengths.tolist()) == {5}
    assert set(model.users.ids) == set(split.known.events["user_id"])


def test_where_validation_gives_nothing_of_them_events_of_train_choose(
    sessions: kgrec.Dataset, caplog: pytest.LogCaptureFixture
) -> None:
    """In time order the sessions of the validation part are all new: they say nothing of the network."""
    in_time = sessions.split("temporal")
    given, alone = (
        kgrec.KGRecommender(CONFIG, device="cpu").fit(in_time.train, validation).model_
        for validation in (in_time.validation, None)
    )
    assert "validation asks for users without a history" in caplog.text
    assert given.about["own_validation"]["events"] == alone.about["own_validation"]["events"]
    assert torch.equal(given.vectors.source, alone.vectors.source)
    assert given.item_share == alone.item_share
    assert len(given.histories.item_index) == in_time.known.events.height > len(alone.histories.item_index)


def test_a_few_open_sessions_at_the_cut_do_not_choose_either(caplog: pytest.LogCaptureFixture) -> None:
    """Sessions that overlap: some are cut in two, most of what validation asks is of new ones; and of a user who only
    looked before."""
    rows = [
        (f"s{n:03}", f"i{(n + 7 * k) % 12:02}", 1_000 * n + 10_000 * k, "click") for n in range(300) for k in range(4)
    ]
    rows += [(f"s{n:03}", "i00", 0, "impression") for n in range(200, 300)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp", "event"], orient="row")
    split = kgrec.Dataset(items={"item_id": [f"i{n:02}" for n in range(12)]}, events=events).split("temporal")
    report = dict(split.report().select("part", "new_users").iter_rows())
    users = split.validation.interactions["user_id"].n_unique()
    assert 0 < report["validation"] < users
    model = kgrec.KGRecommender(dataclasses.replace(CONFIG, epochs=2), device="cpu").fit(split.train, split.validation)
    assert "some of the events of train do" in caplog.text
    assert model.model_.about["own_validation"]["events"] > 0


def test_where_no_event_of_train_can_choose_nothing_does(caplog: pytest.LogCaptureFixture) -> None:
    rows = [(f"s{n:02}", f"i{(n + k) % 5}", 1_000 * n + k) for n in range(40) for k in range(2)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    split = kgrec.Dataset(items={"item_id": [f"i{n}" for n in range(5)]}, events=events).split("temporal")
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, split.validation).model_
    assert "nothing does" in caplog.text
    assert len(model.about["training"]["rows"]) == CONFIG.epochs
    assert len(model.histories.item_index) == split.known.events.height


def test_an_item_that_only_strangers_had_stands_as_new_ones_do(sessions: kgrec.Dataset, split: kgrec.Split) -> None:
    """The softmax has pushed it down: what nobody had that the network was trained on keeps no bias of its own."""
    assert split.validation.history is not None
    asked = pl.col("user_id").is_in(split.validation.events["user_id"].implode())
    rare = split.validation.history.with_columns(
        pl.when(asked & (pl.col("item_id") == "i03")).then(pl.lit("rare")).otherwise("item_id").alias("item_id")
    )
    items = kgrec.Dataset(
        items={"item_id": [*sessions.items["item_id"], "rare"]},
        events={"train": split.train.events, "validation": split.validation.events, "test": split.test.events},
    ).split("fixed")
    validation = kgrec.Dataset.from_content(items.validation._content, rare)
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(items.train, validation).model_
    place = model.items.index(["rare"])[0]
    assert model.histories.item_counts(len(model.items))[place] > 0
    assert model.cold is not None
    assert model.cold[place]
    known = model.vectors.bias[torch.from_numpy(~model.cold)]
    assert model.vectors.bias[place] == known.median()


def test_their_profiles_are_read_while_the_training_is_watched() -> None:
    """What is liked follows from a trait alone: looks that don't read it can't tell."""
    users = [f"u{n:03}" for n in range(240)]
    rng = np.random.default_rng(1)
    rows = [
        (user, f"i{item:02}", 1_000 * n + place)
        for n, user in enumerate(users)
        for place, item in enumerate(rng.permutation(10)[:3] + 10 * (n % 3))
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    shop = kgrec.Dataset(
        items={"item_id": [f"i{n:02}" for n in range(30)]},
        events=events,
        users={"user_id": users, "kind": [f"k{n % 3}" for n in range(240)]},
    )
    strangers = shop.split("leave_users_out")
    seen = []
    original = kgrec.learning._Watch.__call__

    def spy(self: kgrec.learning._Watch, model: object) -> float:
        value = original(self, model)  # type: ignore[arg-type]
        assert self.histories is not None
        seen.append(self.histories.profile)
        return value

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kgrec.learning._Watch, "__call__", spy)
        kgrec.KGRecommender(dataclasses.replace(CONFIG, epochs=1), device="cpu").fit(
            strangers.train, strangers.validation
        )
    assert seen
    assert (seen[0] > 0).all()


def test_a_warm_start_goes_by_what_is_given_too(
    split: kgrec.Split, fitted: kgrec.KGRecommender, tmp_path: Path
) -> None:
    fitted.save(tmp_path / "model")
    warm = kgrec.KGRecommender.load(tmp_path / "model", device="cpu")
    model = warm.fit(split.train, split.validation, warm_start=True).model_
    assert max(row.get("validation", 0.0) for row in model.about["training"]["rows"]) > 0.8
    assert warm.evaluate(split.test)["ndcg@10"] > 0.8


def test_the_leakage_of_a_graph_is_checked_by_what_is_given(sessions: kgrec.Dataset) -> None:
    """An edge from each item to the one that follows, made of all events: it knows the ones that are asked for."""
    ordered = sessions.events.sort("user_id", "timestamp")
    pairs = ordered.select(head="item_id", tail=pl.col("item_id").shift(-1).over("user_id")).drop_nulls().unique()
    shop = kgrec.Dataset(
        items=sessions.items, events=sessions.events, triples=pairs.with_columns(relation=pl.lit("followed by"))
    )
    report = leakage_report(shop.split("leave_users_out"))
    row = report.table.filter(pl.col("part") == "test", pl.col("relation") == "FOLLOWED_BY").to_dicts()[0]
    assert row["linked"] > 0.9


def test_all_models_can_be_compared(split: kgrec.Split) -> None:
    models = ("popularity", "item-kNN", "EASE", "LightGCN")
    rows = compare(split, models=models, ks=(5,), slices=True)
    found = dict(rows.select("model", "ndcg@5").iter_rows())
    assert found["EASE"] > 2 * found["popularity"]
    assert "recall@5, new users" in rows.columns
