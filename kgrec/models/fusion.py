"""Graph, text and identity fused into one vector per node, by propagation over the knowledge graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.tensors.geometric import HeteroData, MessagePassing
from kgrec.tensors.hetero import PRODUCT
from kgrec.tensors.sparse import Adjacency, mean_adjacency, sparse_product

TEXT, KNOWLEDGE = "text", "knowledge"
START_NORM = {TEXT: 0.33, KNOWLEDGE: 0.05}  # beside a node's own vector of norm `id_scale`
Edge = tuple[str, str, Adjacency]  # (source label, target label, operator)


class RelationConv(MessagePassing):  # type: ignore[misc]  # PyG is not typed
    """The mean of a node's neighbours under one relation, mapped and gated.

    Source: Schlichtkrull et al. 2018 (R-GCN), eq. 2, one relation. Differs: a learned gate, no self loop.
    """

    def __init__(self, dim: int) -> None:
        super().__init__(aggr=None)
        self.weight = nn.Linear(dim, dim, bias=False)
        self.gate = nn.Parameter(torch.tensor(0.5))

    def forward(self, x: Tensor, adjacency: Adjacency) -> Tensor:
        """What each target receives.

        Parameters
        ----------
        x : Tensor, shape (num_sources, dim)
        adjacency : Adjacency, shape (num_targets, num_sources)

        Returns
        -------
        Tensor, shape (num_targets, dim)
        """
        return self.gate * sparse_product(adjacency, self.weight(x))


class FusionNetwork(nn.Module):
    """One vector for each product: its own, its text's and its graph embedding's, then its neighbours'.

    Parameters
    ----------
    data : HeteroData
        Nodes, edges and, for each label that has them, fixed features `text` and `knowledge`, float32, shape
        (num_nodes, width).
    dim : int
    num_layers : int
        Rounds of propagation; both directions of every relation take part.
    id_scale : float
        Starting norm of a node's own vector.
    """

    def __init__(self, data: HeteroData, *, dim: int, num_layers: int, id_scale: float) -> None:
        super().__init__()
        self.edges, self.labels = _useful_edges(_both_ways(data) if num_layers else [], num_layers)
        self.features: dict[tuple[str, str], Tensor] = {}
        self.own = nn.ParameterList()  # in the order of `labels`, whose names may hold what torch's names can't
        self.project = nn.ModuleDict()
        for label in self.labels:
            count = int(data[label].num_nodes)
            self.own.append(nn.Parameter(torch.randn(count, dim) * id_scale * dim**-0.5))
            for kind in (TEXT, KNOWLEDGE):
                if kind in data[label]:
                    self.features[label, kind] = data[label][kind]
                    if kind not in self.project:
                        self.project[kind] = _projection(data[label][kind].shape[1], dim, START_NORM[kind])
        self.layers = nn.ModuleList(nn.ModuleList(RelationConv(dim) for _ in edges) for edges in self.edges)

    def to_device(self, device: torch.device) -> FusionNetwork:
        """Move the weights, the features and the graph."""
        self.to(device)
        self.features = {key: value.to(device) for key, value in self.features.items()}
        self.edges = [
            [(source, target, adjacency.to(device)) for source, target, adjacency in edges] for edges in self.edges
        ]
        return self

    def forward(self) -> Tensor:
        """Vectors of all products, shape (num_products, dim)."""
        hidden = {label: self._input(label) for label in self.labels}
        for edges, layer in zip(self.edges, self.layers, strict=True):
            received = dict(hidden)
            for (source, target, adjacency), convolution in zip(edges, layer.children(), strict=True):
                received[target] = received[target] + convolution(hidden[source], adjacency)
            hidden = received
        return hidden[PRODUCT]

    def _input(self, label: str) -> Tensor:
        vector: Tensor = self.own[self.labels.index(label)]
        for kind in (TEXT, KNOWLEDGE):
            if (label, kind) in self.features:
                vector = vector + self.project[kind](self.features[label, kind])
        return vector


def _projection(width: int, dim: int, norm: float) -> nn.Linear:
    """A map that keeps directions at the start and gives unit vectors about the norm asked for."""
    linear = nn.Linear(width, dim, bias=False)
    nn.init.orthogonal_(linear.weight, gain=norm * max(1.0, width / dim) ** 0.5)
    return linear


def _useful_edges(edges: list[Edge], num_layers: int) -> tuple[list[list[Edge]], tuple[str, ...]]:
    """For each layer the edges that can still reach a product, and the labels whose vectors take part."""
    needed: set[str] = {PRODUCT}
    layers: list[list[Edge]] = []
    for _ in range(num_layers):
        useful = [edge for edge in edges if edge[1] in needed]
        layers.insert(0, useful)
        needed |= {source for source, _, _ in useful}
    return layers, tuple(sorted(needed))


def _both_ways(data: HeteroData) -> list[Edge]:
    """(source label, target label, operator) for each relation and its inverse."""
    edges = []
    for head, relation, tail in data.edge_types:
        index = data[head, relation, tail].edge_index.numpy().astype(np.int64)
        sizes = int(data[head].num_nodes), int(data[tail].num_nodes)
        edges.append((tail, head, mean_adjacency(index[0], index[1], sizes[0], sizes[1])))
        edges.append((head, tail, mean_adjacency(index[1], index[0], sizes[1], sizes[0])))
    return edges
