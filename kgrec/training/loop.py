"""Train the network: seeded, early-stopped, best epoch kept."""

from __future__ import annotations

import copy
import logging
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import ItemVectors
from kgrec.progress import progress_bar
from kgrec.tensors.clicks import ClickExamples
from kgrec.tensors.sequences import Histories, Windows, cut_windows, pad
from kgrec.training.averaging import RunningMean
from kgrec.training.losses import click_loss, draw_candidates, ranking_loss

logger = logging.getLogger(__name__)

EVENTS, MOST_STEPS = 2048, 1000  # of a step, and of an epoch: with more events the steps are larger
LEAST_STEPS = 50  # between two looks at validation: an epoch of a small shop is too short to judge
DECAY, DECAYS = 0.3, 2  # after `patience` looks without gain: back to the best, a smaller step; so often, then stop
WARM_UP = 50  # steps
CLICK_PACE = 10.0  # step size of the click network beside that of the rest
MOST_OF_ALL = 0.8  # share of the items from which on a step makes the vectors of all
POOL = 16  # batches that are sorted by length together


@dataclass(slots=True)
class TrainingLog:
    """What happened: one row per look at validation (or per epoch without one)."""

    rows: list[dict[str, float]] = field(default_factory=list)
    best_epoch: int = 0
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the weights are fitted on."""

    histories: Histories
    examples: ClickExamples


class Training:
    """Fits the network of a run in place, early-stopped; may pause between epochs.

    Parameters
    ----------
    run : Run
    validate : callable, optional
        The validation metric of the network as it is, higher is better. Without it, or with `config.patience` None,
        every epoch is run, the step size falls along a cosine and the last weights stay.
    on_best : callable, optional
        Called whenever the network is the best so far, and at the end.

    Attributes
    ----------
    best : float
        The highest validation metric so far.
    """

    def __init__(
        self,
        run: Run,
        *,
        validate: Callable[[], float] | None = None,
        on_best: Callable[[], None] | None = None,
        progress: bool = False,
    ) -> None:
        self.run, self.network, self.config, self.progress = run, run.network, run.config, progress
        self.on_best = on_best or (lambda: None)
        self.watch = validate if self.config.patience is not None else None
        self.log, self.epoch, self.best = TrainingLog(), 0, -math.inf
        self._best_state: dict[str, Tensor] = {}
        self._stale, self._decays, self._stopped = 0, 0, False
        self._look = max(1, math.ceil(LEAST_STEPS / run.steps_per_epoch)) if self.watch else 1

    def advance(self, steps: int | None = None) -> Training:
        """Train on, for about so many steps at the most; None: to the end."""
        last = self.config.epochs
        if steps is not None:
            last = min(last, self.epoch + max(1, round(steps / self.run.steps_per_epoch)))
        begun, before = time.perf_counter(), self.log.seconds
        with progress_bar("training", (last - self.epoch) * self.run.steps_per_epoch, self.progress, "step") as bar:
            while self.epoch < last and not self._stopped:
                self.epoch += 1
                losses = self.run.epoch(bar, None if self.watch else self.config.epochs, self.epoch)
                if self.epoch % self._look == 0 or self.epoch == last:
                    row = {"epoch": float(self.epoch), "seconds": before + time.perf_counter() - begun, **losses}
                    self.log.rows.append(row)
                    self._look_at(row, bar)
        self.log.seconds = before + time.perf_counter() - begun
        return self

    def finish(self) -> TrainingLog:
        """To the end, then back to the weights of the best epoch."""
        self.advance()
        if self.watch is None:
            self.run.average.settle()
        else:
            self.network.load_state_dict(self._best_state)
        self.on_best()
        return self.log

    def _look_at(self, row: dict[str, float], bar: Any) -> None:
        if self.watch is None:
            self.log.best_epoch = self.epoch
            return
        with self.run.average.in_place():
            found = row["validation"] = self.watch()
        bar.set_postfix(validation=f"{found:.4f}", best=f"{max(self.best, found):.4f}")
        logger.info("epoch %d: %s", self.epoch, row)
        if found > self.best:
            self.best, self._best_state, self._stale = found, self._averaged_state(), 0
            self.log.best_epoch = self.epoch
            with self.run.average.in_place():
                self.on_best()
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


def _equal_shares(length: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` shares each window falls in, in order, so that all hold about as many events."""
    before = np.cumsum(length) - length
    share: np.ndarray = before * count // max(int(length.sum()), 1)
    return share


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


def _base_rate(examples: ClickExamples, config: RecommenderConfig) -> float:
    match examples.basis:
        case "impressions":
            return float(examples.label.mean())
        case "labels":
            return 0.5
        case "sampled":
            return 1 / (1 + config.click_negatives)


class Run:
    """The optimiser, the random streams and the windows of one training."""

    def __init__(
        self,
        network: RecommenderNetwork,
        data: TrainingData,
        config: RecommenderConfig,
        seed: int,
        device: torch.device,
    ) -> None:
        self.network, self.data, self.config, self.device = network, data, config, device
        streams = np.random.SeedSequence([seed, *b"training"]).spawn(2)
        self.numpy = np.random.default_rng(streams[0])
        self.torch = torch.Generator().manual_seed(int(streams[1].generate_state(1)[0]))
        self.windows: Windows = cut_windows(data.histories, config.history_length)
        examples = data.examples
        window_of_example = self.windows.locate(data.histories, examples.user_index, examples.place)
        self.example_order = np.argsort(window_of_example, kind="stable")
        self.example_window = window_of_example[self.example_order]
        shown = np.bincount(window_of_example, minlength=len(self.windows)) > 0
        self.useful = np.flatnonzero((self.windows.stop > self.windows.start) | shown)
        self.length = self.windows.stop - self.windows.start
        events = int(self.length.sum())
        self.steps_per_epoch = max(1, round(events / (config.batch_size or max(EVENTS, events / MOST_STEPS))))
        self.optimizer = torch.optim.AdamW(_groups(network, config.weight_decay), lr=config.learning_rate, fused=True)
        network.serving.scorer.set_base_rate(_base_rate(examples, config))
        self.average = RunningMean(network, config.averaging)
        self.step_size, self.steps = config.learning_rate, 0

    def slow_down(self) -> None:
        """A smaller step from the weights as they are, with fresh moments."""
        self.step_size *= DECAY
        self.average.restart()
        self.optimizer.state.clear()

    def epoch(self, bar: Any, cosine_epochs: int | None, number: int) -> dict[str, float]:
        """One pass over all windows; the mean losses."""
        self.network.train()
        totals: dict[str, float] = {"ranking_loss": 0.0, "click_loss": 0.0}
        # dropout draws from the global generator: fork it, so that the library leaves the caller's alone
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(int(torch.randint(2**62, (1,), generator=self.torch)))
            for step, windows in enumerate(self._batches()):
                self._set_step_size((number - 1) * self.steps_per_epoch + step, cosine_epochs)
                losses = self._step(windows)
                for name, value in losses.items():
                    totals[name] += value / self.steps_per_epoch
                bar.update()
        self.network.eval()
        return totals

    def _batches(self) -> list[np.ndarray]:
        """All windows in a random order, in steps of about as many events each, like lengths together."""
        order = self.numpy.permutation(self.useful)
        pool = _equal_shares(self.length[order], math.ceil(self.steps_per_epoch / POOL))
        order = order[np.lexsort((self.length[order], pool))]
        share = _equal_shares(self.length[order], self.steps_per_epoch)
        batches = np.split(order, np.flatnonzero(np.diff(share)) + 1)
        return [batches[place] for place in self.numpy.permutation(len(batches))]

    def _set_step_size(self, done: int, cosine_epochs: int | None) -> None:
        factor = min(1.0, (self.steps + 1) / WARM_UP)
        if cosine_epochs is not None:
            factor *= 0.5 * (1 + math.cos(math.pi * done / (cosine_epochs * self.steps_per_epoch)))
        for group in self.optimizer.param_groups:
            group["lr"] = self.step_size * factor * group["pace"]
        self.steps += 1

    def _step(self, window: np.ndarray) -> dict[str, float]:
        windows, histories = self.windows, self.data.histories
        shuffle = None if histories.ordered else self.numpy
        batch = pad(histories, windows.row[window], windows.start[window], windows.stop[window], shuffle)
        is_target = batch.item_index >= 0
        is_target[:, 0] &= torch.from_numpy(windows.is_first[window])
        targets = batch.item_index[is_target]
        softmaxes = self._softmaxes(targets)
        shown = self._shown(window, is_target, targets, [softmax.candidates for softmax in softmaxes])
        items, place = self._items(batch.item_index, shown.item, *(softmax.candidates for softmax in softmaxes))
        histories_read, shown_item = place(batch.item_index), place(shown.item)
        batch = replace(batch.to(self.device), item_index=histories_read)
        states = self.network.serving.behaviour(items.source, batch)  # (batch, length + 1, dim)
        users = states[:, :-1][is_target.to(self.device)]
        loss = users.sum() * 0.0
        losses = {"ranking_loss": 0.0, "click_loss": 0.0}
        scorer = self.network.serving.scorer
        if self.config.ranking_weight and len(targets):
            parts = []
            for softmax, some in zip(softmaxes, users.chunk(len(softmaxes)), strict=True):
                candidates = place(softmax.candidates)
                scores = scorer.rank(some, items.target.index_select(0, candidates), items.bias[candidates])
                scores = scores + softmax.correction.to(self.device)
                parts.append(ranking_loss(scores, softmax.column.to(self.device)) * len(some))
            ranking = torch.stack(parts).sum() / len(users)
            loss, losses["ranking_loss"] = loss + self.config.ranking_weight * ranking, float(ranking.detach())
        if self.config.click_weight and len(shown.label):
            row = (shown.line * states.shape[1] + shown.place).to(self.device)
            user = states.flatten(0, 1).index_select(0, row)
            logit = scorer.click(user, items.target.index_select(0, shown_item), items.bias[shown_item])
            click = click_loss(logit, shown.label.to(self.device))
            loss, losses["click_loss"] = loss + self.config.click_weight * click, float(click.detach())
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        self.average.update()
        return losses

    def _softmaxes(self, targets: Tensor) -> list[_Softmax]:
        """One for about EVENTS of the targets, with candidates of its own: the work grows no faster than the events."""
        made, column = [], torch.empty(self.network.num_items, dtype=torch.long)
        for some in targets.chunk(max(1, round(len(targets) / EVENTS))):
            size = self.config.softmax_items
            candidates, correction = draw_candidates(some, self.network.num_items, size, self.torch)
            column[candidates] = torch.arange(len(candidates))
            made.append(_Softmax(candidates, correction, column[some]))
        return made

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

    def _shown(self, window: np.ndarray, is_target: Tensor, targets: Tensor, candidates: Sequence[Tensor]) -> _Shown:
        """What the click loss is of: the given examples; the targets and drawn items too where those hold none."""
        given, examples = self._given(window), self.data.examples
        if examples.basis == "impressions":
            return given
        line, place = torch.nonzero(is_target, as_tuple=True)
        liked = _Shown(line, place, targets, torch.ones(len(targets)))
        if examples.basis == "labels":
            return _Shown.cat([liked, given])
        parts, many = len(candidates), self.config.click_negatives
        drawn = [
            self._drawn(among, some, len(some) * many)
            for among, some in zip(candidates, targets.chunk(parts), strict=True)
        ]
        row = torch.cat([some.repeat(many) for some in torch.arange(len(targets)).chunk(parts)])
        return _Shown.cat([liked, given, _Shown(line[row], place[row], torch.cat(drawn), torch.zeros(len(row)))])

    def _drawn(self, candidates: Tensor, targets: Tensor, size: int) -> Tensor:
        """Items at random, each as likely as the next, out of the candidates alone: few vectors need be made."""
        own = len(torch.unique(targets))
        place = torch.randint(self.network.num_items, (size,), generator=self.torch)
        if len(candidates) < self.network.num_items:  # the targets come first and stand for themselves
            place = torch.where(place < own, place, torch.randint(own, len(candidates), (size,), generator=self.torch))
        return candidates[place]

    def _given(self, window: np.ndarray) -> _Shown:
        """The examples of the data in these windows."""
        examples, order = self.data.examples, self.example_order
        left = np.searchsorted(self.example_window, window)
        right = np.searchsorted(self.example_window, window, side="right")
        rows = order[np.concatenate([np.arange(a, b) for a, b in zip(left, right, strict=True)]).astype(np.int64)]
        line = np.repeat(np.arange(len(window)), right - left)
        begin = self.windows.start[window][line] - self.data.histories.start[examples.user_index[rows]]
        place = examples.place[rows] - begin
        return _Shown(
            *(torch.from_numpy(part) for part in (line, place, examples.item_index[rows], examples.label[rows]))
        )


@dataclass(frozen=True, slots=True)
class _Softmax:
    """Candidates of some targets, what to add to their scores, and the column of each target among them."""

    candidates: Tensor
    correction: Tensor
    column: Tensor


@dataclass(frozen=True, slots=True)
class _Shown:
    """Labelled pairs of a step, each of shape (num_pairs,).

    Attributes
    ----------
    line, place : Tensor of int64
        Row of the batch, and how many of its events came before.
    item : Tensor of int64
    label : Tensor, float32
    """

    line: Tensor
    place: Tensor
    item: Tensor
    label: Tensor

    @staticmethod
    def cat(parts: Sequence[_Shown]) -> _Shown:
        """All of the parts, one after the other."""
        return _Shown(
            torch.cat([part.line for part in parts]),
            torch.cat([part.place for part in parts]),
            torch.cat([part.item for part in parts]),
            torch.cat([part.label for part in parts]),
        )
