"""Single values: timestamps, categories, attributes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.attributes import attribute_values, canonical_attributes
from kgrec.data.parsing import normalise_category
from kgrec.data.timestamps import parse_timestamps


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1318896000", 1318896000.0),
        ("  5 ", 5.0),
        ("1.5", 1.5),
        ("1e9", 1e9),
        ("-1", -1.0),
        ("1970-01-02", 86400.0),
        ("1970-01-01T00:01", 60.0),
        ("1970-01-01 00:00:01", 1.0),
        ("1970-01-01T00:00:01.25", 1.25),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01 01:00:00 UTC", 3600.0),
        ("1970-01-01T02:00:00+02:00", 0.0),
        ("1970-01-01T00:00:00-0330", 12600.0),
        ("1970-01-01T02:00:00+02", 0.0),
    ],
)
def test_timestamp_text_becomes_epoch_seconds(text: str, seconds: float) -> None:
    parsed, bad = parse_timestamps(pl.Series([text, "1970-01-01"]))  # beside an ISO date, as in a mixed column
    assert parsed.to_list() == [seconds, 0.0]
    assert not bad.any()


@pytest.mark.parametrize(
    "text",
    [
        "noon",
        "2014-02-30",
        "2014-13-01",
        "2014-01-01T25:00",
        "2014-01-01T10:00:61",
        "2014-01-01T10:60",
        "2014-01",
        "nan",
        "inf",
        "1 2",
    ],
)
def test_timestamp_bad_text_is_marked(text: str) -> None:
    parsed, bad = parse_timestamps(pl.Series([text, None, "3"]))
    assert parsed.to_list() == [None, None, 3.0]
    assert bad.to_list() == [True, False, False]


@given(
    st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2200, 1, 1)),
    st.integers(-23 * 60, 23 * 60),
    st.sampled_from("T "),
)
def test_timestamp_iso_text_equals_the_standard_library(moment: datetime, offset: int, between: str) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=offset)))
    parsed, bad = parse_timestamps(pl.Series([aware.isoformat(between), moment.isoformat(between)]))
    assert not bad.any()
    assert parsed.to_list() == pytest.approx([aware.timestamp(), moment.replace(tzinfo=UTC).timestamp()], abs=1e-5)


def test_timestamp_all_null_column_has_no_fault() -> None:
    parsed, bad = parse_timestamps(pl.Series([None, None], dtype=pl.String))
    assert parsed.to_list() == [None, None]
    assert not bad.any()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A > B > C", "A > B > C"),
        ("  A>B  >C ", "A > B > C"),
        ("> A > > B >", "A > B"),
        ("Skin & Hair", "Skin & Hair"),
        (" > ", None),
        ("", None),
        (None, None),
    ],
)
def test_category_path_is_normalised(text: str | None, expected: str | None) -> None:
    assert normalise_category(pl.Series([text], dtype=pl.String)).to_list() == [expected]


@given(st.text(alphabet="ab > \t", max_size=12))
def test_category_normalised_twice_is_the_same(text: str) -> None:
    once = normalise_category(pl.Series([text]))
    assert normalise_category(once).to_list() == once.to_list()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"b": 1, "a": "x"}', '{"a": "x", "b": 1}'),
        ('{"a": null, "b": [null, ""], "c": [], "": 1}', None),
        ('{"a": ["x", 1, true, 0.5]}', '{"a": ["x", 1, true, 0.5]}'),
        ('{"a": "é"}', '{"a": "é"}'),
        ("{}", None),
    ],
)
def test_attributes_object_is_written_in_one_form(text: str, expected: str | None) -> None:
    found, bad = canonical_attributes(pl.Series([text]))
    assert found.to_list() == [expected]
    assert not bad.any()


@pytest.mark.parametrize(
    "text", ["{", "[1]", '"x"', "1", "null", '{"a": {"b": 1}}', '{"a": [[1]]}', '{"a": NaN}', "[" * 9999]
)
def test_attributes_that_are_no_flat_object_are_marked(text: str) -> None:
    found, bad = canonical_attributes(pl.Series([text, None]))
    assert found.to_list() == [None, None]
    assert bad.to_list() == [True, False]


def test_attribute_values_are_one_row_each_in_item_order() -> None:
    items = pl.DataFrame(
        {"item_id": ["b", "a", "c"], "attributes": ['{"n": [1, 0.5, true], "s": "x"}', '{"s": "x"}', None]}
    )
    assert attribute_values(items).rows() == [
        ("b", "n", "1"),
        ("b", "n", "0.5"),
        ("b", "n", "true"),
        ("b", "s", "x"),
        ("a", "s", "x"),
    ]


def test_attribute_values_without_attributes_are_empty() -> None:
    items = pl.DataFrame({"item_id": ["a"], "attributes": [None]}, schema_overrides={"attributes": pl.String})
    assert attribute_values(items).rows() == []
