"""How many users, which lift, and whether the arms got their shares."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import arm_rates, compare, detectable_lift, sample_ratio, users_needed
from tests.experiment.worlds import shop


def of_arms(**users: int) -> pl.DataFrame:
    rows = [(f"{arm}{number}", arm) for arm, count in users.items() for number in range(count)]
    return pl.DataFrame(rows, schema=["user_id", "arm"], orient="row")


def test_sample_ratio_counts_users_not_rows() -> None:
    table = pl.concat([of_arms(a=30, b=20), of_arms(a=30)])
    found = sample_ratio(table, {"a": 3, "b": 2})
    assert found.users == {"a": 30, "b": 20}
    assert found.expected == pytest.approx({"a": 30, "b": 20})
    assert found.p_value == pytest.approx(1)
    assert not found.is_suspicious


def test_sample_ratio_by_hand() -> None:
    """5,200 and 4,800 of 10,000: chi-square 2 * 200^2 / 5,000 = 16, one degree of freedom."""
    found = sample_ratio(of_arms(a=5200, b=4800), ["a", "b"])
    assert found.p_value == pytest.approx(stats.norm.sf(4) * 2)
    assert found.is_suspicious
    assert "the rates can't be trusted" in str(found)


def test_sample_ratio_sees_an_arm_without_users() -> None:
    assert sample_ratio(of_arms(a=20), ["a", "b"]).is_suspicious


def test_sample_ratio_with_an_arm_without_a_share_is_a_data_error() -> None:
    with pytest.raises(DataError, match="arms without a share: 'c'"):
        sample_ratio(of_arms(a=2, c=2), ["a", "b"])


def test_users_needed_find_the_lift_as_often_as_asked() -> None:
    """200 runs as arms of one table; .8 of them is 160, with a standard deviation of 5.7."""
    runs, lift = 200, 0.5
    pilot = arm_rates(shop(np.random.default_rng(0), 20_000, lift=0).rows)["control"]
    users = users_needed(pilot, lift) // 2
    rows = shop(np.random.default_rng(1), runs * users, lift=lift).rows
    run = pl.col("user_id").str.slice(1).cast(pl.Int64) // users
    rates = arm_rates(rows.with_columns((pl.col("arm") + " " + run.cast(pl.String)).alias("arm")))
    found = [compare(rates[f"control {n}"], rates[f"treatment {n}"]).difference_low > 0 for n in range(runs)]
    assert 143 <= sum(found) <= 177


def test_detectable_lift_is_the_inverse_of_users_needed() -> None:
    pilot = arm_rates(shop(np.random.default_rng(0), 500).rows)["control"]
    for baseline in (0.05, pilot):
        users = users_needed(baseline, 0.15, power=0.9, level=0.9, share=0.2)
        assert detectable_lift(baseline, users, power=0.9, level=0.9, share=0.2) == pytest.approx(0.15, rel=1e-3)


def test_users_needed_grow_with_power_and_uneven_shares() -> None:
    base = users_needed(0.1, 0.1)
    assert users_needed(0.1, 0.1, power=0.9) > base
    assert users_needed(0.1, 0.1, share=0.1) > 2 * base
    assert users_needed(0.1, 0.2) < base / 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"lift": 0}, "lift is 0"),
        ({"lift": 10}, "lift is 10, expected at most 9"),
        ({"power": 1}, "power is 1"),
        ({"share": 0}, "share is 0"),
        ({"baseline": 0.0}, "baseline is 0.0"),
    ],
)
def test_users_needed_with_bad_settings_is_a_config_error(settings: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        users_needed(**{"baseline": 0.1, "lift": 0.1, **settings})


def test_detectable_lift_of_too_few_users_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="3 users find no lift"):
        detectable_lift(0.5, 3)


def test_plans_with_settings_that_are_no_numbers_are_config_errors() -> None:
    for arguments in (("0.1", 0.1), (0.1, "x"), (0.1, None)):
        with pytest.raises(ConfigError, match="expected a"):
            users_needed(*arguments)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="num_users is inf"):
        detectable_lift(0.1, float("inf"))  # type: ignore[arg-type]


def test_power_below_chance_is_a_config_error_and_users_grow_with_power() -> None:
    with pytest.raises(ConfigError, match=r"power is 0.02, expected more than chance alone gives: 0.025"):
        users_needed(0.1, 0.1, power=0.02)
    needed = [users_needed(0.1, 0.1, power=power) for power in (0.03, 0.05, 0.1, 0.5, 0.9)]
    assert needed == sorted(set(needed))
