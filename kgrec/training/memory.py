"""Memory that a training has freed, handed back to the system."""

from __future__ import annotations

import ctypes
import sys


def return_freed_memory() -> None:
    """Hand back what was freed and the C library keeps for later, where that is glibc.

    The tensors of a step lie in its heap, gigabytes in a large shop, which it does not shrink by itself once something
    that lives on lies above them.
    """
    if sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim"):
        ctypes.CDLL(None).malloc_trim(0)
