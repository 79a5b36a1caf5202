"""The baselines are what their papers say, on a shop small enough to work it out."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose

import kgrec
from kgrec.baselines import EASE, ItemKNN, LightGCN, Popularity, Ranker
from kgrec.baselines.ease import START
from tests.tiny import SMALL, checkerboard


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard().split("leave_last_out")


def test_ease_gives_each_item_the_ridge_regression_on_the_others(split: kgrec.Split) -> None:
    ease = EASE(split.train)
    rows = ease.liked.toarray().astype(np.float64)
    penalty = ease.settings["penalty"]
    for item in range(rows.shape[1]):
        others = np.delete(rows, item, axis=1)
        weights = np.linalg.solve(others.T @ others + penalty * np.eye(others.shape[1]), others.T @ rows[:, item])
        assert_allclose(np.delete(ease.weights[:, item].numpy(), item), weights, atol=1e-5)
        assert ease.weights[item, item] == 0


def test_ease_with_text_and_graph_knows_items_without_events(split: kgrec.Split) -> None:
    without = split.train.interactions["item_id"].unique().sort()[:-1]  # i11 is liked by nobody
    events = split.train.interactions.filter(pl.col("item_id").is_in(without.implode()))
    train = kgrec.Dataset(items=split.train.items, events=events)
    plain, side = EASE(train), EASE(train, side=kgrec.RecommenderConfig())
    cold = plain.items.index(["i11"])[0]
    assert not plain.weights[:, cold].any()
    liked = side.items.index(["i01", "i09"])  # same brand; i09 is also in the same category
    assert side.weights[liked[1], cold] > side.weights[liked[0], cold] > 0


def test_ease_reads_texts_and_graph_as_the_configuration_says(split: kgrec.Split) -> None:
    sides = {text: EASE(split.train, side=kgrec.RecommenderConfig(use_text=text)) for text in (True, False)}
    assert set(sides[True].settings) == {"penalty", "text", "graph"}
    assert set(sides[False].settings) == {"penalty", "graph"}


def test_ease_takes_the_settings_that_rank_validation_best(split: kgrec.Split) -> None:
    chosen = EASE(split.train, split.validation)
    assert chosen.ndcg(split.validation) >= EASE(split.train).ndcg(split.validation)


def test_ease_of_a_large_catalogue_lists_what_has_the_most_events(
    split: kgrec.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.baselines.ease.SEARCHED_ITEMS", 4)
    monkeypatch.setattr("kgrec.baselines.ease.MOST_ITEMS", 8)
    counts = split.train.interactions["item_id"].value_counts().sort("count", descending=True)["count"]
    for side in (None, kgrec.RecommenderConfig()):
        ease = EASE(split.train, split.validation, side=side)
        assert ease.weights.shape == (8, 8)
        assert ease.liked.getnnz(axis=0)[ease.kept].min() >= counts[7]
        lists = ease.recommend_part(split.test, 12)
        assert set(lists["item_id"]) <= set(ease.items.take(ease.kept))
        assert lists["item_id"].n_unique() == 8
        assert len(ease.settings) == (1 if side is None else 3)


def test_lightgcn_smooths_as_the_dense_matrix_does(split: kgrec.Split) -> None:
    model = LightGCN(split.train, epochs=1, num_layers=2)
    size = len(model.users)
    both = np.zeros((size + len(model.items),) * 2)
    both[:size, size:] = model.liked.toarray()
    both += both.T
    degree = both.sum(0)
    operator = both / np.sqrt(np.outer(degree, degree))
    free = model.free.detach().numpy()
    expected = (free + operator @ free + operator @ operator @ free) / 3
    assert_allclose(np.vstack([model.user_emb, model.item_emb]), expected, atol=1e-5)


def test_lightgcn_takes_no_item_of_a_user_for_a_negative(split: kgrec.Split) -> None:
    model = LightGCN(split.train, epochs=1)
    user = np.arange(len(model.users)).repeat(50)
    other = model._drawn(user, np.random.default_rng(0))
    assert not model.liked[user, other].any()
    not_liked = model.liked.toarray() == 0
    drawn = np.zeros(not_liked.shape, dtype=bool)
    drawn[user, other] = True
    assert drawn[not_liked].mean() > 0.95


def test_lightgcn_of_users_who_like_everything_trains() -> None:
    events = [{"user_id": user, "item_id": item} for user in "abc" for item in "xy"]
    assert torch.isfinite(
        LightGCN(kgrec.Dataset(items=[{"item_id": i} for i in "xy"], events=events), epochs=2).item_emb
    ).all()


def test_lightgcn_same_seed_gives_the_same_vectors(split: kgrec.Split) -> None:
    one, other = (LightGCN(split.train, epochs=3, seed=4).item_emb for _ in range(2))
    assert torch.equal(one, other)


@pytest.mark.parametrize("make", [ItemKNN, EASE, LightGCN])
def test_baseline_on_the_checkerboard_beats_popularity(split: kgrec.Split, make: type[Ranker]) -> None:
    assert make(split.train).ndcg(split.test) > 1.3 * Popularity(split.train).ndcg(split.test)


def test_what_is_popular_before_a_part_counts_all_that_came_before_it(split: kgrec.Split) -> None:
    by_train, by_all = Popularity(split.train), Popularity(split.known)
    lists = by_train.recommend_part(split.test, 12)
    assert lists["score"].to_list() == by_all.counts[by_all.items.index(lists["item_id"])].tolist()
    assert not torch.equal(by_train.counts, by_all.counts)


@pytest.mark.parametrize("make", [Popularity, ItemKNN, EASE, LightGCN])
def test_baseline_never_lists_an_item_of_the_history(split: kgrec.Split, make: type[Ranker]) -> None:
    lists = make(split.train).recommend_part(split.test, 20)
    assert split.test.history is not None
    pairs = ["user_id", "item_id"]
    assert lists.height
    assert not lists.join(split.test.history, on=pairs, how="semi").height


def test_lightgcn_reads_what_came_after_train_too(split: kgrec.Split) -> None:
    model, known = LightGCN(split.train, epochs=3), split.test.history
    assert known is not None
    after = model.after(known)
    assert after.liked.nnz == model.liked.nnz  # what it was trained on
    assert not torch.equal(after.user_emb, model.user_emb)
    whole = LightGCN(split.known, epochs=0)
    order = model.items.index(whole.items.ids), model.users.index(whole.users.ids)
    whole.free = torch.cat([model.free[order[1]], model.free[len(model.users) + order[0]]]).detach()
    whole._propagate()
    assert_allclose(after.item_emb[order[0]], whole.item_emb, atol=1e-6)
    assert model.after(split.train.interactions) is model


@pytest.mark.parametrize("make", [ItemKNN, EASE, LightGCN])
def test_what_a_baseline_knows_nothing_of_goes_by_popularity(make: type[Ranker]) -> None:
    events = [("a", "i10"), ("b", "i10"), ("c", "i10"), ("a", "i08"), ("b", "i08"), ("c", "i00")]
    train = kgrec.Dataset(
        items=checkerboard().items, events=[{"user_id": user, "item_id": item} for user, item in events]
    )
    asked = kgrec.Dataset(items=train.items, events={"user_id": ["new"], "item_id": ["i05"]})
    lists = make(train).recommend_part(asked, 4)
    assert lists["item_id"].to_list() == ["i10", "i08", "i00", "i01"]


@pytest.mark.parametrize("make", [Popularity, ItemKNN, EASE, LightGCN])
def test_what_ties_goes_by_popularity_before_the_part(make: type[Ranker]) -> None:
    parts = {
        "train": [("a", "i01"), ("b", "i01"), ("c", "i03")],
        "validation": [(user, "i05") for user in "bcd"],
        "test": [("new", "i07")],
    }
    events = {
        name: pl.DataFrame(rows, schema=["user_id", "item_id"], orient="row").with_columns(timestamp=place)
        for place, (name, rows) in enumerate(parts.items())
    }
    split = kgrec.Dataset(items=checkerboard().items, events=events).split("fixed")
    lists = make(split.train).recommend_part(split.test, 4)
    assert lists["item_id"].to_list() == ["i05", "i01", "i03", "i00"]


def test_ease_may_leave_the_graph_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Brands of one even and one odd item here: no user likes both."""
    shop = checkerboard(num_users=12)
    items = shop.items.select("item_id", brand=pl.col("item_id").str.slice(1).cast(pl.Int64).floordiv(2).cast(str))
    split = kgrec.Dataset(items=items, events=shop.events).split("leave_last_out")
    monkeypatch.setitem(START, "graph", 1e4)
    side = EASE(split.train, split.validation, side=SMALL)
    assert side.settings["graph"] == 0.0
    assert side.ndcg(split.validation) >= EASE(split.train, split.validation).ndcg(split.validation)


def test_baselines_without_an_event_to_choose_by_are_those_without_a_validation_part() -> None:
    split = checkerboard().split("temporal", (0.8, 0.0, 0.2))
    assert not split.validation.events.height
    assert EASE(split.train, split.validation).settings == EASE(split.train).settings
    first, second = (LightGCN(split.train, part, epochs=2).item_emb for part in (split.validation, None))
    assert torch.equal(first, second)
