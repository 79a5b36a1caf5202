"""What items share in the graph, on a picture small enough to count by hand.

a --HAS_BRAND--> Acme <--HAS_BRAND-- b        c --HAS_BRAND--> Bolt
a --IN_CATEGORY--> Lamps --SUBCATEGORY_OF--> Home <--IN_CATEGORY-- c      b --IN_CATEGORY--> Lamps
a --ALSO_BOUGHT--> c, c --ALSO_BOUGHT--> c
"""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from scipy import sparse

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.scoring.relations import ItemRelations, item_relations
from kgrec.tensors.vocabulary import Vocabulary


def _edges(*pairs: tuple[str, str]) -> pl.DataFrame:
    return pl.DataFrame(pairs, schema=["head_id", "tail_id"], orient="row")


GRAPH = KnowledgeGraph(
    {
        "Product": pl.DataFrame({"id": ["c", "a", "b", "x"]}),
        "Brand": pl.DataFrame({"id": ["Acme", "Bolt"]}),
        "Category": pl.DataFrame({"id": ["Home", "Lamps"]}),
    },
    {
        ("Product", "HAS_BRAND", "Brand"): _edges(("a", "Acme"), ("b", "Acme"), ("c", "Bolt"), ("x", "Bolt")),
        ("Product", "IN_CATEGORY", "Category"): _edges(("a", "Lamps"), ("b", "Lamps"), ("c", "Home")),
        ("Category", "SUBCATEGORY_OF", "Category"): _edges(("Lamps", "Home")),
        ("Product", "ALSO_BOUGHT", "Product"): _edges(("a", "c"), ("c", "c")),
    },
)
A, B, C = 0, 1, 2  # x is no item of the catalogue


@pytest.fixture
def relations() -> ItemRelations:
    return item_relations(GRAPH, Vocabulary(["a", "b", "c"]))


def test_shared_counts_the_weight_of_others_with_each_neighbour(relations: ItemRelations) -> None:
    weights = sparse.csr_array(np.array([[0.25, 0.0, 0.75], [0.0, 1.0, 0.0]]))  # of a, b, c
    row, item = np.array([0, 0, 1, 1]), np.array([B, C, A, C])
    assert relations.names == ["HAS_BRAND Brand", "IN_CATEGORY Category", "links"]
    np.testing.assert_allclose(
        relations.shared(weights, row, item),
        [
            [0.25, (0.25 + 1.0) / 2, 0.0],  # b: Acme with a; Lamps with a, Home with both
            [0.75, 1.0, 0.25],  # c: Bolt with itself; Home with both; joined to a, not to itself
            [1.0, 1.0, 0.0],
            [0.0, 1.0, 0.0],
        ],
    )


def test_of_itself_is_what_shared_gives_an_item_alone(relations: ItemRelations) -> None:
    every = np.arange(3)
    shared = relations.shared(sparse.csr_array(np.eye(3)), every, every)
    for place, name in enumerate(relations.names):
        np.testing.assert_allclose(relations.of_itself(name, every), shared[:, place])


def test_rare_relations_have_one_feature_together() -> None:
    count = 10
    nodes = {"Product": pl.DataFrame({"id": ["a", "b"]}), "Value": pl.DataFrame({"id": ["v", "w"]})}
    edges = {
        ("Product", f"R{place}", "Value"): _edges(("a", "v"), ("b", "v" if place < count - 1 else "w"))
        for place in range(count)
    }
    found = item_relations(KnowledgeGraph(nodes, edges), Vocabulary(["a", "b"]))
    assert len(found.names) == 9
    assert found.names[-1] == "other relations"
    shared = found.shared(sparse.csr_array(np.array([[1.0, 0.0]])), np.array([0]), np.array([1]))
    np.testing.assert_allclose(shared[0], [1.0] * 8 + [0.5])


def test_relations_of_a_graph_without_products_are_none() -> None:
    graph = KnowledgeGraph({"Brand": pl.DataFrame({"id": ["Acme"]})}, {})
    found = item_relations(graph, Vocabulary(["a"]))
    assert found.shared(sparse.csr_array(np.eye(1)), np.array([0]), np.array([0])).shape == (1, 0)
