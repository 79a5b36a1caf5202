"""How good a ranked list is for a query with graded answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Answers:
    """A query and its judged items: places, and gains (the relevance, 0 at least)."""

    query: str
    item: np.ndarray
    gain: np.ndarray


def ndcg(scores: np.ndarray, gains: np.ndarray, ideal: np.ndarray, k: int = 10) -> float:
    """Normalised discounted cumulative gain of the k best items.

    Parameters
    ----------
    scores, gains : float arrays, shape (num_items,)
        Of the items that may be listed; ties go to the item that comes first.
    ideal : float array
        The gains of all answers there are, in any order.

    Returns
    -------
    float, 0 to 1; nan where no answer has a gain.

    Source: Järvelin and Kekäläinen 2002; the gain is the relevance itself.

    >>> round(ndcg(np.array([0.9, 0.5, 0.1]), np.array([0.0, 3.0, 1.0]), np.array([3.0, 1.0])), 4)
    0.659
    """
    best = np.argsort(-scores, kind="stable")[:k]
    most = np.sort(ideal)[::-1][:k]
    highest = float(most @ _discount(len(most)))
    return float(gains[best] @ _discount(len(best))) / highest if highest > 0 else float("nan")


def _discount(size: int) -> np.ndarray:
    return 1 / np.log2(np.arange(size) + 2)
