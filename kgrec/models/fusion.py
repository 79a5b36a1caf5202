"""Graph, text and identity fused into one vector per node, by propagation over the knowledge graph."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from kgrec.graph.build import PRODUCT
from kgrec.models.propagation import Direction, Propagation, PropagationLayer
from kgrec.tensors.geometric import HeteroData, MessagePassing
from kgrec.tensors.sparse import Adjacency, mean_adjacency, sparse_product
from kgrec.tensors.vocabulary import Vocabulary

TEXT, KNOWLEDGE = "text", "knowledge"
START_NORM = {TEXT: 0.33, KNOWLEDGE: 0.05}  # beside a node's own vector of norm `id_scale`

Gathers = dict[str, tuple[list[int], Tensor]]


@dataclass(frozen=True, slots=True)
class Edges:
    """One relation in one direction, over the nodes that it touches.

    Attributes
    ----------
    source, target : str
        Labels.
    direction : Direction
        Of which relation, and which way.
    source_index, target_index : Tensor of int64
        The nodes of each label that the relation touches, in their order: columns and rows of `adjacency`.
    """

    source: str
    target: str
    direction: Direction
    source_index: Tensor
    target_index: Tensor
    adjacency: Adjacency

    def to(self, device: torch.device) -> Edges:
        """The same edges on another device."""
        index = self.source_index.to(device), self.target_index.to(device)
        return Edges(self.source, self.target, self.direction, *index, self.adjacency.to(device))

    def into(self, targets: Tensor) -> tuple[Tensor, Adjacency]:
        """Which of some targets the relation touches, as places among them, and what these receive."""
        row = torch.searchsorted(self.target_index, targets).clamp(max=len(self.target_index) - 1)
        place = torch.nonzero(self.target_index[row] == targets)[:, 0]
        return place, self.adjacency.rows(row[place])


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
        num_targets, num_sources = adjacency.matrix.shape
        if num_sources <= num_targets:  # the map is linear: it is done on the side that has fewer nodes
            return self.gate * sparse_product(adjacency, self.weight(x))
        received: Tensor = self.gate * self.weight(sparse_product(adjacency, x))
        return received


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
    left_out : Tensor, shape (num_products,), optional
        How often a step does without the own vector and the graph embedding of each product, from 0 to 1; where always,
        they are never used. None: no step does.

    Source: Volkovs et al. 2017 (DropoutNet), which leaves out of a step what a new item will not have; here less often
    the more events an item has.
    """

    def __init__(
        self, data: HeteroData, *, dim: int, num_layers: int, id_scale: float, left_out: Tensor | None = None
    ) -> None:
        super().__init__()
        self.left_out = left_out
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
        self.gathers = [_gathers(edges) for edges in self.edges]
        self.layers = nn.ModuleList(nn.ModuleList(RelationConv(dim) for _ in edges) for edges in self.edges)

    def to_device(self, device: torch.device) -> FusionNetwork:
        """Move the weights, the features and the graph."""
        self.to(device)
        self.features = {key: value.to(device) for key, value in self.features.items()}
        self.left_out = None if self.left_out is None else self.left_out.to(device)
        self.edges = [[edges.to(device) for edges in layer] for layer in self.edges]
        self.gathers = [_gathers(edges) for edges in self.edges]
        return self

    def forward(self, products: Tensor | None = None) -> Tensor:
        """Vectors of products, shape (num_wanted, dim).

        Parameters
        ----------
        products : Tensor of int64, optional
            The products wanted; None: all. What the others would need is left out where it can be.
        """
        feeds = any(edges.source == PRODUCT for layer in self.edges for edges in layer)
        some = None if feeds else products  # the products that take part
        hidden = {label: self._input(label, some if label == PRODUCT else None) for label in self.labels}
        last = len(self.edges) - 1
        for number, (edges, gathers, layer) in enumerate(zip(self.edges, self.gathers, self.layers, strict=True)):
            sources = _gather(hidden, gathers, edges)
            if number == last and some is None and products is not None:  # no product is read after this
                some, hidden[PRODUCT] = products, hidden[PRODUCT].index_select(0, products)
            received: dict[str, list[tuple[Tensor, Tensor]]] = {}
            for source, edge, convolution in zip(sources, edges, layer.children(), strict=True):
                place, adjacency = edge.target_index, edge.adjacency
                if some is not None and edge.target == PRODUCT:
                    place, adjacency = edge.into(some)
                received.setdefault(edge.target, []).append((place, convolution(source, adjacency)))
            for label, messages in received.items():
                place, values = (torch.cat(parts) for parts in zip(*messages, strict=True))
                hidden[label] = hidden[label].index_add(0, place, values)
        return hidden[PRODUCT]

    @torch.no_grad()
    def propagation(self, data: HeteroData) -> Propagation:
        """What later nodes need to get vectors from this network; `data` is what it was made from."""
        text = self.project[TEXT].get_parameter("weight").detach().cpu().clone() if TEXT in self.project else None
        return Propagation(
            ids={label: Vocabulary(data[label].node_id) for label in self.labels},
            inputs={label: self._input(label, None).detach().cpu().clone() for label in self.labels},
            text=text,
            said=self._said(),
            layers=tuple(_kept(edges, layer.children()) for edges, layer in zip(self.edges, self.layers, strict=True)),
        )

    def _said(self) -> Tensor | None:
        """What the text of each product adds to its vector."""
        if (PRODUCT, TEXT) not in self.features:
            return None
        said: Tensor = self.project[TEXT](self.features[PRODUCT, TEXT]).detach().cpu()
        return said

    def _input(self, label: str, rows: Tensor | None) -> Tensor:
        own: Tensor = self.own[self.labels.index(label)]
        vector = own if rows is None else own.index_select(0, rows)
        for kind in (KNOWLEDGE, TEXT):
            if (label, kind) in self.features:
                feature = self.features[label, kind]
                vector = vector + self.project[kind](feature if rows is None else feature[rows])
            if kind == KNOWLEDGE and label == PRODUCT and self.left_out is not None:
                vector = vector * self._own_counts(self.left_out if rows is None else self.left_out[rows])
        return vector

    def _own_counts(self, left_out: Tensor) -> Tensor:
        """1 for the products whose own vectors count, else 0, shape (num_products, 1)."""
        kept = torch.rand(len(left_out)).to(left_out.device) >= left_out if self.training else left_out < 1
        return kept[:, None].float()


def _kept(edges: list[Edges], convolutions: Iterable[nn.Module]) -> PropagationLayer:
    made = [convolution for convolution in convolutions if isinstance(convolution, RelationConv)]
    if not made:
        return PropagationLayer((), torch.zeros(0, 0, 0), torch.zeros(0))
    return PropagationLayer(
        tuple(edge.direction for edge in edges),
        torch.stack([convolution.weight.weight.detach().cpu() for convolution in made]),
        torch.stack([convolution.gate.detach().cpu() for convolution in made]),
    )


def _projection(width: int, dim: int, norm: float) -> nn.Linear:
    """A map that keeps directions at the start and gives unit vectors about the norm asked for."""
    linear = nn.Linear(width, dim, bias=False)
    nn.init.orthogonal_(linear.weight, gain=norm * max(1.0, width / dim) ** 0.5)
    return linear


def _gathers(layer: list[Edges]) -> Gathers:
    """For each label: which relations of the layer start there, and the source nodes of them all, one after the other.

    They are read at once: each read on its own would cost its gradient a table of all nodes.
    """
    places: dict[str, list[int]] = {}
    for place, edges in enumerate(layer):
        places.setdefault(edges.source, []).append(place)
    return {label: (own, torch.cat([layer[place].source_index for place in own])) for label, own in places.items()}


def _gather(hidden: dict[str, Tensor], gathers: Gathers, layer: list[Edges]) -> list[Tensor]:
    """The vectors of each relation's source nodes, in the order of the layer."""
    found: dict[int, Tensor] = {}
    for label, (places, index) in gathers.items():
        sizes = [len(layer[place].source_index) for place in places]
        found |= zip(places, torch.split(hidden[label].index_select(0, index), sizes), strict=True)
    return [found[place] for place in range(len(layer))]


def _useful_edges(edges: list[Edges], num_layers: int) -> tuple[list[list[Edges]], tuple[str, ...]]:
    """For each layer the edges that can still reach a product, and the labels whose vectors take part."""
    needed: set[str] = {PRODUCT}
    layers: list[list[Edges]] = []
    for _ in range(num_layers):
        useful = [edge for edge in edges if edge.target in needed]
        layers.insert(0, useful)
        needed |= {edge.source for edge in useful}
    return layers, tuple(sorted(needed))


def _both_ways(data: HeteroData) -> list[Edges]:
    """Each relation and its inverse."""
    edges = []
    for head, relation, tail in data.edge_types:
        index = data[head, relation, tail].edge_index.numpy().astype(np.int64)
        edges.append(_edges(((head, relation, tail), True), index[1], index[0]))
        edges.append(_edges(((head, relation, tail), False), index[0], index[1]))
    return edges


def _edges(direction: Direction, source_index: np.ndarray, target_index: np.ndarray) -> Edges:
    (head, _, tail), against = direction
    source, target = (tail, head) if against else (head, tail)
    sources, columns = np.unique(source_index, return_inverse=True)
    targets, rows = np.unique(target_index, return_inverse=True)
    adjacency = mean_adjacency(rows, columns, len(targets), len(sources))
    return Edges(source, target, direction, torch.from_numpy(sources), torch.from_numpy(targets), adjacency)
