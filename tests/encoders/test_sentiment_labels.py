"""What the names of a classifier's classes are worth."""

from __future__ import annotations

import pytest

from kgrec.encoders.sentiment_labels import label_values
from kgrec.errors import ConfigError


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["NEGATIVE", "POSITIVE"], [-1, 1]),
        (["positive", "negative", "neutral"], [1, -1, 0]),
        (["NEG", "NEU", "POS"], [-1, 0, 1]),
        (["5 stars", "4 stars", "3 stars", "2 stars", "1 star"], [1, 0.5, 0, -0.5, -1]),
        (["1", "2", "3"], [-1, 0, 1]),
        (["Very Negative", "Negative", "Neutral", "Positive", "Very Positive"], [-1, -0.5, 0, 0.5, 1]),
        (["very_negative", "negative", "positive", "very-positive"], [-1, -0.5, 0.5, 1]),
    ],
)
def test_label_values_of_names_in_use_are_understood(names: list[str], expected: list[float]) -> None:
    assert label_values(names).tolist() == expected


def test_label_values_given_go_before_those_of_the_names() -> None:
    assert label_values(["negative", "mixed", "positive"], {"mixed": 0, "negative": -0.5}).tolist() == [-0.5, 0, 1]


@pytest.mark.parametrize(
    "names",
    [["LABEL_0", "LABEL_1"], ["joy", "anger"], ["0 stars", "2 stars"], ["1 star", "3 stars"], ["1 star", "1 stars"]],
)
def test_label_values_of_names_that_say_nothing_list_them(names: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        label_values(names, where="model 'm'")
    assert str(caught.value).startswith("the sentiment of model 'm': 1 fault")
    assert f"classes that say no sentiment: '{names[0]}', '{names[1]}'" in str(caught.value)


def test_label_values_with_several_faults_list_all() -> None:
    with pytest.raises(ConfigError) as caught:
        label_values(["LABEL_0", "LABEL_1"], {"LABEL_1": 2, "LABEL_2": True})
    text = str(caught.value)
    assert "4 faults" in text
    assert "classes that say no sentiment: 'LABEL_0' (of 'LABEL_0', 'LABEL_1')" in text
    assert "labels names 'LABEL_2', and the model has 'LABEL_0', 'LABEL_1'" in text
    assert "labels['LABEL_1'] is 2, expected a number from -1 to 1" in text
    assert "labels['LABEL_2'] is True, expected a number from -1 to 1" in text


def test_label_values_of_one_class_are_a_fault() -> None:
    with pytest.raises(ConfigError, match="its classes are 'positive', expected two or more"):
        label_values(["positive"])
