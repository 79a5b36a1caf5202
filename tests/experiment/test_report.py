"""The report of an A/B test: conversions by hand, and the whole of it on the sample shop."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.errors import ConfigError, DataError
from kgrec.experiment import ab_report, assign, with_conversions

SHOP = Path(__file__).parents[2] / "data" / "shop"
ASSIGNED = pl.DataFrame({"user_id": [*"uvwx"], "arm": ["control", "control", "new", "new"]})
SHOWN = pl.DataFrame(
    {
        "user_id": ["u", "u", "v", "w", "x", "stranger"],
        "item_id": [*"abacda"],
        "timestamp": [10, 20, 30, 40, 50, 60],
        "label": [1, 0, 0, 1, 1, 1],
    }
)


def test_with_conversions_credits_the_latest_click_on_the_item() -> None:
    """u clicks a at 10 and 20 and buys it at 25: the second click. b is bought before it is shown, c a day and a second
    after; v buys what only u clicked on."""
    shown = pl.DataFrame(
        {
            "user_id": ["u"] * 4 + ["v"],
            "item_id": [*"aabca"],
            "timestamp": [10, 20, 30, 40, 15],
            "label": [1, 1, 1, 1, 0],
        }
    )
    events = pl.DataFrame(
        {
            "user_id": ["u", "u", "u", "u", "v"],
            "item_id": [*"abcaa"],
            "timestamp": [25, 5, 40 + 86_401, 12, 16],
            "event": ["purchase", "purchase", "purchase", "cart", "purchase"],
        }
    )
    assert with_conversions(shown, events)["converted"].to_list() == [0, 1, 0, 0, 0]


def test_ab_report_by_hand() -> None:
    """Control clicks 1 of 3, new 2 of 2; one impression is of a user without an arm. w's click became a purchase."""
    bought = pl.DataFrame({"user_id": ["w"], "item_id": ["c"], "timestamp": [45], "event": ["purchase"]})
    found = ab_report(SHOWN, ASSIGNED, bought)
    table = found.table.select("metric", "arm", "num_users", "events", "trials", "rate")
    assert table.rows() == [
        ("CTR", "control", 2, 1.0, 3.0, 1 / 3),
        ("CTR", "new", 2, 2.0, 2.0, 1.0),
        ("CVR", "control", 1, 0.0, 1.0, 0.0),
        ("CVR", "new", 2, 1.0, 2.0, 0.5),
    ]
    assert [(one.control.metric, one.treatment.arm) for one in found.comparisons] == [("CTR", "new"), ("CVR", "new")]
    assert found.sample_ratio.users == {"control": 2, "new": 2}
    assert found.rows_left_out == 1
    assert str(found).endswith("1 impressions of users without an arm are left out")


START = datetime(2026, 1, 5, 9, tzinfo=UTC)
FORMS: dict[str, Callable[[pl.Expr], pl.Expr]] = {
    "seconds": lambda seconds: seconds,
    "fractions": lambda seconds: seconds.cast(pl.Float64) + 0.25,
    "datetimes": lambda seconds: pl.from_epoch(seconds),
    "zoned": lambda seconds: pl.from_epoch(seconds).dt.cast_time_unit("ns").dt.replace_time_zone("UTC"),
    "text": lambda seconds: pl.from_epoch(seconds).dt.to_string("%Y-%m-%dT%H:%M:%SZ"),
    "digits": lambda seconds: seconds.cast(pl.String),
}


@pytest.mark.parametrize("of_events", FORMS)
@pytest.mark.parametrize("of_shown", FORMS)
def test_conversions_are_the_same_whatever_form_either_table_writes_times_in(of_shown: str, of_events: str) -> None:
    """Bought a minute after the click on a, and a day and a minute after that on b."""
    second = int(START.timestamp())
    shown = pl.DataFrame({"user_id": "u", "item_id": [*"ab"], "timestamp": [second, second], "label": [1, 1]})
    bought = pl.DataFrame(
        {"user_id": "u", "item_id": [*"ab"], "timestamp": [second + 60, second + 86_460], "event": "purchase"}
    )
    shown, bought = (
        table.with_columns(FORMS[form](pl.col("timestamp"))) for table, form in ((shown, of_shown), (bought, of_events))
    )
    found = with_conversions(shown, bought)
    assert found["converted"].to_list() == [1, 0]
    assert found.drop("converted").equals(shown)
    rates = ab_report(shown, ASSIGNED, bought).rates
    assert rates["CVR", "control"].events == 1


def test_ab_report_of_milliseconds_is_a_data_error() -> None:
    late = SHOWN.with_columns(pl.col("timestamp") + 1_700_000_000_000)
    with pytest.raises(DataError, match=r"impressions: 1 fault\n  - 6 rows with a timestamp that looks like millisec"):
        ab_report(late, ASSIGNED)
    bought = pl.DataFrame({"user_id": ["w"], "item_id": ["c"], "timestamp": [1.7e12], "event": ["purchase"]})
    with pytest.raises(DataError, match=r"conversions, events: 1 fault\n  - 1 row with a timestamp that looks like"):
        ab_report(SHOWN, ASSIGNED, bought)


def test_ab_report_joins_ids_given_as_integers_and_as_text() -> None:
    """Shown as integers, assigned and bought as text: a click each, of which the control's was bought."""
    shown = {"user_id": [1, 2], "item_id": [7, 8], "timestamp": [10, 20], "label": [True, True]}
    bought = {"user_id": ["1"], "item_id": ["7"], "timestamp": [30], "event": ["purchase"]}
    found = ab_report(shown, {"user_id": ["1", "2"], "arm": ["control", "new"]}, bought)
    assert {key: rate.value for key, rate in found.rates.items()} == {
        ("CTR", "control"): 1.0,
        ("CTR", "new"): 1.0,
        ("CVR", "control"): 1.0,
        ("CVR", "new"): 0.0,
    }
    assert found.rows_left_out == 0


def test_ab_report_of_ids_that_are_floats_is_a_data_error() -> None:
    with pytest.raises(DataError, match="assignment: 1 fault\n  - column 'user_id' holds floating-point numbers"):
        ab_report(SHOWN, {"user_id": [1.0, 2.0], "arm": ["control", "new"]})


@pytest.mark.parametrize(
    ("column", "values", "message"),
    [
        ("label", [1, 0, 2, 0, 0, 0], r"1 row of column 'label': expected 0 or 1 \(row 2: 2\)"),
        ("label", ["1", "0", "no", "0", "0", "0"], "column 'label' is of type String, expected 0 or 1"),
        ("converted", [1, 0, 2, 0, 0, 0], "1 row of column 'converted': expected 0 or 1"),
    ],
)
def test_ab_report_of_a_label_that_is_neither_0_nor_1_is_a_data_error(column: str, values: list, message: str) -> None:
    with pytest.raises(DataError, match=message):
        ab_report(SHOWN.with_columns(pl.Series(column, values)), ASSIGNED)


def test_with_conversions_of_a_bad_label_is_a_data_error() -> None:
    bought = {"user_id": ["w"], "item_id": ["c"], "timestamp": [45], "event": ["purchase"]}
    with pytest.raises(DataError, match="conversions, impressions: 1 fault\n  - 6 rows of column 'label'"):
        with_conversions(SHOWN.with_columns(label=2), bought)


def test_ab_report_without_events_has_click_rates_alone() -> None:
    assert {metric for metric, _ in ab_report(SHOWN, ASSIGNED).rates} == {"CTR"}


def test_ab_report_of_the_sample_shop_finds_what_was_put_in_and_nothing_else() -> None:
    """An A/A test; then the clicks of two thirds of the treatment's clicked impressions alone are kept."""
    events = kgrec.read_dataset(SHOP).events
    shown = events.filter(pl.col("event") == "impression")
    arms = assign(shown["user_id"], {"control": 0.5, "treatment": 0.5}, experiment="nothing new")
    same = ab_report(shown, arms, events)
    assert not same.sample_ratio.is_suspicious
    assert all(one.difference_low < 0 < one.difference_high for one in same.comparisons)
    assert not same.sequential["treatment"].is_decided
    assert same.rates["CVR", "control"].events > 50
    assert same.rows_left_out == 0

    lost = np.random.default_rng(0).random(shown.height) < 1 / 3
    is_new = shown.join(arms, on="user_id", maintain_order="left")["arm"] == "treatment"
    fewer = shown.with_columns(pl.when(is_new & pl.Series(lost)).then(0).otherwise("label").alias("label"))
    found = ab_report(fewer, arms)
    (clicks,) = found.comparisons
    assert clicks.lift_low < -1 / 3 < clicks.lift_high < 0
    assert found.sequential["treatment"].is_decided
    assert "CTR: treatment" in str(found)


def test_ab_report_of_a_lost_arm_or_a_user_in_two_is_a_data_error() -> None:
    with pytest.raises(DataError, match="no user is in the control arm 'old'; the arms are 'control', 'new'"):
        ab_report(SHOWN, ASSIGNED, control="old")
    with pytest.raises(DataError, match="users in more than one arm: 'u'"):
        ab_report(SHOWN, pl.concat([ASSIGNED, pl.DataFrame({"user_id": ["u"], "arm": ["new"]})]))
    with pytest.raises(DataError, match="impressions: missing columns 'label'"):
        ab_report(SHOWN.drop("label"), ASSIGNED)


def test_assign_alone_loads_no_statistics() -> None:
    code = "import sys; from kgrec.experiment import assign; print({'scipy', 'torch', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_report_counts_conversions_of_clicked_rows_alone() -> None:
    """u: one click of two rows, all three rows of the arm said to be converted: of the one click one."""
    shown = SHOWN.drop("timestamp").with_columns(converted=pl.lit(1))
    report = ab_report(shown, ASSIGNED, control="control")
    rate = report.rates["CVR", "control"]
    assert (rate.value, rate.events, rate.trials) == (1.0, 1.0, 1.0)


def test_conversions_of_events_of_unknown_types_are_an_error() -> None:
    bought = {"user_id": ["u"], "item_id": ["a"], "timestamp": [30], "event": ["Purchase"]}
    with pytest.raises(DataError, match="unknown events 'Purchase', expected one of impression"):
        with_conversions(SHOWN, bought)


@pytest.mark.parametrize("within", ["1h", -1, float("nan"), None])
def test_conversions_within_no_number_of_seconds_are_a_config_error(within: object) -> None:
    bought = {"user_id": ["u"], "item_id": ["a"], "timestamp": [30], "event": ["purchase"]}
    with pytest.raises(ConfigError, match="within is"):
        with_conversions(SHOWN, bought, within)  # type: ignore[arg-type]


def test_report_without_an_impression_of_an_assigned_user_says_so() -> None:
    with pytest.raises(DataError, match="no impression is of a user with an arm"):
        ab_report(SHOWN.filter(pl.col("user_id") == "stranger"), ASSIGNED)
