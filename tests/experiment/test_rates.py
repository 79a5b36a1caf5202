"""Rates of arms and their intervals: by hand, and held against known truth."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import Rate, arm_rates, compare
from kgrec.experiment.ratios import Ratio
from tests.experiment.worlds import shop

RUNS, USERS = 300, 300
FEWEST, MOST = stats.binom.ppf([0.001, 0.999], RUNS, 0.95)  # runs of 300 whose interval holds the truth


def rows(**users: list[tuple[int, int]]) -> pl.DataFrame:
    """Arm and the (label, converted) rows of a single user each: `a_u=[(1, 0), (0, 0)]`."""
    return pl.DataFrame(
        [
            {"arm": name.split("_")[0], "user_id": name, "label": label, "converted": converted}
            for name, shown in users.items()
            for label, converted in shown
        ]
    )


@pytest.fixture(scope="module")
def runs() -> dict[str, tuple[dict[str, Rate], dict[str, float]]]:
    """300 experiments of 300 heavy-tailed users an arm as one table: each run has two arms of its own."""
    world = shop(np.random.default_rng(1), RUNS * USERS, heavy=True)
    run = pl.col("user_id").str.slice(1).cast(pl.Int64) // USERS
    table = world.rows.with_columns((pl.col("arm") + " " + run.cast(pl.String)).alias("arm"))
    ctr, cvr = arm_rates(table, metric="CTR"), arm_rates(table, "converted", "label", metric="CVR")
    return {"CTR": (ctr, world.ctr), "CVR": (cvr, world.cvr)}


def test_rates_by_hand() -> None:
    """Arm a: u clicks 2 of 3, one bought; v 0 of 1. CTR 2/4; u is off by 2 - 3/2 and has 3/4 of the rows, v by 0 - 1/2
    with 1/4 of them, so the variance is ((.5 / .25)^2 + (-.5 / .75)^2) * 1/2 / 4^2 = 5/36. CVR 1/2; v has no click and
    says nothing of it."""
    table = rows(a_u=[(1, 1), (1, 0), (0, 0)], a_v=[(0, 0)], b_w=[(1, 0)])
    ctr, cvr = arm_rates(table)["a"], arm_rates(table, "converted", "label")["a"]
    assert (ctr.value, ctr.num_users, ctr.events, ctr.trials) == (0.5, 2, 2.0, 4.0)
    assert ctr.standard_error == pytest.approx(math.sqrt(5) / 6)
    assert (cvr.value, cvr.num_users, cvr.metric) == (0.5, 1, "converted per label")
    assert math.isnan(cvr.standard_error)
    assert (cvr.low, cvr.high) == (0.0, 1.0)


def test_rate_of_independent_rows_has_wilsons_interval() -> None:
    """With a row a user the effective trials are the users but for n/(n-1): 10 of 200, by statsmodels' method too."""
    table = pl.DataFrame({"arm": "a", "user_id": [f"u{n}" for n in range(200)], "label": [1] * 10 + [0] * 190})
    expected = stats.binomtest(10, 200).proportion_ci(method="wilson")
    assert arm_rates(table)["a"].interval == pytest.approx((expected.low, expected.high), abs=6e-4)


def test_rate_of_copied_rows_has_the_interval_of_the_users() -> None:
    """Twenty copies of each user's row say nothing new."""
    table = pl.DataFrame({"arm": "a", "user_id": [f"u{n}" for n in range(100)], "label": [1, 0, 0, 0] * 25})
    once, often = (arm_rates(pl.concat([table] * times))["a"] for times in (1, 20))
    assert often.interval == pytest.approx(once.interval)
    assert often.trials == 20 * once.trials


def test_rate_without_events_still_has_an_interval() -> None:
    """0 of 100 users: Wilson's upper end t^2 / (n + t^2), with t = 1.984 of 99 degrees of freedom."""
    table = pl.DataFrame({"arm": "a", "user_id": [f"u{n}" for n in range(100)], "label": 0})
    found = arm_rates(table)["a"]
    assert found.low == 0
    assert found.high == pytest.approx(1.98422**2 / (100 + 1.98422**2), abs=1e-5)


def test_rate_above_one_is_not_a_share() -> None:
    """Revenue a row: means 3 and 5 of two users with two rows each, mean 4; the interval may leave 0..1."""
    table = pl.DataFrame({"arm": "a", "user_id": [*"uuvv"], "value": [2.0, 4.0, 5.0, 5.0]})
    found = arm_rates(table, "value")["a"]
    assert found.value == 4.0
    assert found.low < 4.0 < found.high


@pytest.mark.parametrize("metric", ["CTR", "CVR"])
@pytest.mark.parametrize("arm", ["control", "treatment"])
def test_rate_interval_holds_the_truth_as_often_as_it_says(runs: dict, metric: str, arm: str) -> None:
    rates, truth = runs[metric]
    held = sum(rate.low <= truth[arm] <= rate.high for name, rate in rates.items() if name.startswith(arm))
    assert FEWEST <= held <= MOST


def test_rate_interval_of_rows_taken_as_independent_would_be_too_short(runs: dict) -> None:
    """The world is one in which it matters."""
    rates, truth = runs["CTR"]
    trials = np.array([rate.trials for rate in rates.values()])
    true = np.array([truth[arm.split()[0]] for arm in rates])
    off = np.array([rate.value for rate in rates.values()]) - true
    assert (np.abs(off) < 1.96 * np.sqrt(true * (1 - true) / trials)).mean() < 0.88


@pytest.mark.parametrize("metric", ["CTR", "CVR"])
def test_comparison_intervals_hold_the_truth_as_often_as_they_say(runs: dict, metric: str) -> None:
    rates, truth = runs[metric]
    difference, lift = truth["treatment"] - truth["control"], truth["treatment"] / truth["control"] - 1
    found = [compare(rates[f"control {run}"], rates[f"treatment {run}"]) for run in range(RUNS)]
    assert FEWEST <= sum(one.difference_low <= difference <= one.difference_high for one in found) <= MOST
    assert FEWEST <= sum(one.lift_low <= lift <= one.lift_high for one in found) <= MOST


def test_p_values_without_a_difference_are_uniform(runs: dict) -> None:
    rates, _ = runs["CVR"]
    found = [compare(rates[f"control {run}"], rates[f"treatment {run}"]).p_value for run in range(RUNS)]
    assert stats.kstest(found, "uniform").pvalue > 0.001


def test_p_value_is_where_the_interval_touches_zero() -> None:
    table = pl.DataFrame(
        {
            "arm": ["a"] * 500 + ["b"] * 500,
            "user_id": [f"u{n}" for n in range(1000)],
            "label": [1] * 50 + [0] * 450 + [1] * 70 + [0] * 430,
        }
    )
    found = compare(*arm_rates(table).values())
    at_p = compare(*arm_rates(table, level=1 - found.p_value).values())
    assert at_p.difference_low == pytest.approx(0, abs=1e-8)
    assert found.p_value == pytest.approx(
        stats.chi2_contingency([[50, 450], [70, 430]], correction=False).pvalue, abs=0.003
    )


def test_comparison_by_hand() -> None:
    """Rates .1 and .15 of intervals (.08, .13) and (.12, .19): the difference reaches down by sqrt(.03^2 + .03^2) and
    up by sqrt(.04^2 + .02^2)."""

    class Known(Ratio):
        def interval(self, level: float) -> tuple[float, float]:
            assert level == 0.95
            return (0.08, 0.13) if self.numerator[0] == 10 else (0.12, 0.19)

    old, new = (
        Rate("CTR", arm, Known(np.array([n]), np.array([100.0]), True)) for arm, n in (("a", 10.0), ("b", 15.0))
    )
    found = compare(old, new)
    assert found.difference == pytest.approx(0.05)
    assert found.difference_interval == pytest.approx((0.05 - math.hypot(0.03, 0.03), 0.05 + math.hypot(0.04, 0.02)))
    assert found.lift == pytest.approx(0.5)
    # Donner and Zou 2012: (.015 -+ sqrt(.015^2 - ...)) / (end of the control * (2 * .1 - end))
    low = (0.015 - math.sqrt(0.015**2 - 0.12 * 0.13 * 0.18 * 0.07)) / (0.13 * 0.07)
    high = (0.015 + math.sqrt(0.015**2 - 0.19 * 0.08 * 0.11 * 0.12)) / (0.08 * 0.12)
    assert found.lift_interval == pytest.approx((low - 1, high - 1))


def test_comparison_with_a_control_without_events_has_no_lift_but_an_interval() -> None:
    labels = [0] * 50 + [1] * 5 + [0] * 45
    table = pl.DataFrame({"arm": ["a"] * 50 + ["b"] * 50, "user_id": [f"u{n}" for n in range(100)], "label": labels})
    found = compare(*arm_rates(table).values())
    assert math.isnan(found.lift)
    assert found.lift_high == math.inf
    assert -1 < found.lift_low < math.inf
    assert found.difference_high < 1


def test_comparison_with_an_arm_without_trials_says_nothing() -> None:
    table = rows(a_u=[(0, 0)], a_v=[(0, 0)], b_w=[(1, 1)], b_x=[(1, 0)])
    found = compare(*arm_rates(table, "converted", "label").values())
    assert math.isnan(found.difference)
    assert (found.difference_interval, found.lift_interval, found.p_value) == ((-1.0, 1.0), (-1.0, math.inf), 1.0)


def test_compare_of_two_metrics_is_a_config_error() -> None:
    table = rows(a_u=[(1, 1)], b_w=[(1, 0)])
    with pytest.raises(ConfigError, match="expected one metric"):
        compare(arm_rates(table)["a"], arm_rates(table, "converted")["b"])


def test_rates_with_a_user_in_two_arms_is_a_data_error() -> None:
    table = pl.DataFrame({"arm": ["a", "b"], "user_id": ["u", "u"], "label": [0, 1]})
    with pytest.raises(DataError, match="users in more than one arm: 'u'"):
        arm_rates(table)


def test_rates_with_bad_values_list_every_column() -> None:
    table = rows(a_u=[(1, -1), (0, 0)]).with_columns(pl.lit("x").alias("label"))
    with pytest.raises(
        DataError, match=r"(?s)column 'label' is of type String.*1 row of column 'converted'.*row 0: -1"
    ):
        arm_rates(table, "converted", "label")
    with pytest.raises(DataError, match="missing columns 'bought'"):
        arm_rates(table, "bought")
    with pytest.raises(DataError, match="2 rows of column 'label': no value"):
        arm_rates(table.with_columns(pl.lit(None).alias("label")))
    with pytest.raises(DataError, match="the table is empty"):
        arm_rates(table.clear())


def test_rates_with_a_bad_level_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="level is 95"):
        arm_rates(rows(a_u=[(1, 1)]), level=95)


def test_rate_and_comparison_read_well() -> None:
    table = rows(a_u=[(1, 1), (0, 0)], a_v=[(0, 0)], b_w=[(1, 0)], b_x=[(1, 0), (0, 0)])
    rates = arm_rates(table, metric="CTR")
    assert str(rates["a"]).startswith("CTR of a: 0.3333 (95% interval ")
    assert str(rates["a"]).endswith("; 1 of 3, 2 users)")
    assert "b 0.6667, a 0.3333; lift +100.00%" in str(compare(rates["a"], rates["b"]))
