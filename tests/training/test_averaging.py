from __future__ import annotations

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from kgrec.training.averaging import RunningMean


def walk(network: nn.Linear, mean: RunningMean, steps: int) -> list[torch.Tensor]:
    """The weights after each of some random steps."""
    generator = torch.Generator().manual_seed(0)
    seen = []
    for _ in range(steps):
        with torch.no_grad():
            network.weight.add_(torch.randn(network.weight.shape, generator=generator))
        mean.update()
        seen.append(network.weight.detach().clone())
    return seen


def test_running_mean_weighs_each_step_by_the_decay_of_those_after_it() -> None:
    network = nn.Linear(3, 2, bias=False)
    start = network.weight.detach().clone()
    mean = RunningMean(network, 0.5)
    seen = walk(network, mean, 40)
    expected = start
    for step, weights in enumerate(seen, 1):
        decay = min(0.5, step / (9 + step))
        expected = decay * expected + (1 - decay) * weights
    with mean.in_place():
        assert_allclose(network.weight.detach().numpy(), expected.numpy(), rtol=1e-5)


def test_running_mean_in_place_gives_the_own_weights_back_even_after_an_error() -> None:
    network = nn.Linear(3, 2, bias=False)
    mean = RunningMean(network, 0.9)
    last = walk(network, mean, 5)[-1]
    with mean.in_place():
        assert not torch.equal(network.weight, last)
    assert torch.equal(network.weight, last)

    def fail() -> None:
        with mean.in_place():
            raise RuntimeError("inside")

    with pytest.raises(RuntimeError, match="inside"):
        fail()
    assert torch.equal(network.weight, last)


def test_running_mean_after_a_restart_is_the_weights() -> None:
    network = nn.Linear(3, 2, bias=False)
    mean = RunningMean(network, 0.9)
    last = walk(network, mean, 5)[-1]
    mean.restart()
    with mean.in_place():
        assert torch.equal(network.weight, last)


def test_running_mean_without_decay_is_the_weights() -> None:
    network = nn.Linear(3, 2, bias=False)
    mean = RunningMean(network, 0.0)
    last = walk(network, mean, 5)[-1]
    with mean.in_place():
        assert torch.equal(network.weight, last)
