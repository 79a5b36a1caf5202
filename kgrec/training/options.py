"""What belongs to one run of a training and not to the model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from kgrec.training.engine import Machine
from kgrec.training.tracking import Tracker


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How a training is run.

    Attributes
    ----------
    machine : Machine
    checkpoint : Path or None
        File that holds the state of the training after each look at validation (without one, after each epoch).
    resume : bool
        Whether to go on from that file, where it is there.
    tracker : Tracker or None
    progress : bool
        Whether to show progress bars.
    """

    machine: Machine
    checkpoint: Path | None = None
    resume: bool = False
    tracker: Tracker | None = None
    progress: bool = False
