"""The k-core: repeated until it holds, and what it takes along."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.dataset import Dataset
from kgrec.errors import ConfigError, DataError

#   u: a b c      a: u v w
#   v: a b        b: u v
#   w: a d        c: u       once c and d go, w has one item left, then goes too
#                 d: w
PAIRS = [("u", "a"), ("u", "b"), ("u", "c"), ("v", "a"), ("v", "b"), ("w", "a"), ("w", "d")]


def build(pairs: list[tuple[str, str]], **tables: dict[str, list[str]]) -> Dataset:
    users, items = zip(*pairs, strict=True)
    events = {"user_id": list(users), "item_id": list(items), "timestamp": list(range(len(pairs)))}
    return Dataset(items={"item_id": list("abcd")}, events=events, **tables)


def test_k_core_is_repeated_until_every_user_and_item_has_enough() -> None:
    core = build(PAIRS).k_core(users=2, items=2)
    assert core.events.select("user_id", "item_id").rows() == [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")]
    assert core.items["item_id"].to_list() == ["a", "b"]


def test_k_core_takes_rows_of_other_tables_along_and_reports_them() -> None:
    core = build(
        PAIRS,
        users={"user_id": ["u", "w"]},
        queries={"query": ["q", "q"], "item_id": ["a", "c"]},
        triples={"head": ["a", "a", "c"], "relation": ["r"] * 3, "tail": ["x", "d", "x"]},
        impressions={"user_id": ["u", "u", "w"], "item_id": ["b", "c", "a"]},
    ).k_core(users=2, items=2)
    assert core.users["user_id"].to_list() == ["u"]
    assert core.queries["item_id"].to_list() == ["a"]
    assert core.triples.rows() == [("a", "r", "x")]
    assert core.events.height == 5
    lines = {
        table: core.report.rows(table, "not in the 2/2-core")
        for table in ("items", "events", "users", "queries", "triples")
    }
    assert lines == {"items": 2, "events": 5, "users": 1, "queries": 1, "triples": 2}


def test_k_core_does_not_count_impressions() -> None:
    dataset = build([("u", "a"), ("u", "b")], impressions={"user_id": ["v", "v"], "item_id": ["a", "b"]})
    assert dataset.k_core(users=2, items=1).events["user_id"].unique().to_list() == ["u"]


def test_k_core_of_a_fixed_split_keeps_the_parts() -> None:
    parts = {
        "train": {"user_id": ["u", "v"], "item_id": ["a", "b"]},
        "validation": {"user_id": ["u"], "item_id": ["c"]},
        "test": {"user_id": ["u"], "item_id": ["d"]},
    }
    split = Dataset(items={"item_id": list("abcd")}, events=parts).k_core(users=2, items=1).split("fixed")
    assert [part.events["item_id"].to_list() for part in split.parts.values()] == [["a"], ["c"], ["d"]]


def test_k_core_that_leaves_nothing_is_a_data_error() -> None:
    with pytest.raises(DataError, match="no user with 9 and item with 9 interactions is left"):
        build(PAIRS).k_core(users=9, items=9)


def test_k_core_threshold_below_one_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="users is 0, expected a whole number >= 1"):
        build(PAIRS).k_core(users=0)


@given(
    st.lists(st.tuples(st.sampled_from("uvwxyz"), st.sampled_from("abcd")), min_size=4, max_size=30), st.integers(1, 3)
)
def test_k_core_holds_and_is_the_same_when_taken_again(pairs: list[tuple[str, str]], least: int) -> None:
    try:
        core = build(pairs).k_core(users=least, items=least)
    except DataError:
        return
    for column in ("user_id", "item_id"):
        assert core.interactions.group_by(column).len()["len"].min() >= least  # type: ignore[operator]
    assert core.k_core(users=least, items=least).events.equals(core.events)
