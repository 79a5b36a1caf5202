"""Where tables come from: files of every format, frames of every library; ids and types come out alike."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.data.schema import EVENTS, ITEMS
from kgrec.errors import DataError
from kgrec.graph.knowledge_graph import KnowledgeGraph

ITEMS_CSV = """item_id,title,brand,category,price,rating
007,Red lipstick,Acme,Beauty > Make-up,9.50,4
8,Soap,,Beauty,,5
"""
EVENTS_CSV = """user_id,item_id,event,timestamp
01,007,click,100
01,8,purchase,200
2,8,view,2014-07-21T10:30:00Z
"""


def _write_csv(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.csv").write_text(text)


def _write_gz(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.csv.gz").write_bytes(gzip.compress(text.encode()))


def _write_parquet(folder: Path, name: str, text: str) -> None:
    typed = {"price": pl.Float64, "rating": pl.Int64}
    pl.read_csv(text.encode(), infer_schema=False).cast(
        {column: dtype for column, dtype in typed.items() if column in text.splitlines()[0].split(",")}
    ).write_parquet(folder / f"{name}.parquet")


@pytest.mark.parametrize("write", [_write_csv, _write_gz, _write_parquet])
def test_read_dataset_any_format_gives_same_tables(tmp_path: Path, write: Callable[[Path, str, str], None]) -> None:
    write(tmp_path, "items", ITEMS_CSV)
    write(tmp_path, "events", EVENTS_CSV)
    dataset = read_dataset(tmp_path)
    assert dataset.items.columns == [*ITEMS.dtypes, "rating"]
    assert dict(dataset.items.schema) == {**ITEMS.dtypes, "rating": pl.Int64()}
    assert dict(dataset.events.schema) == EVENTS.dtypes
    assert dataset.items["item_id"].to_list() == ["007", "8"]
    assert dataset.items["price"].to_list() == [9.5, None]
    assert dataset.events["user_id"].to_list() == ["01", "01", "2"]
    assert dataset.events["timestamp"].to_list() == [100, 200, 1405938600]


def test_read_dataset_all_optional_tables_are_read(tmp_path: Path) -> None:
    _write_csv(tmp_path, "items", ITEMS_CSV)
    _write_csv(tmp_path, "events", EVENTS_CSV)
    _write_csv(tmp_path, "users", "user_id,zip\n01,01234\n")
    _write_csv(tmp_path, "queries", "query,item_id,relevance\nlip,007,2\n")
    _write_csv(tmp_path, "triples", "head,relation,tail\n007,made in,France\n")
    dataset = read_dataset(tmp_path)
    assert dataset.users.rows() == [("01", "01234")]
    assert dataset.queries.rows() == [("lip", "007", 2.0)]
    assert dataset.triples.rows() == [("007", "made in", "France")]
    assert repr(dataset) == "Dataset(2 items, 2 users, 3 events, 1 queries, 1 triples)"


def test_read_dataset_without_optional_tables_gives_empty_ones_with_columns(tmp_path: Path) -> None:
    _write_csv(tmp_path, "items", ITEMS_CSV)
    _write_csv(tmp_path, "events", EVENTS_CSV)
    dataset = read_dataset(str(tmp_path))
    assert dataset.users.columns == ["user_id"]
    assert dataset.queries.columns == ["query", "item_id", "relevance"]
    assert dataset.triples.columns == ["head", "relation", "tail"]
    assert dataset.users.height == dataset.queries.height == dataset.triples.height == 0


def test_read_dataset_impressions_table_is_appended_as_impression_events(tmp_path: Path) -> None:
    _write_csv(tmp_path, "items", ITEMS_CSV)
    _write_csv(tmp_path, "events", EVENTS_CSV)
    _write_csv(tmp_path, "impressions", "user_id,item_id,timestamp,position,label\n01,8,150,1,0\n")
    dataset = read_dataset(tmp_path)
    assert dataset.events.columns == list(EVENTS.dtypes)
    assert dataset.events.tail(1).select("user_id", "event", "timestamp", "position", "label").rows() == [
        ("01", "impression", 150, 1, 0)
    ]
    assert dataset.interactions.height == 3


def test_read_dataset_folder_with_glob_characters_is_taken_literally(tmp_path: Path) -> None:
    folder = tmp_path / "shop[1]*"
    folder.mkdir()
    _write_csv(folder, "items", ITEMS_CSV)
    _write_csv(folder, "events", EVENTS_CSV)
    assert read_dataset(folder).items.height == 2


def test_read_dataset_byte_order_mark_and_crlf_are_no_part_of_values(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_bytes(b"\xef\xbb\xbf" + ITEMS_CSV.replace("\n", "\r\n").encode())
    _write_csv(tmp_path, "events", EVENTS_CSV)
    assert read_dataset(tmp_path).items["item_id"].to_list() == ["007", "8"]


def test_dataset_missing_event_column_becomes_click() -> None:
    dataset = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]})
    assert dataset.events["event"].to_list() == ["click"]
    assert dataset.report.rows("events", "missing event") == 1


ITEM_COLUMNS = {"item_id": [1, 2], "price": [1.5, None], "stock": [3, 4]}
EVENT_COLUMNS = {"user_id": [10, 10], "item_id": [1, 2], "event": ["click", "view"]}


class Stream:
    """An object of an unknown library that exports the Arrow C stream interface and nothing else."""

    def __init__(self, frame: pl.DataFrame) -> None:
        self._frame = frame

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return self._frame.__arrow_c_stream__(requested_schema)


class BareFrame:
    """A pandas frame on a machine without pyarrow."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._frame = frame
        self.columns = frame.columns

    def __getitem__(self, name: str) -> object:
        return self._frame[name]

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        raise ImportError("pyarrow is not installed")


@pytest.mark.parametrize(
    "make",
    [
        pd.DataFrame,
        pl.DataFrame,
        pl.LazyFrame,
        dict,
        lambda columns: Stream(pl.DataFrame(columns)),
        lambda columns: pl.DataFrame(columns).to_arrow(),
        lambda columns: BareFrame(pd.DataFrame(columns)),
        lambda columns: {name: np.array(values) for name, values in columns.items()},
        lambda columns: pd.DataFrame(columns).astype({"item_id": "category"}),
    ],
    ids=["pandas", "polars", "lazy", "dict", "stream", "arrow", "pandas-bare", "numpy", "categorical"],
)
def test_dataset_any_frame_library_gives_same_tables(make: Callable[[dict[str, list[object]]], object]) -> None:
    dataset = Dataset(items=make(ITEM_COLUMNS), events=make(EVENT_COLUMNS))  # type: ignore[arg-type]
    assert dataset.items.select("item_id", "price", "stock").rows() == [("1", 1.5, 3), ("2", None, 4)]
    assert dataset.events.select("user_id", "item_id", "event").rows() == [("10", "1", "click"), ("10", "2", "view")]


def test_dataset_pandas_with_filtered_index_has_no_index_column() -> None:
    frame = pd.DataFrame(ITEM_COLUMNS, index=[5, 9])
    assert Dataset(items=frame, events=EVENT_COLUMNS).items.columns == [*ITEMS.dtypes, "stock"]


def test_dataset_pandas_mixed_ids_become_text() -> None:
    frame = pd.DataFrame({"item_id": pd.Series([1, "02"], dtype=object)})
    dataset = Dataset(items=frame, events={"user_id": ["u"], "item_id": ["02"]})
    assert dataset.items["item_id"].to_list() == ["1", "02"]


def test_dataset_text_for_a_column_of_a_dict_is_that_of_every_row() -> None:
    dataset = Dataset(items={"item_id": ["a", "b"], "brand": "xy"}, events={"user_id": "u", "item_id": ["a", "b"]})
    assert dataset.items["brand"].to_list() == ["xy", "xy"]
    assert dataset.events["user_id"].to_list() == ["u", "u"]


def test_dataset_session_ids_that_are_all_nan_are_none() -> None:
    events = pd.DataFrame({"user_id": ["u"], "item_id": ["a"], "session_id": [float("nan")]})
    assert Dataset(items={"item_id": ["a"]}, events=events).events["session_id"].to_list() == [None]


def test_dataset_dict_attributes_of_mixed_shape_are_kept_whole() -> None:
    attributes = [{"color": ["red"], "size": 2}, {"color": "blue", "new": True}]
    items = {"item_id": ["a", "b"], "attributes": attributes}
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    assert dataset.items["attributes"].to_list() == ['{"color": ["red"], "size": 2}', '{"color": "blue", "new": true}']


def test_dataset_struct_attributes_lose_only_nulls() -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "attributes": [{"x": 1, "y": None}, {"x": 2, "y": "z"}]})
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    assert dataset.items["attributes"].to_list() == ['{"x": 1}', '{"x": 2, "y": "z"}']


def test_dataset_list_columns_of_items_become_float32_lists(tmp_path: Path) -> None:
    events = {"user_id": ["u"], "item_id": ["a"]}
    array = pl.Series([[0.5, 1.0]], dtype=pl.Array(pl.Float64, 2))
    from_frame = Dataset(items={"item_id": ["a"], "image": array}, events=events)
    _write_csv(tmp_path, "items", 'item_id,image\na,"[0.5, 1]"\n')
    _write_csv(tmp_path, "events", "user_id,item_id\nu,a\n")
    from_csv = read_dataset(tmp_path)
    assert from_frame.items.schema["image"] == from_csv.items.schema["image"] == pl.List(pl.Float32)
    assert from_frame.items["image"].to_list() == from_csv.items["image"].to_list() == [[0.5, 1.0]]


def test_read_dataset_extra_text_columns_get_plainest_type(tmp_path: Path) -> None:
    _write_csv(
        tmp_path,
        "users",
        "user_id,count,share,flag,zip,mixed,tags,gone\n"
        'u,1,0.5,true,01,1,"[""x""]",\n'
        "v,-2,1e3,False,22,x,,\n",
    )  # fmt: skip
    _write_csv(tmp_path, "items", ITEMS_CSV)
    _write_csv(tmp_path, "events", EVENTS_CSV)
    users = read_dataset(tmp_path).users
    assert dict(users.schema) == {
        "user_id": pl.String(),
        "count": pl.Int64(),
        "share": pl.Float64(),
        "flag": pl.Boolean(),
        "zip": pl.String(),
        "mixed": pl.String(),
        "tags": pl.String(),
        "gone": pl.String(),
    }
    assert users.rows() == [
        ("u", 1, 0.5, True, "01", "1", '["x"]', None),
        ("v", -2, 1000.0, False, "22", "x", None, None),
    ]


def test_dataset_dates_of_extra_columns_become_iso_text() -> None:
    users = {"user_id": ["u"], "born": [date(1990, 1, 2)]}
    dataset = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]}, users=users)
    assert dataset.users["born"].to_list() == ["1990-01-02"]


def test_dataset_datetimes_in_timestamp_become_epoch_seconds() -> None:
    times = [datetime(1970, 1, 2), datetime(1970, 1, 1, 0, 1)]
    events = {"user_id": ["u", "v"], "item_id": ["a", "a"], "timestamp": times}
    assert Dataset(items={"item_id": ["a"]}, events=events).events["timestamp"].to_list() == [86400, 60]


def test_dataset_empty_text_is_a_missing_value() -> None:
    items = {"item_id": ["a"], "title": [""], "brand": ["  "]}
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    assert dataset.items.select("title", "brand").rows() == [(None, None)]


def test_dataset_attributes_can_not_be_set() -> None:
    dataset = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]})
    with pytest.raises(AttributeError):
        dataset.items = pl.DataFrame()  # type: ignore[misc]


def test_dataset_events_by_part_make_a_fixed_split() -> None:
    parts = {
        part: {"user_id": ["u"], "item_id": [item]}
        for part, item in zip(("train", "validation", "test"), "abc", strict=True)
    }
    split = Dataset(items={"item_id": ["a", "b", "c"]}, events=parts).split("fixed")
    assert [part.events["item_id"].to_list() for part in split.parts.values()] == [["a"], ["b"], ["c"]]


def test_dataset_parts_of_a_fixed_split_may_be_empty_but_for_the_first(tmp_path: Path) -> None:
    events = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"]})
    items = {"item_id": ["a", "b"]}
    split = Dataset(items=items, events={"train": events, "validation": events.clear(), "test": events}).split("fixed")
    assert [part.events.height for part in split.parts.values()] == [2, 0, 2]
    pl.DataFrame(items).write_csv(tmp_path / "items.csv")
    for part in ("train", "validation", "test"):
        (events.clear() if part == "validation" else events).write_csv(tmp_path / f"events.{part}.csv")
    assert read_dataset(tmp_path).split("fixed").validation.events.height == 0
    with pytest.raises(DataError, match="events.train: the table is empty"):
        Dataset(items=items, events={"train": events.clear(), "validation": events, "test": events})


def test_dataset_takes_rows_as_dicts() -> None:
    items = [{"item_id": 7, "price": 2}, {"item_id": 8, "attributes": {"colour": "red"}}, {"price": 1.5, "item_id": 9}]
    data = Dataset(items=items, events=[{"user_id": "u", "item_id": 8, "timestamp": 5}])
    assert data.items.select("item_id", "price").rows() == [("7", 2.0), ("8", None), ("9", 1.5)]
    assert data.items["attributes"].to_list() == [None, '{"colour": "red"}', None]
    assert data.events.select("user_id", "item_id", "timestamp").rows() == [("u", "8", 5)]


def test_dataset_of_something_else_is_a_fault() -> None:
    with pytest.raises(DataError, match="items: can't be taken as a table: found list, expected a pandas"):
        Dataset(items=[1, 2], events={"user_id": ["u"], "item_id": ["a"]})  # type: ignore[arg-type]


def test_dataset_takes_the_tables_of_another() -> None:
    """Those that it was not given have no rows."""
    whole = Dataset(items={"item_id": ["a", "b"]}, events={"user_id": ["u"], "item_id": ["a"]})
    tables = {name: getattr(whole, name) for name in ("users", "queries", "triples")}
    assert Dataset(items=whole.items, events=whole.events, **tables).fingerprint() == whole.fingerprint()
    with pytest.raises(DataError, match=r"items: the table is empty"):
        Dataset(items=whole.items.clear(), events=whole.events)
    with pytest.raises(DataError, match=r"events: the table is empty"):
        Dataset(items=whole.items, events=whole.events.clear())


def test_dataset_python_values_of_several_kinds_become_text_and_none_is_lost() -> None:
    items = {"item_id": [np.int64(1), np.int64(2), "B7"], "title": [np.int64(5), "Lamp", pd.NA], "price": [1, None, 2]}
    data = Dataset(items=items, events={"user_id": np.array(["u", pd.NA, "w"], dtype=object), "item_id": [1, 2, "B7"]})
    assert data.items["item_id"].to_list() == ["1", "2", "B7"]
    assert data.items["title"].to_list() == ["5", "Lamp", None]
    assert data.events["user_id"].to_list() == ["u", "w"]
    assert data.report.rows("events", "missing user_id") == 1


def test_dataset_pandas_mixed_column_beside_times_with_a_gap_is_read() -> None:
    frame = pd.DataFrame({"user_id": ["u", 2], "item_id": "a", "timestamp": [pd.Timestamp("2026-01-01"), pd.NaT]})
    data = Dataset(items={"item_id": ["a"]}, events=frame)
    assert data.events.select("user_id", "timestamp").rows() == [("u", 1_767_225_600), ("2", None)]


def test_dataset_pandas_with_two_columns_of_one_name_says_so() -> None:
    frame = pd.DataFrame([["a", 1, "b"]], columns=["item_id", "price", "price"])
    with pytest.raises(DataError, match="price"):
        Dataset(items=frame, events={"user_id": ["u"], "item_id": ["a"]})


def test_dataset_attributes_as_dicts_with_a_gap_are_read() -> None:
    for frame in (
        pl.DataFrame({"item_id": ["a", "b"], "attributes": [{"colour": "red"}, None]}),
        pd.DataFrame({"item_id": ["a", "b"], "attributes": [{"colour": "red"}, None]}),
    ):
        data = Dataset(items=frame, events={"user_id": ["u"], "item_id": ["a"]})
        assert data.items["attributes"].to_list() == ['{"colour": "red"}', None]


def test_dataset_attributes_with_half_a_letter_are_read_with_a_question_mark() -> None:
    items = {"item_id": ["a"], "attributes": ['{"colour": "red \\ud83d", "\\ud800": 1}']}
    data = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    assert data.items["attributes"].to_list() == ['{"colour": "red ?", "?": 1}']


def test_dataset_whole_numbers_beyond_what_a_float_holds_are_a_fault() -> None:
    events = {"user_id": ["u"], "item_id": ["a"], "event": ["impression"], "position": [1e20]}
    with pytest.raises(DataError, match="a position that is not a whole number"):
        Dataset(items={"item_id": ["a"]}, events=events)


def test_dataset_column_called_self_is_a_property_like_others() -> None:
    data = Dataset(items={"item_id": ["a"], "self": [1]}, events={"user_id": ["u"], "item_id": ["a"]})
    assert KnowledgeGraph.from_dataset(data).nodes["Product"]["self"].to_list() == [1]


def test_read_dataset_long_codes_stay_text(tmp_path: Path) -> None:
    codes = ["1234567890123456789", "1234567890123456788"]
    (tmp_path / "items.csv").write_text(f"item_id,code,much\na,{codes[0]},1e999\nb,{codes[1]},1\n")
    (tmp_path / "events.csv").write_text("user_id,item_id\nu,a\n")
    items = read_dataset(tmp_path).items
    assert items["code"].to_list() == codes
    assert items["much"].to_list() == ["1e999", "1"]
