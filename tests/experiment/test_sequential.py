"""The test that may be looked at any time: false alarms under peeking, and the numbers at a look."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

from kgrec.errors import ConfigError, DataError
from kgrec.experiment import arm_rates, sequential_test
from tests.experiment.worlds import stream


def test_sequential_test_looked_at_after_every_row_raises_few_false_alarms() -> None:
    """100 runs without a difference: at most 11 alarms (the .99 quantile of 5%); 1.96 standard errors raise a third."""
    alarms = naive = 0
    for run in range(100):
        rows = stream(np.random.default_rng(run), 800, 4000, rate=0.2)
        test = sequential_test(rows, "control", "treatment", expected_lift=0.3)
        difference, error = (test.looks[name].to_numpy() for name in ("difference", "standard_error"))
        alarms += test.is_decided
        naive += bool((np.abs(difference) > 1.96 * error)[np.isfinite(error)].any())
    assert 1 <= alarms <= 11
    assert naive > 20


def test_sequential_test_finds_a_difference_before_the_end() -> None:
    rows = stream(np.random.default_rng(0), 4000, 20_000, rate=0.1, lift=0.5)
    test = sequential_test(rows, "control", "treatment")
    assert test.decided_after is not None
    assert test.decided_after < 15_000
    look = test.looks.filter(pl.col("rows") == test.decided_after).row(0, named=True)
    assert look["low"] > 0
    assert look["p_value"] < 0.05
    assert f"decided after {test.decided_after:,} rows" in str(test)


def test_sequential_test_at_the_last_look_by_formula() -> None:
    """Rates and standard errors are those of `arm_rates` but for how few users are made up for."""
    rows = stream(np.random.default_rng(1), 1500, 8000, rate=0.1, lift=0.2)
    last = sequential_test(rows, "control", "treatment", expected_lift=0.2).looks.row(-1, named=True)
    old, new = arm_rates(rows).values()
    assert (last["control"], last["treatment"]) == pytest.approx((old.value, new.value))
    assert last["standard_error"] == pytest.approx(math.hypot(old.standard_error, new.standard_error), rel=0.02)
    v, d = last["standard_error"] ** 2, last["difference"]
    t = (0.2 * rows["label"].mean()) ** 2
    ratio = math.sqrt(v / (v + t)) * math.exp(d * d * t / (2 * v * (v + t)))
    reach = math.sqrt(2 * v * (v + t) / t * math.log(math.sqrt((v + t) / v) / 0.05))
    assert last["low"] == pytest.approx(d - reach)
    assert last["high"] == pytest.approx(d + reach)
    assert last["p_value"] <= min(1, 1 / ratio) + 1e-12


def test_sequential_test_at_every_look_equals_that_of_the_rows_so_far() -> None:
    rows = stream(np.random.default_rng(2), 600, 3000, rate=0.2)
    looks = sequential_test(rows, "control", "treatment").looks
    for size in (1500, 2222):
        some = sequential_test(rows[:size], "control", "treatment").looks
        assert some.row(-1) == pytest.approx(looks.row(size - 1), nan_ok=True)


def test_sequential_test_of_one_row_a_user_by_hand() -> None:
    """100 users an arm with one row: rates .25 and .5; variances .25 * .75 / 99 and .5 * .5 / 99."""
    rows = pl.DataFrame(
        {
            "user_id": [f"u{n}" for n in range(200)],
            "arm": ["control"] * 100 + ["treatment"] * 100,
            "label": [1, 0, 0, 0] * 25 + [1, 0] * 50,
        }
    )
    last = sequential_test(rows, "control", "treatment").looks.row(-1, named=True)
    assert last["difference"] == pytest.approx(0.25)
    assert last["standard_error"] == pytest.approx(math.sqrt((0.25 * 0.75 + 0.25) / 99))


def test_sequential_test_p_value_never_rises_and_agrees_with_the_decision() -> None:
    test = sequential_test(stream(np.random.default_rng(3), 2000, 12_000, rate=0.1, lift=0.4), "control", "treatment")
    p_values = test.looks["p_value"].to_numpy()
    assert (np.diff(p_values) <= 0).all()
    assert test.decided_after == test.looks.filter(pl.col("p_value") <= 0.05)["rows"][0]


def test_sequential_test_before_enough_was_seen_has_no_interval() -> None:
    test = sequential_test(stream(np.random.default_rng(0), 300, 150, rate=0.1), "control", "treatment")
    assert test.looks["low"].is_infinite().all()
    assert (test.p_value, test.is_decided) == (1.0, False)
    assert str(test).endswith("p = 1 after 150 rows: not decided")


def test_sequential_test_goes_by_time_and_counts_one_time_as_one_look() -> None:
    rows = stream(np.random.default_rng(4), 600, 3000, rate=0.2).with_row_index("timestamp")
    timed = rows.with_columns(pl.col("timestamp") // 10)
    found = sequential_test(timed.sample(fraction=1, shuffle=True, seed=0), "control", "treatment").looks
    plain = sequential_test(rows.drop("timestamp"), "control", "treatment").looks
    assert found["timestamp"].to_list() == list(range(300))
    assert found["rows"].to_list() == list(range(10, 3001, 10))
    assert found["difference"].to_numpy() == pytest.approx(plain["difference"].to_numpy()[9::10], nan_ok=True)


def test_sequential_test_reads_times_as_dataset_does() -> None:
    """One time written in two zones is one look; times are in order, not their text."""
    rows = pl.DataFrame(
        {
            "user_id": [*"uvwx"],
            "arm": ["control", "treatment"] * 2,
            "label": [1, 0, 0, 1],
            "timestamp": ["1970-01-01T00:02:00Z", "1970-01-01T01:02:00+01:00", "60", "1970-01-02"],
        }
    )
    looks = sequential_test(rows, "control", "treatment").looks
    assert looks.select("rows", "timestamp").rows() == [(1, 60.0), (3, 120.0), (4, 86_400.0)]
    with pytest.raises(DataError, match="4 rows with a timestamp that looks like milliseconds"):
        sequential_test(rows.with_columns(timestamp=1_700_000_000_000), "control", "treatment")


def test_sequential_test_leaves_other_arms_out() -> None:
    rows = stream(np.random.default_rng(5), 600, 3000, rate=0.2)
    other = rows.head(50).with_columns(arm=pl.lit("third"), user_id=pl.format("other {}", "user_id"))
    expected = sequential_test(rows, "control", "treatment").looks
    assert sequential_test(pl.concat([other, rows]), "control", "treatment").looks.equals(expected, null_equal=True)


@pytest.mark.parametrize(
    ("arms", "settings", "error", "message"),
    [
        (("control", "new"), {}, DataError, "no row of arm 'new'"),
        (("control", "control"), {}, ConfigError, "both 'control'"),
        (("control", "treatment"), {"expected_lift": 0}, ConfigError, "expected_lift is 0"),
        (("control", "treatment"), {"level": 1}, ConfigError, "level is 1"),
        (("control", "treatment"), {"numerator": "price"}, DataError, "missing columns 'price'"),
    ],
)
def test_sequential_test_with_bad_input_raises(
    arms: tuple[str, str], settings: dict, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        sequential_test(stream(np.random.default_rng(0), 20, 50, rate=0.5), *arms, **settings)
