"""Choosing settings by what they score."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence


def coordinate_search(
    start: Mapping[str, float],
    steps: Iterable[tuple[str, Sequence[float]]],
    score: Callable[[dict[str, float]], float],
    most: int | None = None,
) -> dict[str, float]:
    """Change one setting after the other to its best value, the others as found so far.

    Parameters
    ----------
    start : mapping of setting to value
        Tried first.
    steps : iterable of (setting, values)
        What to change, in this order; a setting may come again.
    score : callable
        Of all settings, higher is better; asked once for each candidate. Ties go to the earlier candidate.
    most : int, optional
        Candidates scored, at the most.
    """
    best, tried = dict(start), {tuple(start.items())}
    highest = score(best)
    for name, values in steps:
        for value in values:
            candidate = {**best, name: value}
            if tuple(candidate.items()) in tried:
                continue
            if most is not None and len(tried) >= most:
                return best
            tried.add(tuple(candidate.items()))
            found = score(candidate)
            if found > highest:
                highest, best = found, candidate
    return best
