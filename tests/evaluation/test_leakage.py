"""The leakage audit: shares by hand, and which relations it flags and which it does not."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from kgrec.data.dataset import Dataset, Split
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.leakage import leakage_report
from kgrec.evaluation.links import AlikeItems, pairs_of, rows_of
from kgrec.graph.knowledge_graph import KnowledgeGraph

#   train    u: a, b     v: c     w: d          test  u: c, a (had before)    v: e    w: f    x: a (no train)
#   b --goes with--> c      e --goes with--> c      d --goes with--> d      f: no edge
#   brands: d, f: Acme; e, b: Bolt
ITEMS = {"item_id": list("abcdef"), "brand": [None, "Bolt", None, "Acme", "Bolt", "Acme"]}
TRAIN = {"user_id": ["u", "u", "v", "w"], "item_id": ["a", "b", "c", "d"]}
TEST = {"user_id": ["u", "u", "v", "w", "x"], "item_id": ["c", "a", "e", "f", "a"]}
VALIDATION = {"user_id": ["x"], "item_id": ["b"]}
TRIPLES = {"head": ["b", "e", "d"], "relation": ["goes with"] * 3, "tail": ["c", "c", "d"]}


def by_hand() -> Split:
    events = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    return Dataset(items=ITEMS, events=events, triples=TRIPLES).split("fixed")


def row(table: pl.DataFrame, relation: str, part: str = "test") -> dict[str, object]:
    return table.row(by_predicate=(pl.col("relation") == relation) & (pl.col("part") == part), named=True)


def test_leakage_shares_by_hand() -> None:
    """Pairs: u-c (by b), v-e (by c, the other way round), w-f (not linked; over Acme, which d has too)."""
    table = leakage_report(by_hand()).table
    assert table["part"].unique().to_list() == ["test"]  # x, the one user of validation, has no train
    direct, shared = row(table, "GOES_WITH"), row(table, "HAS_BRAND")
    assert (direct["kind"], direct["pairs"], direct["edges"]) == ("direct", 3, 3)
    assert direct["linked"] == pytest.approx(2 / 3)
    assert (shared["kind"], shared["linked"]) == ("shared", pytest.approx(1 / 3))
    assert direct["train"] == 0.0  # u alone has two train items: a and b are not linked


def test_leakage_shuffled_share_is_a_mean_over_dealt_out_items() -> None:
    """c, e and f are dealt out among u, v and w: u-c, v-e and u's other items are not linked, so at most 2 of 3."""
    shares = [row(leakage_report(by_hand(), seed=seed).table, "GOES_WITH")["shuffled"] for seed in range(5)]
    assert all(0 <= share <= 2 / 3 for share in shares)  # type: ignore[operator]
    assert len(set(shares)) > 1


def test_leakage_same_seed_gives_the_same_table() -> None:
    assert leakage_report(by_hand(), seed=3).table.equals(leakage_report(by_hand(), seed=3).table)


# --- a shop of hidden tastes: 300 users, each with a taste for 20 of 300 items that neither brand nor category shows


def tastes(extra: int = 0) -> Dataset:
    generator = np.random.default_rng(5)
    ids = [f"i{index:03}" for index in range(300)]
    rows = []
    for user in range(300):
        liked = generator.permutation(np.arange(user % 15, 300, 15))[: 4 + extra]
        rows += [(f"u{user:03}", ids[item], 60 * step) for step, item in enumerate(liked)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "timestamp"], orient="row")
    brand = [f"brand {value}" for value in generator.integers(0, 6, 300)]
    return Dataset(items={"item_id": ids, "brand": brand}, events=events)


def co_purchase(events: pl.DataFrame) -> pl.DataFrame:
    """A triple for each pair of items that one user had."""
    pairs = events.join(events, on="user_id").filter(pl.col("item_id") < pl.col("item_id_right"))
    triples = pairs.select(pl.col("item_id").alias("head"), pl.col("item_id_right").alias("tail")).unique()
    return triples.sort("head", "tail").with_columns(relation=pl.lit("also bought"))


def with_triples(dataset: Dataset, triples: pl.DataFrame) -> KnowledgeGraph:
    return KnowledgeGraph.from_dataset(Dataset(items=dataset.items, events=dataset.events, triples=triples))


def test_leakage_co_purchase_of_all_events_is_flagged_and_brand_is_not() -> None:
    dataset = tastes()
    report = leakage_report(dataset.split("leave_last_out"), with_triples(dataset, co_purchase(dataset.events)))
    assert report.flagged.select("part", "relation").rows() == [
        ("validation", "ALSO_BOUGHT"),
        ("test", "ALSO_BOUGHT"),
    ]
    assert row(report.table, "ALSO_BOUGHT")["linked"] == 1.0
    assert "Likely leakage: ALSO_BOUGHT" in str(report)


def test_leakage_co_purchase_of_train_events_is_not_flagged() -> None:
    dataset = tastes()
    split = dataset.split("leave_last_out")
    report = leakage_report(split, with_triples(dataset, co_purchase(split.train.events)))
    found = row(report.table, "ALSO_BOUGHT")
    assert found["train"] == 1.0
    assert found["note"] in ("", "stands out more inside train: made of train events")
    assert not report.flagged.height
    assert "No relation is flagged." in str(report)


def test_leakage_node_for_each_basket_is_flagged() -> None:
    dataset = tastes()
    baskets = dataset.events.select(
        pl.col("item_id").alias("head"),
        pl.lit("in basket").alias("relation"),
        ("basket of " + pl.col("user_id")).alias("tail"),
    )
    report = leakage_report(dataset.split("leave_last_out"), with_triples(dataset, baskets))
    assert report.flagged["relation"].unique().to_list() == ["IN_BASKET"]
    assert row(report.table, "IN_BASKET")["kind"] == "shared"


def test_leakage_user_edges_of_train_are_clean_and_of_all_events_flagged() -> None:
    dataset = tastes()
    split = dataset.split("leave_last_out")
    clean = leakage_report(split, KnowledgeGraph.from_dataset(split.train, users=True))
    assert row(clean.table, "CLICKED")["linked"] == 0.0
    assert not clean.flagged.height
    leaking = leakage_report(split, KnowledgeGraph.from_dataset(dataset, users=True))
    assert row(leaking.table, "CLICKED")["linked"] == 1.0
    assert leaking.flagged["note"].unique().to_list() == ["held-out events are edges of the graph"]


def test_leakage_attributes_are_audited_one_by_one() -> None:
    dataset = tastes()
    attributes = [json.dumps({"colour": "red", "code": value}) for value in dataset.items["item_id"]]
    items = dataset.items.with_columns(pl.Series("attributes", attributes))
    split = Dataset(items=items, events=dataset.events).split("leave_last_out")
    table = leakage_report(split).table
    assert row(table, "HAS_ATTRIBUTE colour")["linked"] == 1.0
    assert row(table, "HAS_ATTRIBUTE code")["linked"] == 0.0


# --- alike items


def test_alike_items_are_of_the_same_brand_and_new_to_the_user() -> None:
    """For u-c there is no other item without a brand but a, which u has: any other item will do but a, b and c. For
    v-e of Bolt it is b, for w-f of Acme none but d, which w has: then any but d and f."""
    dataset = Dataset(items=ITEMS, events=TRAIN)
    pairs = pairs_of(pl.DataFrame(TEST), dataset.events, dataset.items["item_id"])
    alike = AlikeItems(dataset.items, rows_of(dataset.events["item_id"], dataset.items["item_id"]))
    generator = np.random.default_rng(0)
    drawn = np.array([alike.draw(pairs, generator) for _ in range(50)])
    assert set(drawn[:, 0]) == {3, 4, 5}
    assert set(drawn[:, 1]) == {1}
    assert set(drawn[:, 2]) == {0, 1, 2, 4}


def test_alike_items_without_any_other_item_are_marked() -> None:
    items = pl.DataFrame({"item_id": ["a", "b"], "brand": [None, None], "category": [None, None]}).cast(pl.String)
    pairs = pairs_of(
        pl.DataFrame({"user_id": ["u"], "item_id": ["b"]}),
        pl.DataFrame({"user_id": ["u"], "item_id": ["a"]}),
        items["item_id"],
    )
    drawn = AlikeItems(items, np.array([0])).draw(pairs, np.random.default_rng(0))
    assert drawn.tolist() == [-1]


# --- errors and forms


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_leakage_with_bad_seed_is_a_config_error(seed: object) -> None:
    with pytest.raises(ConfigError, match="seed is"):
        leakage_report(by_hand(), seed=seed)  # type: ignore[arg-type]


def test_leakage_without_a_pair_is_a_data_error() -> None:
    events = {"train": TRAIN, "validation": VALIDATION, "test": VALIDATION}
    with pytest.raises(DataError, match="no held-out pair"):
        leakage_report(Dataset(items=ITEMS, events=events).split("fixed"))


def test_leakage_report_as_dict_is_json() -> None:
    rows = json.loads(json.dumps(leakage_report(by_hand()).to_dict()))["leakage"]
    assert {"part", "relation", "linked", "shuffled", "flagged"} <= rows[0].keys()
