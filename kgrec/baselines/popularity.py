"""Everybody gets what most people liked."""

from __future__ import annotations

import copy

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.baselines.ranker import Ranker
from kgrec.data.dataset import Dataset
from kgrec.tensors.sequences import Histories


class Popularity(Ranker):
    """Every user gets the items with the most distinct users; for a part, of those before it."""

    def __init__(self, train: Dataset) -> None:
        super().__init__(train)
        self.counts = torch.from_numpy(np.asarray(self.liked.sum(axis=0)).ravel())

    def scores(self, histories: Histories) -> Tensor:
        return self.counts.repeat(histories.num_users, 1)

    def after(self, interactions: pl.DataFrame) -> Popularity:
        known = copy.copy(self)
        known.counts = torch.from_numpy(self.likers(interactions).astype(np.float32))
        return known
