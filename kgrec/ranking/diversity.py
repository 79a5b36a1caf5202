"""Lists re-ranked for variety."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgrec.errors import ConfigError, not_number, raise_faults

POOL = 5  # candidates for each place of a list
BATCH = 2**24  # numbers of the candidates' vectors, or of their cosines, at a time


def check_diversity(where: str, diversity: float) -> None:
    """Raise ConfigError unless it is a number from 0 to 1."""
    raise_faults(ConfigError, where, not_number(0, 1, ends=True, diversity=diversity))


def diversify(
    line: np.ndarray, item: np.ndarray, score: np.ndarray, vectors: Tensor, k: int, diversity: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Choose k items of each user's candidates one by one: relevant, and unlike those chosen before.

    Each choice is the item with the largest (1 - diversity) * relevance - diversity * (its largest cosine with an item
    chosen), relevance being the score scaled to 0..1 over the user's candidates.

    Parameters
    ----------
    line, item, score : arrays, shape (num_candidates,)
        As `top_k` gives them: users ascending, best first.
    vectors : Tensor, shape (num_items, dim), unit length
    k : int
    diversity : float
        From 0 (the k best) to 1 (relevance counts for the first item alone).

    Returns
    -------
    (line, item, score) of the items chosen, in the order of choice; the scores are those given.

    Source: Carbonell and Goldstein 1998 (MMR).
    """
    users, start, count = np.unique(line, return_index=True, return_counts=True)
    parts = [np.zeros(0, np.int64)]
    most = int(count.max(initial=1))
    batch = max(1, BATCH // (most * max(most, vectors.shape[1])))
    for begin in range(0, len(users), batch):
        first, size = start[begin : begin + batch], count[begin : begin + batch]
        offset = np.arange(size.max())[None, :]
        inside = offset < size[:, None]
        row = np.where(inside, first[:, None] + offset, first[:, None])
        chosen = _choose(torch.from_numpy(score[row]), vectors[torch.from_numpy(item[row])], inside, k, diversity)
        parts.append(row[np.arange(len(row))[:, None], chosen][chosen >= 0])
    rows = np.concatenate(parts)
    return line[rows], item[rows], score[rows]


def _choose(score: Tensor, vectors: Tensor, inside: np.ndarray, k: int, diversity: float) -> np.ndarray:
    """Columns chosen for each user in order, shape (num_users, k); -1 where the candidates have run out."""
    open_ = torch.from_numpy(inside).to(vectors.device)
    score = score.to(vectors.device, torch.float32)
    low = torch.where(open_, score, torch.inf).amin(1, keepdim=True)
    spread = (score.amax(1, keepdim=True) - low).clamp(min=1e-12)
    relevance = (score - low) / spread
    nearest = torch.zeros_like(relevance)  # nothing is chosen yet
    lines = torch.arange(len(score), device=vectors.device)
    cosines = vectors @ vectors.mT
    chosen = []
    for step in range(min(k, score.shape[1])):
        value = (1 - diversity) * relevance - diversity * nearest if step else relevance
        best, column = torch.where(open_, value, -torch.inf).max(1)
        chosen.append(torch.where(best.isfinite(), column, -1))
        open_[lines, column] = False
        cosine = cosines[lines, column]
        nearest = torch.maximum(nearest, cosine) if step else cosine
    return torch.stack(chosen, 1).cpu().numpy()
