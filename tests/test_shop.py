"""The sample shop is what its script makes, and keeps its promises."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import kgrec

ROOT = Path(__file__).parents[1]
SHOP = ROOT / "data" / "shop"


@pytest.fixture(scope="module")
def shop() -> kgrec.Dataset:
    return kgrec.read_dataset(SHOP)


def test_make_shop_again_gives_the_same_bytes(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, ROOT / "scripts" / "make_shop.py", "--out", tmp_path], check=True, capture_output=True
    )
    made = sorted(file.name for file in tmp_path.iterdir())
    assert made == sorted(file.name for file in SHOP.iterdir())
    for name in made:
        assert (tmp_path / name).read_bytes() == (SHOP / name).read_bytes(), name


def test_shop_has_the_promised_size(shop: kgrec.Dataset) -> None:
    assert 1_400 <= shop.items.height <= 1_600
    assert shop.interactions["user_id"].n_unique() == 2_000
    assert 55_000 <= shop.interactions.height <= 65_000
    assert 200 <= shop.queries["query"].n_unique() <= 600
    assert shop.interactions["event"].n_unique() >= 5


def test_shop_events_are_one_a_pair_with_distinct_times(shop: kgrec.Dataset) -> None:
    assert not shop.interactions.select("user_id", "item_id").is_duplicated().any()
    assert not shop.interactions.select("user_id", "timestamp").is_duplicated().any()


def test_shop_clicked_impressions_have_their_event(shop: kgrec.Dataset) -> None:
    shown = shop.events.filter(pl.col("event") == "impression")
    clicked = shown.filter(pl.col("label") == 1)
    assert shown["label"].null_count() == 0
    assert 0.05 < clicked.height / shown.height < 0.3
    event = shop.interactions.select("user_id", "item_id", "session_id", pl.col("timestamp").alias("at"))
    found = clicked.join(event, on=["user_id", "item_id", "session_id"], how="inner")
    assert found.height == clicked.height
    assert (found["at"] >= found["timestamp"]).all()
