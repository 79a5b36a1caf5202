"""Cleaning: what is dropped, made null or only counted, and the report that says so."""

from __future__ import annotations

from pathlib import Path

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.data.report import CleaningReport

ITEMS = {"item_id": ["a", "b"]}


def test_cleaning_rows_without_ids_are_dropped_and_counted(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title\na,A\n\n,B\n")
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,a\n,a\nu,\n")
    dataset = read_dataset(tmp_path)
    assert dataset.items["item_id"].to_list() == ["a"]
    assert dataset.events.height == 1
    assert dataset.report.rows("items", "missing item_id") == 2
    assert dataset.report.rows("events", "missing user_id") == 1
    assert dataset.report.rows("events", "missing item_id") == 1
    assert "row 3, row 4" in str(dataset.report)


def test_cleaning_exact_duplicate_events_are_dropped_and_counted() -> None:
    events = {
        "user_id": ["u", "u", "u", "u"],
        "item_id": ["a", "a", "a", "a"],
        "timestamp": [1, 1, 1, 2],
        "value": [5, 5, 6, 5],  # the third differs in a column, the fourth in its time
    }
    dataset = Dataset(items=ITEMS, events=events)
    assert dataset.events.select("timestamp", "value").rows() == [(1, 5.0), (1, 6.0), (2, 5.0)]
    assert dataset.report.rows("events", "exact duplicate") == 1


def test_cleaning_repeated_events_without_timestamp_are_kept_and_counted() -> None:
    events = {"user_id": ["u"] * 4, "item_id": ["a", "a", "b", "a"], "timestamp": [None, None, None, 7]}
    dataset = Dataset(items=ITEMS, events=events)
    assert dataset.events.height == 4
    assert dataset.report.rows("events", "repeated (no timestamp)") == 1
    assert dataset.report.rows("events", "exact duplicate") == 0


def test_cleaning_duplicates_among_timed_and_untimed_events_keep_the_order() -> None:
    events = {"user_id": list("uvuwu"), "item_id": ["a"] * 5, "timestamp": [7, None, 7, None, 8]}
    dataset = Dataset(items=ITEMS, events=events)
    assert dataset.events.select("user_id", "timestamp").rows() == [("u", 7), ("v", None), ("w", None), ("u", 8)]


def test_cleaning_exact_duplicate_items_users_queries_triples_are_dropped() -> None:
    dataset = Dataset(
        items={"item_id": ["a", "b", "a"], "title": ["A", "B", "A"]},
        events={"user_id": ["u"], "item_id": ["a"]},
        users={"user_id": ["u", "u"]},
        queries={"query": ["q", "q"], "item_id": ["a", "a"]},
        triples={"head": ["a", "a"], "relation": ["r", "r"], "tail": ["b", "b"]},
    )
    assert dataset.items["item_id"].to_list() == ["a", "b"]
    assert dataset.users.height == dataset.queries.height == dataset.triples.height == 1
    for table in ("items", "users", "queries", "triples"):
        assert dataset.report.rows(table, "exact duplicate") == 1


def test_cleaning_out_of_range_values_become_null_and_are_counted() -> None:
    dataset = Dataset(
        items={"item_id": ["a", "b", "c"], "price": [-1.0, 0.0, 2.0]},
        events={
            "user_id": ["u"] * 3,
            "item_id": ["a", "b", "c"],
            "quantity": [0, -1, 2],
            "value": [-0.5, 0, 3],
            "position": [0, 1, 2],
        },
    )
    assert dataset.items["price"].to_list() == [None, 0.0, 2.0]
    assert dataset.events.select("quantity", "value", "position").rows() == [
        (None, None, None),
        (None, 0, 1),
        (2, 3, 2),
    ]
    assert dataset.report.rows("items", "price not >= 0") == 1
    assert dataset.report.rows("events", "quantity not > 0") == 2
    assert dataset.report.rows("events", "value not >= 0") == 1
    assert dataset.report.rows("events", "position not >= 1") == 1


def test_cleaning_gaps_of_items_are_counted() -> None:
    items = {
        "item_id": ["a", "b"],
        "title": ["A", None],
        "brand": ["x", ""],
        "category": [" > ", "X>Y "],
        "price": [1, 2],
    }
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    assert dataset.items["category"].to_list() == [None, "X > Y"]
    counts = {name: dataset.report.rows("items", f"missing {name}") for name in ("title", "brand", "category", "price")}
    assert counts == {"title": 1, "brand": 1, "category": 1, "price": 0}
    assert dataset.report.rows("items", "missing description") == 2  # no such column


def test_cleaning_unknown_items_with_skip_are_dropped_and_counted() -> None:
    dataset = Dataset(
        items=ITEMS,
        events={"user_id": ["u", "u", "v"], "item_id": ["a", "x", "y"]},
        queries={"query": ["q", "q"], "item_id": ["a", "z"]},
        impressions={"user_id": ["u"], "item_id": ["x"]},
        on_unknown="skip",
    )
    assert dataset.events["item_id"].to_list() == ["a"]
    assert dataset.queries["item_id"].to_list() == ["a"]
    assert dataset.report.rows("events", "item_id not in items") == 2
    assert dataset.report.rows("queries", "item_id not in items") == 1
    assert dataset.report.rows("impressions", "item_id not in items") == 1


def test_cleaning_idle_users_and_items_are_counted_and_kept() -> None:
    events = {"user_id": ["u", "w", "w"], "item_id": ["a", "a", "a"], "timestamp": [1, 2, 3]}
    dataset = Dataset(items=ITEMS, events=events, users={"user_id": ["u", "v"]})
    assert dataset.report.rows("items", "without events") == 1
    assert dataset.report.rows("users", "without events") == 1
    assert dataset.report.rows("events", "user_id not in users") == 2
    assert dataset.users.height == 2


def test_cleaning_fractions_of_seconds_are_cut_but_keep_the_order_in_time() -> None:
    """Rows: 5.9, 9, 5.1, 5 -> seconds 5, 9, 5, 5; the places of second 5 (1, 3, 4) get its rows in order of time."""
    events = {"user_id": list("wzvu"), "item_id": ["a"] * 4, "timestamp": [5.9, 9.0, 5.1, 5.0]}
    dataset = Dataset(items=ITEMS, events=events)
    assert dataset.events.select("user_id", "timestamp").rows() == [("u", 5), ("z", 9), ("v", 5), ("w", 5)]
    assert dataset.report.rows("events", "timestamp with a fraction of a second") == 2


def test_cleaning_files_that_are_no_table_are_named(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\na\n")
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,a\n")
    (tmp_path / "copurchase.csv").write_text("head,relation,tail\na,b,c\n")
    (tmp_path / "README.md").write_text("about")
    report = read_dataset(tmp_path).report
    assert report.rows("copurchase.csv", "not a table of a dataset") == 1
    assert "README" not in str(report)


def test_report_as_text_is_a_table() -> None:
    report = CleaningReport.of(
        [("items", "missing title", 1200, "kept", ""), ("events", "exact duplicate", 3, "dropped", "row 2")]
    )
    assert str(report).splitlines() == [
        "Cleaning report",
        "  table   check             rows  action   examples",
        "  items   missing title    1,200  kept",
        "  events  exact duplicate      3  dropped  row 2",
    ]


def test_report_without_lines_says_nothing_to_report() -> None:
    assert str(CleaningReport.of([])) == "Cleaning report: nothing to report"


def test_cleaning_events_of_one_second_that_differ_in_its_fraction_are_no_duplicates() -> None:
    events = {"user_id": ["u"] * 3, "item_id": ["a"] * 3, "timestamp": [1.25, 1.75, 1.25]}
    dataset = Dataset(items=ITEMS, events=events)
    assert dataset.events.height == 2
    assert dataset.report.rows("events", "exact duplicate") == 1


def test_cleaning_nan_is_a_missing_value() -> None:
    items = {"item_id": ["a", "b"], "price": ["nan", "2"], "weight": [float("nan"), 0.5]}
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"], "value": [float("nan")]})
    assert dataset.items.select("price", "weight").rows() == [(None, None), (2.0, 0.5)]
    assert dataset.events["value"].to_list() == [None]


def test_report_names_a_column_that_is_nearly_one_of_ours() -> None:
    dataset = Dataset(
        items={"item_id": ["a"], "Brand": ["x"], " title": ["y"]}, events={"user_id": ["u"], "item_id": ["a"]}
    )
    text = str(dataset.report)
    assert "there is no such column, but 'Brand'" in text
    assert "there is no such column, but ' title'" in text
