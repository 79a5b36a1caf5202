"""The fingerprint: a function of the content alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.fingerprint import fingerprint
from kgrec.data.reading import read_dataset

ITEMS = {"item_id": ["a", "b"], "title": ["Soap", None], "price": [1.5, 2.0], "stock": [1, 2], "new": [True, False]}
EVENTS = {"user_id": ["u", "v"], "item_id": ["a", "b"], "timestamp": [1, 2]}


def of(**changes: dict[str, list[object]]) -> str:
    return Dataset(**{"items": ITEMS, "events": EVENTS, **changes}).fingerprint()  # type: ignore[arg-type]


def test_fingerprint_is_the_same_for_every_format(tmp_path: Path) -> None:
    csv, parquet = tmp_path / "csv", tmp_path / "parquet"
    for folder in (csv, parquet):
        folder.mkdir()
    for name, table in (("items", ITEMS), ("events", EVENTS)):
        pl.DataFrame(table).write_csv(csv / f"{name}.csv")
        pl.DataFrame(table).write_parquet(parquet / f"{name}.parquet")
    assert read_dataset(csv).fingerprint() == read_dataset(parquet).fingerprint() == of()


def test_fingerprint_is_the_same_in_another_process() -> None:
    code = (
        "from kgrec.data.dataset import Dataset\n"
        f"print(Dataset(items={ITEMS!r}, events={EVENTS!r}).fingerprint())"
    )  # fmt: skip
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == of()


def test_fingerprint_of_known_content_never_changes() -> None:
    """Worked out once: a change here makes every saved run's fingerprint unrecognisable."""
    assert of() == "f1e3c151921ad4810c4171db602ad9548b11433456c7cdfcf33ad1563e9be47a"


@pytest.mark.parametrize(
    "changes",
    [
        {"items": {**ITEMS, "title": ["Soap", "Soap"]}},
        {"items": {**ITEMS, "price": [1.5, None]}},
        {"items": {**ITEMS, "stock": [1, 3]}},
        {"items": {**ITEMS, "extra": ["x", "y"]}},
        {"items": {name: values for name, values in ITEMS.items() if name != "stock"}},
        {"items": {"item_id": ["a", "b", "c"]}},
        {"events": {name: values[::-1] for name, values in EVENTS.items()}},
        {"events": {**EVENTS, "timestamp": [1, None]}},
        {"events": {**EVENTS, "event": ["click", "view"]}},
        {"users": {"user_id": ["u"]}},
        {"queries": {"query": ["q"], "item_id": ["a"]}},
        {"triples": {"head": ["a"], "relation": ["r"], "tail": ["b"]}},
    ],
)
def test_fingerprint_changes_with_the_content(changes: dict[str, dict[str, list[object]]]) -> None:
    assert of(**changes) != of()


def test_fingerprint_ignores_order_of_columns_and_of_item_rows() -> None:
    shuffled = {name: values[::-1] for name, values in reversed(ITEMS.items())}
    assert of(items=shuffled) == of()


def test_fingerprint_tells_fixed_parts_apart() -> None:
    def parts(train: str, validation: str) -> str:
        rows = {"train": train, "validation": validation, "test": "c"}
        events = {part: {"user_id": ["u"] * len(ids), "item_id": list(ids)} for part, ids in rows.items()}
        return Dataset(items={"item_id": list("abc")}, events=events).fingerprint()  # type: ignore[arg-type]

    assert parts("ab", "c") != parts("a", "bc")


def test_fingerprint_tells_where_one_text_ends_and_the_next_begins() -> None:
    first, second = (pl.DataFrame({"x": values}) for values in (["ab", "c"], ["a", "bc"]))
    assert fingerprint({"t": first}, ordered=frozenset({"t"})) != fingerprint({"t": second}, ordered=frozenset({"t"}))


def test_fingerprint_tells_lists_apart() -> None:
    hashes = {
        fingerprint({"t": pl.DataFrame({"x": values}, schema={"x": pl.List(pl.Float32)})}, ordered=frozenset({"t"}))
        for values in ([[1.0], [2.0]], [[1.0, 2.0], []], [[1.0, 2.0], None], [[2.0], [1.0]])
    }
    assert len(hashes) == 4


def test_fingerprint_of_a_part_differs_from_the_whole() -> None:
    events = {"user_id": ["u"] * 3, "item_id": ["a", "b", "a"], "timestamp": [1, 2, 3]}
    whole = Dataset(items=ITEMS, events=events)
    assert whole.split("leave_last_out").train.fingerprint() != whole.fingerprint()
