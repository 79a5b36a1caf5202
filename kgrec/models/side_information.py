"""How alike items are by text and by graph: the inner products that the closed form takes as rows of its own."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kgrec.models.fusion import TEXT
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.hetero import PRODUCT
from kgrec.tensors.vocabulary import places

BLOCK = 1024  # nodes multiplied at a time


def text_products(data: HeteroData, items: np.ndarray) -> Tensor | None:
    """Cosines of the items' texts, shape (num_items, num_items), float32; None where no item has a text.

    What all texts of the shop have in common is taken away first: it tells nothing apart.

    Parameters
    ----------
    items : int64, shape (num_items,)
        Places among the products.

    Source: Mu and Viswanath 2018 (all-but-the-top), algorithm 1, the mean alone.
    """
    if TEXT not in data[PRODUCT]:
        return None
    every: Tensor = data[PRODUCT][TEXT].float()
    has_text = every.any(dim=1, keepdim=True)
    every = (every - every.sum(0) / has_text.sum().clamp(min=1)) * has_text
    vectors = torch.nn.functional.normalize(every[torch.from_numpy(items)], dim=-1)
    return vectors @ vectors.T


def graph_products(data: HeteroData, items: np.ndarray) -> Tensor | None:
    """How many neighbours two items share in the graph, counted for each relation, shape (num_items, num_items).

    Returns
    -------
    Tensor, float32, or None where the items share nothing
        On the diagonal the neighbours that an item shares with any other.
    """
    place = places(items, int(data[PRODUCT].num_nodes))
    total: Tensor | None = None
    for head, relation, tail in data.edge_types:
        ends = data[head, relation, tail].edge_index.numpy()
        for own, other, label, neighbour in ((ends[0], ends[1], head, tail), (ends[1], ends[0], tail, head)):
            if label != PRODUCT:
                continue
            inside = place[own] >= 0
            shape = (int(data[neighbour].num_nodes), len(items))
            pairs = np.unique(np.stack([other[inside], place[own[inside]]]), axis=1)
            rows = sparse.csr_array((np.ones(pairs.shape[1], np.float32), (pairs[0], pairs[1])), shape=shape)
            rows = rows[np.flatnonzero(np.diff(rows.indptr) > 1)]
            for begin in range(0, rows.shape[0], BLOCK):
                block = rows[begin : begin + BLOCK]
                if total is None:
                    total = torch.zeros(len(items), len(items))
                total += torch.from_numpy(block.T @ block.toarray())
    return total
