"""An update that says something new of known items: price, stock, title."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import kgrec
from kgrec.errors import GraphError
from kgrec.graph.store import GraphStore
from tests.running import run
from tests.tiny import SMALL, SUPPLIER_SCHEMA, checkerboard, tiny_items


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    split = checkerboard(impressions=True).split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=10)
    fitted = kgrec.KGRecommender(config, device="cpu", seed=3).fit(split.train, validation=split.validation)
    made = tmp_path_factory.mktemp("fitted")
    fitted.save(made)
    return made


@pytest.fixture
def rec(folder: Path) -> kgrec.KGRecommender:
    return kgrec.KGRecommender.load(folder, device="cpu")


def _product(rec: kgrec.KGRecommender, item_id: str) -> dict[str, object]:
    products = rec.model_.graph.nodes["Product"]
    return products.row(by_predicate=pl.col("id") == item_id, named=True)


def test_update_with_other_prices_is_what_filters_and_search_go_by(rec: kgrec.KGRecommender) -> None:
    cheap = {"filters": {"price": (None, 1.5)}, "filter_seen": False, "k": 12}
    assert rec.recommend(["u01"], **cheap)["item_id"].to_list() == ["i00"]
    assert "i11" not in rec.search("thing under 2", k=12).items["item_id"].to_list()
    report = rec.update(new_items={"item_id": ["i00", "i11"], "price": [30.0, 0.5]})
    assert (report.items, report.changed, report.events) == (0, 2, 0)
    assert "2 known items changed" in str(report)
    assert rec.recommend(["u01"], **cheap)["item_id"].to_list() == ["i11"]
    found = rec.search("thing under 2", k=12).items["item_id"].to_list()
    assert "i11" in found
    assert "i00" not in found


def test_update_with_stock_for_the_first_time_is_a_filter(rec: kgrec.KGRecommender) -> None:
    rec.update(new_items={"item_id": ["i03", "i05"], "in_stock": [True, False]})
    lists = rec.recommend(["u01"], filters={"in_stock": True}, filter_seen=False, k=12)
    assert lists["item_id"].to_list() == ["i03"]
    rec.update(new_items={"item_id": ["i03", "i05"], "in_stock": [False, True]})
    lists = rec.recommend(["u01"], filters={"in_stock": True}, filter_seen=False, k=12)
    assert lists["item_id"].to_list() == ["i05"]


def test_update_leaves_what_is_not_said_and_every_vector_as_it_was(rec: kgrec.KGRecommender) -> None:
    before, old = _product(rec, "i04"), rec.model_
    others = old.graph.nodes["Product"].filter(pl.col("id") != "i04")
    rec.update(new_items={"item_id": ["i04"], "title": ["azure thing"], "price": [None], "description": ["very blue"]})
    assert _product(rec, "i04") == {**before, "title": "azure thing", "description": "very blue"}
    now = rec.model_.graph.nodes["Product"].filter(pl.col("id") != "i04").drop("description")
    assert_frame_equal(now, others)
    for name in ("source", "target", "bias"):
        assert torch.equal(getattr(rec.model_.vectors, name), getattr(old.vectors, name))
    assert rec.model_.graph.edges.keys() == old.graph.edges.keys()
    assert old.titles[4] == "blue thing 4"  # the old model is as it was


def test_update_with_a_title_shows_it_and_finds_it(rec: kgrec.KGRecommender) -> None:
    assert rec.search("azure", k=3).items["item_id"].to_list()[:1] != ["i04"]
    rec.update(new_items={"item_id": ["i04"], "title": ["azure thing"]})
    assert rec.search("azure", k=3).items["item_id"].to_list()[:1] == ["i04"]
    assert rec.explain("u01", "i04").title == "azure thing"


def test_update_with_prices_keeps_the_search_index_and_with_texts_makes_it_anew(rec: kgrec.KGRecommender) -> None:
    rec.search("thing", k=1)
    index = rec.model_.searcher
    rec.update(new_items={"item_id": ["i04"], "price": [77.0], "updated_at": ["2026-11-27"]})
    rec.search("thing", k=1)
    assert rec.model_.searcher is index
    rec.update(new_items={"item_id": ["i04"], "description": ["azure"]})
    assert rec.search("azure", k=1).items["item_id"].to_list() == ["i04"]
    assert rec.model_.searcher is not index


def test_update_with_a_price_moves_the_bands_of_profiles(rec: kgrec.KGRecommender) -> None:
    def bands() -> list[str]:
        return sorted(rec.profile("u01").filter(pl.col("kind") == "price band")["value"])

    before = bands()
    rec.update(new_items={"item_id": [f"i{place:02}" for place in range(12)], "price": [100.0 + n for n in range(12)]})
    assert bands() != before


def test_update_with_a_price_is_what_the_scoring_module_reads() -> None:
    split = checkerboard(400, impressions=True).split("temporal")
    config = dataclasses.replace(SMALL, epochs=2)
    rec = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation)

    def log_price() -> float:
        rec.predict_click([("u01", "i03")])
        assert rec.model_.scoring is not None
        assert rec.model_.scoring.features is not None
        return float(rec.model_.scoring.features.log_price[3])

    assert log_price() == pytest.approx(np.log(4))
    rec.update(new_items={"item_id": ["i03"], "price": [4000.0]})
    assert log_price() == pytest.approx(np.log(4000))


def test_update_with_another_brand_says_that_it_stays(rec: kgrec.KGRecommender) -> None:
    edges = rec.model_.graph.edges
    items = {"item_id": ["i00", "i01", "i02"], "brand": ["Odd", "Odd", "Third"], "price": [1.0, 2.0, 9.0]}
    report = rec.update(new_items=items)
    assert report.changed == 1
    assert report.cleaning.rows("items", "links of a known item differ") == 2
    line = report.cleaning.table.row(by_predicate=pl.col("check").str.starts_with("links"), named=True)
    assert line["action"] == "kept as in the graph until the next fit"
    assert set(line["examples"].split(", ")) == {"i00", "i02"}
    for edge_type, table in rec.model_.graph.edges.items():
        assert_frame_equal(table, edges[edge_type])
    assert "Third" not in rec.model_.graph.nodes["Brand"]["id"].to_list()


def test_update_with_known_and_new_items_at_once(rec: kgrec.KGRecommender) -> None:
    report = rec.update(
        {"user_id": ["u00"], "item_id": ["n"], "timestamp": [1_700_000_000]},
        {"item_id": ["i00", "n", "i01"], "price": [5.0, 6.0, 2.0], "brand": ["Even", "Even", "Odd"]},
    )
    assert (report.items, report.changed, report.events) == (1, 1, 1)
    assert report.cleaning.rows("items", "known already, nothing changed") == 1
    assert _product(rec, "i00")["price"] == 5
    assert _product(rec, "n")["price"] == 6


def test_update_with_a_property_of_another_type_changes_nothing(rec: kgrec.KGRecommender) -> None:
    rec.update(new_items={"item_id": ["i00"], "stock": [3]})
    model = rec.model_
    with pytest.raises(GraphError, match="Product: 'stock' is Int64 in one, String in the other"):
        rec.update(new_items={"item_id": ["i00"], "stock": ["plenty"]})
    assert rec.model_ is model


def test_update_saved_and_loaded_knows_the_new_prices(rec: kgrec.KGRecommender, tmp_path: Path) -> None:
    rec.update(new_items={"item_id": ["i00"], "price": [30.0], "title": ["sold out"]})
    rec.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert loaded.model_.graph == rec.model_.graph
    assert loaded.model_.titles.to_list() == rec.model_.titles.to_list()


def test_update_tells_the_store_the_changed_items_alone(rec: kgrec.KGRecommender, local_store: GraphStore) -> None:
    local_store.load(rec.model_.graph)
    report = rec.update(new_items={"item_id": ["i00", "i01"], "price": [30.0, 2.0]}, store=local_store)
    assert report.stored is not None
    assert report.stored.nodes == {"Product": 1}
    assert report.stored.edges == {}
    assert local_store.read_graph() == rec.model_.graph


def test_update_goes_by_the_schema_that_the_graph_was_made_with(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text(SUPPLIER_SCHEMA)
    items = tiny_items().with_columns(supplier=pl.lit("Acme"))
    data = kgrec.Dataset(items=items, events=checkerboard().events)
    graph = kgrec.KnowledgeGraph.from_dataset(data, schema=tmp_path / "shop.toml")
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=2), device="cpu").fit(data, graph=graph)
    same = rec.update(new_items=items, schema=tmp_path / "shop.toml")
    assert (same.changed, same.cleaning.rows("items", "known already, nothing changed")) == (0, 12)
    assert rec.model_.graph == graph
    priced = rec.update(new_items={"item_id": ["i00"], "price": [2.0]}, schema=tmp_path / "shop.toml")
    assert priced.changed == 1


def test_update_script_takes_prices(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "prices.csv").write_text("item_id,price\ni00,30\ni01,2\n")
    done = run("update.py", folder, "--items", tmp_path / "prices.csv", "--out", tmp_path / "out")
    assert "1 known items changed" in done
    assert _product(kgrec.KGRecommender.load(tmp_path / "out"), "i00")["price"] == 30


def test_update_reads_columns_as_the_types_that_the_graph_has() -> None:
    """A catalogue of texts, numbers and flags; today's export happens to hold only numbers, texts and 0 and 1."""
    shop = checkerboard()
    count = shop.items.height
    columns = {"size": ["S", "38"] * (count // 2), "stock": [3] * count, "rate": [0.5] * count, "sale": [True] * count}
    items = shop.items.with_columns(pl.Series(name, values) for name, values in columns.items())
    whole = kgrec.Dataset(items=items, events=shop.events)
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(whole)
    news = {"item_id": ["i00", "fresh"], "size": [40, 42], "stock": ["7", "8"], "rate": ["1", "2.5"], "sale": [0, 1]}
    rec.update(new_items=news)
    products = rec.model_.graph.nodes["Product"].filter(pl.col("id").is_in(["i00", "fresh"]))
    assert products.select("id", "size", "stock", "rate", "sale").rows() == [
        ("fresh", "42", 8, 2.5, True),
        ("i00", "40", 7, 1.0, False),
    ]
    assert rec.update([], []).events == 0  # a quiet hour of a job that sends rows
