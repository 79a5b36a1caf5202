"""Ranked lists as long tables, one row for each user and item."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl
from torch import Tensor

from kgrec.data import columns as c
from kgrec.models.fitted import FittedModel
from kgrec.ranking.diversity import POOL, diversify
from kgrec.ranking.topk import ScoreRows, ranks, top_k
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

Lists = tuple[np.ndarray, np.ndarray, np.ndarray]  # user, item, score
Rerank = Callable[[np.ndarray, np.ndarray, np.ndarray], Lists]


def ranked_lists(
    score_rows: ScoreRows,
    users: pl.Series,
    items: Vocabulary,
    histories: Histories,
    k: int,
    *,
    filter_seen: bool = True,
    allowed: np.ndarray | None = None,
    rerank: Rerank | None = None,
) -> pl.DataFrame:
    """The k best items of each user, those of the user's history left out.

    Parameters
    ----------
    score_rows : callable
        Scores of a range of `users` for every item.
    histories : Histories
        Of `users`, in their order.
    allowed : bool array, shape (num_items,), optional
        Items that may be listed.
    rerank : callable, optional
        From `POOL` times as many items, as `top_k` gives them, to those of the lists.

    Returns
    -------
    polars.DataFrame
        Columns user_id, item_id, rank (from 1), score (higher is better).
    """
    seen = (histories.user_index(), histories.item_index) if filter_seen else None
    wanted = int(k) * (POOL if rerank else 1)  # a small integer type of numpy's would overflow
    line, item, score = top_k(score_rows, len(users), wanted, seen=seen, allowed=allowed)
    if rerank:
        line, item, score = rerank(line, item, score)
    return pl.DataFrame(
        {
            c.USER_ID: users.gather(line),
            c.ITEM_ID: items.take(item),
            c.RANK: ranks(line),
            c.SCORE: score.astype(np.float64),
        }
    )


def model_lists(
    model: FittedModel,
    users: pl.Series,
    histories: Histories,
    k: int,
    *,
    filter_seen: bool = True,
    allowed: np.ndarray | None = None,
    diversity: float = 0.0,
    vectors: Tensor | None = None,
) -> pl.DataFrame:
    """`ranked_lists` by a fitted model's scores, re-ranked for variety where `diversity` is above 0.

    Parameters
    ----------
    vectors : Tensor, shape (num_users, dim), optional
        Of the users, where they are at hand; None: made from `histories`.
    """
    vectors = model.user_vectors(histories) if vectors is None else vectors

    def rerank(line: np.ndarray, item: np.ndarray, score: np.ndarray) -> Lists:
        return diversify(line, item, score, model.vectors.source, k, diversity)

    return ranked_lists(
        lambda begin, end: model.scores(vectors[begin:end], histories.take(np.arange(begin, end))),
        users,
        model.items,
        histories,
        k,
        filter_seen=filter_seen,
        allowed=allowed,
        rerank=rerank if diversity else None,
    )
