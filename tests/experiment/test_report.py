"""The report of an A/B test: conversions by hand, and the whole of it on the sample shop."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.errors import DataError
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
