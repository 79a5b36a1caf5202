from __future__ import annotations

import dataclasses
import functools
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from kgrec import comparison
from kgrec.baselines import EASE, LightGCN
from kgrec.baselines.ease import START
from kgrec.comparison import ABLATIONS, FUSED, PEERS, compare, summary, worth
from kgrec.data.dataset import Dataset, Split
from kgrec.errors import ComparisonError, ConfigError
from kgrec.learning import own_validation
from tests.tiny import SMALL, checkerboard


@pytest.mark.timeout(600)
def test_compare_with_two_jobs_gives_the_rows_of_one() -> None:
    split = checkerboard().split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=1)
    told: list[str] = []
    models = ("popularity", FUSED)
    one = compare(split, config=config, seeds=(0, 1), models=models, ks=(3,), on_row=told.append)
    two = compare(split, config=config, seeds=(0, 1), models=models, ks=(3,), jobs=2)
    assert told == ["popularity", "kgrec, seed 0", "kgrec, seed 1"]
    assert_frame_equal(one.drop("seconds"), two.drop("seconds", "memory_gb"))
    assert 0.05 < two["memory_gb"].min() < 50  # type: ignore[operator]
    assert summary(one)["runs"].to_list() == [1, 2]


def test_without_a_validation_part_the_others_choose_by_events_of_train_as_kgrec_does(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kgrec.baselines.lightgcn.PATIENCE", 2)
    monkeypatch.setitem(START, "penalty", 1e7)  # nobody's choice
    split = checkerboard(num_users=400).split("temporal", (0.8, 0.0, 0.2))
    own = own_validation(split.train, 0)
    assert own is not None
    tuned, ease = comparison._train("LightGCN", split, SMALL, 0), comparison._train("EASE", split, SMALL, None)
    assert isinstance(tuned, LightGCN)
    assert isinstance(ease, EASE)
    assert tuned.epochs == LightGCN(own.train, own.validation).epochs < 1000
    assert ease.settings == EASE(own.train, own.validation).settings != EASE(split.train).settings
    assert ease.liked.nnz == split.train.interactions.height


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_memory_of_a_run_is_its_own() -> None:
    peak = bytearray(2_000_000_000)
    del peak
    rows = compare(checkerboard().split("leave_last_out"), models=("popularity",), ks=(3,), jobs=2)
    assert rows["memory_gb"].max() < 1.7  # type: ignore[operator]


def test_compare_with_slices_measures_every_model_on_each() -> None:
    split = checkerboard().split("leave_last_out")
    rows = compare(split, models=PEERS, ks=(3,), slices=True)
    assert rows["model"].to_list() == list(PEERS)
    for column in ("recall@3, short histories", "gini@3", "novelty@3", "diversity_graph@3"):
        assert rows[column].is_finite().all()


def test_compare_keeps_its_rows_and_makes_none_twice(tmp_path: Path) -> None:
    split = checkerboard().split("leave_last_out")
    config, file = dataclasses.replace(SMALL, epochs=1), tmp_path / "rows" / "kept.jsonl"
    told: list[str] = []
    kept = functools.partial(compare, split, config=config, ks=(3,), kept=file, on_row=told.append)
    first = kept(models=("popularity", "LightGCN"), seeds=(0,))
    file.write_text(file.read_text("utf-8") + '{"of": "cut sh', "utf-8")
    second = kept(models=("popularity", "EASE", "LightGCN"), seeds=(0, 1))
    assert told == ["popularity", "LightGCN, seed 0", "EASE", "LightGCN, seed 1"]
    assert_frame_equal(second.filter(second["model"] == "popularity"), first.head(1))
    assert_frame_equal(kept(models=("popularity", "EASE", "LightGCN"), seeds=(0, 1)), second)
    assert len(told) == 4
    other = compare(split, config=SMALL, ks=(3,), kept=file, models=("popularity",), on_row=told.append)
    assert told[4:] == ["popularity"]  # other settings
    assert other["recall@3"].to_list() == first["recall@3"].to_list()[:1]


def test_compare_makes_rows_of_other_code_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split, told = checkerboard().split("leave_last_out"), list[str]()
    kept = functools.partial(
        compare, split, ks=(3,), kept=tmp_path / "rows.jsonl", models=("popularity",), on_row=told.append
    )
    kept()
    kept()
    assert told == ["popularity"]
    other = tmp_path / "kgrec"
    other.mkdir()
    (other / "comparison.py").write_text("# what kgrec is tomorrow\n", "utf-8")
    monkeypatch.setattr(comparison, "__file__", str(other / "comparison.py"))
    kept()
    assert told == ["popularity"] * 2


def test_compare_with_an_unknown_model_lists_those_known() -> None:
    with pytest.raises(ConfigError, match=r"unknown models 'SVD'; known: popularity"):
        compare(checkerboard().split("leave_last_out"), models=("SVD",))


@pytest.mark.timeout(600)
def test_compare_with_a_run_that_fails_keeps_the_others(tmp_path: Path) -> None:
    split, file = checkerboard().split("leave_last_out"), tmp_path / "kept.jsonl"
    config = dataclasses.replace(SMALL, use_text=True, text_model=str(tmp_path / "no model"))
    with pytest.raises(
        ComparisonError, match="1 of 2 trainings failed:\n  kgrec, seed 0: .* can't be loaded"
    ) as failed:
        compare(split, config=config, ks=(3,), models=(FUSED, "popularity"), jobs=1, kept=file)
    assert failed.value.rows["model"].to_list() == ["popularity"]
    assert '"model": "popularity"' in file.read_text("utf-8")


def killed_as_ease(split: Split, *args: Any, **_: Any) -> dict[str, Any]:
    """Stands for the training of one model, in a process of its own."""
    if args[-2] == "EASE":
        os.kill(os.getpid(), signal.SIGKILL)
    return {"model": args[-2], "seed": args[-1], "seconds": 0.0, "recall@3": 0.5}


@pytest.mark.timeout(600)
@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_process_that_is_killed_takes_no_other_run_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparison, "_row", killed_as_ease)
    models = ("popularity", "EASE", "item-kNN")
    with pytest.raises(ComparisonError, match="1 of 3 trainings failed:\n  EASE: its process ended: killed") as failed:
        compare(checkerboard().split("leave_last_out"), models=models, jobs=2)
    assert failed.value.rows["model"].to_list() == ["popularity", "item-kNN"]


@pytest.mark.timeout(600)
def test_each_part_of_kgrec_can_be_taken_away_and_measured_by_slice() -> None:
    split = checkerboard().split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=1)
    rows = compare(split, config=config, models=(FUSED, *ABLATIONS), ks=(3,), slices=True)
    assert rows["model"].to_list() == [FUSED, *ABLATIONS]
    assert rows["ndcg@3, short histories"].is_finite().all()
    found = worth(rows)
    assert found["model"].to_list() == list(ABLATIONS)
    whole, without = (rows.row(place, named=True) for place in (0, 1))
    assert found["ndcg@3"][0] == pytest.approx(whole["ndcg@3"] - without["ndcg@3"])


def test_worth_compares_runs_of_the_same_seed() -> None:
    rows = pl.DataFrame(
        {
            "model": [FUSED, FUSED, FUSED, "kgrec without text", "kgrec without text", "popularity"],
            "seed": [0, 1, 2, 2, 1, None],
            "seconds": [1.0] * 6,
            "ndcg@10": [9.0, 0.5, 0.4, 0.1, 0.4, 0.0],
            "auc": [0.7, 0.7, 0.7, 0.6, 0.6, None],
        }
    )
    found = worth(rows).to_dicts()
    assert found == [
        {
            "model": "kgrec without text",
            "runs": 2,
            "ndcg@10": pytest.approx(0.2),
            "auc": pytest.approx(0.1),
            "ndcg@10 sd": pytest.approx(0.2 / 2**0.5),
            "auc sd": pytest.approx(0.0),
        }
    ]
    assert worth(rows.filter(pl.col("model") != FUSED)).is_empty()


def test_compare_trains_each_model_and_seed_once() -> None:
    split = checkerboard().split("leave_last_out")
    rows = compare(split, models=("popularity", "LightGCN", "popularity"), seeds=(0, 0), ks=(3,))
    assert rows["model"].to_list() == ["popularity", "LightGCN"]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"part": "nope"}, "part is 'nope', expected one with interactions: 'validation', 'test'"),
        ({"part": "train"}, "part is 'train', expected one with interactions"),
        ({"ks": []}, "ks is empty"),
        ({"jobs": 0}, "jobs is 0"),
        ({"seeds": [-1]}, "seed 0 is -1"),
        ({"seeds": 3}, "seeds is 3, expected a list"),
        ({"seeds": [], "models": ["kgrec"]}, "nothing to train"),
    ],
)
def test_compare_checks_before_it_trains(settings: dict[str, object], message: str) -> None:
    told: list[str] = []
    with pytest.raises(ConfigError, match=message):
        compare(checkerboard().split("leave_last_out"), on_row=told.append, **settings)  # type: ignore[arg-type]
    assert not told


def test_compare_keeps_rows_of_numpy_seeds_and_cutoffs(tmp_path: Path) -> None:
    split, file = checkerboard().split("leave_last_out"), tmp_path / "rows.jsonl"
    rows = compare(split, models=("LightGCN",), seeds=np.arange(1), ks=np.array([3]), kept=file)  # type: ignore[arg-type]
    assert_frame_equal(compare(split, models=("LightGCN",), seeds=[0], ks=[3], kept=file), rows)


def test_compare_keeps_no_rows_of_a_catalogue_in_another_order(tmp_path: Path) -> None:
    shop, told = checkerboard(), list[str]()
    for items in (shop.items, shop.items.reverse()):
        split = Dataset(items=items, events=shop.events).split("leave_last_out")
        compare(split, models=("popularity",), ks=(3,), kept=tmp_path / "rows.jsonl", on_row=told.append)
    assert told == ["popularity"] * 2


def test_compare_measures_a_split_made_elsewhere_as_its_own() -> None:
    split = checkerboard().split("leave_last_out")
    parts = [Dataset(items=part.items, events=part.events) for part in split.parts.values()]
    models = ("popularity", "item-kNN", "EASE")
    made = compare(Split(*parts, method="fixed"), models=models, ks=(3,))
    assert_frame_equal(made.drop("seconds"), compare(split, models=models, ks=(3,)).drop("seconds"))


def test_compare_takes_a_kept_file_by_name_and_lines_of_others(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_bytes(b"[1, 2]\n\xff\n")
    rows = compare(checkerboard().split("leave_last_out"), models=("popularity",), kept=str(file))  # type: ignore[arg-type]
    assert rows.height == 1
