"""How popular items are, in all and of late."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.tensors.sequences import Histories

HALF_LIVES = (0.25, 0.05, 0.01)  # of the span of all events


@dataclass(frozen=True, slots=True)
class Popularity:
    """How often each item was chosen; with a half-life, of late.

    Attributes
    ----------
    weight : float64, shape (num_items,)
        An event counts 1, or half for each half-life of its age.
    moment : int
        UTC epoch seconds from which the ages count: the last event.
    half_life : float, optional
        Seconds; None: all events count alike.
    """

    weight: np.ndarray
    moment: int
    half_life: float | None

    @classmethod
    def of(cls, histories: Histories, num_items: int, half_life: float | None) -> Popularity:
        """That of the events of histories; one without a time is as old as the oldest."""
        if half_life is None:
            return cls(histories.item_counts(num_items).astype(np.float64), 0, None)
        stamps = histories.timestamp
        known = stamps[stamps > np.iinfo(np.int64).min]
        first, last = (int(known.min()), int(known.max())) if len(known) else (0, 0)
        weight = 0.5 ** ((last - np.maximum(stamps, first)) / half_life)
        return cls(np.bincount(histories.item_index, weight, minlength=num_items), last, half_life)

    def after(self, item_index: np.ndarray, timestamp: np.ndarray, num_items: int) -> Popularity:
        """That after more events, shape (num_events,) each, those without a time just now; items may have come too."""
        weight = np.concatenate([self.weight, np.zeros(num_items - len(self.weight))])
        if self.half_life is None:
            return Popularity(weight + np.bincount(item_index, minlength=num_items), self.moment, None)
        moment = max(self.moment, int(timestamp.max(initial=self.moment)))
        age = moment - np.where(timestamp > np.iinfo(np.int64).min, timestamp, moment)
        fresh = 0.5 ** (age / self.half_life)
        faded = weight * 0.5 ** ((moment - self.moment) / self.half_life)
        return Popularity(faded + np.bincount(item_index, fresh, minlength=num_items), moment, self.half_life)

    def logarithm(self) -> np.ndarray | None:
        """Deviating by 1 over the items, float32, shape (num_items,); None where no two items differ."""
        logarithm = np.log1p(self.weight)
        return (logarithm / logarithm.std()).astype(np.float32) if np.ptp(logarithm) > 0 else None

    def prior(self, share: float, device: torch.device) -> Tensor | None:
        """What is added to scores, float32, shape (num_items,): the logarithm times `share`; None as there."""
        logarithm = self.logarithm()
        return None if logarithm is None else share * torch.from_numpy(logarithm).to(device)


def prior_as_chosen(
    chosen: dict[str, Any], histories: Histories, num_items: int, device: torch.device
) -> Tensor | None:
    """What is added to scores after the events of histories, by the `half_life` and `share` chosen before."""
    if not chosen["share"]:
        return None
    return Popularity.of(histories, num_items, chosen["half_life"]).prior(chosen["share"], device)


def popularities(histories: Histories, num_items: int) -> dict[str, Popularity]:
    """How often each item was chosen, in all and of late: the half-lives are shares of the time that the events span.

    Left out where no two items differ.
    """
    stamps = histories.timestamp
    known = stamps[stamps > np.iinfo(np.int64).min]
    span = float(np.ptp(known)) if histories.ordered and len(known) else 0.0
    half_lives = {"all": None, **({f"half-life {part:g}": part * span for part in HALF_LIVES} if span else {})}
    made = {name: Popularity.of(histories, num_items, half_life) for name, half_life in half_lives.items()}
    return {name: one for name, one in made.items() if one.logarithm() is not None}
