"""Who gets which arm: the same everywhere, in the shares asked for, independent between experiments."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import assign

IDS = [f"user {number}" for number in range(20_000)]


def counts(assigned: pl.DataFrame, arms: list[str]) -> list[int]:
    return [int((assigned["arm"] == arm).sum()) for arm in arms]


def test_assign_has_one_row_a_user_in_the_order_given() -> None:
    found = assign(["b", "a", "b", "c"], experiment="x")
    assert found.columns == ["user_id", "arm"]
    assert found["user_id"].to_list() == ["b", "a", "c"]
    assert set(found["arm"]) <= {"control", "treatment"}


def test_assign_is_the_same_in_another_process_whatever_its_hash_seed() -> None:
    code = (
        "from kgrec.experiment import assign\n"
        "print(*assign([f'user {n}' for n in range(50)], {'a': 2, 'b': 1}, experiment='x')['arm'])"
    )
    other = {"PYTHONHASHSEED": "1", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=other)
    assert done.stdout.split() == assign(IDS[:50], {"a": 2, "b": 1}, experiment="x")["arm"].to_list()


def test_assign_of_known_users_never_changes() -> None:
    """Written down once: another version must not move the users of an experiment that is running."""
    found = assign([f"user {number}" for number in range(10)], {"a": 0.5, "b": 0.3, "c": 0.2}, experiment="kept")
    assert "".join(found["arm"]) == "bbabbbaacc"


@pytest.mark.parametrize("arms", [{"a": 0.5, "b": 0.5}, {"a": 0.9, "b": 0.1}, {"a": 1, "b": 2, "c": 5}])
def test_assign_gives_the_shares_asked_for(arms: dict[str, float]) -> None:
    total = sum(arms.values())
    found = counts(assign(IDS, arms, experiment="shares"), list(arms))
    assert stats.chisquare(found, [len(IDS) * share / total for share in arms.values()]).pvalue > 0.001
    assert sum(found) == len(IDS)


def test_assign_of_two_experiments_is_independent() -> None:
    first, second = (assign(IDS, experiment=name)["arm"] for name in ("first", "second"))
    table = pl.DataFrame({"first": first, "second": second}).group_by("first", "second").len()
    cells = table.sort("first", "second")["len"].to_numpy().reshape(2, 2)
    assert stats.chi2_contingency(cells).pvalue > 0.001
    assert cells.min() > 4_700


def test_assign_with_a_grown_share_moves_users_to_that_arm_alone() -> None:
    before = assign(IDS, {"a": 8, "b": 1, "c": 1}, experiment="ramp")["arm"]
    after = assign(IDS, {"a": 8, "b": 1, "c": 3}, experiment="ramp")["arm"]
    moved = before != after
    assert set(after.filter(moved)) == {"c"}
    assert int((after == "c").sum()) == pytest.approx(len(IDS) * 3 / 12, rel=0.05)


def test_assign_does_not_go_by_the_order_of_the_arms() -> None:
    one, other = assign(IDS, ["a", "b"], experiment="x"), assign(IDS, ["b", "a"], experiment="x")
    assert one.equals(other)


@pytest.mark.parametrize(
    ("arms", "message"),
    [
        (["a"], "1 arms"),
        (["a", "a"], "arm 'a' is given twice"),
        ({"a": 1, "b": 0}, "share of arm 'b' is 0,"),
        ({"a": 1, "b": float("nan")}, "share of arm 'b' is nan"),
        (["a", ""], "arm '' is no name"),
    ],
)
def test_assign_with_bad_arms_is_a_config_error(arms: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign(["u"], arms, experiment="x")


def test_assign_without_a_name_of_the_experiment_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="experiment is ''"):
        assign(["u"], experiment="")


@pytest.mark.parametrize(
    "ids", [[1, 2, 2], ["1", 2, "2"], np.array([1, 2]), pl.Series([1, 2], dtype=pl.UInt8), pd.Series([1, 2])]
)
def test_assign_of_integers_is_that_of_their_text(ids: object) -> None:
    assert assign(ids, experiment="x").equals(assign(["1", "2"], experiment="x"))


@pytest.mark.parametrize("table", [pl.DataFrame, pl.LazyFrame, pd.DataFrame, pa.table, dict])
def test_assign_of_a_table_is_a_data_error(table: Callable) -> None:
    with pytest.raises(DataError, match=r"user_ids is a table \(\w+\); pass its column"):
        assign(table({"user_id": ["u"]}), experiment="x")


@pytest.mark.parametrize("ids", [[1.0, 2.0], [True], ["a", None], ["a", ""], pd.Series([1, None]), "abc"])
def test_assign_of_ids_that_are_neither_text_nor_integers_is_a_data_error(ids: object) -> None:
    with pytest.raises(DataError, match="assign"):
        assign(ids, experiment="x")


def test_assign_with_shares_that_are_no_numbers_lists_them() -> None:
    with pytest.raises(ConfigError, match=r"2 faults\n.*share of arm 'a' is None.*\n.*share of arm 'b' is x"):
        assign(["u"], {"a": None, "b": "x", "c": 1}, experiment="e")  # type: ignore[dict-item]


def test_assign_with_huge_shares_is_that_of_their_ratio() -> None:
    users = [str(place) for place in range(200)]
    huge = assign(users, {"a": 1e308, "b": 1e308}, experiment="e")
    assert huge.equals(assign(users, {"a": 1.0, "b": 1.0}, experiment="e"))
