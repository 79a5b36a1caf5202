"""Team draft: whose items are where, fairness, and whose clicks win."""

from __future__ import annotations

import random
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import interleave, interleaving_test
from kgrec.experiment.interleaving import team_draft

USERS = [f"u{number}" for number in range(2000)]
LISTS = st.lists(st.sampled_from("abcdefgh"), unique=True, max_size=8)


def lists(items: str, users: list[str] = USERS) -> pl.DataFrame:
    """The same list for every user."""
    rows = [(user, item, rank) for user in users for rank, item in enumerate(items, 1)]
    return pl.DataFrame(rows, schema=["user_id", "item_id", "rank"], orient="row")


class Coin(random.Random):
    """Falls as it is told."""

    def __init__(self, *falls: int) -> None:
        super().__init__()
        self.falls = list(falls)

    def randrange(self, *_: object) -> int:
        return self.falls.pop(0)


def test_team_draft_by_hand() -> None:
    """a b c d and b a e: second goes first and takes b, first takes a; then first takes c, second (a is gone) e."""
    found = team_draft([*"abcd"], [*"bae"], 4, Coin(1, 0))
    assert found == [("b", 1), ("a", 0), ("c", 0), ("e", 1)]


def test_team_draft_of_a_short_list_leaves_the_rest_to_the_other() -> None:
    assert team_draft(["a"], [*"bcd"], 10, Coin(0, 0, 0)) == [("a", 0), ("b", 1), ("c", 1), ("d", 1)]


@given(LISTS, LISTS, st.integers(1, 10), st.integers())
def test_team_draft_lists_every_item_once_and_keeps_the_sides_level(
    first: list[str], second: list[str], k: int, seed: int
) -> None:
    found = team_draft(first, second, k, random.Random(seed))
    items = [item for item, _ in found]
    assert len(items) == len(set(items)) == min(k, len({*first, *second}))
    for side, own in ((0, first), (1, second)):
        ranks = [own.index(item) for item, of in found if of == side]
        assert ranks == sorted(ranks)
    sides = [side for _, side in found]
    if min(len(first), len(second)) >= 8:  # neither runs out: after two picks the sides are level
        assert all(sides[2 * pair] + sides[2 * pair + 1] == 1 for pair in range(len(sides) // 2))


def test_interleave_of_unlike_lists_gives_each_side_every_place_equally_often() -> None:
    found = interleave(lists("abcd"), lists("wxyz"), k=4, experiment="fair")
    for rank in range(1, 5):
        first = int((found.filter(pl.col("rank") == rank)["arm"] == "first").sum())
        assert stats.binomtest(first, len(USERS)).pvalue > 0.001
    assert set(found.group_by("user_id").len()["len"]) == {4}


def test_interleave_of_the_same_list_keeps_it() -> None:
    found = interleave(lists("abcd"), lists("abcd"), k=3, experiment="same")
    assert found.filter(pl.col("user_id") == "u7")["item_id"].to_list() == [*"abc"]
    assert interleaving_test(found.with_columns((pl.col("rank") == 1).cast(pl.Int8).alias("label"))).p_value > 0.001


def test_interleave_is_the_same_again_and_another_with_another_name() -> None:
    one, again, other = (interleave(lists("abcd"), lists("wxyz"), experiment=name) for name in ("x", "x", "y"))
    assert one.equals(again)
    assert not one.equals(other)


def test_interleave_goes_by_rank_and_takes_users_of_either_side() -> None:
    first = lists("abc", ["u", "v"]).reverse()
    found = interleave(first, lists("x", ["w"]), names=("old", "new"), experiment="x")
    assert found.filter(pl.col("user_id") == "u").rows() == [("u", item, n, None) for n, item in enumerate("abc", 1)]
    assert found.filter(pl.col("user_id") == "w").rows() == [("w", "x", 1, None)]
    both = interleave(first, lists("x", ["u"]), names=("old", "new"), experiment="x")
    assert sorted(both.filter(pl.col("user_id") == "u")["arm"]) == ["new", "old", "old", "old"]


def test_interleaving_test_leaves_out_users_whom_one_ranker_served() -> None:
    """Every item is clicked alike; the second ranker has no list for half of the users."""
    shown = interleave(lists("abcd"), lists("efgh", USERS[::2]), k=4, experiment="half")
    rng = np.random.default_rng(0)
    clicked = shown.with_columns(label=pl.Series((rng.random(shown.height) < 0.3) * 1))
    result = interleaving_test(clicked)
    assert result.wins + result.losses + result.ties == 1000
    assert result.p_value > 0.05


def clicks(shown: pl.DataFrame, liked: str, seed: int) -> pl.DataFrame:
    """Users look at higher places more often, and click on what they like more often than on what they don't."""
    rng = np.random.default_rng(seed)
    chance = np.where(shown["item_id"].is_in([*liked]), 0.5, 0.2) / shown["rank"].to_numpy()
    return shown.with_columns(pl.Series("label", (rng.random(shown.height) < chance) * 1))


def test_interleave_takes_ids_as_integers_and_no_rank_that_is_text() -> None:
    first = {"user_id": [1, 1], "item_id": [5, 6], "rank": [2, 1]}
    found = interleave(first, {"user_id": ["1"], "item_id": ["6"], "rank": [1]}, experiment="x")
    assert found.select("user_id", "item_id", "rank").rows() == [("1", "6", 1), ("1", "5", 2)]
    with pytest.raises(DataError, match="column 'rank' is of type String, expected finite numbers"):
        interleave(first | {"rank": ["10", "9"]}, first, experiment="x")


def test_interleaving_test_of_rankers_equally_good_is_fair_over_many_runs() -> None:
    """200 runs of 60 users each, the same likes in both lists: 95% intervals hold one half, however position moves the
    clicks."""
    runs, users = 200, [f"u{number}" for number in range(200 * 60)]
    shown = clicks(interleave(lists("abcd", users), lists("cdab", users), k=4, experiment="fair"), "ac", 0)
    run = shown["user_id"].str.slice(1).cast(pl.Int64) // 60
    found = [interleaving_test(part) for part in shown.with_columns(run.alias("run")).partition_by("run")]
    held = sum(one.low <= 0.5 <= one.high for one in found)
    assert stats.binom.ppf(0.001, runs, 0.95) <= held < runs
    assert abs(sum(one.wins - one.losses for one in found)) < 4 * sum(one.wins + one.losses for one in found) ** 0.5


def test_interleaving_test_finds_the_better_ranker() -> None:
    shown = interleave(lists("abcd"), lists("wxyz"), k=4, names=("good", "bad"), experiment="x")
    found = interleaving_test(clicks(shown, "abcd", 0), names=("good", "bad"))
    assert found.low > 0.5
    assert found.p_value < 1e-6
    assert str(found).startswith("good beats bad for ")


def test_interleaving_test_by_hand() -> None:
    """u: 2 to 1 for first; v: a tie of 1 to 1; w: 0 to 2; x: no click, a tie."""
    rows = [("u", "first", 1), ("u", "first", 1), ("u", "second", 1), ("v", "first", 1), ("v", "second", 1)]
    rows += [("w", "second", 1), ("w", "second", 1), ("w", "first", 0), ("x", "first", 0)]
    found = interleaving_test(pl.DataFrame(rows, schema=["user_id", "arm", "label"], orient="row"))
    assert (found.wins, found.losses, found.ties, found.share, found.p_value) == (1, 1, 2, 0.5, 1.0)


def test_interleaving_test_without_clicks_says_nothing() -> None:
    found = interleaving_test(pl.DataFrame({"user_id": ["u"], "arm": ["first"], "label": [0]}))
    assert Counter([found.wins, found.losses, found.ties]) == Counter([0, 0, 1])
    assert (found.low, found.high, found.p_value) == (0.0, 1.0, 1.0)


def test_interleaving_with_bad_input_raises() -> None:
    with pytest.raises(ConfigError, match=r"(?s)k is 0.*names are both 'a'.*experiment is ''"):
        interleave(lists("a"), lists("b"), k=0, names=("a", "a"), experiment="")
    with pytest.raises(DataError, match=r"second lists: more than one row for \('u', 'a'\)"):
        interleave(lists("a", ["u"]), lists("aa", ["u"]), experiment="x")
    with pytest.raises(DataError, match="first lists: missing columns 'rank'"):
        interleave(lists("a").drop("rank"), lists("b"), experiment="x")
    shown = pl.DataFrame({"user_id": ["u"], "arm": ["third"], "label": [1]})
    with pytest.raises(DataError, match="arms 'third', expected 'first' or 'second'"):
        interleaving_test(shown)
    with pytest.raises(DataError, match="column 'label': expected 0 or 1"):
        interleaving_test(shown.with_columns(pl.lit(2).alias("label")))


@pytest.mark.parametrize("names", ["first", ("x",), ("a", "b", "c"), ("a", 1), ("a", "a")])
def test_names_that_are_not_two_are_a_config_error(names: object) -> None:
    shown = pl.DataFrame({"user_id": ["u"], "arm": ["first"], "label": [1]})
    with pytest.raises(ConfigError, match="names"):
        interleaving_test(shown, names=names)  # type: ignore[arg-type]
    lists = pl.DataFrame({"user_id": ["u"], "item_id": ["a"], "rank": [1]})
    with pytest.raises(ConfigError, match="names"):
        interleave(lists, lists, names=names, experiment="e")  # type: ignore[arg-type]
