"""Bad input: one error that lists every fault, each with its file, its rows and its first values."""

from __future__ import annotations

import datetime as dt
import gzip
import uuid
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.errors import ConfigError, DataError

GOOD = {"items.csv": "item_id\na\nb\n", "events.csv": "user_id,item_id\nu,a\nu,b\n"}


def write(folder: Path, **files: str) -> Path:
    """The good dataset with some files replaced; `items="..."` is items.csv; None takes a file away."""
    for name, text in {**GOOD, **{f"{name}.csv": text for name, text in files.items()}}.items():
        (folder / name).write_text(text)
    return folder


def message(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_dataset(folder)
    return str(caught.value)


def test_reading_many_faults_raises_one_error_that_lists_all(tmp_path: Path) -> None:
    write(
        tmp_path,
        items="item_id,price,attributes\na,1.5,{}\nb,cheap,{bad\na,2.5,\n",
        events="user_id,item_id,event,timestamp\nu,a,klick,noon\nu,x,click,1500000000000\n",
        users="name\nBob\n",
        triples="head,relation,tail\n",
        queries="",
    )
    text = message(tmp_path)
    assert text.splitlines()[0] == (
        f"{tmp_path} can't be read (rows are counted from 1, and the header of a CSV file is row 1): 10 faults"
    )
    for fault in (
        "queries.csv: the file is empty",
        "items.csv: 1 row with a price that is not a number (row 3: 'cheap'); write it as digits",
        "items.csv: 1 row with attributes that can't be read (row 3: '{bad'); expected a JSON object",
        "items.csv: 1 duplicate item_id with rows that differ ('a' in rows 2, 4); keep one row of each",
        "events.csv: 1 row with an unknown event: 'klick' (row 2: 'klick'); expected one of impression, view, click",
        "events.csv: 1 row with a bad timestamp (row 2: 'noon'); expected UTC epoch seconds or ISO 8601",
        "events.csv: 1 row with a timestamp that looks like milliseconds or finer (row 3: '1500000000000')",
        "events.csv: 1 row (first: 3) with an item_id that is not among the 3 of items: 'x'; add the items or pass",
        "users.csv: missing required column 'user_id' (found 'name')",
        "triples.csv: the table is empty (no rows)",
    ):
        assert f"\n  - {fault}" in text


def test_reading_more_than_five_bad_values_shows_five_and_the_count(tmp_path: Path) -> None:
    write(tmp_path, items="item_id,price\n" + "".join(f"{name},${place}\n" for place, name in enumerate("abcdefg")))
    assert (
        "7 rows with a price that is not a number (row 2: '$0', row 3: '$1', row 4: '$2', row 5: '$3', row 6: '$4')"
        in (message(tmp_path))
    )


@pytest.mark.parametrize("table", ["items", "events"])
def test_reading_without_a_needed_file_says_what_is_expected(tmp_path: Path, table: str) -> None:
    write(tmp_path)
    (tmp_path / f"{table}.csv").unlink()
    assert f"- {table}: the table is missing; expected {table}.csv, {table}.csv.gz, {table}.parquet" in message(
        tmp_path
    )


def test_reading_no_folder_says_so(tmp_path: Path) -> None:
    assert "nowhere: is not a folder; give the folder that holds" in message(tmp_path / "nowhere")


def test_reading_file_twice_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path)
    pl.DataFrame({"item_id": ["a"]}).write_parquet(tmp_path / "items.parquet")
    assert "- items: found twice, as 'items.csv', 'items.parquet'; keep one" in message(tmp_path)


def test_reading_whole_and_fixed_events_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, **{"events.train": "user_id,item_id\nu,a\n"})
    assert "- events: given both whole and in parts ('events.train'); keep one of the two" in message(tmp_path)


def test_reading_incomplete_fixed_split_is_a_fault(tmp_path: Path) -> None:
    write(tmp_path, **{"events.train": "user_id,item_id\nu,a\n"})
    (tmp_path / "events.csv").unlink()
    text = message(tmp_path)
    assert "a fixed split needs all three parts, and there is no 'events.validation', 'events.test'" in text


def test_reading_impressions_beside_fixed_split_is_a_fault(tmp_path: Path) -> None:
    parts = {f"events.{part}": "user_id,item_id\nu,a\n" for part in ("train", "validation", "test")}
    write(tmp_path, **parts, impressions="user_id,item_id\nu,a\n")
    (tmp_path / "events.csv").unlink()
    assert "- impressions: a fixed split says nothing of the part of these rows; put them into" in message(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("items.csv.gz", gzip.compress(b"item_id\n" + b"a\n" * 9999)[:40], "items.csv.gz: can't be read: "),
        ("items.parquet", b"nonsense", "items.parquet: can't be read: "),
        ("items.csv", b"item_id,title\n\xff\xfe,x\n", "items.csv: can't be read: invalid utf-8"),
        ("items.csv", b"item_id\na,b\n", "items.csv: can't be read: "),
        ("items.csv", b"", "items.csv: the file is empty"),
        ("items.csv", b"item_id,price,price\na,1,2\n", "items.csv: has the column 'price' twice"),
    ],
    ids=["cut", "parquet", "encoding", "ragged", "empty", "header"],
)
def test_reading_broken_file_is_a_fault(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    write(tmp_path)
    (tmp_path / "items.csv").unlink()
    (tmp_path / name).write_bytes(content)
    assert f"- {expected}" in message(tmp_path)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"price": ["1.5", "1,5"]}, "1 row with a price that is not a number (row 2: '1,5')"),
        ({"price": [1.0, float("inf")]}, "1 row with a price that is not a number (row 2: inf)"),
        ({"price": [[1.0], [2.0]]}, "column 'price' holds values of type List(Float64), expected numbers"),
        ({"title": [["x"], ["y"]]}, "column 'title' holds values of type List(String), expected text"),
        ({"attributes": [1, 2]}, "column 'attributes' holds values of type Int64, expected JSON objects"),
        ({"attributes": ["[1]", '{"a": {"b": 1}}']}, "2 rows with attributes that can't be read (row 1: '[1]', row 2:"),
        ({"extra": [b"x", b"y"]}, "column 'extra' holds values of type Binary, which can't be kept"),
    ],
)
def test_dataset_bad_item_column_is_a_fault(columns: dict[str, list[object]], expected: str) -> None:
    with pytest.raises(DataError) as caught:
        Dataset(items={"item_id": ["a", "b"], **columns}, events={"user_id": ["u"], "item_id": ["a"]})
    assert f"items: {expected}" in str(caught.value)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [0, 2]}, "1 row with a label that is neither 0 nor 1 (row 2: 2)"),
        ({"position": [1.0, 1.5]}, "1 row with a position that is not a whole number (row 2: 1.5)"),
        ({"quantity": ["1", "two"]}, "1 row with a quantity that is not a number (row 2: 'two')"),
        ({"timestamp": [True, False]}, "2 rows with a bad timestamp"),
        ({"timestamp": ["inf", "nan"]}, "2 rows with a bad timestamp"),
        (
            {"timestamp": [-1.5e12, 0]},
            "1 row with a timestamp that looks like milliseconds or finer (row 1: -1500000000000.0)",
        ),
        ({"timestamp": [20240101, 20240102]}, "column 'timestamp' holds dates like 20240101: write 2014-07-21"),
        ({"timestamp": ["20240229", None]}, "column 'timestamp' holds dates like 20240229"),
        ({"session_id": [1.0, 2.0]}, "column 'session_id' holds floating-point numbers (1.0, 2.0)"),
    ],
)
def test_dataset_bad_event_column_is_a_fault(columns: dict[str, list[object]], expected: str) -> None:
    with pytest.raises(DataError) as caught:
        Dataset(items={"item_id": ["a"]}, events={"user_id": ["u", "v"], "item_id": ["a", "a"], **columns})
    assert f"events: {expected}" in str(caught.value)


def test_dataset_float_ids_are_a_fault() -> None:
    with pytest.raises(DataError) as caught:
        Dataset(items={"item_id": [1.0, 2.0]}, events={"user_id": [1], "item_id": [1]})
    assert "items: column 'item_id' holds floating-point numbers (1.0, 2.0), expected text or integers" in str(
        caught.value
    )


def test_dataset_unknown_query_item_is_a_fault() -> None:
    with pytest.raises(
        DataError, match=r"queries: 1 row \(first: 1\) with an item_id that is not among the 1 of items"
    ):
        Dataset(
            items={"item_id": ["a"]},
            events={"user_id": ["u"], "item_id": ["a"]},
            queries={"query": ["q"], "item_id": ["x"]},
        )


def test_dataset_conflicting_users_are_a_fault() -> None:
    with pytest.raises(DataError, match=r"users: 1 duplicate user_id with rows that differ \('u' in rows 1, 2\)"):
        Dataset(
            items={"item_id": ["a"]},
            events={"user_id": ["u"], "item_id": ["a"]},
            users={"user_id": ["u", "u"], "age": [1, 2]},
        )


def test_dataset_no_event_left_is_a_fault() -> None:
    with pytest.raises(DataError, match="events: no row is left after cleaning"):
        Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["x"]}, on_unknown="skip")


def test_dataset_bad_on_unknown_is_a_config_error() -> None:
    with pytest.raises(ConfigError, match='on_unknown is \'drop\', expected "raise" or "skip"'):
        Dataset(
            items={"item_id": ["a"]},
            events={"user_id": ["u"], "item_id": ["a"]},
            on_unknown="drop",  # type: ignore[arg-type]
        )


def test_columns_with_names_of_patterns_are_a_fault(tmp_path: Path) -> None:
    assert "items.csv: the columns '*', '^a$' have names of patterns; rename them" in message(
        write(tmp_path, items="item_id,*,^a$\na,1,2\nb,3,4\n")
    )
    with pytest.raises(DataError, match=r"events: can't be taken as a table: the columns '\^a\$' have"):
        Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"], "^a$": [1]})


def test_ratio_that_is_no_sequence_of_numbers_is_a_config_error() -> None:
    whole = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"], "timestamp": [1]})
    for ratio in (0.8, None, "abc", {"train": 1}):
        with pytest.raises(ConfigError, match="expected three shares"):
            whole.split("temporal", ratio)  # type: ignore[arg-type]


def test_columns_of_what_can_not_be_kept_are_a_fault() -> None:
    items = {"item_id": ["a", "b"], "odd": pl.Series([{1}, {2}], dtype=pl.Object)}
    with pytest.raises(DataError, match=r"column 'odd' holds values of type Object"):
        Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    spans = pl.DataFrame({"item_id": ["a"], "title": [dt.timedelta(seconds=1)]})
    with pytest.raises(DataError, match=r"column 'title' holds values of type Duration"):
        Dataset(items=spans, events={"user_id": ["u"], "item_id": ["a"]})


def test_columns_of_empty_lists_and_of_text_and_lists_are_kept() -> None:
    items = {"item_id": ["a", "b"], "none": [[], []], "some": ["red", ["red", "blue"]]}
    kept = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]}).items
    assert kept["none"].to_list() == [[], []]
    assert kept["some"].to_list() == ["red", '["red", "blue"]']


def test_events_mapped_to_no_frame_are_an_error() -> None:
    whole = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]})
    with pytest.raises(ConfigError, match="map_events: returned is of type NoneType"):
        whole.map_events(lambda _: None)  # type: ignore[arg-type, return-value]


def test_folder_that_is_no_path_is_an_error() -> None:
    with pytest.raises(ConfigError, match="read_dataset: path is of type NoneType"):
        read_dataset(None)  # type: ignore[arg-type]


def test_text_separated_by_other_signs_or_in_another_encoding_says_what_to_do(tmp_path: Path) -> None:
    for text in ("item_id;price\na;19,99\n", "item_id;price\na;1\n", "item_id\tprice\na\t1\n"):
        assert "separate it by commas" in message(write(tmp_path, items=text))
    (tmp_path / "items.csv").write_bytes("item_id,title\na,Café\n".encode("cp1252"))
    assert "save it as UTF-8" in message(tmp_path)


def test_ids_that_are_objects_say_so() -> None:
    ids = [uuid.uuid4(), uuid.uuid4()]
    with pytest.raises(DataError, match="make text of them, of UUIDs by str"):
        Dataset(items={"item_id": ids}, events={"user_id": ["u"], "item_id": ["a"]})
