"""From a trained fusion network to what is kept of it beside the item vectors."""

from __future__ import annotations

import torch

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.models.fusion import TEXT, FusionNetwork, RelationConv
from kgrec.models.item_parts import ItemParts, RelationMap
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.vocabulary import Vocabulary


@torch.no_grad()
def fusion_parts(fusion: FusionNetwork, data: HeteroData, graph: KnowledgeGraph, num_items: int) -> ItemParts:
    """What the vectors of the first `num_items` products of `data` are made of."""
    norm = fusion()[:num_items].norm(dim=-1)
    text = None
    if (PRODUCT, TEXT) in fusion.features:
        text = fusion.project[TEXT](fusion.features[PRODUCT, TEXT][:num_items])
    relations: list[RelationMap] = []
    if fusion.edges:
        for edges, convolution in zip(fusion.edges[-1], fusion.layers[-1].children(), strict=True):
            assert isinstance(convolution, RelationConv)
            weight = convolution.gate * convolution.weight.weight
            relations.append(RelationMap(edges.edge_type, edges.forward, weight))
    hidden = fusion.before_last_round()
    neighbours = {}
    for label in sorted({relation.source for relation in relations}):
        row = Vocabulary(data[label].node_id).index(graph.nodes[label][ID])
        neighbours[label] = hidden[label][torch.from_numpy(row).to(hidden[label].device)]
    return ItemParts(norm, text, neighbours, tuple(relations))
