"""Places of rows: of many ranges, or evenly spaced."""

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


def evenly(size: int, most: int) -> np.ndarray:
    """At most so many places among `size`, evenly spaced.

    >>> evenly(5, 3).tolist()
    [0, 2, 4]
    """
    index: np.ndarray = np.linspace(0, size - 1, min(size, most)).astype(np.int64)
    return index


def largest(values: np.ndarray, most: int) -> np.ndarray:
    """Places of the largest values, ascending, at most so many; of those that tie the first.

    >>> largest(np.array([3, 1, 3, 2]), 3).tolist()
    [0, 2, 3]
    """
    return np.sort(np.argsort(-values, kind="stable")[:most])
