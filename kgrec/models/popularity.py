"""How popular items are, in all and of late."""

from __future__ import annotations

import numpy as np

from kgrec.tensors.sequences import Histories

HALF_LIVES = (0.25, 0.05, 0.01)  # of the span of all events


def popularity(histories: Histories, num_items: int) -> dict[str, np.ndarray]:
    """Logarithms of how often each item was chosen, in all and of late, deviating by 1 over the items.

    Of late: an event counts half for each half-life of its age before the last of all; the half-lives are shares of the
    time that the events span. Where no two items differ, nothing.

    Returns
    -------
    dict of name to float32 array, shape (num_items,)
    """
    weights = {"all": np.ones(len(histories.item_index))}
    stamps = histories.timestamp
    known = stamps > np.iinfo(np.int64).min
    span = float(np.ptp(stamps[known])) if histories.ordered and known.any() else 0.0
    if span:
        age = np.where(known, stamps[known].max() - stamps, span) / span
        weights |= {f"half-life {part:g}": 0.5 ** (age / part) for part in HALF_LIVES}
    found = {}
    for name, weight in weights.items():
        logarithm = np.log1p(np.bincount(histories.item_index, weight, minlength=num_items))
        deviation = logarithm.std()
        if deviation:
            found[name] = (logarithm / deviation).astype(np.float32)
    return found
