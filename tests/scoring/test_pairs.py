"""Pairs and their labels, worked out by hand."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.scoring.pairs import LabelledPairs, labelled_pairs, pairs_with_context
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.vocabulary import Vocabulary

ITEMS = {"item_id": ["a", "b", "c", "d"]}
USERS, CATALOGUE = Vocabulary(["u", "v"]), Vocabulary(ITEMS["item_id"])


def _labelled(**tables: dict[str, list[object]]) -> LabelledPairs:
    dataset = Dataset(items=ITEMS, **tables)  # type: ignore[arg-type]
    before = build_histories(dataset.interactions.head(1), USERS, CATALOGUE)
    return labelled_pairs(dataset, before, USERS, CATALOGUE, np.random.default_rng(0))


def test_impressions_know_their_list_click_and_purchase() -> None:
    found = _labelled(
        events={
            "user_id": ["u", "u", "v"],
            "item_id": ["a", "b", "c"],
            "event": ["click", "purchase", "click"],
            "timestamp": [10, 11, 12],
            "session_id": ["s", "s", "t"],
        },
        impressions={
            "user_id": ["u", "u", "v", "u"],
            "item_id": ["a", "b", "c", "d"],
            "timestamp": [5, 5, 5, 6],
            "session_id": ["s", "s", "t", None],
            "position": [1, 2, 1, None],
            "query": ["red", "red", None, None],
        },
    )
    assert found.basis == "impressions"
    assert found.pairs.item_index.tolist() == [0, 1, 2, 3]
    assert found.clicked.tolist() == [1, 1, 1, 0]
    assert found.bought.tolist() == [0, 1, 0, 0]
    assert found.pairs.position.tolist()[:3] == [1, 2, 1]
    assert np.isnan(found.pairs.position[3])
    lists = found.pairs.shown_with
    assert lists[0] == lists[1] != lists[2]
    assert lists[3] == -1  # neither a position nor a session
    assert found.pairs.query.tolist() == ["red", "red", None, None]


def test_labels_are_the_interactions_and_the_negatives_given() -> None:
    found = _labelled(
        events={"user_id": ["u", "v", "v"], "item_id": ["a", "b", "c"], "label": [1, 1, 0]},
    )
    pairs = found.pairs
    rows = zip(pairs.user_index.tolist(), pairs.item_index.tolist(), found.clicked.tolist(), strict=True)
    assert sorted(rows) == [(0, 0, 1.0), (1, 1, 1.0), (1, 2, 0.0)]
    assert found.basis == "labels"
    assert (pairs.shown_with == -1).all()


def test_plain_events_have_as_many_drawn_pairs_beside_them() -> None:
    found = _labelled(events={"user_id": ["u", "v"], "item_id": ["a", "b"], "event": ["purchase", "view"]})
    assert found.basis == "sampled"
    assert found.clicked.tolist() == [1, 1, 0, 0]
    assert found.bought.tolist() == [1, 0, 0, 0]
    assert found.pairs.user_index.tolist() == [0, 1, 0, 1]
    assert found.pairs.place.tolist() == [1, 0, 1, 0]  # of u one event is known


def test_pairs_of_a_frame_without_a_moment_have_none() -> None:
    index = np.arange(2)
    pairs = pairs_with_context(index, index, index, pl.DataFrame({"user_id": ["u", "v"]}))
    assert (pairs.timestamp == np.iinfo(np.int64).min).all()
    assert np.isnan(pairs.position).all()
    assert (pairs.shown_with == -1).all()
    assert pairs.query.tolist() == [None, None]


def test_of_a_part_what_the_user_did_before_it_tells_clicks_too() -> None:
    """Under leave-last-out one list may show the items of both held-out events: it goes to test whole."""
    events = {
        "user_id": ["u"] * 6,
        "item_id": ["d", "a", "b", "a", "b", "c"],
        "event": ["click", "purchase", "click", *["impression"] * 3],
        "timestamp": [10, 100, 101, 99, 99, 99],
        "session_id": [None, *"sssss"],
    }
    split = Dataset(items=ITEMS, events=events).split("leave_last_out")
    assert split.validation.events["event"].to_list() == ["purchase"]
    before = build_histories(split.test.history, USERS, CATALOGUE)
    found = labelled_pairs(split.test, before, USERS, CATALOGUE, np.random.default_rng(0))
    assert CATALOGUE.take(found.pairs.item_index).to_list() == ["a", "b", "c"]
    assert found.clicked.tolist() == [1.0, 1.0, 0.0]
    assert found.bought.tolist() == [1.0, 0.0, 0.0]


@pytest.mark.parametrize("again", [False, True])
def test_drawn_pairs_are_none_that_the_user_likes_or_has_had(again: bool) -> None:
    """u has had a and b and likes c; where people take again what they had (v likes d anew) what was had is drawn."""
    before = Dataset(items=ITEMS, events={"user_id": ["u", "u", "v"], "item_id": ["a", "b", "d"]})
    liked = {"user_id": ["u"] * 30 + ["v"] * again, "item_id": ["c"] * 30 + ["d"] * again}
    part = Dataset(items=ITEMS, events={**liked, "timestamp": list(range(30 + again))})
    histories = build_histories(before.interactions, USERS, CATALOGUE)
    found = labelled_pairs(part, histories, USERS, CATALOGUE, np.random.default_rng(0))
    drawn = (found.clicked == 0) & (found.pairs.user_index == 0)
    assert drawn.sum() == 30
    others = set(CATALOGUE.take(found.pairs.item_index[drawn]).to_list())
    assert others == ({"a", "b", "d"} if again else {"d"})
