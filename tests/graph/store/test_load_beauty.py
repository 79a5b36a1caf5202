"""The Amazon Beauty catalogue, loaded by the script as a person runs it. Reads KGREC_DATA; skips without it."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from kgrec.graph.store import open_graph

ROOT = Path(__file__).parents[3]
LIMIT = 20.0  # seconds, from start to end of the script, on two cores

pytestmark = pytest.mark.slow


@pytest.fixture
def beauty() -> Path:
    folder = Path(os.environ.get("KGREC_DATA", "nowhere")) / "amazon-beauty"
    if not folder.is_dir():
        pytest.skip("set KGREC_DATA to the folder that holds amazon-beauty")
    return folder


def test_beauty_catalogue_is_loaded_in_time_and_every_count_is_the_files(beauty: Path, tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "scripts" / "load_graph.py", beauty, "--path", tmp_path / "graph"]
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    seconds = time.perf_counter() - start
    assert done.returncode == 0, done.stderr
    with gzip.open(beauty / "items.csv.gz", "rt", encoding="utf-8", newline="") as file:
        items = list(csv.DictReader(file))
    brands = [item["brand"].strip() for item in items if item["brand"].strip()]
    paths = [item["category"].split(" > ") for item in items if item["category"].strip()]
    levels = {tuple(path[: depth + 1]) for path in paths for depth in range(len(path))}
    with open_graph(path=tmp_path / "graph") as store:
        found = {(kind, name): count for kind, name, _, _, count in store.counts().iter_rows()}
    print(f"loaded in {seconds:.1f} s: {found}")
    assert found["node", "Product"] == len(items)
    assert found["node", "Brand"] == len(set(brands))
    assert found["edge", "HAS_BRAND"] == len(brands)
    assert found["node", "Category"] == len(levels)
    assert found["edge", "IN_CATEGORY"] == len(paths)
    assert found["edge", "SUBCATEGORY_OF"] == sum(len(path) > 1 for path in levels)
    assert seconds < LIMIT
