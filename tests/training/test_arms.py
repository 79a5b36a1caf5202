"""Which variant is trained on, and a model that does not read the order that its data have."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

import kgrec
from kgrec.training import fitting
from kgrec.training.arms import Variant, _choose
from tests.tiny import SMALL, checkerboard

SHARP, SOFT, UNREAD = Variant(0.1, True), Variant(0.2, True), Variant(0.2, False)
VARIANTS = (SHARP, SOFT, UNREAD)


class Pilot:
    """A training whose validation metric is known."""

    def __init__(self, *found: float) -> None:
        self.found, self.best, self.looks = found, 0.0, 0

    @property
    def training(self) -> Pilot:
        return self

    def advance(self, steps: int) -> Pilot:
        del steps
        self.best, self.looks = max(self.best, self.found[self.looks]), self.looks + 1
        return self


@pytest.mark.parametrize(
    ("found", "best", "looks"),
    [
        (((0.30, 0.40), (0.31, 0.35), (0.29, 0.39)), SHARP, (2, 2, 2)),
        (((0.30, 0.40), (0.31, 0.35), (0.29, 0.41)), UNREAD, (2, 2, 2)),
        (((0.30, 0.40), (0.31, 0.42), (0.27, 0.99)), SOFT, (2, 2, 1)),  # given up half way
        (((0.30,), (0.20,), (0.31,)), UNREAD, (1, 1, 1)),  # against what was reached in as many steps
        (((0.20,), (0.30,), (0.30,)), SOFT, (1, 1, 1)),  # the order is read unless it is better not to
    ],
)
def test_the_best_of_the_pilots_goes_on(
    found: tuple[tuple[float, ...], ...], best: Variant, looks: tuple[int, ...]
) -> None:
    pilots = dict(zip(VARIANTS, (Pilot(*some) for some in found), strict=True))
    chosen, arm, tried = _choose(lambda variant: pilots[variant], VARIANTS)  # type: ignore[arg-type,return-value]
    assert chosen == best
    assert arm is pilots[best]
    assert tuple(pilots[variant].looks for variant in VARIANTS) == looks
    expected = [pilots[variant].found[pilots[variant].looks - 1] for variant in VARIANTS]
    assert tried == dict(zip(("0.1", "0.2", "0.2, order not read"), expected, strict=True))


def test_a_single_variant_has_no_pilot() -> None:
    pilot = Pilot()
    assert _choose(lambda _: pilot, [SOFT]) == (SOFT, pilot, {})  # type: ignore[arg-type,return-value,comparison-overlap]


def test_a_warm_start_reads_the_order_once_there_is_one() -> None:
    split = checkerboard().split("leave_last_out")
    events = split.train.events.drop("timestamp")
    fitted = kgrec.KGRecommender(SMALL, device="cpu").fit(kgrec.Dataset(items=split.train.items, events=events))
    assert not fitted.model_.network.behaviour.reads_order
    fitted.fit(split.train, split.validation, warm_start=True)
    assert fitted.model_.network.behaviour.reads_order


def test_a_model_that_does_not_read_the_order_gives_the_same_lists_in_any_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unread(*_: Any, **__: Any) -> tuple[Variant, ...]:
        return (UNREAD,)

    monkeypatch.setattr(fitting, "_variants", unread)
    split = checkerboard().split("leave_last_out")
    fitted = kgrec.KGRecommender(SMALL, device="cpu").fit(split.train, validation=split.validation)
    model = fitted.model_
    assert model.histories.ordered  # by what is popular of late, say
    assert not model.network.behaviour.reads_order
    assert model.events_read > SMALL.history_length
    session = ["i00", "i02", "i05", "i01"]
    lists = [fitted.recommend(histories=[some], k=4) for some in (session, session[::-1])]
    assert lists[0]["item_id"].to_list() == lists[1]["item_id"].to_list()
    fitted.save(tmp_path / "model")
    loaded = kgrec.KGRecommender.load(tmp_path / "model")
    assert_frame_equal(loaded.recommend(k=3), fitted.recommend(k=3))
    assert not loaded.model_.network.behaviour.reads_order
    monkeypatch.undo()
    event = pl.DataFrame({"user_id": ["u00"], "item_id": ["i05"], "timestamp": ["2030-01-01"]})
    loaded.update(event)
    warm = fitted.fit(split.known, warm_start=True)
    assert not warm.model_.network.behaviour.reads_order
