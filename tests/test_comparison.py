from __future__ import annotations

import dataclasses

import pytest
from polars.testing import assert_frame_equal

from kgrec.comparison import FUSED, compare, summary
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
    assert_frame_equal(one.drop("seconds"), two.drop("seconds"))
    assert summary(one)["runs"].to_list() == [1, 2]
