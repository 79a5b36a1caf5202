"""networkx out and in."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.networkx_graph import cheapest_paths, from_networkx, search_network, to_networkx
from tests.graph.any_graphs import any_graphs
from tests.same_graph import assert_same_graph

P1, P2, P3, ACME = ("Product", "p1"), ("Product", "p2"), ("Product", "p3"), ("Brand", "acme")


@settings(max_examples=50, suppress_health_check=list(HealthCheck))
@given(graph=any_graphs())
def test_networkx_graph_read_back_is_the_same(graph: KnowledgeGraph) -> None:
    assert_same_graph(from_networkx(to_networkx(graph)), graph)


def test_networkx_nodes_are_label_and_id_and_edges_have_the_relation_as_key(graph: KnowledgeGraph) -> None:
    network = to_networkx(graph)
    assert network.nodes[P3] == {"price": 2.5, "level": 0.0}
    assert set(network.edges(keys=True)) == {
        (P1, ACME, "HAS_BRAND"),
        (P2, ACME, "HAS_BRAND"),
        (P1, P2, "ALSO_BOUGHT"),
        (P2, P2, "ALSO_BOUGHT"),
    }
    assert network.edges[P1, P2, "ALSO_BOUGHT"] == {"weight": 0.5}


def test_networkx_attributes_may_be_numpy_scalars_and_mix_whole_with_broken_numbers() -> None:
    network = nx.MultiDiGraph()
    network.add_node(("A", "a"), size=np.int64(1))
    network.add_node(("A", "b"), size=np.float64(2.5))
    assert from_networkx(network).nodes["A"].rows() == [("a", 1.0), ("b", 2.5)]


def test_networkx_attributes_may_be_arrays_of_text_and_others_are_listed() -> None:
    network = nx.MultiDiGraph()
    network.add_node(("Product", "a"), colours=np.array(["red", "blue"]))
    assert from_networkx(network).nodes["Product"]["colours"].to_list() == [["red", "blue"]]
    network.add_node(("Product", "b"), sizes=np.array([1.0, 2.0]))
    with pytest.raises(GraphError, match="sizes"):
        from_networkx(network)


def test_networkx_graph_of_another_form_lists_the_faults() -> None:
    network = nx.MultiDiGraph()
    network.add_edge("a", ("B", "b"))
    with pytest.raises(GraphError) as caught:
        from_networkx(network)
    assert "1 nodes are no tuple (label, id) of two str: 'a'" in str(caught.value)
    assert "1 edge keys are no relation (str): 0" in str(caught.value)


def test_networkx_attributes_no_graph_holds_are_listed() -> None:
    network = nx.MultiDiGraph()
    network.add_node(("A", "a"), id="x", size={"cm": 3}, kind="x")
    network.add_node(("A", "b"), kind=2)
    with pytest.raises(GraphError) as caught:
        from_networkx(network)
    for part in ("3 faults", "attribute name 'id' is kgrec's own", "'size' has type Struct", "'kind': no type holds"):
        assert part in str(caught.value)


def test_networkx_graph_without_direction_is_refused() -> None:
    with pytest.raises(GraphError, match="expected a networkx.MultiDiGraph"):
        from_networkx(nx.Graph())


def test_search_network_has_no_loop_and_no_node_of_the_labels_left_out(graph: KnowledgeGraph) -> None:
    network = search_network(graph, without=["Brand"])
    assert set(network.nodes) == {P1, P2, P3}
    assert list(network.edges(data=True)) == [(P1, P2, {"rel_type": "ALSO_BOUGHT", "head": P1})]


def test_cheapest_paths_go_no_further_than_allowed(graph: KnowledgeGraph) -> None:
    network = search_network(graph)
    cost, route = cheapest_paths(network, ACME, lambda *_: 1.0, max_cost=1)
    assert cost == {ACME: 0, P1: 1.0, P2: 1.0}
    assert route[P1] == [ACME, P1]
