"""How alike items are by text and by graph: the inner products that the closed form takes as rows of its own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.encoders.text import TextEncoder
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.models.fusion import TEXT
from kgrec.models.node_features import add_text
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.vocabulary import Vocabulary, places

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
    total: Tensor | None = None
    for rows in shared_neighbours(data, items):
        for begin in range(0, rows.shape[0], BLOCK):
            block = rows[begin : begin + BLOCK]
            if total is None:
                total = torch.zeros(len(items), len(items))
            total += torch.from_numpy(block.T @ block.toarray())
    return total


def shared_neighbours(data: HeteroData, items: np.ndarray) -> Iterator[sparse.csr_array]:
    """For each relation, and each end of it that is a product: 1 where a neighbour is one of an item.

    Yields
    ------
    sparse array of float32, shape (num_neighbours, num_items)
        The neighbours that two of the items share.
    """
    place = places(items, int(data[PRODUCT].num_nodes))
    for head, relation, tail in data.edge_types:
        ends = data[head, relation, tail].edge_index.numpy()
        for own, other, label, neighbour in ((ends[0], ends[1], head, tail), (ends[1], ends[0], tail, head)):
            if label != PRODUCT:
                continue
            inside = place[own] >= 0
            shape = (int(data[neighbour].num_nodes), len(items))
            pairs = np.unique(np.stack([other[inside], place[own[inside]]]), axis=1)
            rows = sparse.csr_array((np.ones(pairs.shape[1], np.float32), (pairs[0], pairs[1])), shape=shape)
            yield rows[np.flatnonzero(np.diff(rows.indptr) > 1)]


def item_features(train: Dataset, config: RecommenderConfig) -> dict[str, np.ndarray | sparse.csr_array]:
    """What items are by text and by graph, whatever the model: for how varied a list is.

    Returns
    -------
    dict
        `graph`: 1 for each neighbour that items share, shape (num_items, num_neighbours), sparse; `text`: their
        vectors, shape (num_items, dim). Left out where there is none.
    """
    items = Vocabulary(train.items[c.ITEM_ID])
    data = catalogue_data(train, items, config)
    rows = list(shared_neighbours(data, np.arange(len(items))))
    found: dict[str, np.ndarray | sparse.csr_array] = {"graph": sparse.csr_array(sparse.vstack(rows).T)} if rows else {}
    if TEXT in data[PRODUCT]:
        found["text"] = data[PRODUCT][TEXT].numpy()[: len(items)]
    return found


def catalogue_data(train: Dataset, items: Vocabulary, config: RecommenderConfig) -> HeteroData:
    """The graph of a catalogue as tensors, and where the configuration has texts those of the products as vectors."""
    graph = KnowledgeGraph.from_dataset(train)
    data = hetero_data(graph, items)
    if config.use_text:
        encoder = TextEncoder(config.text_model, device=torch.device("cpu"), max_length=config.text_max_length)
        add_text(data, graph, [PRODUCT], encoder)
    return data
