"""scripts/check_graph.py, run as a person runs it."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from tests.running import run
from tests.tiny import ITEMS, SUPPLIER_SCHEMA, checkerboard, tiny_items


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    tiny_items().write_csv(folder / "items.csv")
    events = checkerboard().interactions.select("user_id", "item_id", "event", "timestamp")
    events.write_csv(folder / "events.csv")
    return folder


def test_check_graph_prints_quality_and_leakage_as_text_and_json(shop: Path) -> None:
    printed = run("check_graph.py", shop, "--split", "leave_last_out", "--strict")
    assert "Graph quality: 17 nodes, 26 edges" in printed
    assert "No relation is flagged." in printed
    tables = json.loads(run("check_graph.py", shop, "--format", "json"))
    assert {"label": "Brand", "nodes": 2, "without_edges": 0} in tables["nodes"]
    assert "leakage" not in tables


def test_check_graph_goes_by_the_schema_that_it_is_given(shop: Path, tmp_path: Path) -> None:
    tiny_items().with_columns(supplier=pl.lit("Acme")).write_csv(tmp_path / "items.csv")
    (tmp_path / "events.csv").write_bytes((shop / "events.csv").read_bytes())
    (tmp_path / "schema.toml").write_text(SUPPLIER_SCHEMA)
    tables = json.loads(run("check_graph.py", tmp_path, "--schema", tmp_path / "schema.toml", "--format", "json"))
    assert {"label": "Supplier", "nodes": 1, "without_edges": 0} in tables["nodes"]


def test_check_graph_with_strict_and_a_warning_ends_with_status_1(shop: Path, tmp_path: Path) -> None:
    for file in shop.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    loop = pl.DataFrame({"head": ITEMS[:1], "relation": ["goes with"], "tail": ITEMS[:1]})
    loop.write_csv(tmp_path / "triples.csv")
    assert "WARNING  self loop: GOES_WITH" in run("check_graph.py", tmp_path)
    run("check_graph.py", tmp_path, "--strict", status=1)
