"""Settings and arguments that can't be: one clear error before anything is done."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.errors import ConfigError
from tests.tiny import checkerboard


def test_config_out_of_range_lists_every_fault() -> None:
    with pytest.raises(ConfigError, match="2 faults") as caught:
        kgrec.RecommenderConfig(dropout=2.0, epochs=0)
    assert "dropout is 2.0" in str(caught.value)
    assert "epochs is 0" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "faults"),
    [
        ({"use_text": "no"}, ["use_text is 'no', expected True or False"]),
        ({"use_graph": None}, ["use_graph is None, expected True or False"]),
        ({"use_sequence": 1}, ["use_sequence is 1, expected True or False"]),
        ({"search_language": "klingon"}, ["search_language is 'klingon', expected None or one of arabic"]),
        (
            {"item_weights_kept": 3.5, "embedding_dim": 16.0},
            ["item_weights_kept is 3.5, expected a whole number", "embedding_dim is 16.0, expected a whole number"],
        ),
        ({"epochs": None, "learning_rate": None}, ["epochs is None", "learning_rate is None, expected a number"]),
        ({"epochs": True}, ["epochs is True, expected a whole number"]),
        ({"batch_size": 1e3}, ["batch_size is 1000.0, expected a whole number or None"]),
        ({"text_model": 3}, ["text_model is 3, expected text or None"]),
        ({"event_weights": [1]}, ["event_weights is [1], expected a mapping"]),
        ({"event_weights": None, "embedding_dim": None}, ["event_weights is None", "embedding_dim is None"]),
        ({"event_weights": {"view": "x", 3: 2}}, ["unknown events ['3']", "expected numbers above 0"]),
        ({"knowledge_model": ["TransE"]}, ["knowledge_model is ['TransE'], expected one of"]),
    ],
)
def test_config_of_a_wrong_type_says_what_is_expected(settings: dict[str, Any], faults: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        kgrec.RecommenderConfig(**settings)
    assert all(fault in str(caught.value) for fault in faults), str(caught.value)


def test_config_takes_numbers_of_numpy_and_whole_numbers_for_real_ones() -> None:
    config = kgrec.RecommenderConfig(epochs=np.int64(3), learning_rate=np.float32(0.5), weight_decay=1)
    assert config.epochs == 3
    assert kgrec.RecommenderConfig.from_dict(config.to_dict()) == config


def test_config_from_text_reads_json_and_python() -> None:
    config = kgrec.RecommenderConfig.from_text(
        ["temperature=.2", "use_text=False", "use_graph=false", "batch_size=null"]
    )
    assert (config.temperature, config.use_text, config.use_graph, config.batch_size) == (0.2, False, False, None)
    with pytest.raises(ConfigError, match="use_text is 'no'"):
        kgrec.RecommenderConfig.from_text(["use_text=no"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda _: kgrec.KGRecommender({"epochs": 2}), "config is of type dict, expected RecommenderConfig"),
        (lambda split: kgrec.KGRecommender().fit(split), "fit: train is of type Split, expected Dataset"),
        (lambda _: kgrec.KGRecommender().fit("data/shop"), "fit: train is of type str, expected Dataset"),
        (lambda _: kgrec.KGRecommender().fit(pl.DataFrame()), "fit: train is of type DataFrame"),
        (lambda split: kgrec.KGRecommender().fit(split.train, split), "fit: validation is of type Split"),
        (lambda split: kgrec.KGRecommender().fit(split.train, graph=split.train), "fit: graph is of type Dataset"),
        (lambda split: kgrec.KGRecommender().fit(split.train, graph="bolt://x"), "fit: graph is of type str"),
        (lambda split: kgrec.KnowledgeGraph.from_dataset(split), "dataset is of type Split, expected Dataset"),
        (lambda split: kgrec.KGRecommender().fit(split.train, resume=True), "resume needs the checkpoint"),
        (lambda split: kgrec.KGRecommender().fit(split.train, checkpoint=Path.cwd()), "is a folder"),
    ],
)
def test_an_argument_of_another_kind_is_named(call: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        call(checkerboard().split("leave_last_out"))
