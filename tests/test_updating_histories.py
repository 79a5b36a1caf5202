"""An update's events in the histories, against histories made of all events at once."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.data.dataset import Dataset
from kgrec.models.fitted import interactions_of
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.updating.events import grow_histories
from tests.tiny import ITEMS, SMALL, checkerboard, tiny_items

KEYS = ["user_id", "item_id", "event", "timestamp"]
ITEM_IDS = Vocabulary(tiny_items()["item_id"])


def _some(rng: np.random.Generator, rows: int, latest: int, num_users: int) -> pl.DataFrame:
    events = {
        "user_id": [f"u{user:02}" for user in rng.integers(num_users, size=rows)],
        "item_id": [ITEMS[item] for item in rng.integers(12, size=rows)],
        "event": rng.choice(["view", "click", "purchase"], rows).tolist(),
        "timestamp": (1_600_000_000 + rng.integers(latest, size=rows)).tolist(),
    }
    return pl.DataFrame(events).unique(KEYS, maintain_order=True)


@pytest.mark.parametrize("seed", range(20))
def test_histories_grown_are_those_of_all_events_and_twice_is_once(seed: int) -> None:
    """Late events and new ones, users known, new and without events, in any order."""
    rng = np.random.default_rng(seed)
    before = _some(rng, 200, 60, 12)
    after = _some(rng, 100, 90, 16).join(before, on=KEYS, how="anti", maintain_order="left")
    first, second = (interactions_of(Dataset(items=tiny_items(), events=some).events) for some in (before, after))
    users = Vocabulary(pl.concat([pl.Series("user_id", ["nothing yet"]), first["user_id"]]).unique(maintain_order=True))
    grown = grow_histories(build_histories(first, users, ITEM_IDS), users, ITEM_IDS, second)
    expected = build_histories(pl.concat([first, second]), grown.users, ITEM_IDS)
    for name in ("start", "item_index", "event_index", "timestamp"):
        np.testing.assert_array_equal(getattr(grown.histories, name), getattr(expected, name))
    again = grow_histories(grown.histories, grown.users, ITEM_IDS, second)
    assert (len(again.item_index), again.repeated) == (0, len(second))


def test_a_newcomer_named_before_the_last_user_gets_its_own_events() -> None:
    rec = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(checkerboard())
    rec.update({"user_id": ["newcomer", "u39"], "item_id": ["i00", "i11"], "timestamp": [1_700_000_000] * 2})
    model = rec.model_

    def items_of(user_id: str) -> list[str]:
        return model.items.take(model.histories.take(model.users.index([user_id])).item_index).to_list()

    assert items_of("newcomer") == ["i00"]
    assert items_of("u39")[-1] == "i11"
    assert len(items_of("u39")) == 5


def test_what_is_popular_after_fit_is_so_by_all_known_events() -> None:
    """Fashion moves; the first event of an update adds to what is popular its own weight, not that of validation."""
    rng = np.random.default_rng(0)
    centre = np.linspace(0, 40, 4000)
    items = [f"i{item:02}" for item in np.clip(rng.normal(centre, 3), 0, 59).astype(int)]
    events = pl.DataFrame(
        {
            "user_id": [f"u{user}" for user in rng.integers(1500, size=4000)],
            "item_id": items,
            "timestamp": 1_600_000_000 + 600 * np.arange(4000),
        }
    ).unique(["user_id", "item_id"], maintain_order=True)
    split = Dataset(items={"item_id": [f"i{item:02}" for item in range(60)]}, events=events).split("temporal")
    config = dataclasses.replace(SMALL, epochs=1, patience=1)
    rec = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation)
    assert rec.model_.about["popularity"]["half_life"]
    prior = rec.model_.prior
    assert prior is not None
    moment = int(split.validation.events["timestamp"].max())  # type: ignore[call-overload]
    rec.update({"user_id": ["somebody"], "item_id": ["i30"], "timestamp": [moment]})
    moved = rec.model_.prior
    assert moved is not None
    others = [place for place, item in enumerate(rec.model_.items.ids) if item != "i30"]
    difference = (moved - prior)[others]
    assert float(difference.abs().max()) < 0.1 * float(prior.max() - prior.min())
