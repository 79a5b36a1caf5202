"""What belongs to one run of a training and not to the model."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch

from kgrec.config import RecommenderConfig
from kgrec.errors import ConfigError
from kgrec.training.device import is_first_process
from kgrec.training.engine import Machine, Precision
from kgrec.training.tracking import Tracker, TrackerName, open_tracker

RUNS = Path("runs")  # where TensorBoard's files go without a checkpoint


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a training is run.

    Attributes
    ----------
    machine : Machine
    checkpoint : Path or None
        File that holds the state of the training after each look at validation (without one, after each epoch), and
        every ten minutes in between.
    resume : bool
        Whether to go on from that file, where it is there.
    first_step : int
        Of the tracker: epochs of a training before this one.
    tracker : Tracker or None
    progress : bool
        Whether to show progress bars.
    """

    machine: Machine
    checkpoint: Path | None = None
    resume: bool = False
    tracker: Tracker | None = None
    first_step: int = 0
    progress: bool = False


@contextmanager
def fit_options(
    *,
    device: torch.device,
    config: RecommenderConfig,
    checkpoint: str | Path | None,
    resume: bool,
    tracker: TrackerName | Tracker | None,
    precision: Precision,
    deterministic: bool,
    progress: bool,
) -> Iterator[FitOptions]:
    """The options that `KGRecommender.fit` was called with; the tracker is closed at the end.

    Of several processes the first alone has a tracker and progress bars.

    Raises
    ------
    ConfigError
        If no file can be at the checkpoint's place, or there is none to resume from.
    """
    machine, file = Machine(device, precision, deterministic), None if checkpoint is None else Path(checkpoint)
    if file is None and resume:
        raise ConfigError("fit: resume needs the checkpoint to go on from")
    if file is not None and (file.is_dir() or not file.parent.is_dir()):
        problem = "is a folder" if file.is_dir() else f"can't be written: there is no folder {file.parent}"
        raise ConfigError(f"fit: checkpoint {file} {problem}")
    told = None
    if tracker is not None and is_first_process():
        told = open_tracker(tracker, file.parent if file else RUNS, config.to_dict())
    try:
        yield FitOptions(machine, file, resume, told, progress and is_first_process())
    finally:
        if told is not None:
            told.close()
