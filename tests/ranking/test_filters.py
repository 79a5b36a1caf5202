"""Filters by what the graph says of items."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

import kgrec
from kgrec.errors import ConfigError
from kgrec.ranking.filters import allowed_items
from kgrec.tensors.vocabulary import Vocabulary

CATALOGUE = kgrec.Dataset(
    items=pl.DataFrame(
        {
            "item_id": ["a", "b", "c", "d"],
            "brand": ["Ash", "Birch", "Ash", None],
            "category": ["Shoes > Boots", "Shoes", "Shoestrings", None],
            "price": [10.0, 20.0, 30.0, None],
            "attributes": ['{"color": "red"}', '{"color": "blue", "size": "9"}', '{"color": "red"}', None],
            "in_stock": [True, False, True, None],
            "stock": [1, 2, 3, None],
        }
    ),
    events=pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}),
)


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({}, "abcd"),
        ({"price": (15, None)}, "bc"),
        ({"price": (10, 20)}, "ab"),
        ({"price": 20}, "b"),
        ({"brand": "Ash"}, "ac"),
        ({"brand": ["Ash", "Birch"]}, "abc"),
        ({"brand": ["no such brand"]}, ""),
        ({"brand": " Ash"}, "ac"),
        ({"price": [10, 30]}, "ac"),
        ({"category": "Shoes"}, "ab"),
        ({"category": "Shoes>Boots"}, "a"),
        ({"category": [" Shoes > > Boots ", "Shoestrings"]}, "ac"),
        ({"color": "red"}, "ac"),
        ({"color": ["blue"], "size": "9"}, "b"),
        ({"in_stock": True, "price": (None, 25)}, "a"),
        ({"stock": [2.5, 1.9]}, ""),
        ({"stock": 2.0}, "b"),
    ],
)
def test_filters_let_pass_what_they_say(filters: dict[str, Any], expected: str) -> None:
    items = Vocabulary(CATALOGUE.items["item_id"])
    allowed = allowed_items(kgrec.KnowledgeGraph.from_dataset(CATALOGUE), items, filters)
    assert "".join(items.ids.filter(pl.Series(allowed))) == expected


@pytest.mark.parametrize(
    ("filters", "message"),
    [
        ({"price": None}, "'price' can't be None.*leave the filter out"),
        ({"category": None}, "'category' can't be None"),
        ({"price": [10, None]}, "'price' can't be"),
        ({"brand": ("Ash", "Birch")}, "use a list for one of several"),
        ({"price": ("low", "high")}, "use a list for one of several"),
        ({"category": 5}, "its values are String"),
        ({"stock": (10**30, None)}, "'stock' can't be"),
        ({"price": 10**400}, "'price' can't be"),
        ({None: 5}, "None is no property of a product"),
    ],
)
def test_filter_that_does_not_fit_its_values_is_an_error(filters: dict[str, Any], message: str) -> None:
    items = Vocabulary(CATALOGUE.items["item_id"])
    with pytest.raises(ConfigError, match=message):
        allowed_items(kgrec.KnowledgeGraph.from_dataset(CATALOGUE), items, filters)


def test_a_price_that_is_no_number_passes_no_filter() -> None:
    graph = kgrec.KnowledgeGraph({"Product": pl.DataFrame({"id": ["a", "b"], "price": [60.0, float("nan")]})}, {})
    items = Vocabulary(pl.Series(["a", "b"]))
    for filters in ({"price": (50, None)}, {"price": (None, 90)}, {"price": (None, None)}):
        assert allowed_items(graph, items, filters).tolist() == [True, False]


def test_of_a_property_that_is_a_list_one_value_is_enough() -> None:
    tags = pl.Series([["new", "sale"], ["sale"], [], None], dtype=pl.List(pl.String))
    graph = kgrec.KnowledgeGraph({"Product": pl.DataFrame({"id": list("abcd"), "tags": tags})}, {})
    items = Vocabulary(pl.Series(list("abcd")))
    expected = {"new": "a", "sale": "ab", "none": ""}
    for tag, passing in expected.items():
        assert "".join(items.ids.filter(pl.Series(allowed_items(graph, items, {"tags": tag})))) == passing
    assert allowed_items(graph, items, {"tags": ["new", "old"]}).tolist() == [True, False, False, False]


def test_filters_with_faults_list_every_one() -> None:
    items = Vocabulary(CATALOGUE.items["item_id"])
    with pytest.raises(ConfigError, match=r"(?s)2 faults.*'colour' is no property.*brand.*'price' can't be 'cheap'"):
        allowed_items(
            kgrec.KnowledgeGraph.from_dataset(CATALOGUE), items, {"colour": "red", "price": "cheap", "brand": "Ash"}
        )
