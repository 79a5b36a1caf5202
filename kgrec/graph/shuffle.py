"""A graph that says nothing: the same nodes and degrees, other neighbours."""

from __future__ import annotations

import numpy as np

from kgrec.graph.knowledge_graph import HEAD_ID, TAIL_ID, KnowledgeGraph


def shuffle_graph(graph: KnowledgeGraph, seed: int = 0) -> KnowledgeGraph:
    """The graph with the tails of each edge type dealt out anew among its heads.

    Edges lose their properties; where a head is dealt a tail twice, one edge remains.
    """
    draws = np.random.default_rng(seed)
    edges = {}
    for edge_type, table in graph.edges.items():
        dealt = table[TAIL_ID].gather(draws.permutation(table.height))
        edges[edge_type] = table.select(HEAD_ID).with_columns(dealt).unique()
    return KnowledgeGraph(dict(graph.nodes), edges)
