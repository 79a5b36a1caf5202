"""What is freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from kgrec.training.memory import FreedMemory, return_freed_memory

SIZE, COUNT = 100_000, 2_000  # bytes of a tensor, too few for pages of its own; tensors

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc"
)


def held() -> int:
    return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) * 1024


def tensors_that_live_on() -> list[Tensor]:
    """A few among many, which are freed."""
    tensors = [torch.ones(SIZE, dtype=torch.uint8) for _ in range(COUNT)]
    return tensors[1::100]


def test_freed_memory_is_returned() -> None:
    lives_on = tensors_that_live_on()
    before = held()
    return_freed_memory()
    assert before - held() > SIZE * COUNT / 2
    assert all(bool(tensor.all()) for tensor in lives_on)


@pytest.mark.parametrize(("most", "grown"), [(SIZE * COUNT // 4, False), (SIZE * COUNT * 4, True)])
def test_freed_memory_is_returned_once_it_has_piled_up(most: int, grown: bool) -> None:
    return_freed_memory()
    begun, freed = held(), FreedMemory(most)
    lives_on = tensors_that_live_on()
    freed.after_step()
    assert (held() - begun > SIZE * COUNT / 2) == grown
    del lives_on
