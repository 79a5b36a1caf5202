"""Off-policy values: by hand, and held against known truth."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from scipy import stats

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import PolicyValue, policy_value
from kgrec.experiment.off_policy import Estimator
from kgrec.experiment.ratios import Ratio
from tests.experiment.worlds import logged, policies

RUNS, SHARPNESS = 200, 2.0
FEWEST = stats.binom.ppf(0.001, RUNS, 0.95)
ESTIMATORS: tuple[Estimator, ...] = ("ips", "snips", "doubly_robust")

SHOWN = pl.DataFrame(
    {
        "user_id": [*"uuvw"],
        "label": [1, 0, 1, 0],
        "propensity": [0.5, 0.5, 0.25, 0.5],
        "target_propensity": [0.25, 1.0, 0.75, 0.0],
        "reward_prediction": [0.5, 0.5, 0.5, 0.25],
        "target_reward_prediction": [0.4, 0.4, 0.5, 0.3],
    }
)


@pytest.fixture(scope="module")
def runs() -> dict[Estimator, list[PolicyValue]]:
    world = policies(SHARPNESS)
    tables = [logged(np.random.default_rng(run), world, 300) for run in range(RUNS)]
    return {estimator: [policy_value(table, estimator) for table in tables] for estimator in ESTIMATORS}


def test_policy_values_by_hand() -> None:
    """Weights .5, 2, 3, 0. IPS (.5 + 3) / 4; SNIPS 3.5 / 5.5; doubly robust adds .5 * .5, 2 * -.5, 3 * .5 and 0 to the
    predictions 1.6: (1.6 + .75) / 4. Effective rows 5.5^2 / 13.25."""
    found = {name: policy_value(SHOWN, name) for name in ESTIMATORS}
    assert found["ips"].value == pytest.approx(0.875)
    assert found["snips"].value == pytest.approx(3.5 / 5.5)
    assert found["doubly_robust"].value == pytest.approx(0.5875)
    for one in found.values():
        assert one.effective_rows == pytest.approx(5.5**2 / 13.25)
        assert (one.mean_weight, one.largest_weight, one.num_rows, one.num_units) == (1.375, 3.0, 4, 3)
        assert (one.clip, one.clipped_share, one.is_reliable) == (None, 0.0, False)


def test_policy_standard_error_by_hand() -> None:
    """Rows on their own: w reward - .875 is -.375, -.875, 2.125, -.875, squares 6.1875; / (3 * 4)."""
    found = policy_value(SHOWN, "ips", cluster=None)
    assert found.num_units == 4
    assert found.standard_error == pytest.approx(math.sqrt(6.1875 / 12))


def test_policy_value_clipped_says_so() -> None:
    """At 1: weights .5, 1, 1, 0, of which two were cut."""
    found = policy_value(SHOWN, "ips", clip=1)
    assert found.value == pytest.approx(1.5 / 4)
    assert (found.largest_weight, found.clip, found.clipped_share) == (1.0, 1, 0.5)
    assert "weights cut at 1 in 50.0% of rows: biased" in str(found)


def test_policy_value_of_the_logging_policy_itself_is_the_mean_reward() -> None:
    table = logged(np.random.default_rng(0), policies(1.0), 200).with_columns(target_propensity="propensity")
    for estimator in ("ips", "snips"):
        found = policy_value(table, estimator)
        assert found.value == pytest.approx(table["label"].mean())
        assert found.effective_rows == pytest.approx(table.height)


def test_doubly_robust_with_a_right_model_is_right_with_wrong_propensities() -> None:
    world = policies(SHARPNESS)
    rng = np.random.default_rng(0)
    table = logged(rng, world, 4000)
    noise = pl.Series(np.exp(rng.normal(size=table.height) / 2))
    right = table.with_columns(
        reward_prediction=pl.Series(_true_reward(world, table)),
        target_reward_prediction=pl.Series(_true_target(world, table)),
        propensity=(pl.col("propensity") * noise).clip(1e-3, 1),
    )
    robust, ips = policy_value(right, "doubly_robust"), policy_value(right, "ips")
    assert abs(robust.value - world.value) < 3 * robust.standard_error
    assert abs(ips.value - world.value) > 3 * ips.standard_error


def _true_reward(world: object, table: pl.DataFrame) -> np.ndarray:
    return world.reward[_cells(world, table)]


def _true_target(world: object, table: pl.DataFrame) -> np.ndarray:
    return (world.target * world.reward).sum(1)[_cells(world, table)[0]]


def _cells(world: object, table: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Context and item of each row, by its propensity, which no two cells share."""
    flat = world.logging.ravel()
    order = np.argsort(flat)
    place = order[np.searchsorted(flat[order], table["propensity"].to_numpy())]
    return place // world.logging.shape[1], place % world.logging.shape[1]


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_policy_interval_holds_the_truth_as_often_as_it_says(
    runs: dict[Estimator, list[PolicyValue]], estimator: Estimator
) -> None:
    truth = policies(SHARPNESS).value
    held = sum(one.low <= truth <= one.high for one in runs[estimator])
    assert FEWEST <= held < RUNS


def test_policy_interval_by_standard_errors_alone_would_miss_the_truth_on_one_side(
    runs: dict[Estimator, list[PolicyValue]],
) -> None:
    """What the correction for skewness is for: nearly all misses are estimates that are too low."""
    truth = policies(SHARPNESS).value
    off = np.array([(one.value - truth) / one.standard_error for one in runs["ips"]])
    assert (np.abs(off) > 1.96).mean() > 0.07
    assert (off < -1.96).sum() > 5 * (off > 1.96).sum()


@pytest.mark.parametrize("estimator", ESTIMATORS)
def test_policy_value_has_no_bias_worth_the_name(
    runs: dict[Estimator, list[PolicyValue]], estimator: Estimator
) -> None:
    values = np.array([one.value for one in runs[estimator]])
    assert abs(values.mean() - policies(SHARPNESS).value) < 4 * values.std() / math.sqrt(RUNS) + 0.002


def test_skew_corrected_interval_of_normal_values_is_students() -> None:
    """No skewness to correct: but for the quantile's degrees of freedom the usual interval."""
    values = stats.norm.ppf((np.arange(200) + 0.5) / 200) + 5
    low, high = Ratio(values, np.ones(200), is_share=False).skew_corrected(0.95)
    expected = stats.t.interval(0.95, 199, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected, abs=2e-3)


def test_skew_corrected_interval_of_a_tail_upwards_reaches_up() -> None:
    values = stats.expon.ppf((np.arange(50) + 0.5) / 50)
    ratio = Ratio(values, np.ones(50), is_share=False)
    low, high = ratio.skew_corrected(0.95)
    assert high - ratio.value > 1.4 * (ratio.value - low)


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("propensity", [0.5, 0.0, 1.5, 0.5], r"2 rows of column 'propensity': expected probabilities in \(0, 1\]"),
        ("propensity", [0.5, float("nan"), 1.0, 0.5], "1 row of column 'propensity'.*row 1: nan"),
        ("propensity", [0.5, None, 1.0, 0.5], "1 row of column 'propensity': no value"),
        ("target_propensity", [0.5, -0.1, 1.0, 0.5], "1 row of column 'target_propensity'.*row 1: -0.1"),
        ("label", ["a", "b", "c", "d"], "column 'label' is of type String"),
        ("label", [1.0, float("inf"), 0.0, 0.0], "1 row of column 'label': expected finite numbers"),
    ],
)
def test_policy_value_with_bad_values_is_a_data_error(column: str, values: list, message: str) -> None:
    with pytest.raises(DataError, match=f"(?s){message}"):
        policy_value(SHOWN.with_columns(pl.Series(column, values)))


def test_policy_value_lists_the_faults_of_all_columns() -> None:
    bad = SHOWN.with_columns(propensity=pl.lit(2.0), target_propensity=pl.lit(-1.0))
    with pytest.raises(DataError, match=r"(?s)2 faults.*4 rows of column 'propensity'.*4 rows of column 'target_prop"):
        policy_value(bad)


def test_policy_value_without_the_columns_it_needs_is_a_data_error() -> None:
    with pytest.raises(DataError, match="missing columns 'target_reward_prediction'"):
        policy_value(SHOWN.drop("target_reward_prediction"), "doubly_robust")
    with pytest.raises(DataError, match="missing columns 'user_id'"):
        policy_value(SHOWN.drop("user_id"))
    assert policy_value(SHOWN.drop("user_id"), cluster=None).num_units == 4


def test_policy_value_with_nothing_to_go_by_is_a_data_error() -> None:
    with pytest.raises(DataError, match="would have shown none of the rows"):
        policy_value(SHOWN.with_columns(target_propensity=pl.lit(0.0)))
    with pytest.raises(DataError, match="all say 0: there is no interval"):
        policy_value(SHOWN.with_columns(label=pl.lit(0)))


def test_policy_value_with_bad_settings_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match=r"(?s)estimator is 'dr'.*clip is 0"):
        policy_value(SHOWN, "dr", clip=0)
