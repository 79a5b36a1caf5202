"""Tables that lie on disk are those in memory: rows, report, faults, parts, fingerprint."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kgrec.data import disk
from kgrec.data.dataset import Dataset
from kgrec.data.reading import _rows_about, read_dataset
from kgrec.errors import ConfigError, DataError


@pytest.fixture(autouse=True)
def _few_rows_a_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "ROWS", 7)


def _untidy(folder: Path, seed: int, suffix: str, *, untimed: bool = False) -> Path:
    """A shop whose log has gaps, repeats, strangers among the items, values out of range, fractions of seconds."""
    rng = np.random.default_rng(seed)
    items = pl.DataFrame({"item_id": [f"an-item-of-the-shop-{index}" for index in range(9)]})
    tables = {"items": items, "users": pl.DataFrame({"user_id": [f"u{index}" for index in range(8)]})}
    for name, size in (("events", 60), ("impressions", 90)):
        known = [*items["item_id"].to_list(), None] + (["stranger", "other"] if name == "impressions" else [])
        time = rng.integers(0, 12, size) / 2 + 1_600_000_000 + rng.integers(0, 20, size)
        table = pl.DataFrame(
            {
                "user_id": [None if draw > 9 else f"u{draw}" for draw in rng.integers(0, 11, size).tolist()],
                "item_id": [known[draw] for draw in rng.integers(0, len(known), size).tolist()],
                "timestamp": [value if rng.random() < 0.8 or not untimed else None for value in time.tolist()],
                "position": rng.integers(0, 4, size),
                "session_id": [f"s{draw}" if draw else "" for draw in rng.integers(0, 5, size).tolist()],
                "label": [None if draw == 2 else draw for draw in rng.integers(0, 3, size).tolist()],
            }
        )
        if name == "events":
            kinds = ["view", "click", "purchase", None]
            drawn = [kinds[draw] for draw in rng.integers(0, 4, size).tolist()]
            table = table.with_columns(pl.Series("event", drawn), pl.Series("device", rng.integers(0, 3, size)))
        tables[name] = pl.concat([table, table.sample(8, seed=seed)])
    for name, table in tables.items():
        file = folder / f"{name}.{suffix}"
        table.write_csv(file) if suffix == "csv" else table.write_parquet(file, row_group_size=13)
    return folder


def _same(some: Dataset, other: Dataset) -> None:
    for name in ("items", "events", "users"):
        assert_frame_equal(getattr(some, name), getattr(other, name))
    assert some.report.table.rows() == other.report.table.rows()
    assert some.fingerprint() == other.fingerprint()


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("untimed", [False, True])
def test_dataset_on_disk_equals_the_one_in_memory(tmp_path: Path, seed: int, suffix: str, untimed: bool) -> None:
    folder = _untidy(tmp_path, seed, suffix, untimed=untimed)
    whole, mapped = (read_dataset(folder, on_unknown="skip", in_memory=kind) for kind in (True, False))
    assert mapped.report.rows("impressions", "item_id not in items")
    assert mapped.report.rows("events", "exact duplicate")
    assert mapped.report.rows("events", "timestamp with a fraction of a second")
    _same(whole, mapped)
    _same(whole.k_core(2, 2), mapped.k_core(2, 2))
    for method in ("leave_last_out", "random") if untimed else ("leave_last_out", "random", "temporal"):
        some, other = whole.split(method), mapped.split(method)  # type: ignore[arg-type]
        for part in some.parts:
            assert_frame_equal(some.parts[part].events, other.parts[part].events)
        assert_frame_equal(some.known.events, other.known.events)
        assert str(some) == str(other)


def test_faults_of_tables_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    folder = _untidy(tmp_path, 0, "csv")
    rows = "".join(f"u,an-item-of-the-shop-1,{value},x\n" for value in ("noon", 1e15, 12, "never") * 6)
    (folder / "impressions.csv").write_text("user_id,item_id,timestamp,label\n" + rows + "u,stranger,1,1\n")
    faults = []
    for in_memory in (True, False):
        with pytest.raises(DataError) as caught:
            read_dataset(folder, in_memory=in_memory)
        faults.append(str(caught.value))
    assert faults[0] == faults[1]
    assert "24 rows with a label that is not a number" in faults[0]


def test_fixed_parts_on_disk_are_those_in_memory(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id\na\nb\n")
    for part, items in (("train", "abab" * 5), ("validation", "b"), ("test", "a")):
        rows = "".join(f"u{number},{item},{number}\n" for number, item in enumerate(items))
        (tmp_path / f"events.{part}.csv").write_text("user_id,item_id,timestamp\n" + rows)
    whole, mapped = (read_dataset(tmp_path, in_memory=kind) for kind in (True, False))
    _same(whole, mapped)
    for part in ("train", "validation", "test"):
        assert_frame_equal(whole.split("fixed").parts[part].events, mapped.split("fixed").parts[part].events)


def test_rows_of_files_are_estimated_before_they_are_read(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {"user_id": ["a-user"] * 1000, "item_id": ["an-item"] * 1000, "timestamp": range(10**9, 10**9 + 1000)}
    )
    table.write_parquet(tmp_path / "events.parquet")
    table.write_csv(tmp_path / "events.csv")
    (tmp_path / "broken.parquet").write_bytes(b"nothing")
    assert _rows_about(tmp_path / "events.parquet") == 1000
    assert 300 < _rows_about(tmp_path / "events.csv") < 3000
    assert _rows_about(tmp_path / "broken.parquet") == 0


def test_files_larger_than_a_share_of_memory_go_to_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, stored = _untidy(tmp_path, 0, "csv"), []
    monkeypatch.setattr(disk, "scanned", lambda table: stored.append(table) or table.collect())
    read_dataset(folder, on_unknown="skip")
    assert not stored
    monkeypatch.setattr("kgrec.data.reading.MOST_OF_MEMORY", 0.0)
    read_dataset(folder, on_unknown="skip")
    assert len(stored) == 2  # events and impressions


@pytest.mark.parametrize(("limit", "goes_to_disk"), [("2000", True), ("max", False), ("9223372036854771712", False)])
def test_files_larger_than_a_share_of_the_containers_memory_go_to_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, goes_to_disk: bool
) -> None:
    folder, stored = _untidy(tmp_path, 0, "csv"), []
    monkeypatch.setattr(disk, "scanned", lambda table: stored.append(table) or table.collect())
    (tmp_path / "memory.max").write_text(f"{limit}\n")
    files = (tmp_path / "memory.max", tmp_path / "no such file")
    monkeypatch.setattr("kgrec.data.reading.CONTAINER_LIMITS", files)
    read_dataset(folder, on_unknown="skip")
    assert bool(stored) == goes_to_disk


def test_large_files_without_pyarrow_are_read_into_memory_with_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("kgrec.data.reading.MOST_OF_MEMORY", 0.0)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert read_dataset(_untidy(tmp_path, 0, "csv"), on_unknown="skip").events.height
    assert "are read into memory; on disk, with kgrec[disk]" in caplog.text


def test_files_of_a_frame_have_no_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    frame = disk.stored(pl.DataFrame({"a": range(20)}))
    assert not list(tmp_path.iterdir())
    assert frame["a"].to_list() == list(range(20))


def test_tables_on_disk_without_pyarrow_say_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ConfigError, match=r"pip install 'kgrec\[disk\]', or pass in_memory=True"):
        read_dataset(_untidy(tmp_path, 0, "csv"), in_memory=False)


def test_tables_that_find_no_room_on_disk_say_where_and_what_to_do(tmp_path: Path) -> None:
    folder = _untidy(tmp_path, 0, "parquet")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
    try:
        with pytest.raises(ConfigError, match=r"there is no room in .* for tables on disk.*in_memory=True"):
            read_dataset(folder, on_unknown="skip", in_memory=False)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_column_named_like_the_row_numbers_is_no_fault_on_disk(tmp_path: Path) -> None:
    folder = _untidy(tmp_path, 0, "parquet")
    file = folder / "events.parquet"
    pl.read_parquet(file).with_columns(__row__=pl.lit(1)).write_parquet(file)
    _same(*(read_dataset(folder, on_unknown="skip", in_memory=held) for held in (True, False)))
