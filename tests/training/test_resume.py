from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

import kgrec
from kgrec.errors import ConfigError, SavedModelError
from kgrec.training import arms, run
from kgrec.training.checkpoint import TrainingState, read_state, write_state
from tests.tiny import SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=60, patience=2, averaging=0.9, batch_size=8)


class Stop(Exception):
    """A kill, as far as a training can see."""


class Watching:
    """A tracker that notes what it is told, and ends the training after so many looks."""

    def __init__(self, looks: int = 1000) -> None:
        self.rows: list[tuple[int, dict[str, float]]] = []
        self.looks, self.closed = looks, 0

    def log(self, values: Mapping[str, float], step: int) -> None:
        self.rows.append((step, dict(values)))
        if len(self.rows) == self.looks:
            raise Stop

    def close(self) -> None:
        self.closed += 1


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard().split("leave_last_out")


def weights(recommender: kgrec.KGRecommender) -> dict[str, torch.Tensor]:
    model = recommender.model_
    return {**model.network.state_dict(), "source": model.vectors.source, "target": model.vectors.target}


@pytest.mark.parametrize(
    ("looks", "patience", "epochs", "temperature"),
    [(1, 2, 20, None), (4, 2, 30, 0.2), (1, None, 6, None), (5, None, 6, None)],
)
def test_fit_that_is_stopped_and_resumed_gives_the_model_of_one_without_a_break(
    split: kgrec.Split, tmp_path: Path, looks: int, patience: int | None, epochs: int, temperature: float | None
) -> None:
    config = dataclasses.replace(CONFIG, patience=patience, epochs=epochs, temperature=temperature)
    whole = kgrec.KGRecommender(config, device="cpu", seed=3).fit(split.train, split.validation)
    file = tmp_path / "state.safetensors"
    with pytest.raises(Stop):
        kgrec.KGRecommender(config, device="cpu", seed=3).fit(
            split.train, split.validation, checkpoint=file, tracker=Watching(looks)
        )
    assert file.is_file()
    assert [path.name for path in tmp_path.iterdir()] == [file.name]
    torch.manual_seed(99)  # what the caller does in between changes nothing
    again = kgrec.KGRecommender(config, device="cpu", seed=3).fit(
        split.train, split.validation, checkpoint=file, resume=True
    )
    first, second = weights(whole), weights(again)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert whole.evaluate(split.test) == again.evaluate(split.test)
    logs = [one.model_.about["training"]["rows"] for one in (whole, again)]
    assert [row["ranking_loss"] for row in logs[0]] == [row["ranking_loss"] for row in logs[1]]


@pytest.mark.parametrize(("kills", "patience"), [(1, 2), (4, 2), (2, None), (9, None)])
def test_fit_that_is_killed_within_an_epoch_and_resumed_gives_the_model_of_one_without_a_break(
    split: kgrec.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kills: int, patience: int | None
) -> None:
    config = dataclasses.replace(CONFIG, patience=patience, epochs=5, temperature=0.2, batch_size=4)
    monkeypatch.setattr(run, "STRETCH", 3)
    whole = kgrec.KGRecommender(config, device="cpu", seed=3).fit(split.train, split.validation)
    assert any(row["ranking_loss"] for row in whole.model_.about["training"]["rows"])
    monkeypatch.setattr(arms, "KEEP_EVERY", 0.0)
    within = []

    def write_and_stop(file: Path, state: TrainingState) -> None:
        write_state(file, state)
        if state.plain["begun"] is not None:
            within.append((state.plain["epoch"], state.plain["begun"]["step"]))
            if len(within) == kills:
                raise Stop

    monkeypatch.setattr(arms, "write_state", write_and_stop)
    file = tmp_path / "state.safetensors"
    fit = kgrec.KGRecommender(config, device="cpu", seed=3).fit
    with pytest.raises(Stop):
        fit(split.train, split.validation, checkpoint=file)
    assert within[-1][1] % 3 == 0
    again = kgrec.KGRecommender(config, device="cpu", seed=3)
    again.fit(split.train, split.validation, checkpoint=file, resume=True)
    assert len(set(within)) == len(within)  # nothing is trained twice
    first, second = weights(whole), weights(again)
    assert all(torch.equal(first[name], second[name]) for name in first)
    logs = [[{**row, "seconds": 0} for row in one.model_.about["training"]["rows"]] for one in (whole, again)]
    assert logs[0] == logs[1]


def test_the_pilot_of_a_long_epoch_ends_within_it(split: kgrec.Split, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "STRETCH", 3)
    monkeypatch.setattr(arms, "PILOT", 6)
    config = dataclasses.replace(CONFIG, epochs=3, batch_size=4)
    about = kgrec.KGRecommender(config, device="cpu").fit(split.train, split.validation).model_.about
    rows = about["training"]["rows"]
    assert len(about["temperatures"]) == 3
    assert 0 < rows[0]["epoch"] < 1
    assert [row["epoch"] for row in rows if row["epoch"] >= 1][-1] == 3
    assert sorted(row["epoch"] for row in rows) == [row["epoch"] for row in rows]


def test_resume_with_other_settings_or_data_raises(split: kgrec.Split, tmp_path: Path) -> None:
    file = tmp_path / "state.safetensors"
    fit = kgrec.KGRecommender(dataclasses.replace(CONFIG, epochs=1), device="cpu").fit
    fit(split.train, split.validation, checkpoint=file)
    state = read_state(file)
    older = tmp_path / "older.safetensors"
    without = {name: value for name, value in state.plain.items() if name != "variant"}
    write_state(older, TrainingState(state.tensors, without))
    with pytest.raises(SavedModelError, match="another 'version of kgrec'"):
        fit(split.train, split.validation, checkpoint=older, resume=True)
    other = checkerboard(seed=1).split("leave_last_out")
    with pytest.raises(SavedModelError, match=r"another 'config', 'data'"):
        kgrec.KGRecommender(CONFIG, device="cpu").fit(other.train, other.validation, checkpoint=file, resume=True)
    with pytest.raises(SavedModelError, match="another 'validation'"):
        fit(split.train, split.test, checkpoint=file, resume=True)
    warm = kgrec.KGRecommender(dataclasses.replace(CONFIG, epochs=1, temperature=0.1), device="cpu").fit(split.train)
    cold = dataclasses.replace(CONFIG, epochs=1, temperature=float(warm.model_.network.scorer.temperature))
    kgrec.KGRecommender(cold, device="cpu").fit(split.train, split.validation, checkpoint=file)
    warm.config = cold
    with pytest.raises(SavedModelError, match="another 'model to go on from'"):
        warm.fit(split.train, split.validation, warm_start=True, checkpoint=file, resume=True)
    file.write_bytes(file.read_bytes()[:100])
    with pytest.raises(SavedModelError, match="not the checkpoint of a training"):
        fit(split.train, split.validation, checkpoint=file, resume=True)
    fit(split.train, split.validation, checkpoint=tmp_path / "none yet", resume=True)


@pytest.mark.parametrize("place", [".", "none/state.safetensors"])
def test_checkpoint_that_no_file_can_be_at_is_refused_before_training(
    split: kgrec.Split, tmp_path: Path, place: str
) -> None:
    tracker = Watching()
    with pytest.raises(ConfigError, match="checkpoint"):
        kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, checkpoint=tmp_path / place, tracker=tracker)
    with pytest.raises(ConfigError, match="resume needs the checkpoint"):
        kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, resume=True, tracker=tracker)
    assert not tracker.rows


def test_fit_tells_its_tracker_every_look_once_and_closes_it(split: kgrec.Split) -> None:
    tracker = Watching()
    config = dataclasses.replace(CONFIG, epochs=3)
    model = kgrec.KGRecommender(config, device="cpu").fit(split.train, split.validation, tracker=tracker).model_
    assert tracker.closed == 1
    rows = model.about["training"]["rows"]
    assert [step for step, _ in tracker.rows] == [int(row["epoch"]) for row in rows]
    assert [values["validation"] for _, values in tracker.rows] == [row["validation"] for row in rows]


def test_fit_that_chooses_by_events_of_its_own_goes_on_counting_in_its_second_training() -> None:
    tracker = Watching()
    config = dataclasses.replace(CONFIG, epochs=3, warm_epochs=2, patience=1)
    kgrec.KGRecommender(config, device="cpu").fit(checkerboard(200), tracker=tracker)
    steps = [step for step, _ in tracker.rows]
    assert steps == sorted(steps)
    assert steps[-1] > 3


def test_fit_with_tensorboard_writes_scalars_that_can_be_read(split: kgrec.Split, tmp_path: Path) -> None:
    event_accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    config = dataclasses.replace(CONFIG, epochs=4, patience=None)
    kgrec.KGRecommender(config, device="cpu").fit(
        split.train, tracker="tensorboard", checkpoint=tmp_path / "state.safetensors"
    )
    found = event_accumulator.EventAccumulator(str(tmp_path)).Reload().Scalars("ranking_loss")
    assert [event.step for event in found] == [1, 2, 3, 4]
    assert found[-1].value < found[0].value


@pytest.mark.parametrize(("tracker", "words"), [("comet", "expected one of tensorboard"), (object(), "no method log")])
def test_tracker_that_is_none_raises(split: kgrec.Split, tracker: object, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, tracker=tracker)  # type: ignore[arg-type]
