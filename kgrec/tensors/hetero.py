"""The knowledge graph as PyG HeteroData, its products in the order of the item vocabulary."""

from __future__ import annotations

import numpy as np
import polars as pl
import torch

from kgrec.graph.build import PRODUCT, USER
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.vocabulary import Vocabulary


def hetero_data(graph: KnowledgeGraph, items: Vocabulary) -> HeteroData:
    """The graph's nodes and edges as tensors; users and their edges are left out.

    The first `len(items)` products are the catalogue in its order, whether the graph knows them or not; products that
    only the graph knows follow. A user's events reach the model through their history, never as edges.

    Returns
    -------
    HeteroData
        `data[label].node_id` (list of str), `data[label].num_nodes`, and for each edge type `edge_index`, int64,
        shape (2, num_edges).
    """
    data = HeteroData()
    position: dict[str, np.ndarray] = {}
    for label, table in {PRODUCT: pl.DataFrame({ID: pl.Series([], dtype=pl.String)}), **graph.nodes}.items():
        if label == USER:
            continue
        node_ids, position[label] = _ordered(table[ID], items if label == PRODUCT else None)
        data[label].node_id = node_ids
        data[label].num_nodes = len(node_ids)
    for head, relation, tail in graph.edges:
        if USER in (head, tail):
            continue
        index = graph.edge_index((head, relation, tail))
        pair = np.stack([position[head][index[0]], position[tail][index[1]]])
        data[head, relation, tail].edge_index = torch.from_numpy(pair)
    return data


def _ordered(ids: pl.Series, first: Vocabulary | None) -> tuple[list[str], np.ndarray]:
    """Node ids in model order, and for each row of the table its place in that order."""
    if first is None:
        return ids.to_list(), np.arange(ids.len())
    place = first.index(ids)
    extra = place < 0
    place[extra] = len(first) + np.arange(int(extra.sum()))
    return [*first.ids.to_list(), *ids.filter(pl.Series(extra)).to_list()], place
