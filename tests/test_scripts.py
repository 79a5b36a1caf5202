"""The scripts, run as a person runs them, on a tiny shop."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
import torch

import kgrec
from tests.running import ROOT, run
from tests.tiny import checkerboard, tiny_items

FAST = ["use_text=false", "embedding_dim=16", "knowledge_epochs=2", "epochs=4"]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    tiny_items().write_csv(folder / "items.csv")
    events = checkerboard().interactions.select("user_id", "item_id", "event", "timestamp")
    events.write_csv(folder / "events.csv")
    return folder


@pytest.fixture(scope="module")
def trained(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("runs") / "run"
    printed = run("train.py", shop, "--split", "leave_last_out", "--out", out, "--seed", 2, "--set", *FAST)
    assert "validation ndcg@10" in printed
    return out


def test_train_writes_a_run_folder_that_says_everything(trained: Path) -> None:
    about = json.loads((trained / "run.json").read_text("utf-8"))
    assert about["seed"] == 2
    assert len(about["dataset"]["fingerprint"]) == 64
    assert {"config", "versions", "training", "seconds", "split"} <= about.keys()
    assert about["metrics"]["validation"]["recall@10"] >= 0
    assert not (trained / "training.safetensors").exists()  # of use until the model is saved
    for picture in ("learning_curves.png", "reliability_validation.png"):
        assert (trained / picture).read_bytes()[:4] == b"\x89PNG"


def test_train_with_refit_ends_with_a_model_that_also_learned_from_the_validation_part(
    trained: Path, shop: Path, tmp_path: Path
) -> None:
    printed = run(
        "train.py", shop, "--split", "leave_last_out", "--out", tmp_path, "--seed", 2, "--refit", "--set", *FAST
    )
    once, again = (json.loads((folder / "run.json").read_text("utf-8")) for folder in (trained, tmp_path))
    assert "trained on the validation part too" in printed
    assert (once["refit"], again["refit"]) == (False, True)
    assert again["metrics"] == once["metrics"]  # of the model as it was before
    weights = [kgrec.KGRecommender.load(folder, device="cpu").model_.item_weights for folder in (trained, tmp_path)]
    assert weights[0] is not None
    assert weights[1] is not None
    assert not torch.equal(weights[0].value, weights[1].value)
    assert "also trained on the validation part" in run(
        "evaluate.py", tmp_path, shop, "--split", "leave_last_out", "--part", "validation"
    )
    assert json.loads((tmp_path / "run.json").read_text("utf-8"))["metrics"] == again["metrics"]


@pytest.mark.timeout(280)
def test_train_that_is_killed_and_resumed_ends_as_one_that_was_not(shop: Path, tmp_path: Path) -> None:
    settings = [*FAST[:-1], "epochs=40", "patience=null", "batch_size=8"]

    def command(out: Path) -> list[object]:
        return ["train.py", shop, "--split", "leave_last_out", "--out", out, "--set", *settings]

    def written(out: Path) -> tuple[object, object]:
        about = json.loads((out / "run.json").read_text("utf-8"))
        return about["metrics"], [row["ranking_loss"] for row in about["training"]["rows"]]

    script, *rest = command(tmp_path / "killed")
    process = subprocess.Popen([sys.executable, ROOT / "scripts" / str(script), *map(str, rest)], cwd=ROOT)
    checkpoint = tmp_path / "killed" / "training.safetensors"
    while not checkpoint.exists():
        assert process.poll() is None, "it ended before it could be killed"
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert not (tmp_path / "killed" / "run.json").exists()
    run(*command(tmp_path / "killed"), "--resume")
    run(*command(tmp_path / "whole"))
    assert written(tmp_path / "killed") == written(tmp_path / "whole")


def test_tune_goes_on_where_it_stopped(shop: Path, tmp_path: Path) -> None:
    space = json.dumps({"learning_rate": [1e-4, 1e-2, "log"], "num_layers": [0, 1], "dropout": ["choice", 0.0, 0.5]})
    tune = ["tune.py", shop, "--split", "leave_last_out", "--out", tmp_path, "--space", space]
    fixed = ["--set", *FAST, "use_scoring=false", "use_item_weights=false"]
    first = run(*tune, "--trials", 2, *fixed)
    assert first.count("trial ") == 3  # two, and the best
    second = run(*tune, "--trials", 3, *fixed)
    assert "trial 2: " in second
    assert "trial 0: " not in second
    best = json.loads((tmp_path / "best.json").read_text("utf-8"))
    stays = {setting.partition("=")[0] for setting in fixed[1:]}
    assert set(best["settings"]) == {"learning_rate", "num_layers", "dropout"} | stays
    assert best["settings"]["use_text"] is False
    assert "use_scoring=false" in second.splitlines()[-1]
    wrong = run(*tune[:-1], '{"lr": [0, 1], "dropout": 3}', "--trials", 1, status=1)
    assert "'lr' is no setting" in wrong
    assert "'dropout' is 3" in wrong
    for bad in ('{"dropout": [0.5, 0.1]}', '{"learning_rate": [0, 1, "log"]}', '{"dropout": [0, 0.5, "lin"]}', "[1]"):
        assert "--space" in run(*tune[:-1], bad, "--trials", 1, status=1)
    other = run(*tune[:-1], '{"dropout": [0.0, 0.5]}', "--trials", 1, "--set", *FAST, status=1)
    assert "is of another --set, --space: give another --out" in other
    both = run(*tune[:-1], '{"dropout": [0.0, 0.5]}', "--trials", 1, "--set", "dropout=0.1", status=1)
    assert "--space and --set both name 'dropout'" in both
    assert "must be above 0" in run(*tune, "--trials", 0, status=2)


def test_evaluate_writes_lists_that_score_as_it_prints(trained: Path, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "recommendations.csv"
    printed = run("evaluate.py", trained, shop, "--split", "leave_last_out", "--part", "test", "--out", out, "-k", 3)
    recall = float(next(line.split()[1] for line in printed.splitlines() if line.startswith("recall@3")))
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["user_id", "item_id", "rank", "score"]
    events = checkerboard().interactions.sort("user_id", "timestamp")
    last = dict(events.select("user_id", "item_id").iter_rows())  # the last row of a user stays
    hits = sum(last[row["user_id"]] == row["item_id"] for row in rows if int(row["rank"]) <= 3)
    assert f"{recall:.4f}" == f"{hits / len(last):.4f}"
    had = set(events.select("user_id", "item_id").iter_rows()) - set(last.items())
    assert not had & {(row["user_id"], row["item_id"]) for row in rows}
    known = (trained / "run.json").read_text("utf-8")
    assert "was trained on another split" in run("evaluate.py", trained, shop, "--split", "random", "-k", 2)
    assert (trained / "run.json").read_text("utf-8") == known  # the metrics of another split are not the run's
    table = run("evaluate.py", trained, shop, "--split", "leave_last_out", "-k", 3, "--diversity", 0, 1)
    rows = [line.split("┆") for line in table.splitlines() if "┆" in line]
    named = [cell.strip(" │") for cell in rows[0]]
    other = ["coverage@3", "gini@3", "novelty@3", "popularity_lift@3", "diversity_graph@3"]
    assert named == ["diversity", "recall@3", "ndcg@3", *other]
    plain, varied = ({name: float(cell.strip(" │")) for name, cell in zip(named, row, strict=True)} for row in rows[1:])
    assert f"{plain['recall@3']:.4f}" == f"{recall:.4f}"
    assert varied["diversity_graph@3"] > plain["diversity_graph@3"]
    assert "--diversity is 2.0, expected a number from 0 to 1" in run(
        "evaluate.py", trained, shop, "--split", "leave_last_out", "--diversity", 2, status=2
    )
    run("evaluate.py", trained, shop, "--split", "leave_last_out", "--out", out, "-k", 12, "--keep-seen")
    assert had <= set(pl.read_csv(out).select("user_id", "item_id").iter_rows())  # all items are listed


def test_recommend_prints_titles_and_reasons(trained: Path) -> None:
    printed = run("recommend.py", trained, "--users", "u00", "-k", 2)
    assert "which you" in printed
    lines = run("recommend.py", trained, "--users", "u00", "-k", 2, "--json").splitlines()
    assert [json.loads(line)["rank"] for line in lines] == [1, 2]


def test_files_that_can_not_be_written_are_said_first(trained: Path, shop: Path, tmp_path: Path) -> None:
    out = tmp_path / "none" / "lists.csv"
    printed = run("evaluate.py", trained, shop, "--split", "leave_last_out", "--out", out, status=2)
    assert "there is no folder" in printed
    for wrong in (["--out", tmp_path], ["--plot", tmp_path / "p.xyz"]):
        run("evaluate.py", trained, shop, "--split", "leave_last_out", *wrong, status=2)
    file = tmp_path / "file"
    file.write_text("mine")
    printed = run("train.py", shop, "--split", "leave_last_out", "--out", file, status=1)
    assert "error: [Errno 17] File exists" in printed
    assert "Traceback" not in printed
    assert file.read_text() == "mine"


def test_load_and_inspect_graph_count_brands(shop: Path, tmp_path: Path) -> None:
    assert "Product" in run("load_graph.py", shop, "--path", tmp_path / "graph")
    question = "MATCH (p:Product)-[:HAS_BRAND]->(b) RETURN b.name AS brand, count(p) AS products ORDER BY brand"
    answer = run("inspect_graph.py", "--path", tmp_path / "graph", "--cypher", question, "--format", "json")
    assert json.loads(answer) == [{"brand": "Even", "products": 6}, {"brand": "Odd", "products": 6}]
    assert "brands_of_category" in run("inspect_graph.py", "--list")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["train.py", "nowhere", "--split", "random", "--out", "x"], "error:"),
        (["recommend.py", "nowhere", "--users", "u"], "is not a saved model"),
        (["inspect_graph.py", "--uri", "bolt://127.0.0.1:1"], "can't reach a graph server"),
    ],
)
def test_script_on_bad_input_ends_with_one_clear_error(arguments: list[str], message: str, tmp_path: Path) -> None:
    printed = run(*[str(tmp_path / "x") if part == "x" else part for part in arguments], status=1)
    assert message in printed
    assert "Traceback" not in printed
    assert not (tmp_path / "x").exists()


@pytest.mark.parametrize(
    "script", sorted(file.name for file in (ROOT / "scripts").glob("*.py") if file.stem != "command_line")
)
def test_script_help_shows_examples(script: str) -> None:
    assert "usage" in run(script, "--help")


def test_update_takes_files_into_a_saved_model_and_the_graph(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title,brand,price\nnew,red thing 12,Odd,3\n", "utf-8")
    (tmp_path / "events.csv").write_text("user_id,item_id,timestamp\nu00,new,1700000000\nu99,i01,1700000000\n", "utf-8")
    files = ["--events", tmp_path / "events.csv", "--items", tmp_path / "items.csv"]
    printed = run("update.py", trained, *files, "--out", tmp_path / "run", "--path", tmp_path / "graph")
    assert "2 events, 1 new users and 1 new items" in printed
    assert "nodes and 3 edges loaded" in printed
    assert "new" in run("recommend.py", tmp_path / "run", "--users", "u99", "-k", "12")
    again = run("update.py", tmp_path / "run", *files)
    assert "0 events, 0 new users and 0 new items" in again
    assert "2 events were known already" in again


def test_update_on_faulty_files_says_what_is_wrong(trained: Path, tmp_path: Path) -> None:
    (tmp_path / "events.csv").write_text("user_id,item_id\nu00,nothing\n", "utf-8")
    said = run("update.py", trained, "--events", tmp_path / "events.csv", "--items", tmp_path / "none.csv", status=1)
    assert "2 faults" in said
    assert "'nothing'" in said
    assert "none.csv: can't be read" in said


@pytest.mark.timeout(600)
def test_benchmark_prints_every_metric_what_parts_are_worth_and_slices(shop: Path) -> None:
    models = ("popularity", "kgrec", "kgrec without graph")
    asked = ("--split", "leave_last_out", "--seeds", 2, "--slices", "--models", *models, "--set", *FAST)
    said = run("benchmark.py", shop, *asked)
    for table in ("the first 10", "the first 20", "clicks", "training", "kgrec minus", "ndcg@10 by slice", "lists"):
        assert f"\n{table}" in said
    assert re.search(r"\n│ kgrec +┆ 0\.\d{4} ± 0\.\d{4} ┆", said)
    for name in ("hit@10", "mrr@20", "ece", "memory_gb", "short histories", "diversity_graph@10"):
        assert f" {name} " in said


def test_events_of_unknown_items_are_an_error_or_left_out_as_asked(shop: Path, tmp_path: Path) -> None:
    for name in ("items.csv", "events.csv"):
        (tmp_path / name).write_text((shop / name).read_text("utf-8"), "utf-8")
    with (tmp_path / "events.csv").open("a", encoding="utf-8") as file:
        file.write("u00,nowhere,view,1700000000\n")
    asked = ("benchmark.py", tmp_path, "--split", "leave_last_out", "--models", "popularity")
    assert "nowhere" in run(*asked, status=1)
    assert "popularity" in run(*asked, "--on-unknown", "skip")
    graph = ("convert_graph.py", tmp_path, tmp_path / "shop.nt")
    assert "nowhere" in run(*graph, status=1)
    assert "wrote" in run(*graph, "--on-unknown", "skip")
