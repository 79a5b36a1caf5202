from __future__ import annotations

import pytest

from kgrec.search.lexical import LexicalIndex
from kgrec.search.spelling import Speller
from kgrec.search.words import Stems


@pytest.fixture(scope="module")
def speller() -> Speller:
    titles = ["cooking pot", "cooking spoon", "looking glass", "looking glass", "looking glass", "nike", "waterproof"]
    none = [""] * len(titles)
    return Speller(LexicalIndex({"title": titles, "facets": none, "description": none}, Stems("english")))


def _never(word: str) -> bool:
    return False


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("nkie", "nike"), ("waterprof", "waterproof"), ("wterprof", "waterproof"), ("niike", "nike")],
)
def test_word_near_one_of_the_catalogue_is_mended(speller: Speller, typed: str, meant: str) -> None:
    assert speller.read([typed], _never) == {typed: (meant,)}


@pytest.mark.parametrize("typed", ["nik3", "tea", "nkei2", "wtrprf", "cooked", "pots"])
def test_word_that_is_far_short_numbered_or_known_by_its_stem_is_left(speller: Speller, typed: str) -> None:
    assert speller.read([typed], _never) == {}


def test_word_between_two_goes_with_the_rest_of_the_query(speller: Speller) -> None:
    assert speller.read(["ooking", "pot"], _never) == {"ooking": ("cooking",)}
    assert speller.read(["ooking", "glass"], _never) == {"ooking": ("looking",)}
    assert speller.read(["ooking"], _never) == {"ooking": ("looking",)}  # the more frequent one


def test_word_of_the_language_is_no_mistake(speller: Speller) -> None:
    assert speller.read(["nine"], lambda word: word == "nine") == {}


def test_two_words_typed_as_one_are_parted(speller: Speller) -> None:
    assert speller.read(["cookingpot"], _never) == {"cookingpot": ("cooking", "pot")}


def test_one_word_typed_as_two_is_joined(speller: Speller) -> None:
    assert speller.joined(["a", "water", "proof"]) == ["waterproof"]


def test_catalogue_without_words_mends_nothing() -> None:
    empty = LexicalIndex({"title": [""], "facets": [""], "description": [""]}, Stems("english"))
    assert Speller(empty).read(["nkie"], _never) == {}
    assert empty.scores(["nkie"]).tolist() == [0.0]
