"""Which temperature to train on with, and the training to its end: watched, kept on disk, taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from kgrec.errors import SavedModelError, list_first
from kgrec.models.fitted import FittedModel
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import ItemVectors
from kgrec.training.checkpoint import TrainingState, read_state, write_state
from kgrec.training.loop import Training
from kgrec.training.options import FitOptions

PILOT = 320  # steps, about, after which the temperature is chosen
KEEP_EVERY = 600.0  # seconds between two checkpoints where looks at validation are rarer
NEAR = 0.9  # of the best validation metric so far: a temperature that is below it half way is given up


@dataclass(frozen=True, slots=True)
class Arm:
    """A model, its network, and the training of both."""

    model: FittedModel
    network: RecommenderNetwork
    training: Training


def train(
    start: Callable[[float], Arm],
    temperatures: Sequence[float],
    options: FitOptions,
    of: Mapping[str, Any],
    *,
    is_first: bool,
) -> tuple[Arm, dict[str, float]]:
    """Train to the end, after a pilot of each temperature where there are several.

    Parameters
    ----------
    start : callable
        A training that is not begun.
    of : mapping
        What the training is of; a checkpoint of anything else is refused.
    is_first : bool
        Whether this process writes the checkpoint and tells the tracker.

    Returns
    -------
    Arm and dict
        The arm, and the best validation metric of each temperature's pilot.
    """
    saved = _saved(options, of)
    if saved is None:
        arm, tried = _choose(start, temperatures)
    else:
        arm, tried = start(saved.plain["temperature"]), saved.plain["tried"]
        arm.training.restore(saved)
    told = 0 if saved is None else len(arm.training.log.rows)
    kept = time.monotonic()

    def keep(training: Training) -> None:
        nonlocal kept
        if is_first and options.checkpoint is not None:
            write_state(options.checkpoint, _with(training.state(), arm, tried, of))
            kept = time.monotonic()

    def pause(training: Training) -> None:
        if time.monotonic() - kept >= KEEP_EVERY:
            keep(training)

    def look(training: Training) -> None:
        nonlocal told
        keep(training)
        if is_first and options.tracker is not None:
            for row in training.log.rows[told:]:
                values = {name: value for name, value in row.items() if name != "epoch"}
                options.tracker.log(values, step=options.first_step + int(row["epoch"]))
        told = len(training.log.rows)

    if saved is None and arm.training.log.rows:
        look(arm.training)
    arm.training.on_look, arm.training.on_pause = look, pause
    arm.training.finish()
    arm.training.forget_callbacks()  # they hold the arm: its optimizer would live on until the next garbage collection
    return arm, tried


def _choose(start: Callable[[float], Arm], temperatures: Sequence[float]) -> tuple[Arm, dict[str, float]]:
    """The arm whose pilot did best on validation, and what all of them did."""
    arms = {temperature: start(temperature) for temperature in temperatures}
    tried: dict[float, float] = {}
    for _ in range(2 if len(arms) > 1 else 0):
        tried |= {temperature: arm.training.advance(PILOT // 2).best for temperature, arm in arms.items()}
        least = NEAR * max(tried[temperature] for temperature in arms)
        arms = {temperature: arm for temperature, arm in arms.items() if tried[temperature] >= least}
        if len(arms) == 1:
            break
    best = max(arms, key=lambda temperature: arms[temperature].training.best)
    return arms[best], {f"{temperature:g}": found for temperature, found in tried.items()}


def _with(state: TrainingState, arm: Arm, tried: Mapping[str, float], of: Mapping[str, Any]) -> TrainingState:
    temperature = arm.training.config.temperature
    return TrainingState(state.tensors, {**state.plain, "temperature": temperature, "tried": dict(tried), "of": of})


def _saved(options: FitOptions, of: Mapping[str, Any]) -> TrainingState | None:
    """The state to go on from, if that is wanted and there."""
    if not options.resume or options.checkpoint is None or not options.checkpoint.exists():
        return None
    state = read_state(options.checkpoint)
    found = state.plain.get("of", {})
    other = [name for name in of if found.get(name) != of[name]]
    if other:
        raise SavedModelError(
            f"{options.checkpoint} is the checkpoint of a training with another {list_first(other)}: go on with "
            "what it was begun with, or train anew without resume"
        )
    return state


@torch.no_grad()
def item_vectors(network: RecommenderNetwork) -> ItemVectors:
    """Vectors of the catalogue, by the network as it is."""
    vectors = network.item_vectors()
    return ItemVectors(*(part.detach().clone() for part in (vectors.source, vectors.target, vectors.bias)))
