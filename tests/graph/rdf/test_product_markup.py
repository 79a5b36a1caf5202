"""Product markup as shops publish it, from pages to the graph."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path
from typing import Any

import pytest

from kgrec.data.dataset import Dataset
from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import read_product_markup
from tests.same_graph import assert_same_graph


def page(*blocks: Any) -> str:
    texts = [block if isinstance(block, str) else json.dumps(block) for block in blocks]
    return "<!doctype html><title>x</title>" + "".join(
        f'<script type="application/ld+json">{text}</script>' for text in texts
    )


def product(**values: Any) -> dict[str, Any]:
    return {"@context": "https://schema.org", "@type": "Product", "sku": "p1", **values}


def only(graph: KnowledgeGraph) -> dict[str, Any]:
    (row,) = graph.nodes["Product"].to_dicts()
    return row


def tails(graph: KnowledgeGraph, rel_type: str, tail: str) -> list[str]:
    return graph.edges["Product", rel_type, tail]["tail_id"].to_list()


def test_markup_gives_the_graph_of_the_same_dataset() -> None:
    found = read_product_markup(
        page(
            product(
                name="Cup",
                description="A cup",
                brand={"@type": "Brand", "name": "Acme"},
                category="Home > Kitchen",
                offers={"@type": "Offer", "price": "3.50"},
                color=["red", "blue"],
                additionalProperty={"@type": "PropertyValue", "name": "weight", "value": 5},
            )
        )
    )
    items = {
        "item_id": ["p1"],
        "title": ["Cup"],
        "description": ["A cup"],
        "brand": ["Acme"],
        "category": ["Home > Kitchen"],
        "price": [3.5],
        "attributes": ['{"color": ["red", "blue"], "weight": 5}'],
    }
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["p1"]})
    assert_same_graph(found, KnowledgeGraph.from_dataset(dataset))


@pytest.mark.parametrize(
    "context",
    [
        "http://schema.org",
        "http://schema.org/",
        "https://schema.org",
        "https://schema.org/",
        {"@vocab": "https://schema.org/"},
        ["https://schema.org", {"x": "http://x.example/"}],
        None,
    ],
)
def test_markup_of_any_context_is_read_without_a_network(monkeypatch: pytest.MonkeyPatch, context: Any) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("the network was used"))
    assert only(read_product_markup(page(product(name="Cup") | {"@context": context})))["title"] == "Cup"


@pytest.mark.parametrize(
    "block",
    [
        {"@context": {"s": "https://schema.org/"}, "@type": "s:Product", "s:sku": "p1", "s:name": "Cup"},
        {"@type": "https://schema.org/Product", "http://schema.org/sku": "p1", "http://schema.org/name": "Cup"},
        {"@context": {"titel": "schema:name", "type": "@type"}, "type": "Product", "sku": "p1", "titel": "Cup"},
        {"@type": ["Thing", "Product"], "sku": "p1", "name": {"@value": "Cup", "@language": "en"}},
        {"@graph": [{"@type": "WebPage"}, {"@type": "Product", "sku": "p1", "name": ["Cup", "Mug"]}]},
        [{"@type": "Organization", "name": "Shop"}, {"@type": "Product", "sku": "p1", "name": "Cup"}],
        {"@type": "WebPage", "mainEntity": {"@type": "Product", "sku": "p1", "name": "Cup"}},
    ],
)
def test_markup_in_any_writing_is_read(block: Any) -> None:
    assert only(read_product_markup(page(block))) == {"id": "p1", "title": "Cup"}


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ({"sku": "s", "productID": "i", "gtin13": "g", "@id": "http://x/p"}, "s"),
        ({"sku": " ", "productID": "i", "gtin13": "g"}, "i"),
        ({"gtin13": "g", "@id": "http://x/p"}, "g"),
        ({"@id": "http://x/p", "url": "http://x/u"}, "http://x/p"),
        ({"@id": "#product", "url": "http://x/u"}, "http://x/u"),
        ({"sku": 12}, "12"),
    ],
)
def test_markup_id_is_the_first_of_sku_product_id_gtin_and_address(ids: dict[str, Any], expected: str) -> None:
    assert only(read_product_markup(page({"@type": "Product", "name": "Cup", **ids})))["id"] == expected


@pytest.mark.parametrize(
    ("offers", "price"),
    [
        ({"price": 3, "priceCurrency": "EUR"}, 3.0),
        ([{"price": "3.50"}, {"price": "2.50"}], 2.5),
        ({"@type": "AggregateOffer", "lowPrice": "1,299.00", "highPrice": "2000"}, 1299.0),
        ({"@type": "AggregateOffer", "offers": [{"price": 5}, {"price": 4}]}, 4.0),
        ({"priceSpecification": {"price": "1.299,50 €"}}, 1299.5),
        ([{"price": 9, "priceCurrency": "EUR"}, {"price": 1, "priceCurrency": "USD"}], 9.0),
        ({"@id": "#o"}, 7.0),
    ],
)
def test_markup_price_is_the_lowest_offer(offers: Any, price: float) -> None:
    graph = read_product_markup(page(product(offers=offers), {"@id": "#o", "@type": "Offer", "price": "7"}))
    assert only(graph)["price"] == price


@pytest.mark.parametrize(
    ("category", "expected"),
    [
        ("Home > Kitchen", "Home > Kitchen"),
        ("Home/Kitchen", "Home > Kitchen"),
        ("Home &gt; Food/Drink", "Home > Food/Drink"),
        (["Home", "Home › Kitchen"], "Home > Kitchen"),
        ({"@type": "CategoryCode", "name": "Cups"}, "Cups"),
    ],
)
def test_markup_category_is_a_path(category: Any, expected: str) -> None:
    assert tails(read_product_markup(page(product(category=category))), "IN_CATEGORY", "Category") == [expected]


def test_markup_brand_may_be_text_object_list_or_reference() -> None:
    brands = ["Acme", {"name": "Acme"}, [{"name": "Acme"}, "Other"], {"@id": "#b"}]
    for brand in brands:
        graph = read_product_markup(page(product(brand=brand), {"@id": "#b", "@type": "Brand", "name": "Acme"}))
        assert tails(graph, "HAS_BRAND", "Brand") == ["Acme"]


def test_markup_attributes_ratings_and_currency_are_kept() -> None:
    graph = read_product_markup(
        page(
            product(
                material={"@type": "Product", "name": "Steel"},
                additionalProperty=[
                    {"name": "weight", "value": "5", "unitText": "kg"},
                    {"name": "safe", "value": True},
                    {"name": "use", "value": ["tea", "milk"]},
                ],
                aggregateRating={"ratingValue": "4.5", "reviewCount": "12"},
                offers={"price": 1, "priceCurrency": "EUR"},
            )
        )
    )
    attributes = ["material=Steel", "safe=true", "use=milk", "use=tea", "weight=5 kg"]
    assert graph.nodes["AttributeValue"]["id"].to_list() == attributes
    expected = {"id": "p1", "price": 1.0, "price_currency": "EUR", "rating": 4.5, "rating_count": 12}
    assert {key: value for key, value in only(graph).items() if key in expected} == expected


def test_markup_relations_join_the_products_of_all_pages() -> None:
    graph = read_product_markup(
        page(
            product(
                isRelatedTo={"@type": "Product", "sku": "p2"},
                isSimilarTo=["http://x/p3", "Tea", "http://x/p1"],
                url="http://x/p1",
            )
        ),
        page({"@type": "Product", "sku": "p3", "url": "http://x/p3", "name": "Mug"}),
    )
    assert graph.nodes["Product"]["id"].to_list() == ["p1", "p2", "p3"]
    assert tails(graph, "IS_RELATED_TO", "Product") == ["p2"]
    assert tails(graph, "IS_SIMILAR_TO", "Product") == ["p3"]
    assert tails(graph, "IS_SIMILAR_TO", "Entity") == ["Tea"]


def test_markup_of_one_product_in_several_blocks_is_put_together() -> None:
    graph = read_product_markup(
        page({"@id": "#p", "@type": "Product", "name": "Cup"}, {"@id": "#p", "@type": "Product", "sku": "p1"}),
        page(product(name="Other", description="A cup", offers={"price": 2})),
    )
    assert only(graph) == {"id": "p1", "title": "Cup", "description": "A cup", "price": 2.0}


def test_markup_variants_are_products_and_their_group_is_not() -> None:
    group = {"@type": "ProductGroup", "url": "http://x/g", "hasVariant": [product(sku="a"), product(sku="b")]}
    assert read_product_markup(page(group)).nodes["Product"]["id"].to_list() == ["a", "b"]


def test_markup_of_a_folder_and_of_a_bare_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "a.html").write_text(page(product(sku="a")), "utf-8")
    (tmp_path / "b.jsonld").write_text(json.dumps(product(sku="b")), "utf-8-sig")
    latin = page('{"@type": "Product", "sku": "c", "name": "Café"}').replace(
        "<title>", '<meta charset="latin-1"><title>'
    )
    (tmp_path / "c.htm").write_bytes(latin.encode("latin-1"))
    (tmp_path / "note.txt").write_text("no page")
    graph = read_product_markup(tmp_path, json.dumps(product(sku="d")))
    assert graph.nodes["Product"].rows() == [("a", None), ("b", None), ("c", "Café"), ("d", None)]


def test_markup_block_with_line_breaks_and_wrapping_is_read() -> None:
    text = '\n//<![CDATA[\n{"@type": "Product", "sku": "p1", "name": "Cup\nof tea"}\n//]]>\n'
    assert only(read_product_markup(page(text)))["title"] == "Cup\nof tea"


def test_markup_that_is_broken_is_logged_with_page_and_reason(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "a.html").write_text(page('{"sku": ,}', product(offers={"price": "on request"})), "utf-8")
    (tmp_path / "b.html").write_text("<p>nothing", "utf-8")
    (tmp_path / "c.html").write_text(page({"@type": "Product", "name": "Nameless"}), "utf-8")
    with caplog.at_level(logging.WARNING):
        assert only(read_product_markup(tmp_path)) == {"id": "p1"}
    for part in (
        "4 not read",
        "a.html, block 1: is no JSON (Expecting value",
        "a.html, block 2: p1: price 'on request' is no number",
        'b.html: has no <script type="application/ld+json">',
        "c.html, block 1: the product 'Nameless' has no sku",
    ):
        assert part in caplog.text


def test_markup_without_any_product_raises_with_every_reason(tmp_path: Path) -> None:
    (tmp_path / "a.html").write_text(page("{"), "utf-8")
    with pytest.raises(GraphError) as caught:
        read_product_markup(tmp_path, tmp_path / "none.html")
    assert "2 faults" in str(caught.value)
    assert "a.html, block 1: is no JSON" in str(caught.value)
    assert "none.html: can't be read" in str(caught.value)
    with pytest.raises(GraphError, match="no product in"):
        read_product_markup(page({"@type": "WebPage"}))


def test_markup_with_half_a_letter_is_read_with_a_question_mark(tmp_path: Path) -> None:
    for place, name in enumerate(["Lamp", "Party \\ud83d", "Mat \\ud83d\\ude00"]):
        block = f'{{"@type": "Product", "sku": "{place}", "name": "{name}"}}'
        (tmp_path / f"{place}.html").write_text(f'<html><script type="application/ld+json">{block}</script></html>')
    titles = read_product_markup(tmp_path).nodes["Product"]["title"].to_list()
    assert titles == ["Lamp", "Party ?", "Mat \U0001f600"]


@pytest.mark.parametrize(
    ("offer", "price"),
    [({"lowPrice": None, "price": "5.50"}, 5.5), ({"price": 0.00001}, 0.00001), ({"price": 1299.0}, 1299.0)],
)
def test_markup_price_of_any_size_is_read_and_none_is_no_price(offer: dict[str, Any], price: float) -> None:
    block = {"@type": "Product", "sku": "a", "offers": {"@type": "Offer", **offer}}
    found = read_product_markup(json.dumps(block)).nodes["Product"]["price"].to_list()
    assert found == [price]
