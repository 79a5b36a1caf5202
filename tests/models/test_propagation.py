from __future__ import annotations

import dataclasses

import polars as pl
import pytest
import torch

import kgrec
from kgrec.graph.merging import merge_graphs
from kgrec.models.fusion import FusionNetwork
from kgrec.models.propagation import Propagation
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.fitting import features
from tests.tiny import SMALL, checkerboard


def trained(num_layers: int) -> tuple[kgrec.KnowledgeGraph, Vocabulary, FusionNetwork, Propagation]:
    shop = checkerboard()
    graph, items = kgrec.KnowledgeGraph.from_dataset(shop), Vocabulary(shop.items["item_id"])
    config = dataclasses.replace(SMALL, num_layers=num_layers)
    data = features(graph, items, config, seed=0, device=torch.device("cpu"))
    torch.manual_seed(0)
    fusion = FusionNetwork(data, dim=8, num_layers=num_layers, id_scale=0.1)
    return graph, items, fusion, fusion.propagation(data)


@pytest.mark.parametrize("num_layers", [0, 1, 2, 3])
def test_propagation_gives_the_vectors_of_training(num_layers: int) -> None:
    graph, items, fusion, propagation = trained(num_layers)
    torch.testing.assert_close(propagation.vectors(graph, items.ids), fusion().detach())
    torch.testing.assert_close(propagation.vectors(graph, items.ids[[3, 1]]), fusion().detach()[[3, 1]])


def test_propagation_of_a_new_product_sums_what_its_neighbours_send() -> None:
    graph, _, _, propagation = trained(1)
    facts = {"id": ["new"]}, {"head_id": ["new"], "tail_id": ["Odd"]}
    edge_type = ("Product", "HAS_BRAND", "Brand")
    nodes = {"Product": pl.DataFrame(facts[0]), "Brand": pl.DataFrame({"id": ["Odd"]})}
    merged = merge_graphs(graph, kgrec.KnowledgeGraph(nodes, {edge_type: pl.DataFrame(facts[1])}))
    missing = propagation.missing(merged)
    assert {label: ids.to_list() for label, ids in missing.items()} == {"Product": ["new"]}
    grown = propagation.with_nodes({"Product": (missing["Product"], torch.zeros(1, 0).numpy())})
    layer = propagation.layers[0]
    place = layer.directions.index((edge_type, True))
    odd = propagation.inputs["Brand"][propagation.ids["Brand"].index(["Odd"])[0]]
    expected = layer.gate[place] * layer.weight[place] @ odd
    torch.testing.assert_close(grown.vectors(merged, pl.Series(["new"]))[0], expected)
    assert merged.nodes["Brand"].equals(graph.nodes["Brand"])  # known nodes keep their properties


def test_own_vectors_are_left_out_as_often_as_told_and_never_used_where_always() -> None:
    shop = checkerboard()
    graph, items = kgrec.KnowledgeGraph.from_dataset(shop), Vocabulary(shop.items["item_id"])
    data = features(graph, items, SMALL, seed=0, device=torch.device("cpu"))
    torch.manual_seed(0)
    left_out = torch.tensor([1.0] + [0.0] + [0.25] * 10)
    fusion = FusionNetwork(data, dim=8, num_layers=1, id_scale=0.1, left_out=left_out)
    fusion.left_out = None
    whole = fusion().detach()
    fusion.left_out = torch.ones(12)
    bare = fusion().detach()
    fusion.left_out = left_out
    torch.testing.assert_close(fusion.eval()(), torch.cat([bare[:1], whole[1:]]))
    assert fusion.propagation(data).inputs["Product"][0].count_nonzero() == 0  # no text: a new item's
    fusion.train()
    own = torch.stack([(fusion().detach() - bare).norm(dim=1) > 1e-6 for _ in range(400)]).float().mean(dim=0)
    assert own[:2].tolist() == [0.0, 1.0]
    assert ((own[2:] - 0.75).abs() < 0.1).all()
    some = torch.tensor([1, 0])
    torch.testing.assert_close(fusion(some), torch.stack([whole[1], bare[0]]))
