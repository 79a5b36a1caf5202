"""What is added to the scores of new items, against its definition."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

import kgrec
from kgrec.ranking import new_items
from kgrec.ranking.new_items import PARTS, new_item_offset
from tests.tiny import SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=20)


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard(60).split("leave_last_out")


@pytest.fixture(scope="module")
def before(split: kgrec.Split) -> kgrec.KGRecommender:
    """Knows the train part alone."""
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train)


def test_offset_gives_items_taken_for_new_the_share_that_they_have_of_the_events(
    before: kgrec.KGRecommender, split: kgrec.Split
) -> None:
    model, wanted = before.model_, split.validation.interactions
    offset = new_item_offset(model, wanted)
    part = np.random.default_rng(0).permutation(12) % PARTS
    propagation = model.propagation
    assert propagation is not None
    nothing = torch.zeros_like(propagation.inputs["Product"])  # no texts here: a new item enters with nothing
    as_new = dataclasses.replace(propagation, inputs={**propagation.inputs, "Product": nothing})
    targets = model.network.scorer.targets(as_new.vectors(model.graph, model.items.ids))
    share = 0.0
    for user, _ in wanted.select("user_id", "item_id").iter_rows():
        histories = model.histories.take(model.users.index([user]))
        vector = model.user_vectors(histories)
        score = model.scores(vector, histories)[0]
        new = vector[0] @ targets.T / model.network.scorer.temperature + model.vectors.bias.median() + offset
        score[histories.item_index] = new[histories.item_index] = -torch.inf
        for number in range(PARTS):
            mixed = torch.where(torch.from_numpy(part == number), new, score)
            share += float(mixed.softmax(0)[part == number].sum())
    assert share == pytest.approx(wanted.height, rel=1e-3)


def test_offset_is_none_where_nothing_tells(before: kgrec.KGRecommender, split: kgrec.Split) -> None:
    wanted = split.validation.interactions
    assert new_item_offset(before.model_, wanted.clear()) == 0.0
    assert new_item_offset(dataclasses.replace(before.model_, propagation=None), wanted) == 0.0
    assert "new_items" not in before.model_.about


def test_new_items_get_the_offset_that_validation_gave(
    split: kgrec.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_items, "MOST_USERS", 30)
    fitted = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, split.validation)
    offset = fitted.model_.about["new_items"]["offset"]
    fitted.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    usual = float(loaded.model_.vectors.bias.median())
    loaded.update(new_items={"item_id": ["new"], "title": ["red thing"], "brand": ["Odd"], "category": ["All > Low"]})
    assert float(loaded.model_.vectors.bias[-1]) == pytest.approx(usual + offset, abs=1e-5)
