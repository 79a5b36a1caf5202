"""What lists are like besides right: how much of the catalogue they show, how novel and how varied they are."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from scipy import sparse

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import DataError, check_whole, raise_faults
from kgrec.evaluation.metrics import missing_columns
from kgrec.evaluation.slices import counts_of
from kgrec.graph.quality.measures import gini


def list_metrics(
    recommendations: pl.DataFrame,
    train: Dataset,
    k: int = 10,
    vectors: Mapping[str, np.ndarray | sparse.csr_array] | None = None,
) -> dict[str, float]:
    """Measures of the first k items of every list that need no truth.

        coverage@k      distinct items shown / items of the catalogue
        gini@k          inequality of how often each item of the catalogue is shown: 0 all alike, 1 one item alone
        novelty@k       mean of -log2 p(item), p the share of the users of `train` who liked it (one of it added)
        popularity_lift@k  mean train events of the items shown / of the events of `train`: 1 is no popularity bias
        diversity_<name>@k  mean of 1 - cosine over the pairs of a list, then over the lists

    Parameters
    ----------
    recommendations : polars.DataFrame
        Columns user_id, item_id, rank.
    train : Dataset
    vectors : mapping of name to float array of shape (num_items, dim), dense or sparse, optional
        In the order of `train.items`; a zero vector takes no part.

    Raises
    ------
    ConfigError
        If k is no whole number above 0.
    DataError
        If a column is missing, no list has an item, an item is not in the catalogue, or vectors are not of all items.

    Source: Castells et al. 2022 (novelty and diversity); Fleder and Hosanagar 2009 (Gini).
    """
    check_whole(1, k=k)
    items = train.items[c.ITEM_ID]
    faults = missing_columns("recommendations", recommendations, [c.USER_ID, c.ITEM_ID, c.RANK])
    if not faults and recommendations[c.ITEM_ID].dtype != pl.String:
        faults.append(f"{c.ITEM_ID} is of type {recommendations[c.ITEM_ID].dtype}, expected String")
    for name, matrix in (vectors or {}).items():
        if matrix.shape[0] != len(items):
            faults.append(f"vectors {name!r} has {matrix.shape[0]:,} rows, expected {len(items):,}, one for each item")
    raise_faults(DataError, "list metrics", faults)
    place = pl.DataFrame({c.ITEM_ID: items}).with_row_index("place")
    shown = recommendations.filter(pl.col(c.RANK) <= k).sort(c.USER_ID, c.RANK)
    shown = shown.join(place, on=c.ITEM_ID, how="left", maintain_order="left")
    if not shown.height or shown["place"].null_count():
        raise DataError("list metrics: there is no list, or a listed item is not in the catalogue")
    index = shown["place"].to_numpy().astype(np.int64)
    liked = train.interactions
    events, people = (
        counts_of(items.to_frame(), rows, c.ITEM_ID).to_numpy().astype(np.float64)
        for rows in (liked, liked.unique([c.USER_ID, c.ITEM_ID]))
    )
    exposure = np.bincount(index, minlength=len(items))
    users = max(liked[c.USER_ID].n_unique(), 1)
    metrics = {
        f"coverage@{k}": float(np.mean(exposure > 0)),
        f"gini@{k}": gini(exposure),
        f"novelty@{k}": float(np.mean(-np.log2((people[index] + 1) / (users + 1)))),
        f"popularity_lift@{k}": float(np.mean(events[index]) * events.sum() / max(np.square(events).sum(), 1.0)),
    }
    user = shown[c.USER_ID].rle_id().to_numpy()
    for name, matrix in (vectors or {}).items():
        metrics[f"diversity_{name}@{k}"] = _diversity(user, matrix[index])
    return metrics


def _diversity(user: np.ndarray, vectors: np.ndarray | sparse.csr_array) -> float:
    """Mean of 1 - cosine over pairs of rows of one user, then over users with a pair; nan where none has one."""
    norm = np.sqrt(_square_sum(vectors))
    scale = np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0)
    count = np.bincount(user, weights=norm > 0)
    of_user = sparse.csr_array((scale, (user, np.arange(len(user)))), shape=(len(count), len(user)))
    pairs = count * (count - 1)
    cosine = _square_sum(of_user @ vectors) - count  # both orders of each pair
    return float(np.mean(1 - cosine[pairs > 0] / pairs[pairs > 0])) if (pairs > 0).any() else float("nan")


def _square_sum(rows: np.ndarray | sparse.csr_array) -> np.ndarray:
    """Of each row, float64."""
    squares = np.square(rows) if isinstance(rows, np.ndarray) else rows.multiply(rows)
    total: np.ndarray = squares.sum(1, dtype=np.float64)
    return total
