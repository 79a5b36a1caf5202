"""A vector without an edge or a text is the one that the same weights give without them."""

from __future__ import annotations

import copy

import polars as pl
import pytest
import torch

import kgrec
from kgrec.explain.without import Edge, ItemVectorsWithout
from kgrec.models.fusion import TEXT, FusionNetwork
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.testing.graphs import make_product_graph

DIM = 8
ITEMS = Vocabulary(["p3", "p1", "p2"])  # the graph has another order
BRAND: Edge = (("Product", "p1"), "HAS_BRAND", ("Brand", "Acme"))
LINK: Edge = (("Product", "p1"), "ALSO_BOUGHT", ("Product", "p3"))


def _network(graph: kgrec.KnowledgeGraph, num_layers: int = 1) -> tuple[FusionNetwork, torch.Tensor]:
    data = hetero_data(graph, ITEMS)
    data["Product"][TEXT] = torch.eye(5)[:3]
    data["Category"][TEXT] = torch.eye(5)[3:]
    torch.manual_seed(0)
    return FusionNetwork(data, dim=DIM, num_layers=num_layers, id_scale=1.0), data


def _lacking(graph: kgrec.KnowledgeGraph, edges: list[Edge]) -> kgrec.KnowledgeGraph:
    tables = dict(graph.edges)
    for head, name, tail in edges:
        key = head[0], name, tail[0]
        tables[key] = tables[key].filter(~((pl.col("head_id") == head[1]) & (pl.col("tail_id") == tail[1])))
    return kgrec.KnowledgeGraph(graph.nodes, tables)


@pytest.fixture
def without(fitted: kgrec.KGRecommender) -> ItemVectorsWithout:
    """Of the three products above, their network untrained; the rest of the model is never asked."""
    graph = make_product_graph()
    network, data = _network(graph)
    fused = network()[: len(ITEMS)].detach()
    model = copy.copy(fitted.model_)
    model.items, model.graph = ITEMS, graph
    model.propagation = network.propagation(data)
    vectors = model.vectors
    model.vectors = type(vectors)(torch.nn.functional.normalize(fused, dim=-1), vectors.target, vectors.bias)
    return ItemVectorsWithout(model)


def test_fused_without_nothing_is_the_vector_of_the_network(without: ItemVectorsWithout) -> None:
    network, _ = _network(make_product_graph())
    for item in range(3):
        torch.testing.assert_close(without.fused_without(item), network()[item].detach())


@pytest.mark.parametrize("edges", [[BRAND], [LINK], [BRAND, LINK]])
def test_fused_without_edges_is_the_vector_of_a_graph_without_them(
    without: ItemVectorsWithout, edges: list[Edge]
) -> None:
    graph = make_product_graph()
    whole, _ = _network(graph)
    lacking, _ = _network(_lacking(graph, edges))
    trained = dict(whole.state_dict())
    names = [[edges.direction for edges in network.edges[0]] for network in (whole, lacking)]
    for place, name in enumerate(names[1]):  # a relation without an edge has no weights
        for part in ("weight.weight", "gate"):
            trained[f"layers.0.{place}.{part}"] = whole.state_dict()[f"layers.0.{names[0].index(name)}.{part}"]
    lacking.load_state_dict({name: trained[name] for name in lacking.state_dict()})
    moved = lacking()
    for item in range(3):
        torch.testing.assert_close(without.fused_without(item, edges), moved[item].detach())


def test_fused_without_an_edge_of_another_item_stays(without: ItemVectorsWithout) -> None:
    assert torch.equal(without.fused_without(2, [BRAND, LINK]), without.fused(2))


@pytest.mark.parametrize(("item", "linked"), [(0, 1), (1, 0)])
def test_fused_without_text_lacks_what_the_own_text_gives(without: ItemVectorsWithout, item: int, linked: int) -> None:
    networks = [_network(make_product_graph())[0] for _ in range(2)]
    for network in networks:
        network.features["Product", TEXT][linked] = 0.0  # else its text would come back by way of the link
    networks[1].features["Product", TEXT][item] = 0.0
    with_text, without_text = (network().detach()[item] for network in networks)
    moved = without.fused_without(item, text=True) - without.fused(item)
    torch.testing.assert_close(moved, without_text - with_text)


def test_edges_of_an_item_are_those_that_it_hears(without: ItemVectorsWithout) -> None:
    found = set(without.edges_of(1))
    category = (("Product", "p1"), "IN_CATEGORY", ("Category", "Home > Lamps"))
    colour = (("Product", "p1"), "HAS_ATTRIBUTE", ("AttributeValue", "colour=red"))
    assert found == {BRAND, LINK, category, colour}
