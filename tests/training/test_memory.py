"""What is freed goes back to the system."""

from __future__ import annotations

import ctypes
import dataclasses
import gc
import sys
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kgrec import KGRecommender
from kgrec.training import fitting
from kgrec.training.memory import FreedMemory, return_freed_memory
from kgrec.training.run import Run
from tests.tiny import SMALL, checkerboard

SIZE, COUNT = 100_000, 2_000  # bytes of a tensor, too few for pages of its own; tensors

on_glibc = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc"
)


def held() -> int:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


def tensors_that_live_on() -> list[Tensor]:
    """A few among many, which are freed."""
    tensors = [torch.ones(SIZE, dtype=torch.uint8) for _ in range(COUNT)]
    return tensors[1::100]


@on_glibc
def test_freed_memory_is_returned() -> None:
    lives_on = tensors_that_live_on()
    before = held()
    return_freed_memory()
    assert before - held() > SIZE * COUNT / 2
    assert all(bool(tensor.all()) for tensor in lives_on)


@on_glibc
@pytest.mark.parametrize(("most", "grown"), [(SIZE * COUNT // 4, False), (SIZE * COUNT * 4, True)])
def test_freed_memory_is_returned_once_it_has_piled_up(most: int, grown: bool) -> None:
    return_freed_memory()
    begun, freed = held(), FreedMemory(most)
    lives_on = tensors_that_live_on()
    freed.after_step()
    assert (held() - begun > SIZE * COUNT / 2) == grown
    del lives_on


@pytest.mark.parametrize("patience", [None, 1])
def test_nothing_of_a_training_outlives_it(patience: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither optimizer nor gradients, each as large as the weights or larger: not even until a garbage collection."""
    begun: list[weakref.ref[Run]] = []

    def run(*args: Any) -> Run:
        made = Run(*args)
        begun.append(weakref.ref(made))
        return made

    monkeypatch.setattr(fitting, "Run", run)
    split = checkerboard().split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=2, patience=patience)
    gc.disable()
    try:
        fitted = KGRecommender(config, seed=0).fit(split.train, validation=split.validation)
        assert begun
        assert [ref() for ref in begun] == [None] * len(begun)
    finally:
        gc.enable()
    assert all(weight.grad is None for weight in fitted.model_.network.parameters())
