"""A model over a graph that a shop has already, which need not have the properties that kgrec gives its own."""

from __future__ import annotations

import dataclasses

import polars as pl
import pytest

import kgrec
from kgrec.errors import ConfigError
from tests.tiny import SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=2)


def _fitted(**changes: object) -> kgrec.KGRecommender:
    split = checkerboard(120, impressions=True).split("temporal")
    graph = kgrec.KnowledgeGraph.from_dataset(split.train)
    nodes, edges = dict(graph.nodes), dict(graph.edges)
    if "price" in changes:
        nodes["Product"] = nodes["Product"].with_columns(changes["price"].alias("price"))  # type: ignore[attr-defined]
    if "values" in changes:
        nodes["AttributeValue"] = pl.DataFrame(changes["values"])
        pairs = {"head_id": ["i00", "i01"], "tail_id": ["red", "blue"]}
        edges["Product", "HAS_ATTRIBUTE", "AttributeValue"] = pl.DataFrame(pairs)
    rec = kgrec.KGRecommender(CONFIG, device="cpu")
    return rec.fit(split.train, validation=split.validation, graph=kgrec.KnowledgeGraph(nodes, edges))


def test_prices_that_are_text_are_text() -> None:
    rec = _fitted(price=pl.lit("$") + pl.col("price").cast(pl.String))
    assert rec.model_.scoring is not None
    assert "price band" not in rec.profile("u00")["kind"].to_list()
    assert rec.predict_click([("u00", "i02")]).height == 1
    assert rec.search("thing", k=2).height == 2
    with pytest.raises(ConfigError, match="range of numbers"):
        rec.recommend(["u00"], filters={"price": (None, 5)})
    assert rec.recommend(["u00"], filters={"price": "$3.0"}, filter_seen=False)["item_id"].to_list() == ["i02"]


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ({"id": ["red", "blue"]}, "attribute value", {"red", "blue"}),
        ({"id": ["red", "blue"], "name": ["colour", None], "value": [None, "Blue"]}, "attribute value", {"Blue"}),
        ({"id": ["red", "blue"], "name": ["colour", None], "value": [None, "Blue"]}, "attribute colour", {"red"}),
    ],
)
def test_attribute_values_without_a_name_or_value_go_by_their_id(
    values: dict[str, list[str]], kind: str, said: set[str]
) -> None:
    rec = _fitted(values=values)
    assert set(rec.profile("u00").filter(pl.col("kind") == kind)["value"]) == said
    assert rec.explain("u00", "i02").text
    assert rec.search("red thing", k=2).height == 2
    with pytest.raises(ConfigError, match="no property of a product"):
        rec.recommend(["u00"], filters={"size": "9"})
