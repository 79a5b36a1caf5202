"""The steps of a training: losses, gradients, optimiser."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import ItemVectors
from kgrec.training.averaging import RunningMean
from kgrec.training.engine import Engine
from kgrec.training.losses import click_loss, ranking_loss
from kgrec.training.memory import FreedMemory
from kgrec.training.plan import Planner, Step, TrainingData

DECAY = 0.3  # of the step size, after looks without a gain
WARM_UP = 50  # steps
LOSSES = ("ranking_loss", "click_loss")
CLICK_PACE = 10.0  # step size of the click network beside that of the rest
STRETCH = 100  # steps, at most, between two places where a training may pause
MOST_OF_ALL = 0.8  # share of the items from which on a step makes the vectors of all


@dataclass(frozen=True, slots=True)
class BegunEpoch:
    """How far a pass over all windows is.

    Attributes
    ----------
    numpy : mapping
        State of the planner's numpy stream at its begin.
    step : int
        Steps that are done.
    losses : mapping
        Their sums over these steps.
    """

    numpy: Mapping[str, Any]
    step: int = 0
    losses: Mapping[str, float] = field(default_factory=dict)


class Run:
    """The optimiser, the plan and the steps of one training.

    Parameters
    ----------
    network : RecommenderNetwork
    data : TrainingData
    config : RecommenderConfig
    seed : int
    engine : Engine

    Attributes
    ----------
    begun : BegunEpoch or None
        The epoch that is under way, where a stretch ended before it.
    """

    def __init__(
        self, network: RecommenderNetwork, data: TrainingData, config: RecommenderConfig, seed: int, engine: Engine
    ) -> None:
        self.network, self.config, self.engine = network, config, engine
        self.device = engine.machine.device
        self.planner = Planner(data, network.num_items, config, seed)
        self.optimizer = torch.optim.AdamW(_groups(network, config.weight_decay), lr=config.learning_rate, fused=True)
        self.average = RunningMean(network, config.averaging)
        self.step_size, self.steps = config.learning_rate, 0
        self.freed = FreedMemory()
        self.begun: BegunEpoch | None = None

    @property
    def steps_per_epoch(self) -> int:
        return self.planner.steps_per_epoch

    @property
    def stretches_per_epoch(self) -> int:
        return math.ceil(self.steps_per_epoch / STRETCH)

    @property
    def place(self) -> float:
        """How much of the epoch under way is done, in 0..1."""
        return self.begun.step / self.steps_per_epoch if self.begun else 0.0

    def slow_down(self) -> None:
        """A smaller step from the weights as they are, with fresh moments."""
        self.step_size *= DECAY
        self.average.restart()
        self.optimizer.state.clear()

    def stretch(self, bar: Any, cosine_epochs: int | None, epoch: int) -> dict[str, float]:
        """The next steps of a pass over all windows, the `epoch`-th from 0; the mean losses of the pass so far."""
        self.network.train()
        begun = self.begun or BegunEpoch(self.planner.numpy.bit_generator.state)
        batches = self._batches(begun)
        sums = {name: torch.tensor(begun.losses.get(name, 0.0), device=self.device) for name in LOSSES}
        end = min(begun.step + math.ceil(len(batches) / self.stretches_per_epoch), len(batches))
        # dropout draws from the global generator: fork it, so that the library leaves the caller's alone
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            seed = int(torch.randint(2**62, (1,), generator=self.planner.torch))
            torch.manual_seed(seed + self.engine.fabric.global_rank)
            for step in range(begun.step, end):
                self._set_step_size(epoch * self.steps_per_epoch + step, cosine_epochs)
                for name, value in self._step(self.planner.step(batches[step])).items():
                    sums[name] += value
                self.freed.after_step()
                bar.update()
        self.network.eval()
        losses = self.engine.summed({name: float(value) for name, value in sums.items()}, begun.losses)
        self.begun = BegunEpoch(begun.numpy, end, losses) if end < len(batches) else None
        return {name: value / end for name, value in losses.items()}

    def _batches(self, begun: BegunEpoch) -> list[np.ndarray]:
        """Those of the epoch, dealt out anew where it is under way."""
        stream = self.planner.numpy.bit_generator
        if not begun.step:
            return self.planner.batches()
        now, stream.state = stream.state, begun.numpy
        batches = self.planner.batches()
        stream.state = now
        return batches

    def _set_step_size(self, done: int, cosine_epochs: int | None) -> None:
        factor = min(1.0, (self.steps + 1) / WARM_UP)
        if cosine_epochs is not None:
            factor *= 0.5 * (1 + math.cos(math.pi * done / (cosine_epochs * self.steps_per_epoch)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.step_size * factor * group["pace"]
        self.steps += 1

    def _step(self, step: Step) -> dict[str, Tensor]:
        """Gradients share by share, summed over the processes; then one step."""
        totals: dict[str, Tensor] = {}
        self.optimizer.zero_grad(set_to_none=True)
        for begin, end in self.engine.shares(len(step), self.config.accumulation):
            with self.engine.autocast():
                loss, losses = self._loss(step.lines(begin, end), step.num_targets, len(step.shown.label))
            self.engine.backward(loss)
            totals = {name: totals.get(name, 0) + value.detach() for name, value in losses.items()}
        self.engine.sum_gradients(self.network.parameters())
        if self.config.clip_norm:
            torch.nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.average.update()
        return totals

    def _loss(self, step: Step, num_targets: int, num_shown: int) -> tuple[Tensor, dict[str, Tensor]]:
        """A share's part of the loss: its sums, over the counts of the whole step."""
        shown, softmaxes, scorer = step.shown, step.softmaxes, self.network.serving.scorer
        with torch.autocast(self.device.type, enabled=False):  # sparse products and the nodes' own vectors: 32 bits
            items, place = self._items(
                step.batch.item_index, shown.item, *(softmax.candidates for softmax in softmaxes)
            )
        shown_item = place(shown.item)
        batch = replace(step.batch.to(self.device), item_index=place(step.batch.item_index))
        states = self.network.serving.behaviour(items.source, batch)  # (batch, length + 1, dim)
        users = states[:, :-1][step.is_target.to(self.device)]
        loss, losses = users.sum() * 0.0, {}
        if self.config.ranking_weight and len(users):
            parts = []
            sizes = [len(softmax.column) for softmax in softmaxes]
            for softmax, some in zip(softmaxes, users.split(sizes), strict=True):
                candidates = place(softmax.candidates)
                scores = scorer.rank(some, items.target.index_select(0, candidates), items.bias[candidates])
                scores = scores + softmax.correction.to(self.device)
                parts.append(ranking_loss(scores, softmax.column.to(self.device)) * len(some))
            ranking = losses["ranking_loss"] = torch.stack(parts).sum() / num_targets
            loss = loss + self.config.ranking_weight * ranking
        if self.config.click_weight and len(shown.label):
            row = (shown.line * states.shape[1] + shown.place).to(self.device)
            user = states.flatten(0, 1).index_select(0, row)
            logit = scorer.click(user, items.target.index_select(0, shown_item), items.bias[shown_item])
            click = click_loss(logit.float(), shown.label.to(self.device)) * (len(shown.label) / num_shown)
            losses["click_loss"] = click
            loss = loss + self.config.click_weight * click
        return loss, losses

    def _items(self, *indices: Tensor) -> tuple[ItemVectors, Callable[[Tensor], Tensor]]:
        """Vectors of the items that are named, and a map to their places among these (on the device; -1 stays).

        Where most items are named, all are made.
        """
        wanted = torch.unique(torch.cat([index.reshape(-1) for index in indices]))
        wanted = wanted[wanted >= 0]
        if len(wanted) > MOST_OF_ALL * self.network.num_items:
            return self.network.item_vectors(), lambda index: index.to(self.device)
        place = torch.full((self.network.num_items + 1,), -1)  # the last one for -1
        place[wanted] = torch.arange(len(wanted))
        return self.network.item_vectors(wanted.to(self.device)), lambda index: place[index].to(self.device)


def _groups(network: RecommenderNetwork, weight_decay: float) -> list[dict[str, Any]]:
    """The own vectors of nodes and users without decay; the small click network at a faster pace."""
    own: list[torch.nn.Parameter] = []
    click: list[torch.nn.Parameter] = []
    rest: list[torch.nn.Parameter] = []
    for name, parameter in network.named_parameters():
        is_own = name.startswith(("fusion.own", "serving.behaviour.own"))
        (own if is_own else click if "click_network" in name else rest).append(parameter)
    return [
        {"params": own, "weight_decay": 0.0, "pace": 1.0},
        {"params": click, "weight_decay": weight_decay, "pace": CLICK_PACE},
        {"params": rest, "weight_decay": weight_decay, "pace": 1.0},
    ]


def base_rate(data: TrainingData, config: RecommenderConfig) -> float:
    """The share of clicks among what the click network is trained on."""
    match data.basis:
        case "impressions":
            return float(np.float32(data.label.sum(dtype=np.int64) / len(data.label)))
        case "labels":
            return 0.5
        case "sampled":
            return 1 / (1 + config.click_negatives)
