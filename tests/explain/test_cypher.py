"""What an explanation says can be run, whatever the ids hold."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

import kgrec
from kgrec.explain.cypher import path_statement, text_literal, together
from kgrec.graph.store import GraphStore
from tests.tiny import ITEMS, SMALL, checkerboard

ODD = ["it's", "back\\slash", "end\\", "\\u0041", "a`b", "new\nline", "'}) DETACH DELETE n //", "é 日", "\\'", '"x"']


def test_path_statement_names_every_node_and_the_direction_of_every_edge() -> None:
    nodes = [("Product", "it's"), ("My Label", "a\\b"), ("Product", "c")]
    found = path_statement(nodes, [("HAS", True), ("O`DD", False)])
    assert found == (
        r"MATCH path = (:`Product` {id: 'it\'s'})-[:`HAS`]->(:`My Label` {id: 'a\\b'})<-[:`O``DD`]-"
        "(:`Product` {id: 'c'}) RETURN path"
    )
    assert together(["A", "B", "A"]) == "A\nUNION\nB"


def test_text_literal_of_any_text_is_that_text(graph_store: GraphStore) -> None:
    found = graph_store.query(f"UNWIND [{', '.join(map(text_literal, ODD))}] AS text RETURN text")
    assert found["text"].to_list() == ODD


@pytest.fixture(scope="module")
def odd() -> kgrec.KGRecommender:
    """Each product has an odd neighbour, to which other products with it are linked."""
    pairs = {"head_id": ITEMS, "tail_id": [ODD[place % len(ODD)] for place in range(len(ITEMS))]}
    nodes = {"Product": pl.DataFrame({"id": ITEMS}), "Odd": pl.DataFrame({"id": ODD})}
    links = {"head_id": ITEMS[:-1], "tail_id": ITEMS[1:]}
    edges = {("Product", "IS ODD", "Odd"): pl.DataFrame(pairs), ("Product", "NEXT", "Product"): pl.DataFrame(links)}
    graph = kgrec.KnowledgeGraph(nodes, edges)
    config = dataclasses.replace(SMALL, epochs=1, use_item_weights=False)
    return kgrec.KGRecommender(config, device="cpu").fit(checkerboard().split("leave_last_out").train, graph=graph)


def test_every_path_that_explanations_name_is_in_the_store(odd: kgrec.KGRecommender, graph_store: GraphStore) -> None:
    graph_store.load(odd.model_.graph)
    lists = odd.recommend(["u00", "u01", "u02"], k=3)
    explanations = [odd.explain(*pair) for pair in lists.select("user_id", "item_id").iter_rows()]
    paths = [path for explanation in explanations for path in explanation.paths]
    assert len(paths) > len(explanations)
    for path in paths:
        found = graph_store.query(path.cypher)["path"].to_list()
        assert [[node["properties"]["id"] for node in one["nodes"]] for one in found] == [
            [own for _, own in path.nodes]
        ]
    assert any("Odd" in path.cypher for path in paths)
    for explanation in explanations:
        assert graph_store.query(explanation.cypher).height == len(explanation.paths)


def test_cypher_of_an_explanation_without_paths_finds_the_item(
    fitted: kgrec.KGRecommender, graph_store: GraphStore
) -> None:
    graph_store.load(fitted.model_.graph)
    explanation = fitted.explain("u00", "i00", max_paths=0)
    assert explanation.paths == ()
    found = graph_store.query(explanation.cypher)["path"][0]
    assert [node["properties"]["id"] for node in found["nodes"]] == ["i00"]


def test_cypher_of_a_path_that_is_not_in_the_store_finds_nothing(
    fitted: kgrec.KGRecommender, graph_store: GraphStore
) -> None:
    explanation = fitted.explain("u00", fitted.recommend(["u00"], k=1)["item_id"][0])
    graph_store.load(kgrec.KnowledgeGraph({"Product": fitted.model_.graph.nodes["Product"]}, {}))
    assert graph_store.query(explanation.paths[0].cypher).height == 0


@pytest.mark.parametrize("text", ODD)
def test_text_literal_closes_only_at_its_end(text: str) -> None:
    inside = text_literal(text)[1:-1].replace("\\\\", "").replace("\\'", "")
    assert "'" not in inside
    assert not inside.endswith("\\")
