"""Search in a model that has changed since it was fitted."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from kgrec.data.dataset import Dataset
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.models.fitted import FittedModel
from kgrec.recommender import KGRecommender
from kgrec.search.searcher import search_model
from kgrec.search.vectors import catalogue_vectors
from kgrec.tensors.vocabulary import Vocabulary
from tests.search.shops import shop


def _with_a_new_item(model: FittedModel) -> FittedModel:
    items = pl.concat(
        [
            shop().items,
            pl.DataFrame({"item_id": ["z"], "title": ["Espresso machine"], "brand": ["Nike"], "price": [9.0]}),
        ],
        how="diagonal_relaxed",
    )
    dataset = Dataset(items=items, events={"user_id": ["u"], "item_id": ["a"]})
    return replace(
        model,
        items=Vocabulary(dataset.items["item_id"]),
        titles=dataset.items["title"],
        graph=KnowledgeGraph.from_dataset(dataset),
    )


def test_new_item_is_found_at_once(by_words: KGRecommender) -> None:
    assert by_words.search("espresso").height == 0
    changed = _with_a_new_item(by_words.model_)
    found = search_model(changed, "nike espresso under 10", 3, None, None)
    assert found["item_id"].to_list() == ["z"]
    assert by_words.search("espresso").height == 0


def test_new_item_gets_a_text_vector_and_the_others_keep_theirs(by_meaning: KGRecommender) -> None:
    changed = _with_a_new_item(by_meaning.model_)
    vectors, before = catalogue_vectors(changed), catalogue_vectors(by_meaning.model_)
    assert vectors is not None
    assert before is not None
    assert vectors.shape == (9, 384)
    assert np.isclose(vectors[8].norm().item(), 1.0, atol=1e-3)
    assert vectors[:8].equal(before)
    assert search_model(changed, "something to make coffee", 1, None, None)["item_id"].to_list() == ["z"]


def test_new_history_changes_the_taste_without_a_new_index(by_words: KGRecommender) -> None:
    model = by_words.model_
    by_words.search("trainers")
    red, blue = (model.histories.take(model.users.index([user])) for user in ("u0", "u1"))
    as_red = replace(model, users=Vocabulary(["new"]), histories=red)
    as_blue = replace(model, users=Vocabulary(["new"]), histories=blue)
    lists = [search_model(one, "trainers", 3, "new", None) for one in (as_red, as_blue)]
    score = [dict(zip(found["item_id"], found["score"], strict=True)) for found in lists]
    assert score[0]["b"] - score[0]["a"] < score[1]["b"] - score[1]["a"]
    assert as_red.searcher is as_blue.searcher is model.searcher
