"""What shares users with what a user liked."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kgrec.baselines.ranker import Ranker
from kgrec.data.dataset import Dataset
from kgrec.tensors.sequences import Histories


class ItemKNN(Ranker):
    """The items that share the most users with those of the history, by cosine.

    Parameters
    ----------
    train : Dataset
    neighbours : int
        Kept per item.

    Source: Sarwar et al. 2001, item-based collaborative filtering.
    """

    def __init__(self, train: Dataset, neighbours: int = 100) -> None:
        super().__init__(train)
        norm = np.sqrt(np.asarray(self.liked.sum(axis=0)).ravel())
        unit = self.liked @ sparse.diags_array(np.divide(1.0, norm, out=np.zeros_like(norm), where=norm > 0))
        cosine = (unit.T @ unit).tocsr()
        cosine.setdiag(0.0)
        cosine.eliminate_zeros()
        self.cosine = _strongest(cosine, neighbours)

    def scores(self, histories: Histories) -> Tensor:
        return torch.from_numpy((self.rows(histories) @ self.cosine).toarray().astype(np.float32))


def _strongest(matrix: sparse.csr_matrix, count: int) -> sparse.csr_array:
    coo = matrix.tocoo()
    order = np.lexsort((coo.col, -coo.data, coo.row))
    row = coo.row[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    keep = order[place < count]
    return sparse.csr_array((coo.data[keep], (coo.row[keep], coo.col[keep])), shape=matrix.shape)
