"""Texts of events to their sentiment, by a small classifier that is trained here."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.encoders.sentiment import SentimentClassifier
from kgrec.errors import ConfigError
from kgrec.recommender import KGRecommender
from kgrec.reviews import with_sentiment
from tests.tiny import SMALL, checkerboard
from tests.tiny_classifier import GOOD, HELD_OUT, train_classifier

TEXTS = [f"a {word} {thing}" for word, thing in sorted(HELD_OUT)]
SIGNS = [1 if word in GOOD else -1 for word, _ in sorted(HELD_OUT)]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> str:
    return train_classifier(tmp_path_factory.mktemp("model"), {0: "NEGATIVE", 1: "POSITIVE"})


@pytest.fixture
def unnamed(classifier: str, tmp_path: Path) -> str:
    """The same model, whose classes are LABEL_0 and LABEL_1."""
    folder = tmp_path / "unnamed"
    shutil.copytree(classifier, folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    names = {"id2label": {"0": "LABEL_0", "1": "LABEL_1"}, "label2id": {"LABEL_0": 0, "LABEL_1": 1}}
    (folder / "config.json").write_text(json.dumps({**config, **names}), "utf-8")
    return str(folder)


def reviews(texts: list[str | None], **columns: object) -> Dataset:
    events = {"user_id": [f"u{place}" for place in range(len(texts))], "item_id": ["a"] * len(texts), "text": texts}
    return Dataset(items={"item_id": ["a"]}, events={**events, **columns})  # type: ignore[dict-item]


def test_sentiment_of_words_never_seen_together_has_the_right_sign(classifier: str, tmp_path: Path) -> None:
    found = with_sentiment(reviews(TEXTS), classifier, device="cpu", batch_size=4, cache=tmp_path)  # type: ignore[arg-type]
    values = found.events["sentiment"].to_list()
    assert [1 if value > 0 else -1 for value in values] == SIGNS
    assert all(0.5 < abs(value) <= 1 for value in values)


def test_sentiment_given_stays_and_blank_or_missing_text_has_none(classifier: str, tmp_path: Path) -> None:
    data = reviews(["a bad lamp", "a bad lamp", None, "  "], sentiment=[0.25, None, None, None], score=[1, 2, 3, 4])
    events = with_sentiment(data, classifier, device="cpu", cache=tmp_path).events
    given, made, *rest = events["sentiment"].to_list()
    assert (given, rest) == (0.25, [None, None])
    assert made < -0.5
    assert events.drop("sentiment").equals(data.events.drop("sentiment"))


def test_sentiment_of_one_text_does_not_depend_on_its_batch(classifier: str, tmp_path: Path) -> None:
    together = with_sentiment(reviews(TEXTS), classifier, device="cpu", cache=tmp_path / "a")  # type: ignore[arg-type]
    alone = with_sentiment(reviews(TEXTS), classifier, device="cpu", batch_size=1, cache=tmp_path / "b")  # type: ignore[arg-type]
    assert together.events["sentiment"].to_list() == pytest.approx(alone.events["sentiment"].to_list(), abs=1e-5)


def test_sentiment_of_a_long_text_is_that_of_what_the_model_can_read(classifier: str, tmp_path: Path) -> None:
    found = with_sentiment(reviews(["a great mat" + " a" * 500]), classifier, device="cpu", cache=tmp_path)
    assert -1 <= found.events["sentiment"][0] <= 1


def test_sentiment_of_a_part_is_in_its_history_too(classifier: str, tmp_path: Path) -> None:
    events = {
        "user_id": ["u"] * 3,
        "item_id": ["a", "b", "c"],
        "timestamp": [1, 2, 3],
        "text": ["a bad lamp", "a good pan", "a lovely mat"],
    }
    split = Dataset(items={"item_id": ["a", "b", "c"]}, events=events).split("leave_last_out")  # type: ignore[arg-type]
    test = with_sentiment(split.test, classifier, device="cpu", cache=tmp_path)
    assert test.history is not None
    assert [value > 0 for value in test.history["sentiment"]] == [False, True]
    assert test.events["sentiment"][0] > 0


def test_sentiment_asked_for_again_comes_from_the_cache(
    classifier: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = with_sentiment(reviews(TEXTS), classifier, device="cpu", cache=tmp_path)  # type: ignore[arg-type]
    monkeypatch.setattr(SentimentClassifier, "_pipeline", lambda _: pytest.fail("the model was loaded"))
    again = with_sentiment(reviews(TEXTS), classifier, device="cpu", cache=tmp_path)  # type: ignore[arg-type]
    assert again.events.equals(first.events)


def test_sentiment_of_a_model_trained_anew_is_not_the_cached_one(tmp_path: Path) -> None:
    names = {0: "NEGATIVE", 1: "POSITIVE"}
    folder = train_classifier(tmp_path / "model", names)
    first = with_sentiment(reviews(["a bad lamp"]), folder, device="cpu", cache=tmp_path / "cache")
    train_classifier(tmp_path / "model", {0: "POSITIVE", 1: "NEGATIVE"})  # the same sizes of all files
    second = with_sentiment(reviews(["a bad lamp"]), folder, device="cpu", cache=tmp_path / "cache")
    assert first.events["sentiment"][0] < 0 < second.events["sentiment"][0]
    assert len(list((tmp_path / "cache").iterdir())) == 2


def test_sentiment_of_unnamed_classes_asks_what_they_mean_and_takes_it(unnamed: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="classes that say no sentiment: 'LABEL_0', 'LABEL_1'.*labels={'LABEL_0': -1"):
        with_sentiment(reviews(["a bad lamp"]), unnamed, device="cpu", cache=tmp_path)
    labels = {"LABEL_0": -1.0, "LABEL_1": 0.5}
    found = with_sentiment(reviews(["a bad lamp", "a good pan"]), unnamed, labels=labels, device="cpu", cache=tmp_path)
    bad, good = found.events["sentiment"].to_list()
    assert -1 <= bad < -0.5
    assert 0.3 < good <= 0.5


def test_sentiment_of_a_model_without_a_classifier_says_so(unnamed: str, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    file = Path(unnamed) / "model.safetensors"
    weights = {name: value for name, value in load_file(file).items() if not name.startswith("classifier")}
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ConfigError, match="is no trained text classifier: it lacks classifier.bias, classifier.weight"):
        with_sentiment(
            reviews(["a bad lamp"]), unnamed, labels={"LABEL_0": -1, "LABEL_1": 1}, device="cpu", cache=tmp_path
        )


def test_sentiment_without_a_model_says_what_is_needed() -> None:
    with pytest.raises(ConfigError, match="with_sentiment needs a model: the folder or hub name"):
        with_sentiment(reviews(["fine"]))


def test_sentiment_of_a_model_that_is_not_there_names_it(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ConfigError, match="model '.*model' can't be loaded by transformers: "):
        with_sentiment(reviews(["fine"]), tmp_path / "model")


@pytest.mark.parametrize(("name", "least"), [("batch_size", 1), ("max_length", 3)])
def test_sentiment_with_a_number_out_of_range_is_a_config_error(name: str, least: int, classifier: str) -> None:
    with pytest.raises(ConfigError, match=f"{name} is {least - 1}, expected a whole number >= {least}"):
        with_sentiment(reviews(["fine"]), classifier, **{name: least - 1})  # type: ignore[arg-type]


def test_sentiment_without_any_text_leaves_the_dataset_and_warns(
    classifier: str, caplog: pytest.LogCaptureFixture
) -> None:
    data = Dataset(items={"item_id": ["a"]}, events={"user_id": ["u"], "item_id": ["a"]})
    with caplog.at_level(logging.WARNING, logger="kgrec.reviews"):
        assert with_sentiment(data, classifier, device="cpu") is data
    assert "no event has a text" in caplog.text


def test_training_takes_no_notice_of_sentiment_and_filters_go_by_it() -> None:
    data = checkerboard()
    liked = pl.when(pl.col("item_id") < "i06").then(0.9).otherwise(-0.9).alias("sentiment")
    plain = KGRecommender(SMALL, device="cpu").fit(data)
    rated = KGRecommender(SMALL, device="cpu").fit(data.map_events(lambda events: events.with_columns(liked)))
    assert rated.recommend().equals(plain.recommend())
    lists = rated.recommend(["u00"], k=12, filters={"sentiment": (0, None)}, filter_seen=False)
    assert sorted(lists["item_id"]) == [f"i0{place}" for place in range(6)]


def test_sentiment_column_keeps_its_type(classifier: str, tmp_path: Path) -> None:
    found = with_sentiment(reviews(["a bad lamp"]), classifier, device="cpu", cache=tmp_path)
    assert found.events.schema["sentiment"] == pl.Float64
