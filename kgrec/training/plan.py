"""What each step of a training is of: index work alone, the same on every process."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.data.disk import slices
from kgrec.tensors.clicks import ClickBasis, ClickExamples
from kgrec.tensors.ranges import flat_ranges
from kgrec.tensors.sequences import Batch, Histories, Windows, cut_windows, pad
from kgrec.tensors.vocabulary import places
from kgrec.training.losses import draw_candidates

EVENTS, MOST_STEPS = 2048, 1000  # of a step, and of an epoch: with more events the steps are larger
FEWEST_EVENTS, LEAST_STEPS = 256, 20  # with fewer they are smaller: all epochs of a small shop would be few steps
POOL = 16  # batches that are sorted by length together


@dataclass(frozen=True, slots=True)
class TrainingData:
    """What the weights are fitted on.

    Attributes
    ----------
    histories : Histories
    windows : Windows
        Of the histories.
    start : int64, shape (num_windows + 1,)
        The labelled pairs of window w are at `start[w]:start[w + 1]`, in the order of the events.
    item_index : int32, shape (num_examples,)
    place : int16, shape (num_examples,)
        How many events of its window came before.
    label : int8, shape (num_examples,)
        1 or 0.
    basis : "impressions", "labels" or "sampled"
        As of `ClickExamples`.
    is_repeat : bool, shape (num_events,), or None
        Which events of the histories are no targets: lists leave out what their user has had, and what comes again, by
        habit, would be most of what is learned. None: none of them.
    """

    histories: Histories
    windows: Windows
    start: np.ndarray
    item_index: np.ndarray
    place: np.ndarray
    label: np.ndarray
    basis: ClickBasis
    is_repeat: np.ndarray | None

    @classmethod
    def of(cls, histories: Histories, examples: ClickExamples, length: int) -> TrainingData:
        """Cut the histories into windows of at most `length` events and put the examples in their order."""
        windows = cut_windows(histories, length)
        window, place = np.empty(len(examples), np.int32), np.empty(len(examples), np.int16)
        first = windows.start - histories.start[windows.row]
        for some in slices(len(examples)):
            window[some] = windows.locate(histories, examples.user_index[some], examples.place[some])
            place[some] = examples.place[some] - first[window[some]]
        start = np.concatenate([[0], np.cumsum(np.bincount(window, minlength=len(windows)))])
        order = np.argsort(window, kind="stable")
        del window
        parts = examples.item_index[order], place[order], examples.label[order]
        is_repeat = histories.is_repeat()
        return cls(histories, windows, start, *parts, examples.basis, is_repeat if is_repeat.any() else None)


@dataclass(frozen=True, slots=True)
class Softmax:
    """Candidates of some targets, what to add to their scores, and the column of each target among them."""

    candidates: Tensor
    correction: Tensor
    column: Tensor


@dataclass(frozen=True, slots=True)
class Shown:
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
    def cat(parts: Sequence[Shown]) -> Shown:
        """All of the parts, one after the other."""
        return Shown(*(torch.cat([getattr(part, one.name) for part in parts]) for one in fields(Shown)))

    def lines(self, begin: int, end: int) -> Shown:
        """The pairs of some rows of the batch, counted from `begin`."""
        inside = (self.line >= begin) & (self.line < end)
        return Shown(self.line[inside] - begin, self.place[inside], self.item[inside], self.label[inside])


@dataclass(frozen=True, slots=True)
class Step:
    """Windows of histories, which of their events are to be predicted among which items, and labelled pairs.

    Attributes
    ----------
    is_target : Tensor of bool, shape (batch, length)
    softmaxes : list of Softmax
        Each of some of the targets, in the order of `is_target`.
    """

    batch: Batch
    is_target: Tensor
    softmaxes: list[Softmax]
    shown: Shown

    def __len__(self) -> int:
        return len(self.is_target)

    @property
    def num_targets(self) -> int:
        return sum(len(softmax.column) for softmax in self.softmaxes)

    def lines(self, begin: int, end: int) -> Step:
        """The step of some rows of the batch; the softmaxes keep all of their candidates."""
        if (begin, end) == (0, len(self)):
            return self
        first, last = int(self.is_target[:begin].sum()), int(self.is_target[:end].sum())
        softmaxes, at = [], 0
        for softmax in self.softmaxes:
            column = softmax.column[max(first - at, 0) : max(last - at, 0)]
            at += len(softmax.column)
            if len(column):
                softmaxes.append(Softmax(softmax.candidates, softmax.correction, column))
        batch = Batch(*(getattr(self.batch, part.name)[begin:end] for part in fields(Batch)))
        return Step(batch, self.is_target[begin:end], softmaxes, self.shown.lines(begin, end))


class Planner:
    """Deals the windows of all histories out to steps, and draws what each is compared with.

    Parameters
    ----------
    data : TrainingData
    num_items : int
    config : RecommenderConfig
    seed : int

    Attributes
    ----------
    candidates : Tensor of int64
        Items that a user may have passed over: those with events. Of the others nothing is known.
    place : Tensor of int64, shape (num_items,)
        Place of each item among the candidates; -1 for the others.
    numpy, torch : Generator
        The random streams.
    steps_per_epoch : int
    """

    def __init__(self, data: TrainingData, num_items: int, config: RecommenderConfig, seed: int) -> None:
        self.data, self.num_items, self.config = data, num_items, config
        streams = np.random.SeedSequence([seed, *b"training"]).spawn(2)
        self.numpy = np.random.default_rng(streams[0])
        self.torch = torch.Generator().manual_seed(int(streams[1].generate_state(1)[0]))
        chosen = np.flatnonzero(data.histories.item_counts(num_items))
        self.candidates, self.place = torch.from_numpy(chosen), torch.from_numpy(places(chosen, num_items))
        self.windows = data.windows
        self.useful = np.flatnonzero((self.windows.stop > self.windows.start) | (np.diff(data.start) > 0))
        self.length = self.windows.stop - self.windows.start
        events = int(self.length.sum())
        self.steps_per_epoch = max(1, round(events / (config.batch_size or events_of_a_step(events))))

    def batches(self) -> list[np.ndarray]:
        """All windows in a random order, in steps of about as many events each, like lengths together."""
        order = self.numpy.permutation(self.useful)
        pool = _equal_shares(self.length[order], math.ceil(self.steps_per_epoch / POOL))
        # up and down by turns: a step may hold the end of one pool and the begin of the next
        order = order[np.lexsort((np.where(pool % 2, -1, 1) * self.length[order], pool))]
        share = _equal_shares(self.length[order], self.steps_per_epoch)
        batches = np.split(order, np.flatnonzero(np.diff(share)) + 1)
        return [batches[place] for place in self.numpy.permutation(len(batches))]

    def step(self, window: np.ndarray) -> Step:
        """The step of some windows."""
        windows, histories = self.windows, self.data.histories
        shuffle = None if histories.ordered else self.numpy
        batch = pad(histories, windows.row[window], windows.start[window], windows.stop[window], shuffle)
        is_target = batch.item_index >= 0
        is_target[:, 0] &= torch.from_numpy(windows.is_first[window])
        if self.data.is_repeat is not None:
            is_target &= ~self._comes_again(window, batch, self.data.is_repeat)
        targets = batch.item_index[is_target]
        softmaxes = self._softmaxes(targets)
        given = self._given(window)
        if shuffle is not None:
            given = before_itself(given, batch)
        return Step(batch, is_target, softmaxes, self._shown(given, is_target, targets, softmaxes))

    def _comes_again(self, window: np.ndarray, batch: Batch, is_repeat: np.ndarray) -> Tensor:
        """Which places of the windows hold an item that their user had before; without an order, further left."""
        if not self.data.histories.ordered:
            return comes_again(batch.item_index)
        place = self.windows.start[window, None] + np.arange(batch.item_index.shape[1])
        return torch.from_numpy(is_repeat[np.minimum(place, len(is_repeat) - 1)])

    def _softmaxes(self, targets: Tensor) -> list[Softmax]:
        """One for about EVENTS of the targets, with candidates of its own: the work grows no faster than the events."""
        made, column, many = [], torch.empty(self.num_items, dtype=torch.long), len(self.candidates)
        for some in targets.chunk(max(1, round(len(targets) / EVENTS))):
            place, correction = draw_candidates(self.place[some], many, self.config.softmax_items, self.torch)
            candidates = self.candidates[place]
            column[candidates] = torch.arange(len(candidates))
            made.append(Softmax(candidates, correction, column[some]))
        return made

    def _shown(self, given: Shown, is_target: Tensor, targets: Tensor, softmaxes: Sequence[Softmax]) -> Shown:
        """What the click loss is of: the given examples; the targets and drawn items too where those hold none."""
        basis = self.data.basis
        if basis == "impressions":
            return given
        line, place = torch.nonzero(is_target, as_tuple=True)
        liked = Shown(line, place, targets, torch.ones(len(targets)))
        if basis == "labels":
            return Shown.cat([liked, given])
        parts, many = len(softmaxes), self.config.click_negatives
        drawn = [
            drawn_items(softmax.candidates, some, len(some) * many, len(self.candidates), self.torch)
            for softmax, some in zip(softmaxes, targets.chunk(parts), strict=True)
        ]
        row = torch.cat([some.repeat(many) for some in torch.arange(len(targets)).chunk(parts)])
        return Shown.cat([liked, given, Shown(line[row], place[row], torch.cat(drawn), torch.zeros(len(row)))])

    def _given(self, window: np.ndarray) -> Shown:
        """The examples of the data in these windows."""
        data = self.data
        line, rows = flat_ranges(data.start[window], data.start[window + 1])
        place, item, label = (part[rows] for part in (data.place, data.item_index, data.label))
        parts = line, place.astype(np.int64), item.astype(np.int64), label.astype(np.float32)
        return Shown(*(torch.from_numpy(part) for part in parts))


def events_of_a_step(events: int) -> float:
    """How many events a step is of, about, where nobody says it.

    >>> [events_of_a_step(events) for events in (1_000, 10_000, 100_000, 10_000_000)]
    [256, 500.0, 2048, 10000.0]
    """
    return max(min(EVENTS, max(FEWEST_EVENTS, events / LEAST_STEPS)), events / MOST_STEPS)


def drawn_items(candidates: Tensor, targets: Tensor, size: int, num_items: int, generator: torch.Generator) -> Tensor:
    """Items at random, each as likely as the next, out of the candidates alone: few vectors need be made."""
    own = len(torch.unique(targets))
    place = torch.randint(num_items, (size,), generator=generator)
    if len(candidates) < num_items:  # the targets come first and stand for themselves
        place = torch.where(place < own, place, torch.randint(own, len(candidates), (size,), generator=generator))
    return candidates[place]


def comes_again(item_index: Tensor) -> Tensor:
    """Which places of padded rows hold an item that stands further left in the row too, shape as `item_index`."""
    ascending, order = item_index.sort(dim=1, stable=True)
    again = torch.zeros_like(item_index, dtype=torch.bool)
    again[:, 1:] = ascending[:, 1:] == ascending[:, :-1]
    return torch.empty_like(again).scatter_(1, order, again)


def before_itself(shown: Shown, batch: Batch) -> Shown:
    """The examples, those of an item of their row just before it.

    Where the order is not read a place says nothing, and the state just before an item is what has not seen it (see
    `BehaviourEncoder.reads_all_others`).
    """
    same = batch.item_index[shown.line] == shown.item[:, None]
    return replace(shown, place=torch.where(same.any(1), same.int().argmax(1), shown.place))


def _equal_shares(length: np.ndarray, count: int) -> np.ndarray:
    """Which of `count` shares each window falls in, in order, so that all hold about as many events."""
    before = np.cumsum(length) - length
    share: np.ndarray = before * count // max(int(length.sum()), 1)
    return share
