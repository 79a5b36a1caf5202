from __future__ import annotations

import pytest
import torch

from kgrec.encoders.dropout import Dropout


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_dropout_in_training_drops_the_share_asked_for_and_keeps_the_mean(rate: float) -> None:
    torch.manual_seed(0)
    out = Dropout(rate)(torch.ones(400, 251))  # 100,400 values; no multiple of 8 in a row
    assert (out == 0).float().mean().item() == pytest.approx(rate, abs=0.006)  # 4 standard errors and 1/512
    assert out.mean().item() == pytest.approx(1.0, abs=0.02)
    assert out[out != 0].unique().numel() == 1


def test_dropout_masks_differ_from_call_to_call_and_repeat_with_the_seed() -> None:
    values, layer = torch.ones(1000), Dropout(0.3)
    torch.manual_seed(7)
    first, second = layer(values), layer(values)
    torch.manual_seed(7)
    assert torch.equal(layer(values), first)
    assert not torch.equal(first, second)


def test_dropout_gradient_is_zero_where_the_value_was_dropped() -> None:
    torch.manual_seed(0)
    values = torch.ones(64, requires_grad=True)
    out = Dropout(0.5)(values)
    out.sum().backward()
    assert values.grad is not None
    assert torch.equal(values.grad, out.detach())


@pytest.mark.parametrize(("rate", "training"), [(0.0, True), (0.9, False)])
def test_dropout_that_is_off_returns_the_values(rate: float, training: bool) -> None:
    values = torch.randn(10)
    assert Dropout(rate).train(training)(values) is values
