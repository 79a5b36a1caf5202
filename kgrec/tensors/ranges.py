"""Many ranges of rows, one after the other."""

from __future__ import annotations

import numpy as np


def flat_ranges(begin: np.ndarray, end: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The range that each whole number is of, and the whole numbers of each range, one after the other.

    >>> [part.tolist() for part in flat_ranges(np.array([5, 0]), np.array([7, 1]))]
    [[0, 0, 1], [5, 6, 0]]
    """
    size = end - begin
    line = np.repeat(np.arange(len(size)), size)
    return line, np.arange(len(line)) - (np.cumsum(size) - size)[line] + begin[line]
