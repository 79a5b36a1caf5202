"""Full-ranking metrics of recommendation lists, by the definitions of recall, NDCG, hit rate and MRR at k."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.errors import ConfigError, DataError, list_first, not_whole, raise_faults

_PAIR = [c.USER_ID, c.ITEM_ID]
_PLACE, _WANTED, _HIT, _USER = "__place__", "__wanted__", "__hit__", "__user__"


def ranking_metrics(
    recommendations: pl.DataFrame,
    relevant: pl.DataFrame,
    ks: Sequence[int] = (10, 20),
    num_items: int | None = None,
) -> dict[str, float]:
    """Score ranked lists against the items that turned out to be relevant.

    The mean over every user with a relevant item; one without a list scores 0. With `hits` the relevant items
    among the first k of the list:

        recall@k = |hits| / |relevant|            hit@k = 1 if there is a hit
        ndcg@k   = sum over hits of 1/log2(rank + 1), divided by the sum over r = 1..min(|relevant|, k) of 1/log2(r + 1)
        mrr@k    = 1 / rank of the first hit, else 0
        coverage@k = distinct items in the first k of all lists / num_items

    Parameters
    ----------
    recommendations : polars.DataFrame
        Columns `user_id, item_id, rank`; the order of the ranks counts, so gaps do no harm. Lists of users without
        a relevant item count only for the coverage.
    relevant : polars.DataFrame
        Columns `user_id, item_id`; repeated rows count once.
    ks : whole numbers >= 1
        The lengths at which the lists are cut.
    num_items : int, optional
        Size of the catalogue; without it there is no coverage.

    Returns
    -------
    dict
        `recall@10`, `ndcg@10`, `hit@10`, `mrr@10`, and `coverage@10` when `num_items` is given; all in 0..1.

    Raises
    ------
    ConfigError
        If a k or `num_items` is not a whole number >= 1.
    DataError
        If a column is missing, no item is relevant, or a list has an item or a rank twice.

    Examples
    --------
    u finds its second item at rank 2: recall 1/2, NDCG (1/log2 3) / (1 + 1/log2 3) = 0.6309 / 1.6309 = 0.3869,
    MRR 1/2. v has no list and scores 0, so the means are half of that. 2 of 4 items are listed.

    >>> lists = pl.DataFrame({"user_id": ["u", "u"], "item_id": ["a", "b"], "rank": [1, 2]})
    >>> wanted = pl.DataFrame({"user_id": ["u", "u", "v"], "item_id": ["b", "c", "a"]})
    >>> {name: round(value, 4) for name, value in ranking_metrics(lists, wanted, ks=[2], num_items=4).items()}
    {'recall@2': 0.25, 'ndcg@2': 0.1934, 'hit@2': 0.5, 'mrr@2': 0.25, 'coverage@2': 0.5}
    """
    _check(recommendations, relevant, ks, num_items)
    relevant = relevant.select(_PAIR).unique()
    wanted = relevant.group_by(c.USER_ID, maintain_order=False).len(_WANTED).sort(c.USER_ID).with_row_index(_USER)
    listed = recommendations.select(*_PAIR, c.RANK).with_columns(
        pl.col(c.RANK).rank("ordinal").over(c.USER_ID).cast(pl.Int64).alias(_PLACE)
    )
    hits = listed.join(relevant, on=_PAIR, how="semi").join(wanted, on=c.USER_ID)
    user, place = hits[_USER].to_numpy().astype(np.int64), hits[_PLACE].to_numpy()
    sizes = wanted[_WANTED].to_numpy().astype(np.int64)
    metrics: dict[str, float] = {}
    for k in ks:
        metrics |= metrics_at(k, user[place <= k], place[place <= k], sizes)
        if num_items is not None:
            metrics[f"coverage@{k}"] = listed.filter(pl.col(_PLACE) <= k)[c.ITEM_ID].n_unique() / num_items
    return metrics


def metrics_at(k: int, user: np.ndarray, place: np.ndarray, sizes: np.ndarray) -> dict[str, float]:
    """Metrics at k from the hits: `user` (row of `sizes`) and `place` (from 1) of each; `sizes`: relevant per user."""
    count = np.bincount(user, minlength=sizes.size)
    gain = np.bincount(user, weights=1 / np.log2(place + 1), minlength=sizes.size)
    ideal = np.cumsum(1 / np.log2(np.arange(1, k + 1) + 1))[np.minimum(sizes, k) - 1]
    first = np.full(sizes.size, np.inf)
    np.minimum.at(first, user, place)
    return {
        f"recall@{k}": float(np.mean(count / sizes)),
        f"ndcg@{k}": float(np.mean(gain / ideal)),
        f"hit@{k}": float(np.mean(count > 0)),
        f"mrr@{k}": float(np.mean(1 / first)),
    }


def check_cutoffs(ks: Sequence[int]) -> None:
    """Raise ConfigError unless there is at least one k and all are whole numbers above 0."""
    if isinstance(ks, str) or not isinstance(ks, Collection):
        raise ConfigError(f"ks is {ks!r}, expected a list of whole numbers >= 1")
    faults = [fault for k in ks for fault in not_whole(1, k=k)]
    raise_faults(ConfigError, "ranking metrics", faults if len(ks) else ["ks is empty, expected at least one k"])


def missing_columns(name: str, frame: pl.DataFrame, columns: Sequence[str]) -> list[str]:
    """The fault of a frame that lacks columns, if any."""
    missing = [column for column in columns if column not in frame.columns]
    return [f"{name}: missing column {list_first(missing)} (found {list_first(frame.columns)})"] if missing else []


def _check(recommendations: pl.DataFrame, relevant: pl.DataFrame, ks: Sequence[int], num_items: int | None) -> None:
    check_cutoffs(ks)
    faults = [] if num_items is None else not_whole(1, num_items=num_items)
    raise_faults(ConfigError, "ranking metrics", faults)
    for name, frame, columns in (
        ("recommendations", recommendations, [*_PAIR, c.RANK]),
        ("relevant", relevant, _PAIR),
    ):
        faults += missing_columns(name, frame, columns)
    raise_faults(DataError, "ranking metrics", faults)
    kinds = recommendations.schema, relevant.schema
    faults += [
        f"{column} is of type {kinds[0][column]} in recommendations, {kinds[1][column]} in relevant"
        for column in _PAIR
        if kinds[0][column] != kinds[1][column]
    ]
    rank = recommendations[c.RANK]
    if rank.len() and not rank.dtype.is_numeric():
        faults.append(f"recommendations: {c.RANK} is of type {rank.dtype}, expected numbers")
    elif rank.null_count() or (rank.dtype.is_float() and rank.is_nan().any()):
        faults.append(f"recommendations: a row has no {c.RANK}")
    raise_faults(DataError, "ranking metrics", faults)
    if num_items is not None and recommendations[c.ITEM_ID].n_unique() > num_items:
        faults.append(f"num_items is {num_items:,}, and {recommendations[c.ITEM_ID].n_unique():,} are recommended")
    if not relevant.height:
        faults.append("relevant: the table is empty, so there is nothing to find")
    for columns in (_PAIR, [c.USER_ID, c.RANK]):
        repeated = recommendations.filter(recommendations.select(columns).is_duplicated())
        if repeated.height:
            shown = list_first(repeated.select(columns).unique(maintain_order=True).rows())
            faults.append(f"recommendations: repeated {' and '.join(columns)}: {shown}")
    raise_faults(DataError, "ranking metrics", faults)
