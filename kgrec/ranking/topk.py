"""Exact top-k in batches, seen items left out."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

ScoreRows = Callable[[int, int], Tensor]  # (begin, end) of the users -> scores, shape (end - begin, num_items)


def top_k(
    score_rows: ScoreRows,
    num_users: int,
    k: int,
    *,
    seen: tuple[np.ndarray, np.ndarray] | None = None,
    allowed: np.ndarray | None = None,
    batch_size: int = 1024,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The k best items of each user; ties go to the lower item index.

    Parameters
    ----------
    score_rows : callable
        Scores of a range of users for every item, a fresh tensor each time (it is written to).
    seen : (user_index, item_index), optional
        Pairs to leave out; user_index ascending.
    allowed : bool array, shape (num_items,), optional
        Items that may be listed.

    Returns
    -------
    (user_index, item_index, scores)
        Flat, users ascending, best first; a user has fewer than k rows when fewer items are left.
    """
    parts = list(_batches(score_rows, num_users, k, seen, allowed, batch_size))
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32)
    users, items, scores = (np.concatenate(column) for column in zip(*parts, strict=True))
    return users, items, scores


def ranks(line: np.ndarray) -> np.ndarray:
    """Place of each row within its run of equal lines (ascending), from 1: the rank in the lists of `top_k`."""
    return np.arange(len(line)) - np.searchsorted(line, line) + 1


def _batches(
    score_rows: ScoreRows,
    num_users: int,
    k: int,
    seen: tuple[np.ndarray, np.ndarray] | None,
    allowed: np.ndarray | None,
    batch_size: int,
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    for begin in range(0, num_users, batch_size):
        end = min(begin + batch_size, num_users)
        scores = score_rows(begin, end)
        if seen is not None:
            left, right = np.searchsorted(seen[0], [begin, end])
            rows = torch.from_numpy(seen[0][left:right] - begin).to(scores.device)
            scores[rows, torch.from_numpy(seen[1][left:right]).to(scores.device)] = -torch.inf
        if allowed is not None:
            scores[:, torch.from_numpy(~allowed).to(scores.device)] = -torch.inf
        best, items = sorted_top(scores, min(k, scores.shape[1]))
        keep = np.isfinite(best)
        user = np.broadcast_to(np.arange(begin, end)[:, None], best.shape)
        yield user[keep], items[keep], best[keep]


def sorted_top(scores: Tensor, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The k best of each row, ties by index: where the last place is tied with one left out, by a full stable sort."""
    best, items = torch.topk(scores, min(k + 1, scores.shape[1]), dim=1)
    if best.shape[1] > k:
        tied = torch.nonzero((best[:, k - 1] == best[:, k]) & best[:, k].isfinite())[:, 0]
        if len(tied):
            values, places = torch.sort(scores[tied], dim=1, descending=True, stable=True)
            best[tied], items[tied] = values[:, : k + 1], places[:, : k + 1]
    top, index = best[:, :k].cpu().numpy(), items[:, :k].cpu().numpy()
    order = np.lexsort((index, -top), axis=1)
    return np.take_along_axis(top, order, 1), np.take_along_axis(index, order, 1)
