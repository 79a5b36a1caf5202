"""Vocabularies, sparse products, the graph as tensors, click examples."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from kgrec.data.dataset import Dataset
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.texts import node_texts
from kgrec.tensors.clicks import click_examples
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.sparse import mean_adjacency, sparse_product
from kgrec.tensors.vocabulary import Vocabulary


def test_vocabulary_with_repeated_ids_raises() -> None:
    with pytest.raises(ValueError, match="unique"):
        Vocabulary(["a", "a"])


@pytest.mark.parametrize("asked", [["i7", "z", "i7", None], [f"i{place}" for place in range(60)], []])
def test_vocabulary_finds_few_ids_and_many_alike(asked: list[str | None]) -> None:
    known = {f"i{place}": place for place in range(50)}
    assert Vocabulary(known).index(asked).tolist() == [known.get(one, -1) for one in asked]


def test_mean_adjacency_gives_the_mean_of_the_sources_and_its_gradient() -> None:
    #   targets 0, 1, 2;  0 <- 0, 0 <- 1, 2 <- 1
    adjacency = mean_adjacency(np.array([2, 0, 0]), np.array([1, 1, 0]), 3, 2)
    dense = torch.tensor([[2.0], [4.0]], requires_grad=True)
    out = sparse_product(adjacency, dense)
    assert out.tolist() == [[3.0], [0.0], [4.0]]
    out.backward(torch.tensor([[1.0], [10.0], [100.0]]))
    assert dense.grad is not None
    assert dense.grad.tolist() == [[0.5], [100.5]]


def test_rows_of_an_adjacency_are_those_of_the_matrix_and_so_is_their_gradient() -> None:
    rng = np.random.default_rng(0)
    adjacency = mean_adjacency(rng.integers(0, 9, 30), rng.integers(0, 7, 30), 10, 7)  # row 9 is empty
    index = torch.tensor([9, 4, 0, 4])
    rows, dense = adjacency.rows(index), torch.randn(7, 3, requires_grad=True)
    torch.testing.assert_close(rows.matrix.to_dense(), adjacency.matrix.to_dense()[index])
    torch.testing.assert_close(rows.transpose.to_dense(), rows.matrix.to_dense().T)
    (of_rows,) = torch.autograd.grad(sparse_product(rows, dense).square().sum(), dense)
    (of_all,) = torch.autograd.grad(sparse_product(adjacency, dense)[index].square().sum(), dense)
    torch.testing.assert_close(of_rows, of_all)
    assert adjacency.rows(index[:0]).matrix.shape == (0, 7)


#   (b) -LIKES-> [B]   products a, b in the graph, c only in the catalogue, x only in the graph
GRAPH = KnowledgeGraph(
    {
        "Product": pl.DataFrame(
            {"id": ["x", "a", "b"], "title": ["X", "A", None], "description": [None, "long", None]}
        ),
        "Brand": pl.DataFrame({"id": ["B"], "name": ["Bee"]}),
        "User": pl.DataFrame({"id": ["u"]}),
    },
    {
        ("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ["b", "x"], "tail_id": ["B", "B"]}),
        ("User", "VIEWED", "Product"): pl.DataFrame({"head_id": ["u"], "tail_id": ["a"]}),
    },
)


def test_hetero_data_puts_the_catalogue_first_and_leaves_users_out() -> None:
    data = hetero_data(GRAPH, Vocabulary(["b", "c", "a"]))
    assert data["Product"].node_id == ["b", "c", "a", "x"]
    assert data.node_types == ["Product", "Brand"]
    assert data.edge_types == [("Product", "HAS_BRAND", "Brand")]
    assert data["Product", "HAS_BRAND", "Brand"].edge_index.tolist() == [[0, 3], [0, 0]]


def test_node_texts_joins_what_a_node_says() -> None:
    assert node_texts(GRAPH, "Product", ["a", "b", "c"]) == ["A. long", "", ""]
    assert node_texts(GRAPH, "Brand", ["B"]) == ["Bee"]


def _examples(
    events: dict[str, list[object]], impressions: dict[str, list[object]] | None = None
) -> tuple[object, ...]:
    dataset = Dataset(items={"item_id": ["a", "b", "c"]}, events=events, impressions=impressions)
    users, items = Vocabulary(["u"]), Vocabulary(["a", "b", "c"])
    histories = build_histories(dataset.interactions, users, items)
    found = click_examples(dataset.events, histories, users, items, np.random.default_rng(0))
    return found.basis, found.item_index.tolist(), found.place.tolist(), found.label.tolist()


def test_click_examples_of_impressions_know_what_came_before() -> None:
    events = {"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [10, 20], "session_id": ["s", "t"]}
    shown = {"user_id": ["u"] * 3, "item_id": ["c", "b", "a"], "timestamp": [5, 15, 15], "session_id": ["s", "t", "t"]}
    basis, item, place, label = _examples(events, shown)
    assert basis == "impressions"
    assert item == [2, 1, 0]
    assert place == [0, 1, 1]
    assert label == [0.0, 1.0, 0.0]  # a was acted on in another session


def test_click_examples_without_sessions_look_at_the_day_after() -> None:
    events = {"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [1000, 200_000]}
    shown = {"user_id": ["u", "u"], "item_id": ["a", "b"], "timestamp": [900, 900]}
    assert _examples(events, shown)[3] == [1.0, 0.0]


def test_click_examples_of_labels_are_the_negatives_given() -> None:
    events = {"user_id": ["u", "u"], "item_id": ["a", "b"], "label": [1, 0]}
    basis, item, _, label = _examples(events)
    assert (basis, item, label) == ("labels", [1], [0.0])


def test_click_examples_of_plain_events_are_none() -> None:
    assert _examples({"user_id": ["u"], "item_id": ["a"]}) == ("sampled", [], [], [])
