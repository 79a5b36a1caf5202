"""Models from tables on disk: the same as from tables in memory, in less memory."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from kgrec.data import disk
from kgrec.models.fitted import FittedModel
from kgrec.scoring import click_rates
from kgrec.tensors.shown import Shown
from tests.tiny import SMALL, checkerboard

BENCHMARK = Path(__file__).parent / "benchmarks" / "impressions_memory.py"
ROWS, MOST_MEGABYTES = 9_000_000, 1_500


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """The checkerboard as files; some impressions are without a label."""
    whole = checkerboard(120, impressions=True)
    is_shown = pl.col("event") == "impression"
    numbered = whole.events.with_row_index("row")
    gap = pl.when(pl.col("row") % 5 > 0).then("label").alias("label")
    whole.items.write_parquet(tmp_path / "items.parquet")
    numbered.filter(~is_shown).drop("row").write_csv(tmp_path / "events.csv")
    position = (pl.col("row") % 2 + 1).alias("position")
    shown = numbered.filter(is_shown).with_columns(gap, position).drop("row", "event")
    shown.write_parquet(tmp_path / "impressions.parquet")
    return tmp_path


def _arrays(model: FittedModel) -> dict[str, np.ndarray]:
    """All that the model learned and remembers."""
    found = {f"network.{name}": value.numpy() for name, value in model.network.state_dict().items()}
    found |= {name: getattr(model.vectors, name).numpy() for name in ("source", "target", "bias")}
    assert model.scoring is not None
    assert model.shown is not None
    found |= {f"scoring.{name}": value.numpy() for name, value in model.scoring.network.state_dict().items()}
    found |= {f"shown.{part.name}": getattr(model.shown, part.name) for part in fields(Shown)}
    return found | {"calibration": np.array([model.scoring.slope, model.scoring.shift])}


@pytest.mark.parametrize("method", ["temporal", "leave_last_out"])
def test_model_from_tables_on_disk_is_the_one_from_memory(
    shop: Path, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    config = replace(SMALL, epochs=3)
    models, metrics = [], []
    for in_memory in (True, False):
        if not in_memory:
            monkeypatch.setattr(disk, "ROWS", 100)  # many slices
        split = kgrec.read_dataset(shop, in_memory=in_memory).split(method)  # type: ignore[arg-type]
        recommender = kgrec.KGRecommender(config, device="cpu", seed=0).fit(split.train, validation=split.validation)
        models.append(_arrays(recommender.model_))
        metrics.append(recommender.evaluate(split.test))
    for name, values in models[0].items():
        np.testing.assert_array_equal(values, models[1][name], err_msg=name)
    assert metrics[0] == metrics[1]


def test_click_rates_of_blocks_are_those_of_the_whole(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = kgrec.read_dataset(shop).split("temporal")
    model = kgrec.KGRecommender(replace(SMALL, epochs=1), device="cpu").fit(split.train, validation=split.validation)
    fitted = model.model_
    assert fitted.scoring is not None
    assert fitted.shown is not None
    relations = fitted.scoring.features.relations  # type: ignore[union-attr]
    whole = click_rates.ClickRates.of(fitted.shown, relations, len(fitted.items))
    monkeypatch.setattr(click_rates, "BLOCK", 50)
    parts = click_rates.ClickRates.of(fitted.shown, relations, len(fitted.items))
    assert parts.by_place.tolist() == whole.by_place.tolist()
    assert dict(parts.strength) == pytest.approx(dict(whole.strength), rel=1e-12)


def test_saved_log_of_a_former_version_is_read(shop: Path, tmp_path: Path) -> None:
    """It holds items as int64; a new one joins with it."""
    from safetensors.torch import load_file, save_file

    split = kgrec.read_dataset(shop).split("temporal")
    fitted = kgrec.KGRecommender(replace(SMALL, epochs=1), device="cpu").fit(split.train, validation=split.validation)
    fitted.save(tmp_path / "run")
    (file,) = (tmp_path / "run").glob("model-*/shown.safetensors")
    save_file({name: value.long() if name == "item_index" else value for name, value in load_file(file).items()}, file)
    loaded = kgrec.KGRecommender.load(tmp_path / "run", device="cpu")
    new = {"user_id": ["u00"], "item_id": ["i03"], "event": ["impression"], "timestamp": [1_700_000_000], "label": [0]}
    for recommender in (fitted, loaded):
        recommender.update(new)
    assert fitted.model_.shown is not None
    assert loaded.model_.shown is not None
    for part in fields(Shown):
        np.testing.assert_array_equal(*(getattr(one.model_.shown, part.name) for one in (fitted, loaded)))
    assert torch.equal(fitted.model_.vectors.target, loaded.model_.vectors.target)


@pytest.mark.slow
def test_impressions_beyond_a_limit_on_memory_train_from_disk(tmp_path: Path) -> None:
    """Held in memory they exceed it before the training begins."""
    found = {}
    for in_memory, until in (("no", "train"), ("yes", "split")):
        options = ["--rows", str(ROWS), "--in-memory", in_memory, "--until", until, "--json"]
        done = subprocess.run([sys.executable, str(BENCHMARK), *options], capture_output=True, text=True, check=True)
        found[in_memory] = json.loads(done.stdout.splitlines()[-1])[str(ROWS)]
    assert max(phase["own MB"] for phase in found["no"].values()) < MOST_MEGABYTES
    assert max(phase["own MB"] for phase in found["yes"].values()) > MOST_MEGABYTES
