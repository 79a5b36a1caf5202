"""Choosing settings by what they score."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence


def coordinate_search(
    starts: Sequence[Mapping[str, float]],
    steps: Iterable[tuple[str, Sequence[float]]],
    score: Callable[[dict[str, float]], float],
    most: int | None = None,
    *,
    free: Collection[str] = (),
) -> dict[str, float]:
    """Change one setting after the other to its best value, the others as found so far.

    Parameters
    ----------
    starts : sequence of mappings of setting to value
        Tried first; the best of them is what is changed.
    steps : iterable of (setting, values)
        What to change, in this order; a setting may come again.
    score : callable
        Of all settings, higher is better; asked once for each candidate. Ties go to the earlier candidate.
    most : int, optional
        Candidates scored, at the most, but for free ones.
    free : collection of setting
        Candidates that change one of these cost little, and don't count.
    """
    best, highest = dict(starts[0]), -math.inf
    tried: set[tuple[tuple[str, float], ...]] = set()
    counted = 0

    def candidates() -> Iterator[tuple[bool, dict[str, float]]]:
        yield from ((False, dict(start)) for start in starts)
        for name, values in steps:
            for value in values:
                yield name in free, {**best, name: value}

    for is_free, candidate in candidates():
        key = tuple(candidate.items())
        if key in tried or (most is not None and not is_free and counted >= most):
            continue
        tried.add(key)
        counted += not is_free
        found = score(candidate)
        if found > highest:
            highest, best = found, candidate
    return best
