"""What item vectors were made of: so that a part can be taken away and the score asked again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph
from kgrec.graph.schema.types import PRODUCT
from kgrec.models.propagation import Propagation
from kgrec.tensors.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class RelationMap:
    """What the products at one end of a relation receive from the nodes at the other.

    Attributes
    ----------
    edge_type : (head label, REL_TYPE, tail label)
    forward : bool
        True: the tails are the products that receive; False: the heads.
    weight : Tensor, shape (dim, dim)
        A product's message is the mean of its neighbours' vectors times the transpose of this.
    """

    edge_type: EdgeType
    forward: bool
    weight: Tensor

    @property
    def source(self) -> str:
        """Label of the nodes that speak."""
        return self.edge_type[0 if self.forward else 2]


@dataclass(frozen=True, slots=True)
class ItemParts:
    """The last round of propagation, and the texts.

    A product's fused vector is the sum of its own, its text's and its graph embedding's, and of one message for each
    relation. With one round (the default) that is all there is; with more, the neighbours spoke with what they had
    heard in the rounds before, which stays as it was.

    Attributes
    ----------
    norm : Tensor, shape (num_items,)
        Length of each fused vector: the model keeps them at unit length.
    text : Tensor, shape (num_items, dim), or None
        What each item's text adds to its fused vector; None: no texts.
    neighbours : dict of label to Tensor, shape (num_nodes, dim)
        Vectors of the nodes that speak, in the order of the graph's node tables.
    relations : tuple of RelationMap
    """

    norm: Tensor
    text: Tensor | None
    neighbours: dict[str, Tensor]
    relations: tuple[RelationMap, ...]


@torch.no_grad()
def item_parts(propagation: Propagation, graph: KnowledgeGraph, items: Vocabulary, device: torch.device) -> ItemParts:
    """What the vectors of some items of a graph are made of."""
    norm = propagation.vectors(graph, items.ids).norm(dim=-1)
    text = None
    if propagation.said is not None:
        text = propagation.said[torch.from_numpy(propagation.ids[PRODUCT].index(items.ids))].to(device)
    relations: list[RelationMap] = []
    for layer in propagation.layers[-1:]:
        for (edge_type, against), weight, gate in zip(layer.directions, layer.weight, layer.gate, strict=True):
            if edge_type in graph.edges:
                relations.append(RelationMap(edge_type, not against, (gate * weight).to(device)))
    heard = propagation.heard(graph, items.ids)
    relations = [relation for relation in relations if relation.source in heard]
    neighbours = {relation.source: heard[relation.source].to(device) for relation in relations}
    return ItemParts(norm.to(device), text, neighbours, tuple(relations))
