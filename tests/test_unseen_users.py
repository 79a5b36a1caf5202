"""Users whom train does not know, with a few events given: they can choose, and are served like any other."""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from kgrec.comparison import compare
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


def test_nothing_is_trained_on_what_is_given(split: kgrec.Split, fitted: kgrec.KGRecommender) -> None:
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


def test_all_models_can_be_compared(split: kgrec.Split) -> None:
    models = ("popularity", "item-kNN", "EASE", "LightGCN")
    rows = compare(split, models=models, ks=(5,), slices=True)
    found = dict(rows.select("model", "ndcg@5").iter_rows())
    assert found["EASE"] > 2 * found["popularity"]
    assert "recall@5, new users" in rows.columns
