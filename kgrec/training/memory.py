"""Memory that a training has freed, handed back to the system."""

from __future__ import annotations

import ctypes
import functools
import os
import sys
from pathlib import Path

MOST = 4_000_000_000  # bytes that may pile up


def return_freed_memory() -> None:
    """Hand back what was freed and the C library keeps for later, where that is glibc; else do nothing."""
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


class FreedMemory:
    """Hands freed memory back each time that some of it has piled up.

    In glibc's heap the place of a freed tensor rarely fits another one of the same size, so that the steps of a large
    shop, some gigabytes each, make it grow for hundreds of steps to several times of what they need. To hand it back
    and take it again costs some tenths of a second.

    Parameters
    ----------
    most : int
        Bytes by which the process may grow until then.
    """

    def __init__(self, most: int = MOST) -> None:
        self.most, self.least = most, resident_bytes()

    def after_step(self) -> None:
        """Look, and hand back where it is time."""
        now = resident_bytes()
        self.least = min(self.least, now)
        if now - self.least > self.most:
            return_freed_memory()
            self.least = resident_bytes()


@functools.cache
def _is_glibc() -> bool:
    return sys.platform == "linux" and hasattr(ctypes.CDLL(None), "malloc_trim")


def resident_bytes() -> int:
    """Bytes of memory that this process holds beside pages of files, where its C library is glibc; else 0."""
    if not _is_glibc():
        return 0
    resident, of_files = (int(pages) for pages in Path("/proc/self/statm").read_text().split()[1:3])
    return (resident - of_files) * os.sysconf("SC_PAGE_SIZE")
