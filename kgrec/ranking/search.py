"""Choosing settings by what they score."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence


def coordinate_search(
    starts: Sequence[Mapping[str, float]],
    steps: Iterable[tuple[str, Sequence[float]]],
    score: Callable[[dict[str, float]], float],
    most: int | None = None,
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
        Candidates scored, at the most.
    """
    best, highest = dict(starts[0]), -math.inf
    tried: set[tuple[tuple[str, float], ...]] = set()

    def candidates() -> Iterator[dict[str, float]]:
        yield from (dict(start) for start in starts)
        for name, values in steps:
            for value in values:
                yield {**best, name: value}

    for candidate in candidates():
        key = tuple(candidate.items())
        if key in tried:
            continue
        if most is not None and len(tried) >= most:
            break
        tried.add(key)
        found = score(candidate)
        if found > highest:
            highest, best = found, candidate
    return best
