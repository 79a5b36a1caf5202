"""Models of the checkerboard to be explained: with a closed form, and with texts."""

from __future__ import annotations

import dataclasses

import pytest

import kgrec
from tests.tiny import SMALL, checkerboard


@pytest.fixture(scope="package")
def fitted() -> kgrec.KGRecommender:
    split = checkerboard().split("leave_last_out")
    return kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(split.train, validation=split.validation)


@pytest.fixture(scope="package")
def with_texts() -> kgrec.KGRecommender:
    config = dataclasses.replace(SMALL, use_text=True, epochs=5)
    return kgrec.KGRecommender(config, device="cpu", seed=3).fit(checkerboard().split("leave_last_out").train)
