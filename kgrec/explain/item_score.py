"""The ranking score of one item for one user, asked again under changes of what it is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kgrec.models.closed_form import LEAST_WEIGHT
from kgrec.models.fitted import FittedModel
from kgrec.models.repeats import Pairs
from kgrec.models.serving import ItemVectors
from kgrec.tensors.sequences import Batch, Histories

AT_ONCE, EVENTS_AT_ONCE = 64, 16_384  # changes, events of all of them


@dataclass(frozen=True, slots=True)
class Change:
    """What is other than it was.

    Attributes
    ----------
    left_out : tuple of int
        Places in the history, from 0 for the oldest event: as if these had not happened.
    fused : mapping of item to Tensor, shape (dim,)
        Fused vectors to go by instead of the model's, of any length above zero.
    stranger : bool
        Nothing is known of the user: no event, no profile, no vector of the user's own.
    """

    left_out: tuple[int, ...] = ()
    fused: Mapping[int, Tensor] = field(default_factory=dict)
    stranger: bool = False


NOTHING, STRANGER = Change(), Change(stranger=True)


class ItemScore:
    """Scores one item for one user.

    Parameters
    ----------
    model : FittedModel
    history : Histories
        Of the user alone.
    item : int
        Place in the catalogue.
    """

    def __init__(self, model: FittedModel, history: Histories, item: int) -> None:
        self.model = model
        self.history = history
        self.item = item
        self.item_weight = self._item_weights()

    def of(self, changes: Sequence[Change]) -> np.ndarray:
        """The score under each change, shape (num_changes,), float64; it equals that of `FittedModel.scores`."""
        size = max(1, min(AT_ONCE, EVENTS_AT_ONCE // max(1, min(self.num_events, self.model.events_read))))
        parts = [self._some(changes[begin : begin + size]) for begin in range(0, len(changes), size)]
        return np.concatenate(parts) if parts else np.zeros(0)

    @property
    def num_events(self) -> int:
        return len(self.history.item_index)

    def closed_form(self, kept: np.ndarray) -> np.ndarray:
        """What the closed form gives for each event of the history, its share counted, shape (num_changes, num_events).

        Parameters
        ----------
        kept : bool array, shape (num_changes, num_events)
            The events that take part.
        """
        recency = self.model.item_weights.recency if self.model.item_weights is not None else 1.0
        steps_back = kept[:, ::-1].cumsum(axis=1)[:, ::-1] - kept
        weight = recency ** steps_back.astype(np.float64)
        found: np.ndarray = np.where(kept & (weight >= LEAST_WEIGHT), weight * self.item_weight, 0.0)
        return found

    def _item_weights(self) -> np.ndarray:
        """The closed form's weight of each event for the item, shape (num_events,)."""
        weights = self.model.item_weights
        if weights is None or not self.model.item_share or not self.num_events:
            return np.zeros(self.num_events)
        fitted = weights.item.cpu().numpy()
        row = np.searchsorted(fitted, self.history.item_index).clip(max=len(fitted) - 1)
        known = fitted[row] == self.history.item_index
        rows = torch.from_numpy(row).to(weights.column.device)
        value = (weights.value[rows] * (weights.column[rows] == self.item)).sum(dim=1).double().cpu().numpy()
        found: np.ndarray = self.model.item_share * np.where(known, value, 0.0)
        return found

    def _repeats(self, kept: np.ndarray) -> np.ndarray:
        """What it adds that the user has had the item, shape (num_changes,)."""
        repeats = self.model.repeats
        if repeats is None:
            return np.zeros(len(kept))
        place = np.nonzero(kept)[1]
        start = np.concatenate([[0], np.cumsum(kept.sum(axis=1))])
        events = {name: getattr(self.history, name)[place] for name in ("item_index", "event_index", "timestamp")}
        pairs = Pairs.of(Histories(start, **events, ordered=self.history.ordered))
        own = pairs.item == self.item
        return np.bincount(pairs.line[own], repeats.added(pairs)[own], minlength=len(kept))

    @torch.no_grad()
    def _some(self, changes: Sequence[Change]) -> np.ndarray:
        model, device = self.model, self.model.device
        kept = np.ones((len(changes), self.num_events), dtype=bool)
        for line, change in enumerate(changes):
            kept[line, list(change.left_out)] = False
            kept[line] &= not change.stranger
        batch, source = self._batch(changes, kept)
        nothing = source.new_zeros(0)
        users = model.network.users(ItemVectors(source, nothing, nothing), batch.to(device))
        target = model.vectors.target[self.item].repeat(len(changes), 1)
        for line, change in enumerate(changes):
            if self.item in change.fused:
                target[line] = model.network.scorer.targets(change.fused[self.item])
        bias = float(model.vectors.bias[self.item]) + (0.0 if model.prior is None else float(model.prior[self.item]))
        cosine = (users * target).sum(dim=1).double().cpu().numpy()
        network = cosine / float(model.network.scorer.temperature) + bias
        score: np.ndarray = network + self.closed_form(kept).sum(axis=1) + self._repeats(kept)
        return score

    def _batch(self, changes: Sequence[Change], kept: np.ndarray) -> tuple[Batch, Tensor]:
        """The histories as they would be, the items renumbered to the rows of a table of vectors made for them."""
        items, place = np.unique(self.history.item_index, return_inverse=True)
        tables = [self.model.vectors.source[torch.from_numpy(items).to(self.model.device)]]
        last = kept[:, ::-1].cumsum(axis=1)[:, ::-1] <= self.model.events_read  # of those kept
        lines = [np.flatnonzero(row) for row in kept & last]
        width = max(1, *(len(line) for line in lines))
        item_index, event_index = np.full((2, len(changes), width), -1)
        num_rows = len(items)
        for number, (change, line) in enumerate(zip(changes, lines, strict=True)):
            row = np.arange(len(items))
            for item in sorted(change.fused.keys() & set(items.tolist())):
                row[np.searchsorted(items, item)] = num_rows
                tables.append(functional.normalize(change.fused[item], dim=0)[None])
                num_rows += 1
            item_index[number, : len(line)] = row[place[line]]
            event_index[number, : len(line)] = self.history.event_index[line]
        strange = np.array([change.stranger for change in changes])
        known = -1 if self.history.user is None else int(self.history.user[0])
        profile = np.zeros((1, 0), np.int64) if self.history.profile is None else self.history.profile
        arrays = (
            item_index,
            event_index,
            np.array([len(line) for line in lines]),
            np.where(strange, -1, known),
            np.where(strange[:, None], 0, profile),
        )
        tables.append(tables[0].new_zeros(1, self.model.config.embedding_dim))  # padding reads a row too
        return Batch(*(torch.from_numpy(part.astype(np.int64)) for part in arrays)), torch.cat(tables)
