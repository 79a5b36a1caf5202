"""A running mean of the weights: steadier than the weights themselves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class RunningMean:
    """An exponential running mean of a network's parameters.

    Parameters
    ----------
    network : nn.Module
    decay : float
        Weight of the mean so far at every step, in [0, 1); less in the first steps. 0: the weights as they are.

    Source: Polyak and Juditsky 1992, averaging; Tarvainen and Valpola 2017 (mean teacher), eq. 2, exponential.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.parameters, self.decay, self.steps = list(network.parameters()), decay, 0
        self.mean: list[Tensor] = []
        self.restart()

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        if self.mean:
            self.steps += 1
            decay = min(self.decay, self.steps / (9 + self.steps))
            get_ema_multi_avg_fn(decay)(self.mean, self.parameters, self.steps)  # type: ignore[no-untyped-call]

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """The network holds the mean inside the `with`, its own weights again after."""
        self._exchange()
        try:
            yield
        finally:
            self._exchange()

    def settle(self) -> None:
        """The network takes the mean for good."""
        self._exchange()
        self.mean = []

    def restart(self) -> None:
        """Go on from the weights as they are."""
        self.mean = [parameter.detach().clone() for parameter in self.parameters] if self.decay else []

    def _exchange(self) -> None:
        for place, parameter in enumerate(self.parameters[: len(self.mean)]):
            parameter.data, self.mean[place] = self.mean[place], parameter.data
