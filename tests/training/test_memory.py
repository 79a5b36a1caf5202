"""What is freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest
import torch

from kgrec.training.memory import return_freed_memory

SIZE, COUNT = 100_000, 2_000  # bytes of a tensor, too few for pages of its own; tensors


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another C library than glibc"
)
def test_return_freed_memory() -> None:
    def held() -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    tensors = [torch.ones(SIZE, dtype=torch.uint8) for _ in range(COUNT)]
    lives_on = tensors[1::100]
    del tensors
    before = held()
    return_freed_memory()
    assert before - held() > SIZE * COUNT / 2
    assert all(bool(tensor.all()) for tensor in lives_on)
