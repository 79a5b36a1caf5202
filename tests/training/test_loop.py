from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch
from torch.testing import assert_close

import kgrec
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import UserSide
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.sequences import Batch
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.losses import draw_candidates
from kgrec.training.plan import Shown, before_itself, drawn_items
from tests.tiny import SMALL, checkerboard, tiny_items

ITEMS = Vocabulary(tiny_items()["item_id"])


def network_of(num_layers: int, *, product_edges: bool) -> RecommenderNetwork:
    graph = kgrec.KnowledgeGraph.from_dataset(checkerboard())
    if product_edges:
        near = pl.DataFrame({"head_id": ITEMS.ids[:-1], "tail_id": ITEMS.ids[1:]})
        graph = kgrec.KnowledgeGraph(graph.nodes, {**graph.edges, ("Product", "NEXT_TO", "Product"): near})
    config = kgrec.RecommenderConfig.from_dict({**SMALL.to_dict(), "num_layers": num_layers})
    torch.manual_seed(0)
    return RecommenderNetwork(config, hetero_data(graph, ITEMS), len(ITEMS), UserSide(40, 0, ordered=True))


@pytest.mark.parametrize("num_layers", [0, 1, 2])
@pytest.mark.parametrize("product_edges", [False, True])
def test_vectors_of_some_items_are_those_among_all_and_so_are_their_gradients(
    num_layers: int, product_edges: bool
) -> None:
    network, some = network_of(num_layers, product_edges=product_edges), torch.tensor([1, 4, 7])
    whole, few = network.item_vectors(), network.item_vectors(some)
    assert_close(few.source, whole.source[some])
    assert_close(few.target, whole.target[some])
    assert_close(few.bias, whole.bias[some])
    weight = torch.randn_like(few.source)
    gradients = [
        torch.autograd.grad((vectors * weight).sum(), [*network.fusion.parameters()], allow_unused=True)
        for vectors in ((whole.source + whole.target)[some], few.source + few.target)
    ]
    assert max(float(gradient.abs().max()) for gradient in gradients[0] if gradient is not None) > 1
    for of_all, of_few in zip(*gradients, strict=True):
        if of_all is not None:
            assert_close(of_few, of_all, atol=1e-6, rtol=1e-5)


def test_drawn_negatives_are_each_item_as_often() -> None:
    generator = torch.Generator().manual_seed(0)
    targets, counts = torch.tensor([0, 1, 1, 5]), torch.zeros(12)
    for _ in range(300):
        candidates, _ = draw_candidates(targets, 12, 4, generator)
        counts += torch.bincount(drawn_items(candidates, targets, 200, 12, generator), minlength=12)
    share = (counts / counts.sum()).numpy()
    assert np.abs(share - 1 / 12).max() < 0.008


def test_examples_without_an_order_are_just_before_their_own_item() -> None:
    """Where the order means nothing a place is drawn; only the state just before an item has not seen it."""
    batch = Batch(torch.tensor([[4, 7, 4, -1], [1, 2, 3, 5]]), *[torch.zeros(2, dtype=torch.long)] * 4)
    line, place, item = torch.tensor([0, 0, 1, 1, 1]), torch.tensor([3, 1, 4, 0, 2]), torch.tensor([4, 9, 3, 3, 9])
    shown = before_itself(Shown(line, place, item, torch.zeros(5)), batch)
    assert shown.place.tolist() == [0, 1, 2, 2, 2]
    assert shown.item.tolist() == item.tolist()
