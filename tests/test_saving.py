"""A saved model serves alone, and a kill in the middle of a save loses nothing."""

from __future__ import annotations

import json
import os
import signal
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from polars.testing import assert_frame_equal

import kgrec
from kgrec import saving
from kgrec.errors import SavedModelError
from tests.tiny import SMALL, checkerboard

PAIRS = [("u00", "i00"), ("u01", "i04")]


@pytest.fixture(scope="module")
def fitted() -> kgrec.KGRecommender:
    split = checkerboard().split("leave_last_out")
    return kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(split.train, validation=split.validation)


def test_load_after_save_answers_the_same(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path / "run")
    loaded = kgrec.KGRecommender.load(tmp_path / "run", device="cpu")
    assert_frame_equal(loaded.recommend(k=5), fitted.recommend(k=5))
    assert_frame_equal(loaded.predict_click(PAIRS), fitted.predict_click(PAIRS))
    assert_frame_equal(loaded.similar_items(["i00"]), fitted.similar_items(["i00"]))
    ours, theirs = (model.explain("u00", "i01").to_dict() for model in (loaded, fitted))
    assert ours.pop("score") == pytest.approx(theirs.pop("score"), abs=1e-5)
    drops = [[path.pop(name) for path in one["paths"] for name in ("drop", "share")] for one in (ours, theirs)]
    assert drops[0] == pytest.approx(drops[1], abs=1e-4)
    assert ours["paths"] == theirs["paths"]
    assert loaded.config == fitted.config
    assert loaded.model_.graph == fitted.model_.graph


def test_save_writes_only_json_and_safetensors(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    files = [file for file in tmp_path.rglob("*") if file.is_file()]
    assert files
    assert {file.suffix for file in files} == {".json", ".safetensors"}


def test_whoever_may_read_new_files_may_read_a_saved_model(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        fitted.save(tmp_path)
    finally:
        os.umask(before)
    assert {file.stat().st_mode & 0o777 for file in tmp_path.rglob("*") if file.is_file()} == {0o640}


def test_a_load_that_a_save_overtakes_reads_the_new_model(
    fitted: kgrec.KGRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fitted.save(tmp_path)
    read, reads = saving._read_graph, []

    def save_before_the_first(folder: Path) -> kgrec.KnowledgeGraph:
        reads.append(folder)
        if len(reads) == 1:
            fitted.save(tmp_path)
        return read(folder)

    monkeypatch.setattr(saving, "_read_graph", save_before_the_first)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert len(set(reads)) == 2
    assert_frame_equal(loaded.recommend(k=3), fitted.recommend(k=3))


def test_save_to_a_file_says_so(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    (tmp_path / "run").write_text("mine", "utf-8")
    with pytest.raises(SavedModelError, match="it is a file, expected a folder"):
        fitted.save(tmp_path / "run")
    assert (tmp_path / "run").read_text("utf-8") == "mine"


def test_save_over_a_saved_model_leaves_one_model(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    fitted.save(tmp_path)
    assert len(list(tmp_path.glob("model-*"))) == 1
    assert kgrec.KGRecommender.load(tmp_path, device="cpu").recommend(["u00"]).height


def test_save_leaves_folders_of_the_user_alone(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    theirs = ["model-v1", "model-backup", "model-0123456789ab", "model-0123456789abc"]
    for name in theirs:
        fitted.save(tmp_path / name)
    (tmp_path / "model-ffffffffffff").mkdir()  # left by a save that was killed
    for _ in range(2):
        fitted.save(tmp_path)
    assert len(list(tmp_path.glob("model-*"))) == len(theirs) + 1
    for name in theirs:
        assert kgrec.KGRecommender.load(tmp_path / name, device="cpu").recommend(["u00"]).height


def _save_and_die(recommender: kgrec.KGRecommender, folder: Path, write: int) -> None:
    """Save, and be killed right before write number `write`."""
    done = 0

    def dying(call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*args: Any) -> Any:
            nonlocal done
            if done == write:
                os.kill(os.getpid(), signal.SIGKILL)
            done += 1
            return call(*args)

        return counted

    saving.save_file, saving._write_json, saving._flush = map(
        dying, (saving.save_file, saving._write_json, saving._flush)
    )
    Path.replace = dying(Path.replace)  # type: ignore[method-assign]
    recommender.save(folder)


@pytest.mark.parametrize("write", range(16))
def test_save_killed_in_the_middle_leaves_the_old_model_loadable(
    fitted: kgrec.KGRecommender, tmp_path: Path, write: int
) -> None:
    fitted.save(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # fork beside torch's threads: the child only writes files
        child = os.fork()
    if child == 0:
        try:
            _save_and_die(fitted, tmp_path, write)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert os.WTERMSIG(status) == signal.SIGKILL
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert_frame_equal(loaded.recommend(k=3), fitted.recommend(k=3))
    loaded.save(tmp_path)
    assert len(list(tmp_path.glob("model-*"))) == 1


def test_load_of_a_folder_that_is_no_model_says_so(tmp_path: Path) -> None:
    with pytest.raises(SavedModelError, match="does not exist"):
        kgrec.KGRecommender.load(tmp_path / "nowhere")
    with pytest.raises(SavedModelError, match="holds no model.json"):
        kgrec.KGRecommender.load(tmp_path)
    (tmp_path / saving.MANIFEST).write_text("{", "utf-8")
    with pytest.raises(SavedModelError, match="can't be read"):
        kgrec.KGRecommender.load(tmp_path)
    (tmp_path / saving.MANIFEST).write_text(json.dumps({"format": 99}), "utf-8")
    with pytest.raises(SavedModelError, match="format 99"):
        kgrec.KGRecommender.load(tmp_path)


def test_load_of_a_damaged_model_says_so(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    weights = next(tmp_path.glob("model-*/weights.safetensors"))
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(SavedModelError, match="damaged"):
        kgrec.KGRecommender.load(tmp_path)


def test_load_of_a_model_that_lacks_any_of_its_files_says_which(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    fitted.save(tmp_path)
    for file in sorted(next(tmp_path.glob("model-*")).iterdir()):
        held = file.read_bytes()
        file.unlink()
        with pytest.raises(SavedModelError, match=f"damaged model: '{file.name}' is not in"):
            kgrec.KGRecommender.load(tmp_path)
        file.write_bytes(held)
    kgrec.KGRecommender.load(tmp_path)
