"""Which variant to train on with, and the training to its end: watched, kept on disk, taken up again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch

from kgrec.errors import SavedModelError, list_first
from kgrec.models.fitted import FittedModel
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import ItemVectors
from kgrec.training.checkpoint import TrainingState, read_state, write_state
from kgrec.training.loop import Training
from kgrec.training.options import FitOptions

PILOT = 320  # steps, about, after which the variant is chosen
KEEP_EVERY = 600.0  # seconds between two checkpoints where looks at validation are rarer
NEAR = 0.9  # of the best validation metric so far: a variant that is below it half way is given up


class Variant(NamedTuple):
    """What is tried where nothing says it: the temperature of the softmax, and whether the order of events is read."""

    temperature: float
    reads_order: bool


@dataclass(frozen=True, slots=True)
class Arm:
    """A model, its network, and the training of both."""

    model: FittedModel
    network: RecommenderNetwork
    training: Training


def train(
    start: Callable[[Variant], Arm],
    variants: Sequence[Variant],
    options: FitOptions,
    of: Mapping[str, Any],
    *,
    is_first: bool,
) -> tuple[Arm, dict[str, float]]:
    """Train to the end, after a pilot of each variant where there are several.

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
        The arm, and the best validation metric of each variant's pilot.
    """
    saved = _saved(options, of)
    if saved is None:
        variant, arm, tried = _choose(start, variants)
    else:
        variant, tried = Variant(*saved.plain["variant"]), saved.plain["tried"]
        arm = start(variant)
        arm.training.restore(saved)
    told = 0 if saved is None else len(arm.training.log.rows)
    kept = time.monotonic()

    def keep(training: Training) -> None:
        nonlocal kept
        if is_first and options.checkpoint is not None:
            write_state(options.checkpoint, _with(training.state(), variant, tried, of))
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


def _choose(start: Callable[[Variant], Arm], variants: Sequence[Variant]) -> tuple[Variant, Arm, dict[str, float]]:
    """The variant whose pilot did best on validation, its arm, and what all of them did.

    Those that read the order of events (or don't) as the first one does are trained by turns; each of the others then
    stands against the best so far, so that no more than two or so take memory at a time.
    """
    alike = [variant for variant in variants if variant.reads_order == variants[0].reads_order]
    arms = {variant: start(variant) for variant in alike}
    rounds: list[dict[Variant, float]] = []
    for _ in range(2 if len(variants) > 1 else 0):
        rounds.append({variant: arm.training.advance(PILOT // 2).best for variant, arm in arms.items()})
        least = NEAR * max(rounds[-1].values())
        arms = {variant: arm for variant, arm in arms.items() if rounds[-1][variant] >= least}
        if len(arms) == 1:
            break
    best = max(arms, key=lambda variant: arms[variant].training.best)
    arm, tried = arms[best], {variant: found for found_of in rounds for variant, found in found_of.items()}
    arms.clear()
    reached = [found_of[best] for found_of in rounds]
    for variant in variants[len(alike) :]:
        other, found = start(variant), list[float]()
        for least in reached:
            found.append(other.training.advance(PILOT // 2).best)
            if found[-1] < NEAR * least:
                break
        tried[variant] = found[-1]
        if tried[variant] > arm.training.best:
            best, arm, reached = variant, other, found
    return best, arm, {_name(variant, variants[0]): found for variant, found in tried.items()}


def _name(variant: Variant, first: Variant) -> str:
    return f"{variant.temperature:g}" + (", order not read" if variant.reads_order != first.reads_order else "")


def _with(state: TrainingState, variant: Variant, tried: Mapping[str, float], of: Mapping[str, Any]) -> TrainingState:
    return TrainingState(state.tensors, {**state.plain, "variant": list(variant), "tried": dict(tried), "of": of})


def _saved(options: FitOptions, of: Mapping[str, Any]) -> TrainingState | None:
    """The state to go on from, if that is wanted and there."""
    if not options.resume or options.checkpoint is None or not options.checkpoint.exists():
        return None
    state = read_state(options.checkpoint)
    found = state.plain.get("of", {})
    other = [name for name in of if found.get(name) != of[name]]
    other += [] if "variant" in state.plain else ["version of kgrec"]
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
