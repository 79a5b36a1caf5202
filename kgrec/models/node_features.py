"""The texts of a graph's nodes as features of theirs."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from kgrec.encoders.text import TextEncoder
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.texts import node_texts
from kgrec.models.fusion import TEXT
from kgrec.tensors.geometric import HeteroData


def add_text(
    data: HeteroData, graph: KnowledgeGraph, labels: Sequence[str], encoder: TextEncoder, *, progress: bool = False
) -> None:
    """Give the nodes of some labels the vectors of their texts, `data[label].text`, where any of them has a text."""
    texts = {label: node_texts(graph, label, data[label].node_id) for label in labels}
    vectors = encoder.encode([text for label in labels for text in texts[label]], progress=progress)
    begin = 0
    for label in labels:
        own = vectors[begin : begin + len(texts[label])]
        begin += len(texts[label])
        if own.any():
            data[label][TEXT] = torch.from_numpy(own)
