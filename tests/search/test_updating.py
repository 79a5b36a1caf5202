"""Search after an update: new items by meaning, and known ones by what they are called now."""

from __future__ import annotations

import json

import numpy as np
import pytest

from kgrec.encoders.text import TextEncoder
from kgrec.recommender import KGRecommender


@pytest.fixture
def rec(by_meaning: KGRecommender) -> KGRecommender:
    """One of its own, to update."""
    made = KGRecommender(by_meaning.config, device="cpu")
    made._model = by_meaning.model_
    return made


def test_item_with_another_title_is_found_by_what_it_means_now(rec: KGRecommender) -> None:
    before = rec.model_.search
    query = "something to make coffee"
    first = rec.search(query, k=1)["item_id"][0]
    other = next(item for item in rec.model_.items.ids if item != first)
    report = rec.update(new_items={"item_id": [first, other], "title": ["Garden gnome", "Espresso machine"]})
    assert report.changed == 2
    assert rec.search(query, k=1)["item_id"].to_list() == [other]
    assert before is not None
    assert before.text is not None
    assert rec.model_.search is not None
    assert rec.model_.search.text is not None
    unlike = (before.text != rec.model_.search.text).any(1).numpy()
    assert sorted(rec.model_.items.take(np.flatnonzero(unlike))) == sorted([first, other])


def test_update_encodes_the_new_texts_alone_and_search_none(
    rec: KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    shades = {"colour": [f"shade {number}" for number in range(50)]}
    rec.update(new_items={"item_id": ["many"], "title": ["Paint"], "attributes": [json.dumps(shades)]})
    encoded: list[str] = []
    encode = TextEncoder.encode

    def counted(self: TextEncoder, texts: list[str], *, progress: bool = False) -> np.ndarray:
        encoded.extend(texts)
        return encode(self, texts, progress=progress)

    monkeypatch.setattr(TextEncoder, "encode", counted)
    rec.update(new_items={"item_id": ["one"], "title": ["Espresso machine"], "attributes": ['{"colour": "shade 3"}']})
    assert set(encoded) <= {"Espresso machine", "colour. shade 3", "shade 3"}
    encoded.clear()
    assert rec.search("something to make coffee", k=1)["item_id"].to_list() == ["one"]
    assert not encoded


def test_news_of_a_price_encodes_nothing(rec: KGRecommender, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TextEncoder, "encode", lambda *_, **__: pytest.fail("encoded"))
    before = rec.model_.search
    rec.update(new_items={"item_id": ["a"], "price": [1234.0]})
    assert rec.model_.search is before
