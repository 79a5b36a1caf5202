"""What validation says of repeats: weights found again from events drawn by them; lists where people buy again."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.blending.repeats import add_repeats, likeliest
from kgrec.blending.wanted import Wanted
from kgrec.models.repeats import Pairs, features
from tests.tiny import SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=10, patience=3)


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    """Each user has one item that comes again and again among others that don't, in all parts."""
    shop = checkerboard(60)
    generator = np.random.default_rng(0)
    catalogue = shop.items["item_id"].to_list()
    rows = []
    for number, user in enumerate(shop.events["user_id"].unique(maintain_order=True).to_list()):
        for moment in range(24):
            staple = catalogue[number % len(catalogue)]
            item = staple if generator.random() < 0.5 else catalogue[generator.integers(len(catalogue))]
            rows.append((user, item, 1_000 * moment + number))
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    return kgrec.Dataset(items=shop.items, events=events).split("temporal", ratio=(0.5, 0.25, 0.25))


@pytest.fixture(scope="module")
def fitted(split: kgrec.Split) -> kgrec.KGRecommender:
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, split.validation)


def test_weights_that_events_were_drawn_by_are_found_again(fitted: kgrec.KGRecommender) -> None:
    users = np.tile(np.arange(60), 60)  # each many times: of one user an item counts once
    model = dataclasses.replace(fitted.model_, repeats=None, _known=None)
    model.histories = model.histories.take(users)
    generator, rate = np.random.default_rng(1), np.linspace(-1, 1, 12)
    true = np.array([0.4, 0.9, -0.6, 0.5])
    scores = 0.25 * model.scores(model.known_user_vectors(np.arange(len(users))), model.histories).double().numpy()
    pairs = Pairs.of(model.histories)
    scores[pairs.line, pairs.item] += features(pairs, rate) @ true
    drawn = (scores + generator.gumbel(size=scores.shape)).argmax(1)
    found = likeliest(model, Wanted(np.arange(len(users)), np.arange(len(users)), drawn), rate)
    np.testing.assert_allclose(0.25 * found[0.25], true, atol=0.25)


def test_lists_with_seen_items_are_better_by_what_was_learned(fitted: kgrec.KGRecommender, split: kgrec.Split) -> None:
    assert fitted.model_.repeats is not None
    without = kgrec.KGRecommender(CONFIG, device="cpu")
    without._model = dataclasses.replace(fitted.model_, repeats=None, _known=None)
    learned, bare = (one.evaluate(split.test, ks=(1,), filter_seen=False)["ndcg@1"] for one in (fitted, without))
    assert learned > 0.5 > bare
    assert fitted.recommend(k=5).equals(without.recommend(k=5))  # the seen are left out


def test_nothing_is_learned_where_nobody_takes_a_thing_again(split: kgrec.Split) -> None:
    new = checkerboard(60).split("leave_last_out")
    assert kgrec.KGRecommender(CONFIG, device="cpu").fit(new.train, new.validation).model_.repeats is None
    alone = dataclasses.replace(CONFIG, patience=None)
    assert kgrec.KGRecommender(alone, device="cpu").fit(split.train).model_.repeats is None


def test_weights_that_help_some_users_and_not_the_others_are_left_out(fitted: kgrec.KGRecommender) -> None:
    model = dataclasses.replace(fitted.model_, repeats=None, _known=None)
    had = [np.unique(model.histories.of(user)) for user in range(60)]
    new = [np.setdiff1d(np.arange(12), items) for items in had]
    even = np.arange(60) % 2 == 0
    item = np.array(
        [(items if takes_again else others)[0] for items, others, takes_again in zip(had, new, even, strict=True)]
    )
    item[1] = had[1][0]
    opposed = Wanted(np.arange(60), np.arange(60), item)
    assert likeliest(model, opposed.only(even), np.zeros(12))
    assert likeliest(model, opposed.only(~even), np.zeros(12))
    add_repeats(model, opposed)
    assert model.repeats is None
    assert model.about["repeats"] is None


def test_some_of_the_wanted_keep_their_events() -> None:
    wanted = Wanted(np.array([3, 5, 8]), np.array([0, 1, 1, 2]), np.array([7, 2, 4, 9]))
    some = wanted.only(np.array([False, True, True]))
    assert (some.users.tolist(), some.line.tolist(), some.item.tolist()) == ([5, 8], [0, 0, 1], [2, 4, 9])


def test_repeats_are_saved_and_new_items_join_them(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert loaded.recommend(k=5, filter_seen=False).equals(fitted.recommend(k=5, filter_seen=False))
    user = loaded.model_.users.ids[0]
    loaded.update({"user_id": [user] * 4, "item_id": ["new"] * 4}, {"item_id": ["new"], "title": ["A thing"]})
    assert "new" in loaded.recommend([user], k=3, filter_seen=False)["item_id"].to_list()


@pytest.mark.parametrize("told", [False, True], ids=["no validation", "a validation part that tells nothing"])
def test_a_warm_start_keeps_the_weights(fitted: kgrec.KGRecommender, split: kgrec.Split, told: bool) -> None:
    disliked = split.validation.events.select("user_id", "item_id", "timestamp", label=0)
    nothing = kgrec.Dataset(items=split.train.items, events=disliked)
    validation = nothing if told else None
    warm = kgrec.KGRecommender(CONFIG, device="cpu")
    warm._model = fitted.model_
    warm.fit(split.train, validation, warm_start=True)
    assert warm.model_.repeats is not None
    assert fitted.model_.repeats is not None
    assert warm.model_.repeats.weight.tolist() == fitted.model_.repeats.weight.tolist()


def test_an_item_recommended_again_says_so(fitted: kgrec.KGRecommender) -> None:
    first = fitted.recommend(k=1, filter_seen=False).row(0, named=True)
    user, item = first["user_id"], first["item_id"]
    model = fitted.model_
    times = int((model.histories.of(int(model.users.index([user])[0])) == model.items.index([item])[0]).sum())
    again = f"because you clicked it before, the last of {times} times that you chose it"
    assert fitted.explain(user, item).reason == again
    longer = kgrec.KGRecommender(CONFIG, device="cpu")
    longer._model = dataclasses.replace(model, _known=None)
    others = [other for other in model.items.ids if other != item][: CONFIG.history_length]
    longer.update({"user_id": [user] * len(others), "item_id": others})  # what is read no longer holds the item
    assert longer.explain(user, item).reason == again
