from __future__ import annotations

import dataclasses

import pytest
from polars.testing import assert_frame_equal

from kgrec.comparison import FUSED, PEERS, compare, summary
from tests.tiny import SMALL, checkerboard


@pytest.mark.timeout(600)
def test_compare_with_two_jobs_gives_the_rows_of_one() -> None:
    split = checkerboard().split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=1)
    told: list[str] = []
    models = ("popularity", FUSED)
    one = compare(split, config=config, seeds=(0, 1), models=models, ks=(3,), on_row=told.append)
    two = compare(split, config=config, seeds=(0, 1), models=models, ks=(3,), jobs=2)
    assert told == ["popularity", "kgrec, seed 0", "kgrec, seed 1"]
    assert_frame_equal(one.drop("seconds"), two.drop("seconds", "memory_gb"))
    assert 0.05 < two["memory_gb"].min() < 50  # type: ignore[operator]
    assert summary(one)["runs"].to_list() == [1, 2]


def test_compare_with_slices_measures_every_model_on_each() -> None:
    split = checkerboard().split("leave_last_out")
    rows = compare(split, models=PEERS, ks=(3,), slices=True)
    assert rows["model"].to_list() == list(PEERS)
    for column in ("recall@3, short histories", "gini@3", "novelty@3"):
        assert rows[column].is_finite().all()
