"""Parts of an evaluation that a mean over all hides: cold and tail items, new users, short and long histories."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.evaluation.metrics import ranking_metrics

TAIL = 5  # train events below which an item is of the tail
_COUNT = "__count__"


def slices(part: Dataset, train: Dataset) -> dict[str, pl.DataFrame]:
    """The relevant pairs of a part (user_id, item_id), by what training knew of the item and of the user.

    Returns
    -------
    dict
        `cold items` (no train event), `tail items` (fewer than 5, cold ones too), `new users` (no train event),
        `short histories` and `long histories` (the users with train events, cut at their median); a slice may be empty.
        Where users are left out (`leave_users_out`) all are new.
    """
    wanted, liked = part.interactions.select(c.USER_ID, c.ITEM_ID).unique(maintain_order=True), train.interactions
    of_item = counts_of(wanted, liked, c.ITEM_ID)
    of_user = counts_of(wanted, liked, c.USER_ID)
    each = wanted.select(c.USER_ID).with_columns(of_user.alias(_COUNT)).unique()[_COUNT]
    median = each.filter(each > 0).median()
    is_short = of_user <= (median if isinstance(median, float) else 0.0)
    return {
        "cold items": wanted.filter(of_item == 0),
        "tail items": wanted.filter(of_item < TAIL),
        "new users": wanted.filter(of_user == 0),
        "short histories": wanted.filter((of_user > 0) & is_short),
        "long histories": wanted.filter(~is_short),
    }


def slice_metrics(
    recommendations: pl.DataFrame, part: Dataset, train: Dataset, ks: Sequence[int] = (10,)
) -> pl.DataFrame:
    """`ranking_metrics` of each slice that is not empty: only its pairs count as relevant.

    Returns
    -------
    polars.DataFrame
        Columns slice, users, pairs and the metrics.
    """
    rows = []
    for name, relevant in slices(part, train).items():
        if relevant.height:
            sizes = {"slice": name, "users": relevant[c.USER_ID].n_unique(), "pairs": relevant.height}
            rows.append({**sizes, **ranking_metrics(recommendations, relevant, ks)})
    return pl.DataFrame(rows)


def counts_of(rows: pl.DataFrame, events: pl.DataFrame, key: str) -> pl.Series:
    """How many events share the key, item_id or user_id, of each row."""
    counts = events.group_by(key).len(_COUNT)
    return rows.join(counts, on=key, how="left", maintain_order="left")[_COUNT].fill_null(0)
