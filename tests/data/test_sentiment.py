"""Reviews in a dataset: their columns, the mean of an item, dislikes as negatives."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.data.sentiment import dislikes_as_negatives, item_sentiment
from kgrec.errors import ConfigError, DataError

ITEMS = {"item_id": ["a", "b", "c"]}


def shop(**columns: list[object]) -> Dataset:
    """Three reviews: u of a and b, v of a."""
    return Dataset(items=ITEMS, events={"user_id": ["u", "u", "v"], "item_id": ["a", "b", "a"], **columns})  # type: ignore[dict-item]


def test_events_of_a_csv_file_carry_text_and_sentiment(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\na\n")
    (tmp_path / "events.csv").write_text('user_id,item_id,text,sentiment\nu,a,"Fine, really",0.5\nv,a,12,\nw,a,,-1\n')
    events = read_dataset(tmp_path).events
    assert events.select("text", "sentiment").rows() == [("Fine, really", 0.5), ("12", None), (None, -1.0)]


def test_events_without_reviews_have_null_columns_and_the_old_fingerprint() -> None:
    data = shop()
    assert data.events["text"].null_count() == data.events["sentiment"].null_count() == 3
    assert data.fingerprint().startswith("64cab7661de65ea8")  # that of kgrec before it knew these columns


def test_sentiment_out_of_range_is_made_null_and_reported() -> None:
    data = shop(sentiment=[-1.5, 1.0, 1.01])
    assert data.events["sentiment"].to_list() == [None, 1.0, None]
    line = data.report.table.filter(pl.col("check") == "sentiment not >= -1 and <= 1")
    assert line["rows"].to_list() == [2]


def test_sentiment_that_is_no_number_and_text_that_is_a_list_are_faults() -> None:
    with pytest.raises(DataError) as caught:
        shop(sentiment=["good", "0.5", None], text=[["x"], ["y"], ["z"]])
    assert "events: 1 row with a sentiment that is not a number (row 1: 'good')" in str(caught.value)
    assert "events: column 'text' holds values of type List(String), expected text" in str(caught.value)


def test_item_sentiment_is_pulled_towards_the_mean_of_all() -> None:
    # all: (1 + 1 - 0.5) / 3 = 0.5; a: (1 + 1 + 5 * 0.5) / (2 + 5); b: (-0.5 + 5 * 0.5) / (1 + 5); c: no review
    found = item_sentiment(shop(sentiment=[1.0, -0.5, 1.0]).events)
    assert found.columns == ["item_id", "sentiment", "num_reviews"]
    assert found["item_id"].to_list() == ["a", "b"]
    assert found["sentiment"].to_list() == pytest.approx([4.5 / 7, 2 / 6])
    assert found["num_reviews"].to_list() == [2, 1]


def test_item_sentiment_counts_negatives_and_no_impressions() -> None:
    events = shop(sentiment=[1.0, -1.0, 0.0], event=["review", "purchase", "impression"], label=[None, 0, None]).events
    assert item_sentiment(events, prior_reviews=0)["sentiment"].to_list() == [1.0, -1.0]


def test_item_sentiment_without_reviews_is_empty() -> None:
    assert item_sentiment(shop().events).height == 0


def test_dislikes_as_negatives_leave_the_interactions_and_nothing_else() -> None:
    data = shop(sentiment=[-0.5, None, -0.2], label=[1, None, None])
    changed = dislikes_as_negatives(data)
    assert changed.events["label"].to_list() == [0, None, None]
    assert changed.interactions.select("user_id", "item_id").rows() == [("u", "b"), ("v", "a")]
    assert changed.events.drop("label").equals(data.events.drop("label"))
    assert dislikes_as_negatives(data, below=-0.5).events.equals(data.events)
    assert data.interactions.height == 3  # unless asked, a bad review counts as any other


def test_dislikes_as_negatives_of_a_part_change_its_history_too() -> None:
    split = Dataset(
        items=ITEMS,
        events={
            "user_id": ["u"] * 3,
            "item_id": ["a", "b", "c"],
            "timestamp": [1, 2, 3],
            "sentiment": [-1.0, 1.0, -1.0],
        },
    ).split("leave_last_out")
    changed = dislikes_as_negatives(split.test)
    assert changed.history is not None
    assert changed.history["label"].to_list() == [0, None]
    assert changed.events["label"].to_list() == [0]


def test_dislikes_as_negatives_below_out_of_range_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match="below is 2, expected a number from -1 to 1"):
        dislikes_as_negatives(shop(), below=2)


def test_map_events_that_drops_rows_or_columns_is_an_error() -> None:
    with pytest.raises(DataError, match="keep rows, columns and types"):
        shop().map_events(lambda events: events.head(1))
    with pytest.raises(DataError, match="keep rows, columns and types"):
        shop().map_events(lambda events: events.drop("text"))
