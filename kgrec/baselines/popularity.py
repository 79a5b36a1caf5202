"""Everybody gets what most people liked."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgrec.baselines.ranker import Ranker
from kgrec.data.dataset import Dataset
from kgrec.tensors.sequences import Histories


class Popularity(Ranker):
    """Every user gets the items with the most distinct users."""

    def __init__(self, train: Dataset) -> None:
        super().__init__(train)
        self.counts = torch.from_numpy(np.asarray(self.liked.sum(axis=0)).ravel())

    def scores(self, histories: Histories) -> Tensor:
        return self.counts.repeat(histories.num_users, 1)
