"""The whole network: fusion, behaviour encoder, scorer."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from kgrec.config import RecommenderConfig
from kgrec.graph.build import PRODUCT
from kgrec.models.fusion import FusionNetwork
from kgrec.models.serving import ItemVectors, ServingNetwork, UserSide
from kgrec.tensors.geometric import HeteroData


class RecommenderNetwork(nn.Module):
    """Everything that is trained.

    Parameters
    ----------
    config : RecommenderConfig
    data : HeteroData
        The graph with its features; its first `num_items` products are the catalogue.
    num_items : int
    users : UserSide
    item_counts : int64, shape (num_items,), optional
        Events of each item, which say how often its own vector is left out: always where there are none. None: it
        never is.
    """

    def __init__(
        self,
        config: RecommenderConfig,
        data: HeteroData,
        num_items: int,
        users: UserSide,
        item_counts: np.ndarray | None = None,
    ) -> None:
        super().__init__()
        self.num_items = num_items
        left_out = None
        if item_counts is not None and (config.item_events or not item_counts.all()):
            left_out = torch.ones(int(data[PRODUCT].num_nodes))
            share = config.item_events / np.maximum(config.item_events + item_counts, 1)
            left_out[:num_items] = torch.from_numpy(np.where(item_counts, share, 1)).float()
        self.fusion = FusionNetwork(
            data,
            dim=config.embedding_dim,
            num_layers=config.num_layers if config.use_graph else 0,
            id_scale=config.id_scale,
            left_out=left_out,
        )
        self.serving = ServingNetwork(config, num_items, users)

    def item_vectors(self, items: Tensor | None = None) -> ItemVectors:
        """Vectors of the whole catalogue, or of the items wanted.

        Parameters
        ----------
        items : Tensor of int64, shape (num_wanted,), optional
        """
        scorer = self.serving.scorer
        fused: Tensor = self.fusion()[: self.num_items] if items is None else self.fusion(items)
        bias = scorer.item_bias if items is None else scorer.item_bias[items]
        return ItemVectors(functional.normalize(fused, dim=-1), scorer.targets(fused), bias)
