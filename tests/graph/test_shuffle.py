from __future__ import annotations

import kgrec
from kgrec.graph.shuffle import shuffle_graph
from tests.tiny import checkerboard


def test_shuffled_graph_keeps_nodes_and_heads_and_loses_the_neighbours() -> None:
    graph = kgrec.KnowledgeGraph.from_dataset(checkerboard())
    other, again = shuffle_graph(graph, seed=1), shuffle_graph(graph, seed=1)
    assert other == again
    assert other.nodes.keys() == graph.nodes.keys()
    brand = ("Product", "HAS_BRAND", "Brand")
    assert sorted(other.edges[brand]["tail_id"]) == sorted(graph.edges[brand]["tail_id"])
    assert sorted(other.edges[brand]["head_id"]) == sorted(graph.edges[brand]["head_id"])
    assert other.edges[brand]["tail_id"].to_list() != graph.edges[brand]["tail_id"].to_list()
