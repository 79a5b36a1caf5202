"""Train the network: seeded, early-stopped, best epoch kept, stopped and taken up again."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import Tensor

from kgrec.progress import progress_bar
from kgrec.training.checkpoint import TrainingState
from kgrec.training.run import BegunEpoch, Run

logger = logging.getLogger(__name__)

LEAST_STEPS = 50  # between two looks at validation: an epoch of a small shop is too short to judge
DECAYS = 2  # after `patience` looks without gain: back to the best, a smaller step; so often, then stop

_COUNTERS = ("epoch", "_stale", "_decays", "_stopped")


@dataclass(slots=True)
class TrainingLog:
    """What happened: one row per look at validation (or per epoch without one)."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


class Training:
    """Fits the network of a run in place, early-stopped; may pause, within a long epoch too.

    Parameters
    ----------
    run : Run
    validate : callable, optional
        The validation metric of the network as it is, higher is better. Without it, or with `config.patience` None,
        every epoch is run, the step size falls along a cosine and the last weights stay.

    Attributes
    ----------
    on_look : callable
        Given this training after each look at validation, without one after each epoch; `log.rows[-1]` is the new row.
    on_pause : callable
        Given it where it may pause in between: within a long epoch, after one without a look.
    best : float
        The highest validation metric so far.
    """

    def __init__(
        self,
        run: Run,
        *,
        validate: Callable[[], float] | None = None,
        progress: bool = False,
    ) -> None:
        self.run, self.network, self.config, self.progress = run, run.network, run.config, progress
        self.forget_callbacks()
        self.watch = validate if self.config.patience is not None else None
        self.log, self.epoch, self.best = TrainingLog(), 0, -math.inf
        self._best_state: dict[str, Tensor] = {}
        self._stale, self._decays, self._stopped = 0, 0, False
        self._look = max(1, math.ceil(LEAST_STEPS / run.steps_per_epoch)) if self.watch else 1

    def advance(self, steps: int | None = None) -> Training:
        """Train on, for about so many steps at the most, with a look at the end; None: to the end."""
        run, last = self.run, self.config.epochs
        stretch = run.steps_per_epoch / run.stretches_per_epoch
        left = math.inf if steps is None else max(1, round(steps / stretch))
        to_come = min((last - self.epoch - run.place) * run.steps_per_epoch, left * stretch)
        begun, before = time.perf_counter(), self.log.seconds
        with progress_bar("training", round(to_come), self.progress, "step") as bar:
            while left and self.epoch < last and not self._stopped:
                losses = run.stretch(bar, None if self.watch else last, self.epoch)
                left -= 1
                self.epoch += run.begun is None
                self.log.seconds = before + time.perf_counter() - begun
                ended = not left or self.epoch == last
                if ended or (run.begun is None and self.epoch % self._look == 0):
                    self.log.rows.append({"epoch": self.epoch + run.place, "seconds": self.log.seconds, **losses})
                    self._look_at(self.log.rows[-1], bar)
                    self.log.seconds = before + time.perf_counter() - begun
                    self.on_look(self)
                else:
                    self.on_pause(self)
        return self

    def forget_callbacks(self) -> None:
        """Tell nobody of looks and pauses."""
        self.on_look: Callable[[Training], None] = lambda _: None
        self.on_pause: Callable[[Training], None] = lambda _: None

    def finish(self) -> TrainingLog:
        """To the end, then back to the weights of the best epoch."""
        self.advance()
        if self.watch is None:
            self.run.average.settle()
        else:
            self.network.load_state_dict(self._best_state)
        return self.log

    def state(self) -> TrainingState:
        """All that `restore` needs."""
        run = self.run
        moments = run.optimizer.state_dict()["state"]
        parts: dict[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "best": self._best_state,
            "mean": {str(place): value for place, value in enumerate(run.average.mean)},
            "random": {"torch": run.planner.torch.get_state()},
            **{f"optimizer/{place}": values for place, values in moments.items()},
        }
        plain = {
            **{name: getattr(self, name) for name in _COUNTERS},
            "best": None if self.best == -math.inf else self.best,
            "log": self.log.to_dict(),
            "begun": None if run.begun is None else asdict(run.begun),
            "step_size": run.step_size,
            "steps": run.steps,
            "averaged": run.average.steps,
            "numpy": run.planner.numpy.bit_generator.state,
        }
        tensors = {f"{part}/{name}": value for part, values in parts.items() for name, value in values.items()}
        return TrainingState(tensors, plain)

    def restore(self, state: TrainingState) -> None:
        """Become the training that `state` was taken from."""
        run, plain = self.run, state.plain
        self.network.load_state_dict(state.under("network"))
        device = run.device
        self._best_state = {name: value.to(device) for name, value in state.under("best").items()}
        mean = state.under("mean")
        run.average.mean = [mean[str(place)].to(device) for place in range(len(mean))]
        run.average.steps, run.step_size, run.steps = plain["averaged"], plain["step_size"], plain["steps"]
        run.begun = None if plain["begun"] is None else BegunEpoch(**plain["begun"])
        run.planner.torch.set_state(state.under("random")["torch"])
        run.planner.numpy.bit_generator.state = plain["numpy"]
        moments: dict[int, dict[str, Tensor]] = {}
        for name, value in state.under("optimizer").items():
            place, _, kind = name.partition("/")
            moments.setdefault(int(place), {})[kind] = value
        groups = run.optimizer.state_dict()["param_groups"]
        run.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        for name in _COUNTERS:
            setattr(self, name, plain[name])
        self.best = -math.inf if plain["best"] is None else plain["best"]
        self.log = TrainingLog(**plain["log"])

    def _look_at(self, row: dict[str, float], bar: Any) -> None:
        if self.watch is None:
            self.log.best_epoch = self.epoch
            return
        with self.run.average.in_place():
            found = row["validation"] = self.run.engine.agree(self.watch())
        bar.set_postfix(validation=f"{found:.4f}", best=f"{max(self.best, found):.4f}")
        logger.info("epoch %d: %s", self.epoch, row)
        if found > self.best:
            self.best, self._best_state, self._stale = found, self._averaged_state(), 0
            self.log.best_epoch = self.epoch
            return
        self._stale += 1
        if self._stale >= (self.config.patience or 1):
            if self._decays == DECAYS:
                self._stopped = True
                return
            self._decays, self._stale = self._decays + 1, 0
            self.network.load_state_dict(self._best_state)
            self.run.slow_down()

    def _averaged_state(self) -> dict[str, Tensor]:
        with self.run.average.in_place():
            return copy.deepcopy(self.network.state_dict())
