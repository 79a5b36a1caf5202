"""Full-text search in the store, on the local server and on a real Neo4j alike."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.errors import StoreError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.schema.types import read_schema
from kgrec.graph.store import GraphStore, open_graph
from tests.same_graph import assert_same_graph

TITLES = {
    "p1": "Red lamp",
    "p2": "Red lamp with a red cord",
    "p3": "Blue lamp",
    "p4": "Wi-fi speaker: don't stop 3.5",
    "p5": "日本語 Straße 😀",
    "p6": "Red lamp",
    "p7": None,
}
DESCRIPTIONS = {"p7": "A mat of waterproof wool", "p3": "Goes with every blue mat"}


def catalogue(titles: dict[str, str | None], descriptions: dict[str, str] | None = None) -> KnowledgeGraph:
    told = descriptions or {}
    products = {
        "id": list(titles),
        "title": list(titles.values()),
        "description": [told.get(product) for product in titles],
    }
    types = {"id": pl.String, "title": pl.String, "description": pl.String}
    return KnowledgeGraph({"Product": pl.DataFrame(products, schema=types)}, {})


def found(store: GraphStore, query: str, k: int = 10, *, fuzzy: bool = False) -> list[str]:
    return store.search_text(query, k, fuzzy=fuzzy)["id"].to_list()


@pytest.fixture
def shop(graph_store: GraphStore) -> GraphStore:
    graph_store.load(catalogue(TITLES, DESCRIPTIONS))
    return graph_store


# ---- what is found, and in which order


def test_search_text_finds_nodes_with_any_of_the_words(shop: GraphStore) -> None:
    expected: list[tuple[str, set[str]]] = [
        ("lamp", {"p1", "p2", "p3", "p6"}),
        ("LAMP", {"p1", "p2", "p3", "p6"}),
        ("cord lamp", {"p1", "p2", "p3", "p6"}),
        ("blue wool", {"p3", "p7"}),
        ("mat", {"p3", "p7"}),
        ("wi-fi", {"p4"}),
        ("don't", {"p4"}),
        ("3.5", {"p4"}),
        ("straße", {"p5"}),
        ("語", {"p5"}),
        ("😀", {"p5"}),
        ("lam", set()),
        ("nothing", set()),
    ]
    assert [(query, set(found(shop, query))) for query, _ in expected] == expected


def test_search_text_answers_with_a_ranked_table(shop: GraphStore) -> None:
    answer = shop.search_text("blue lamp", k=2)
    assert answer.schema == {
        "id": pl.String,
        "label": pl.String,
        "title": pl.String,
        "rank": pl.Int64,
        "score": pl.Float64,
    }
    assert answer.row(0)[:4] == ("p3", "Product", "Blue lamp", 1)
    assert answer["rank"].to_list() == [1, 2]
    assert answer["score"].is_sorted(descending=True)
    assert answer["score"].min() > 0


def test_search_text_without_matches_is_a_typed_empty_table(shop: GraphStore) -> None:
    answer = shop.search_text("nothing")
    assert answer.height == 0
    assert answer.schema == shop.search_text("lamp").schema


def test_search_text_puts_the_exact_title_first_and_ties_in_order_of_id(shop: GraphStore) -> None:
    shop.load(catalogue({"p8": "red red red", "p9": "red lamp red lamp red lamp"}, {"p8": "red lamp " * 9}))
    assert found(shop, "  RED  lamp ")[:2] == ["p1", "p6"]


def test_search_text_ranks_more_and_rarer_words_first(shop: GraphStore) -> None:
    assert found(shop, "lamp blue")[0] == "p3"
    assert found(shop, "lamp cord")[0] == "p2"  # 4 products have a lamp, 1 a cord


def test_search_text_returns_at_most_k(shop: GraphStore) -> None:
    assert len(found(shop, "lamp", k=3)) == 3
    assert len(found(shop, "lamp", k=5000)) == 4


def test_search_text_fuzzy_also_finds_words_with_a_typo(shop: GraphStore) -> None:
    assert found(shop, "lamb") == []
    assert set(found(shop, "lamb", fuzzy=True)) == {"p1", "p2", "p3", "p6"}
    assert found(shop, "waterpruf", fuzzy=True) == ["p7"]
    assert found(shop, "blue lamq", fuzzy=True)[0] == "p3"
    assert found(shop, "rad", fuzzy=True) == []  # too short for a typo to tell


# ---- text is text


ODD = [
    *(
        "",
        " ",
        "\n\t",
        "\u3000",
        "\0",
        "!",
        "?!*",
        "()",
        "\\",
        "\\\\",
        '"',
        '"lamp',
        "lamp AND",
        "AND",
        "OR OR",
        "NOT",
        "&&",
    ),
    *("||", "+-", "~", "^", "lamp^", "[", "{", "/", "/lamp", ":", "title:", "nosuch:lamp", "*:*", "\ud800", "\ufeff"),
    *(
        "lamp " * 3000,
        "x" * 100_000,
        "語" * 5000,
        "a-b" * 5000,
        "' OR 1=1 //",
        "$index",
        "`",
        "<EOF>",
        "TO",
        "[a TO b]",
    ),
]


@pytest.mark.parametrize("fuzzy", [False, True])
def test_search_text_of_any_characters_never_fails(shop: GraphStore, fuzzy: bool) -> None:
    for query in ODD:
        assert shop.search_text(query, fuzzy=fuzzy).height <= 10


def test_search_text_takes_no_character_for_an_operator(shop: GraphStore) -> None:
    expected: list[tuple[str, set[str]]] = [
        ("", set()),
        (" \n", set()),
        ("?!*()[]{}~^:/\\\"'&&||+-", set()),
        ("lam*", set()),
        ("l?mp", set()),
        ("lamb~", set()),
        ("/l.mp/", set()),
        ("*:*", set()),
        ("red -lamp", {"p1", "p2", "p3", "p6"}),
        ("NOT lamp", {"p1", "p2", "p3", "p6"}),
        ("+cord lamp", {"p1", "p2", "p3", "p6"}),
        ("cord AND blue", {"p2", "p3"}),
        ('"lamp red"', {"p1", "p2", "p3", "p6"}),
        ("title:cord", {"p2"}),
        ("cord^9", {"p2"}),
    ]
    assert [(query, set(found(shop, query))) for query, _ in expected] == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(query=st.text(max_size=30), fuzzy=st.booleans())
def test_search_text_of_any_text_never_fails(shop: GraphStore, query: str, fuzzy: bool) -> None:
    assert set(found(shop, query, fuzzy=fuzzy)) <= TITLES.keys()


# ---- what is wrong with the call


def test_search_text_in_an_unknown_label_raises(graph_store: GraphStore) -> None:
    with pytest.raises(StoreError, match="no label 'Nosuch'; there are 'Product', "):
        graph_store.search_text("lamp", label="Nosuch")


def test_search_text_in_a_label_without_search_properties_raises(graph_store: GraphStore) -> None:
    with pytest.raises(StoreError, match="'User' has no `search` properties in the schema; 'Product'"):
        graph_store.search_text("lamp", label="User")


@pytest.mark.parametrize("k", [0, -1, 1.5])
def test_search_text_with_a_k_below_one_raises(graph_store: GraphStore, k: int) -> None:
    with pytest.raises(StoreError, match="k must be a whole number of at least 1"):
        graph_store.search_text("lamp", k)


def test_search_text_without_an_index_says_how_to_make_it(graph_store: GraphStore) -> None:
    graph_store.query("DROP INDEX kgrec_Product_fulltext IF EXISTS", write=True)
    with pytest.raises(StoreError, match="has no full-text index 'kgrec_Product_fulltext': load a graph with Product"):
        graph_store.search_text("lamp")


# ---- the index follows the graph


def test_search_text_after_a_changed_title_finds_the_new_words_only(shop: GraphStore) -> None:
    shop.load(catalogue({**TITLES, "p3": "Green rug"}))
    assert found(shop, "rug") == ["p3"]
    assert found(shop, "blue") == []


def test_search_text_after_a_delete_finds_the_node_no_more(shop: GraphStore) -> None:
    shop.query("MATCH (p:Product {id: 'p3'}) DETACH DELETE p", write=True)
    assert found(shop, "blue") == []


def test_search_text_after_clear_and_load_finds_the_new_graph(shop: GraphStore) -> None:
    shop.clear()
    assert found(shop, "lamp") == []
    shop.load(catalogue({"q1": "Yellow lamp"}))
    assert found(shop, "lamp") == ["q1"]


def test_search_text_finds_words_in_very_long_texts(graph_store: GraphStore) -> None:
    texts = {"p1": "x" * 2**20 + " needle", "p2": "lamp " * 200_000 + "needle", "p3": "é" * 2**19}
    graph = catalogue(dict.fromkeys(texts, "Long"), texts)
    graph_store.load(graph)
    assert set(found(graph_store, "needle")) == {"p1", "p2"}
    assert_same_graph(graph_store.read_graph(), graph)


def test_search_text_with_a_title_of_another_type_reads_back_as_it_was(shop: GraphStore) -> None:
    for values in ([1, 2], [0.5, 1.5], [True, False], [["lamp"], []]):
        other = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1", "p2"], "title": values})}, {})
        shop.clear()
        shop.load(other)
        assert_same_graph(shop.read_graph(), other)
        assert found(shop, "nothing") == []
    shop.clear()
    shop.load(catalogue(TITLES))
    assert found(shop, "blue") == ["p3"]


def test_search_text_makes_the_index_anew_when_the_schema_names_other_properties(
    graph_store: GraphStore, tmp_path: Path
) -> None:
    (tmp_path / "shop.toml").write_text(
        '[labels.Shelf]\nmeaning = "A shelf"\nproperties = { name = "string", sign = "string" }\n'
        'indexes = ["name"]\nsearch = ["name"]\n'
    )
    (tmp_path / "more.toml").write_text(
        (tmp_path / "shop.toml").read_text().replace('search = ["name"]', 'search = ["name", "sign"]')
    )
    shelves = KnowledgeGraph({"Shelf": pl.DataFrame({"id": ["s1"], "name": ["left one"], "sign": ["Sale"]})}, {})
    for schema, sale in (("shop.toml", []), ("more.toml", ["s1"]), ("shop.toml", [])):
        store = GraphStore(graph_store._connection, read_schema(tmp_path / schema))
        store.load(shelves)
        assert store.search_text("left", label="Shelf")["id"].to_list() == ["s1"]
        assert store.search_text("sale", label="Shelf")["id"].to_list() == sale
        assert store.query("MATCH (s:Shelf {name: 'left one'}) RETURN s.id AS id").rows() == [("s1",)]
        assert store.query("MATCH (s:Shelf {name: 'left'}) RETURN s.id AS id").height == 0


def test_search_text_in_a_folder_opened_again_still_finds(tmp_path: Path) -> None:
    with open_graph(path=tmp_path / "graph") as store:
        store.load(catalogue(TITLES, DESCRIPTIONS))
        before = store.search_text("red lamp")
    with open_graph(path=tmp_path / "graph") as store:
        assert found(store, "red lamp") == before["id"].to_list()
        store.load(catalogue({**TITLES, "p3": "Green rug"}))
        assert found(store, "rug") == ["p3"]
        assert found(store, "blue") == []


def test_load_into_a_server_that_has_no_full_text_stores_the_graph_and_warns(
    product_graph: KnowledgeGraph, caplog: pytest.LogCaptureFixture
) -> None:
    """The local server met over its address alone is such a one: its Cypher knows no full-text index."""
    with open_graph() as own:
        server = own._connection.local
        assert server is not None
        username, password = server.writer
        with open_graph(server.uri, username=username, password=password) as store:
            store.load(product_graph)
            assert_same_graph(store.read_graph(), product_graph)
            with pytest.raises(StoreError, match="full-text"):
                store.search_text("red")
    assert "no full-text index on Product" in caplog.text
