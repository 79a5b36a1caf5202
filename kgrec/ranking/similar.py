"""Items alike."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from kgrec.data import columns as c
from kgrec.models.fitted import FittedModel
from kgrec.ranking.topk import ranks, top_k


def similar_lists(model: FittedModel, item_ids: pl.Series, item_index: np.ndarray, k: int) -> pl.DataFrame:
    """For each item the k others whose fused vectors are closest; see `KGRecommender.similar_items`."""
    source = model.vectors.source
    rows = torch.from_numpy(item_index).to(source.device)
    line, item, score = top_k(
        lambda begin, end: source[rows[begin:end]] @ source.T,
        len(item_index),
        k,
        seen=(np.arange(len(item_index)), item_index),
    )
    return pl.DataFrame(
        {
            c.ITEM_ID: item_ids.gather(line),
            "similar_item_id": model.items.take(item),
            c.RANK: ranks(line),
            c.SCORE: score.astype(np.float64),
        }
    )
