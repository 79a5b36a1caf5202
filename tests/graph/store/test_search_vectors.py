"""Vectors in the store and search for the nearest, on the local server and on a real Neo4j alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore, open_graph
from tests.same_graph import assert_same_graph

IDS = ["p1", "p2", "p3", "p4"]
GRAPH = KnowledgeGraph(
    {"Product": pl.DataFrame({"id": [*IDS, "p5"], "title": ["One", "Two", "Three", None, "Five"]})}, {}
)
# Seen from (1, 0): p1 and p4 point the same way, p2 is at 90 degrees, p3 at 180; p5 has no vector.
VECTORS = np.array([[2, 0], [0, 1], [-1, 0], [0.5, 0]], dtype=np.float32)


@pytest.fixture
def shop(graph_store: GraphStore) -> GraphStore:
    graph_store.query("DROP INDEX kgrec_Product_embedding IF EXISTS", write=True)
    graph_store.load(GRAPH)
    return graph_store


def nearest(store: GraphStore, vector: Any, k: int = 10) -> list[str]:
    return store.search_vectors(np.asarray(vector, dtype=np.float32), k)["id"].to_list()


# ---- what is found


def test_search_vectors_answers_with_the_nearest_by_cosine_and_ties_in_order_of_id(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    answer = shop.search_vectors(np.array([1.0, 0.0]))
    assert answer.columns == ["id", "label", "title", "rank", "score"]
    assert answer["id"].to_list() == ["p1", "p4", "p2", "p3"]
    assert answer["title"].to_list() == ["One", None, "Two", "Three"]
    assert answer["rank"].to_list() == [1, 2, 3, 4]
    assert answer["score"].to_list() == pytest.approx([1, 1, 0, -1], abs=1e-6)


def test_search_vectors_returns_at_most_k(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    assert nearest(shop, [0, 1], k=1) == ["p2"]
    assert len(nearest(shop, [0, 1], k=3000)) == 4


def test_search_vectors_among_candidates_scores_only_those(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    answer = shop.search_vectors(np.array([1.0, 0.0]), candidates=["p3", "p2", "p2", "p5", "nosuch"])
    assert answer["id"].to_list() == ["p2", "p3"]
    assert answer["score"].to_list() == pytest.approx([0, -1], abs=1e-6)
    assert shop.search_vectors(np.array([1.0, 0.0]), candidates=[]).height == 0


def test_search_vectors_recalls_nearly_all_of_the_nearest(shop: GraphStore) -> None:
    rng = np.random.default_rng(0)
    vectors, queries = (_unit(rng.normal(size=(number, 128))) for number in (2000, 50))
    ids = [f"q{place:04}" for place in range(2000)]
    shop.load(KnowledgeGraph({"Product": pl.DataFrame({"id": ids})}, {}))
    shop.write_vectors(ids, vectors)
    cosines = queries @ vectors.T  # (num_queries, num_vectors)
    expected = np.argsort(-cosines, axis=1)[:, :10]
    hits = 0
    for place, query in enumerate(queries):
        answer = shop.search_vectors(query, k=10)
        rows = [int(found[1:]) for found in answer["id"]]
        assert answer["score"].to_numpy() == pytest.approx(cosines[place, rows], abs=1e-5)
        hits += len(set(rows) & set(expected[place].tolist()))
    recall = hits / expected.size
    print(f"{shop!r}: recall of the 10 nearest of 2,000 random unit vectors of size 128: {recall:.3f}")
    assert recall >= 0.95


# ---- writing


def test_write_vectors_twice_changes_nothing(shop: GraphStore) -> None:
    for _ in range(2):
        shop.write_vectors(IDS, VECTORS)
    assert nearest(shop, [1, 0]) == ["p1", "p4", "p2", "p3"]
    assert_same_graph(shop.read_graph(), GRAPH)


def test_write_vectors_of_some_nodes_keeps_those_of_the_others(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.write_vectors(["p3", "p5"], np.array([[1, 0.1], [1, 0.2]]))
    assert nearest(shop, [1, 0]) == ["p1", "p4", "p3", "p5", "p2"]


@pytest.mark.parametrize("size", [1, 3, 128])
def test_write_vectors_of_another_size_replaces_them_all(shop: GraphStore, size: int) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.write_vectors(["p5"], np.ones((1, size)))
    assert nearest(shop, np.ones(size)) == ["p5"]
    with pytest.raises(StoreError, match=f"holds 2 numbers, but those stored in Product.embedding hold {size}"):
        nearest(shop, [1, 0])
    assert_same_graph(shop.read_graph(), GRAPH)


def test_write_vectors_of_another_size_into_a_cleared_store_works(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.clear()
    assert nearest(shop, [1, 0]) == []
    shop.load(GRAPH)
    shop.write_vectors(IDS, np.eye(4))
    assert nearest(shop, [0, 0, 1, 0])[0] == "p3"


def test_write_vectors_takes_lists_and_other_number_types(shop: GraphStore) -> None:
    shop.write_vectors(pl.Series(IDS), VECTORS.astype(np.float16).tolist())
    shop.write_vectors(np.array(IDS), (2 * VECTORS).astype(np.int64))
    assert nearest(shop, [0, 1])[0] == "p2"


# ---- the index follows the graph


def test_load_keeps_the_vectors_and_read_graph_leaves_them_out(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.load(GRAPH)
    assert nearest(shop, [1, 0]) == ["p1", "p4", "p2", "p3"]
    assert_same_graph(shop.read_graph(), GRAPH)


def test_search_vectors_after_a_delete_finds_the_node_no_more(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.query("MATCH (p:Product {id: 'p1'}) DETACH DELETE p", write=True)
    assert nearest(shop, [1, 0]) == ["p4", "p2", "p3"]


def test_search_vectors_after_clear_and_load_finds_what_is_written_then(shop: GraphStore) -> None:
    shop.write_vectors(IDS, VECTORS)
    shop.clear()
    shop.load(GRAPH)
    assert nearest(shop, [1, 0]) == []
    shop.write_vectors(["p2"], VECTORS[:1])
    assert nearest(shop, [1, 0]) == ["p2"]


def test_search_vectors_in_a_folder_opened_again_still_finds(tmp_path: Path) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        store.load(GRAPH)
        store.write_vectors(IDS, VECTORS)
    with open_graph(path=tmp_path / "graph") as store:
        assert nearest(store, [1, 0]) == ["p1", "p4", "p2", "p3"]
        store.write_vectors(["p5"], np.array([[1, 0.1]]))
        assert nearest(store, [1, 0]) == ["p1", "p4", "p5", "p2", "p3"]
        assert_same_graph(store.read_graph(), GRAPH)


# ---- what is wrong with the call


def test_write_vectors_of_unknown_ids_names_them_and_writes_none(shop: GraphStore) -> None:
    with pytest.raises(StoreError, match="no Product in the store has the id 'x1', 'x2'; load the graph first"):
        shop.write_vectors(["p1", "x1", "x2"], np.ones((3, 2)))
    with pytest.raises(StoreError, match="holds no vectors in Product.embedding: write_vectors"):
        nearest(shop, [1, 0])


def test_vector_that_the_local_index_refuses_says_why(local_store: GraphStore) -> None:
    local_store.query("CREATE (:Product {id: 'p1'})", write=True)
    local_store.write_vectors(["p1"], np.ones((1, 2)))
    with pytest.raises(StoreError, match="does not match index dimension 2: got float.* of length 3"):
        local_store.query("CREATE (:Product {id: 'p2', embedding: [1.0, 2.0, 3.0]})", write=True)


@pytest.mark.parametrize(
    ("ids", "vectors", "parts"),
    [
        (["p1"], np.ones(2), ["the array has the shape (2,), expected (num_vectors, size)"]),
        (["p1"], np.ones((2, 2)), ["1 ids, but 2 vectors"]),
        ([], np.ones((0, 2)), ["there are none"]),
        (["p1"], np.ones((1, 0)), ["a vector holds 0 numbers"]),
        (["p1"], np.ones((1, 4097)), ["a vector holds 4,097 numbers; it can hold 1 to 4,096"]),
        (["p1", "p1", 3], np.ones((3, 2)), ["1 ids are not strings: 3"]),
        (["p1", "p1"], np.ones((2, 2)), ["1 ids come more than once: 'p1'"]),
        (["p1"], [["x"]], ["vectors must be arrays of numbers"]),
        (["p1", "p2"], [[1.0], [1.0, 2.0]], ["vectors must be arrays of numbers"]),
        (
            IDS,
            np.array([[np.nan, 1], [np.inf, 1], [0, 0], [1e-30, 0]]),
            ["2 vectors hold NaN or infinity, in rows 0, 1", "2 vectors are zero, or too short", "in rows 2, 3"],
        ),
        (["p1"], np.array([[1e300, 1]]), ["hold NaN or infinity"]),
        (["p1"], np.array([[1e30, 1]]), ["too long to be measured"]),
    ],
)
def test_write_vectors_that_can_not_be_stored_lists_the_faults(
    local_store: GraphStore, ids: list[Any], vectors: Any, parts: list[str]
) -> None:
    with pytest.raises(StoreError) as caught:
        local_store.write_vectors(ids, vectors)
    for part in parts:
        assert part in str(caught.value)


@pytest.mark.parametrize(
    ("vector", "k", "part"),
    [
        ([1.0, 0.0], 0, "k must be a whole number of at least 1"),
        (["one"], 1, "vectors must be arrays of numbers"),
        ([[1.0, 0.0]], 1, r"the vector has the shape \(1, 2\), expected \(size,\)"),
        ([0.0, 0.0], 1, "1 vectors are zero"),
        ([np.nan, 0.0], 1, "hold NaN or infinity"),
    ],
)
def test_search_vectors_for_no_vector_raises(local_store: GraphStore, vector: Any, k: int, part: str) -> None:
    with pytest.raises(StoreError, match=part):
        local_store.search_vectors(np.asarray(vector), k)


def test_vectors_that_the_schema_does_not_name_are_refused(local_store: GraphStore) -> None:
    with pytest.raises(StoreError, match="label 'Product' has no vectors 'nosuch' in the schema, but 'embedding'"):
        local_store.write_vectors(["p1"], np.ones((1, 2)), property="nosuch")
    with pytest.raises(StoreError, match="the schema has no label 'Nosuch'"):
        local_store.search_vectors(np.ones(2), label="Nosuch")


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: np.ndarray = (vectors / lengths).astype(np.float32)
    return unit
