"""Choosing settings by what they score."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence


def coordinate_search(
    start: Mapping[str, float],
    grid: Mapping[str, Sequence[float]],
    order: Sequence[str],
    score: Callable[[dict[str, float]], float],
) -> dict[str, float]:
    """Change one setting after the other to its best value, the others as found so far.

    Parameters
    ----------
    start : mapping of setting to value
        Tried first.
    grid : mapping of setting to values
    order : sequence of str
        The settings to change; one may come again.
    score : callable
        Of all settings, higher is better; asked once for each candidate. Ties go to the earlier candidate.
    """
    best, tried = dict(start), {tuple(start.items())}
    highest = score(best)
    for name in order:
        for value in grid[name]:
            candidate = {**best, name: value}
            if tuple(candidate.items()) in tried:
                continue
            tried.add(tuple(candidate.items()))
            found = score(candidate)
            if found > highest:
                highest, best = found, candidate
    return best
