"""Everybody gets what most people liked."""

from __future__ import annotations

import copy

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.baselines.ranker import Ranker
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.models.fitted import interactions_of
from kgrec.tensors.sequences import Histories


class Popularity(Ranker):
    """Every user gets the items with the most distinct users; for a part, of those before it."""

    def __init__(self, train: Dataset) -> None:
        super().__init__(train)
        self.counts = self._counts(train.interactions)

    def scores(self, histories: Histories) -> Tensor:
        return self.counts.repeat(histories.num_users, 1)

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        known = copy.copy(self)
        if part.history is not None:
            known.counts = self._counts(interactions_of(part.history))
        return super(Popularity, known).recommend_part(part, k)

    def _counts(self, interactions: pl.DataFrame) -> Tensor:
        index = self.items.index(interactions.select(c.USER_ID, c.ITEM_ID).unique()[c.ITEM_ID])
        return torch.from_numpy(np.bincount(index[index >= 0], minlength=len(self.items)).astype(np.float32))
