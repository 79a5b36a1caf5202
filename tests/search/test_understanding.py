from __future__ import annotations

import polars as pl
import pytest

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.search.understanding import Linker
from kgrec.search.words import Stems, split_words
from kgrec.tensors.vocabulary import Vocabulary
from tests.search.shops import ROWS, shop


@pytest.fixture(scope="module")
def linker() -> Linker:
    return Linker(KnowledgeGraph.from_dataset(shop()), Vocabulary([row[0] for row in ROWS]), Stems("english"))


def _said(linker: Linker, query: str) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(one.kind, one.text, one.node_ids) for one, _ in linker.link(split_words(query))]


def _items(linker: Linker, query: str) -> list[str]:
    ((_, matching),) = linker.link(split_words(query))
    return [row[0] for row, matches in zip(ROWS, matching, strict=True) if matches]


def test_category_takes_in_those_below_it(linker: Linker) -> None:
    assert _items(linker, "shoe") == ["a", "b", "c", "d"]


def test_category_joined_of_two_names_goes_by_either_and_by_both(linker: Linker) -> None:
    whole = ("category", "throws rugs", ("Home > Throws & Rugs",))
    assert _said(linker, "throws & rugs") == [whole]
    assert _said(linker, "rug") == [("category", "rug", ("Home > Throws & Rugs",))]


def test_attribute_goes_by_its_value_and_by_name_and_value(linker: Linker) -> None:
    expected = ["a", "c", "d", "f"]
    assert _items(linker, "red") == _items(linker, "colour red") == _items(linker, "red colour") == expected


def test_words_that_name_nothing_are_left(linker: Linker) -> None:
    assert _said(linker, "something warm for the winter") == []


def _linker_of(items: dict[str, list[object]]) -> Linker:
    from kgrec.data.dataset import Dataset

    dataset = Dataset(items=pl.DataFrame(items), events={"user_id": ["u"], "item_id": [items["item_id"][0]]})
    return Linker(KnowledgeGraph.from_dataset(dataset), Vocabulary(items["item_id"]), Stems("english"))


def test_longest_name_wins() -> None:
    linker = _linker_of({"item_id": ["a", "b"], "brand": ["Oak", "Oak & Ember"]})
    assert _said(linker, "oak ember candle") == [("brand", "oak ember", ("Oak & Ember",))]
    assert _said(linker, "oak candle") == [("brand", "oak", ("Oak",))]


def test_name_that_two_nodes_share_stands_for_both() -> None:
    linker = _linker_of({"item_id": ["a", "b"], "category": ["Women > Shoes", "Men > Shoes"]})
    assert _said(linker, "shoes") == [("category", "shoes", ("Men > Shoes", "Women > Shoes"))]


def test_last_word_of_a_category_is_no_sure_name() -> None:
    linker = _linker_of({"item_id": ["a", "b"], "category": ["Running Shoes", "Socks"]})
    (ending, _), (whole, _) = linker.link(["shoes", "socks"])
    assert (ending.node_ids, ending.sure, whole.sure) == (("Running Shoes",), False, True)


def test_number_alone_names_no_attribute_but_does_with_the_attributes_name() -> None:
    linker = _linker_of({"item_id": ["a"], "attributes": ['{"size": "10"}']})
    assert _said(linker, "10 boots") == []
    assert _said(linker, "boots size 10") == [("attribute", "size 10", ("size=10",))]


def test_circle_of_categories_ends() -> None:
    nodes = {
        "Product": pl.DataFrame({"id": ["a"]}),
        "Category": pl.DataFrame({"id": ["X", "Y"], "name": ["Ex", "Why"]}),
    }
    edges = {
        ("Product", "IN_CATEGORY", "Category"): pl.DataFrame({"head_id": ["a"], "tail_id": ["X"]}),
        ("Category", "SUBCATEGORY_OF", "Category"): pl.DataFrame({"head_id": ["X", "Y"], "tail_id": ["Y", "X"]}),
    }
    linker = Linker(KnowledgeGraph(nodes, edges), Vocabulary(["a"]), Stems("english"))
    assert [matching.tolist() for _, matching in linker.link(["ex"])] == [[True]]
    assert [matching.tolist() for _, matching in linker.link(["why"])] == [[True]]


def test_graph_without_products_names_nothing() -> None:
    assert Linker(KnowledgeGraph({}, {}), Vocabulary(["a"]), Stems(None)).link(["red"]) == []
