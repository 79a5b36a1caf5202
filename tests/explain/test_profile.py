"""Interests are probabilities, near the shop's where little is known and near the user's own where much is."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy import sparse

import kgrec
from kgrec.errors import UnknownIdError
from kgrec.explain.item_values import item_values, price_bands
from kgrec.explain.profile import Interests, best_weight, smoothed
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.testing.graphs import make_product_graph


def test_item_values_of_the_product_graph_are_its_brands_categories_attributes_and_prices() -> None:
    found = item_values(make_product_graph(), Vocabulary(["p3", "p2", "p1"]))
    tables = {kind: (table.values.to_list(), table.shares.toarray().tolist()) for kind, table in found.items()}
    assert tables == {
        "attribute colour": (["blue", "red"], [[0, 1], [1, 0], [0, 1]]),
        "brand": (["Acme", "Bolt"], [[0, 1], [1, 0], [1, 0]]),
        "category": (["Home", "Home > Lamps"], [[1, 0], [0, 1], [0, 1]]),
        "price band": (["from 25.5", "under 25.5"], [[0, 0], [1, 0], [0, 1]]),
    }


def test_item_with_two_values_has_half_in_each() -> None:
    nodes = {"Product": pl.DataFrame({"id": ["a", "b"]}), "Topic": pl.DataFrame({"id": ["x", "y"]})}
    ends = pl.DataFrame({"head_id": ["a", "a", "b"], "tail_id": ["x", "y", "y"]})
    graph = kgrec.KnowledgeGraph(nodes, {("Product", "IS_ABOUT", "Topic"): ends})
    found = item_values(graph, Vocabulary(["a", "b"]))
    assert list(found) == ["is about"]
    assert found["is about"].shares.toarray().tolist() == [[0.5, 0.5], [0, 1]]


def test_price_bands_hold_as_many_items_each() -> None:
    prices = pl.DataFrame({"item": list("abcdefghij"), "price": [float(n) for n in range(1, 11)]})
    found = price_bands(prices)["value"].value_counts()
    names = {"under 3", "from 3 to 5", "from 5 to 6", "from 6 to 8", "from 8"}
    assert set(found["value"]) == names
    assert found["count"].is_between(1, 3).all()


def test_price_bands_of_large_prices_are_told_apart() -> None:
    prices = pl.DataFrame({"item": ["a", "b", "c"], "price": [1234567.0, 1234568.0, 1234569.5]})
    assert sorted(price_bands(prices)["value"]) == ["from 1234568 to 1234569.5", "from 1234569.5", "under 1234568"]


@pytest.mark.parametrize(
    ("prices", "names"), [([5.0, 5.0], {"any"}), ([None, None], set()), ([1.0, 9.0], {"under 9", "from 9"})]
)
def test_price_bands_of_few_prices_are_few(prices: list[float | None], names: set[str]) -> None:
    frame = pl.DataFrame({"item": ["a", "b"], "price": pl.Series(prices, dtype=pl.Float64)})
    assert set(price_bands(frame)["value"]) == names


def test_smoothed_counts_of_nothing_are_the_prior() -> None:
    prior = np.array([0.2, 0.8])
    np.testing.assert_allclose(smoothed(np.zeros(2), prior, 3.0), prior)


def test_best_weight_is_low_where_users_differ_and_high_where_they_are_alike() -> None:
    shop = np.full(4, 0.25)
    generator = np.random.default_rng(0)
    for true, low, high in ((1.0, 0.4, 2.5), (40.0, 15.0, 110.0)):
        tastes = generator.dirichlet(true * shop, size=2000)
        before, later = (
            sparse.csr_array(np.array([generator.multinomial(size, taste) for taste in tastes]).astype(float))
            for size in (20, 10)
        )
        entries = sparse.coo_array(later)
        assert low < best_weight(before, entries, shop[entries.col]) < high


def test_visits_about_one_thing_each_do_not_make_users_look_decided(fitted: kgrec.KGRecommender) -> None:
    """Each visit of six events is about one brand, drawn anew: the past tells nothing of the next visit."""
    generator = np.random.default_rng(0)
    users, visits, length = 200, 8, 6
    brand = generator.integers(0, 2, (users, visits, 1))
    item = (2 * generator.integers(0, 6, (users, visits, length)) + brand).reshape(-1)
    stamp = (np.arange(visits)[:, None] * 100_000 + np.arange(length) * 60 + np.zeros((users, 1, 1), np.int64)).reshape(
        -1
    )
    start = np.arange(users + 1) * visits * length
    histories = Histories(start, item, np.zeros(len(item), np.int64), stamp, True)
    kind = Interests(dataclasses.replace(fitted.model_, histories=histories)).kinds["brand"]
    assert kind.long > 40
    assert kind.short > 40


def test_profile_of_every_kind_sums_to_one(fitted: kgrec.KGRecommender) -> None:
    found = fitted.profile("u00")
    assert found.columns == ["kind", "value", "long_term", "short_term", "shop", "lift"]
    assert found["kind"].unique(maintain_order=True).to_list() == ["brand", "category", "price band"]
    sums = found.group_by("kind").agg(pl.col("long_term", "short_term", "shop").sum())
    np.testing.assert_allclose(sums.drop("kind").to_numpy(), 1.0)
    np.testing.assert_allclose(found["lift"], found["long_term"] / found["shop"])


def test_profile_of_a_user_of_even_items_names_their_brand(fitted: kgrec.KGRecommender) -> None:
    brand = fitted.profile("u00").filter(pl.col("kind") == "brand")
    assert brand["value"].to_list() == ["Even", "Odd"]
    assert brand["long_term"][0] > 0.9
    assert brand["lift"][0] > 1.5


def test_profile_of_a_user_without_events_is_the_shops(fitted: kgrec.KGRecommender) -> None:
    old = fitted.model_.histories
    model = dataclasses.replace(fitted.model_, histories=old.take(np.array([-1, *range(1, 40)])))
    found = Interests(model).of(0)
    np.testing.assert_allclose(found["long_term"], found["shop"])
    np.testing.assert_allclose(found["short_term"], found["shop"])


def test_short_term_follows_the_last_events_and_not_where_the_order_means_nothing(fitted: kgrec.KGRecommender) -> None:
    events = np.array([1] * 30 + [0] * 12 + [1, 0] * 4)  # odd for long, of late even; another user of both
    zeros, hours = np.zeros(len(events), np.int64), 3600 * np.arange(len(events))
    histories = Histories(np.array([0, 42, len(events)]), events, zeros, hours, True)
    model = dataclasses.replace(fitted.model_, histories=histories)
    even = {row["value"]: row for row in Interests(model).of(0).iter_rows(named=True)}["Even"]
    assert even["short_term"] > 2 * even["long_term"]
    unordered = dataclasses.replace(model, histories=dataclasses.replace(histories, ordered=False))
    even = {row["value"]: row for row in Interests(unordered).of(0).iter_rows(named=True)}["Even"]
    assert even["short_term"] == even["long_term"]


def test_profile_of_an_unknown_user_says_so(fitted: kgrec.KGRecommender) -> None:
    with pytest.raises(UnknownIdError, match="profile: unknown user_id 'nobody'"):
        fitted.profile("nobody")


def test_profile_of_a_model_whose_graph_says_nothing_is_empty(fitted: kgrec.KGRecommender) -> None:
    graph = kgrec.KnowledgeGraph({"Product": pl.DataFrame({"id": ["i00"]})}, {})
    assert Interests(dataclasses.replace(fitted.model_, graph=graph)).of(0).height == 0
