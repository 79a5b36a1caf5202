from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import torch

from kgrec.encoders.text import TextEncoder
from kgrec.errors import ConfigError, NotFittedError, UnknownIdError
from kgrec.recommender import KGRecommender
from kgrec.search.results import SearchResult


def test_search_words_of_a_title_come_first(by_words: KGRecommender) -> None:
    assert by_words.search("ankle boots")["item_id"][0] == "d"


def test_search_result_is_a_frame_of_ranked_items_with_titles(by_words: KGRecommender) -> None:
    found = by_words.search("trainers", k=2)
    assert isinstance(found, pl.DataFrame)
    assert found.schema == {"item_id": pl.String, "title": pl.String, "rank": pl.Int64, "score": pl.Float64}
    assert found["rank"].to_list() == [1, 2]
    assert found["score"].is_sorted(descending=True)
    titles = {"a": "Road Runner trainers", "b": "Court classic trainers", "c": "Trail trainers"}
    assert [titles[item] for item in found["item_id"]] == found["title"].to_list()


def test_search_result_made_into_another_frame_is_a_frame(by_words: KGRecommender) -> None:
    found = by_words.search("red nike trainers under 50")
    assert found.filter(pl.col("rank") == 1)["item_id"].to_list() == ["a"]
    assert type(found.items) is pl.DataFrame
    assert found.items.equals(pl.DataFrame(found.to_dict()))


def test_search_brand_colour_category_and_price_are_understood(by_words: KGRecommender) -> None:
    found = by_words.search("red nike shoes under 50")
    assert set(found["item_id"]) <= {"a", "d", "f", "g"}  # those that cost 50 at most
    assert set(found["item_id"][:2]) == {"a", "d"}
    said = [(one.kind, one.text, one.node_ids, one.low, one.high) for one in found.understood]
    assert said == [
        ("attribute", "red", ("colour=red",), None, None),
        ("brand", "nike", ("Nike",), None, None),
        ("category", "shoes", ("Shoes",), None, None),
        ("price", "under 50", (), None, 50.0),
    ]


def test_search_printed_says_what_was_understood(by_words: KGRecommender) -> None:
    found = by_words.search("red nkie shoes under 50")
    first = str(found).splitlines()[0]
    assert first == (
        "'red nkie shoes under 50': nkie -> nike; attribute colour: red; brand Nike; category Shoes; price <= 50"
    )


def test_search_result_as_plain_values_holds_all_of_it(by_words: KGRecommender) -> None:
    records = by_words.search("nkie boots", k=1).to_records()
    assert records["query"] == "nkie boots"
    assert records["corrections"] == {"nkie": "nike"}
    assert [one["kind"] for one in records["understood"]] == ["brand", "category"]
    assert records["items"][0]["item_id"] == "d"


def test_search_strict_lists_only_what_matches_all_names(by_words: KGRecommender) -> None:
    assert set(by_words.search("red nike shoes", strict=True)["item_id"]) == {"a", "d"}


@pytest.mark.parametrize(("typed", "first"), [("waterprof", "e"), ("nkie ankle", "d"), ("jaket", "e")])
def test_search_word_typed_wrong_is_read_as_the_nearest(by_words: KGRecommender, typed: str, first: str) -> None:
    assert by_words.search(typed)["item_id"][0] == first


@pytest.mark.parametrize("typed", ["night stand", "nightstand", "oaknightstand"])
def test_search_words_typed_as_one_or_two_are_found(by_words: KGRecommender, typed: str) -> None:
    assert by_words.search(typed)["item_id"][0] == "h"


@pytest.mark.parametrize("typed", ["CREME", "crème", "Crème de NUIT", "ＣＲＥＭＥ"])
def test_search_case_accents_and_width_do_not_matter(by_words: KGRecommender, typed: str) -> None:
    assert by_words.search(typed)["item_id"][0] == "g"


def test_search_item_without_price_does_not_pass_a_price(by_words: KGRecommender) -> None:
    assert "h" not in by_words.search("oak nightstand under 1000")["item_id"]
    assert by_words.search("oak nightstand")["item_id"][0] == "h"


def test_search_price_that_nothing_has_is_no_price(by_words: KGRecommender) -> None:
    found = by_words.search("trainers under 5")
    assert found.understood[-1].kind != "price"
    assert {"a", "b", "c"} <= set(found["item_id"])


def test_search_price_alone_lists_the_popular_items_that_keep_it(by_words: KGRecommender) -> None:
    assert by_words.search("under 50")["item_id"].to_list() == ["a", "f", "d", "g"]  # 6, 6, 0 and 0 events


def test_search_filters_candidates_and_exclude_hold(by_words: KGRecommender) -> None:
    assert set(by_words.search("trainers", filters={"brand": "Nike"})["item_id"]) == {"a", "b", "d"} - {"d"}
    assert by_words.search("trainers", candidates=["c"])["item_id"].to_list() == ["c"]
    assert "a" not in by_words.search("trainers", exclude=["a"])["item_id"]


def test_search_for_a_user_the_own_taste_moves_items(by_words: KGRecommender) -> None:
    red, blue = (by_words.search("trainers", k=3, user_id=user) for user in ("u0", "u1"))
    assert red.columns == ["user_id", "item_id", "title", "rank", "score"]
    assert red["user_id"].unique().to_list() == ["u0"]

    def ahead(found: pl.DataFrame) -> float:
        """By how much b (blue) is before a (red)."""
        score = dict(zip(found["item_id"], found["score"], strict=True))
        return score["b"] - score["a"]

    plain = ahead(by_words.search("trainers", k=3))
    assert ahead(red) < plain < ahead(blue)


def test_search_unknown_user_raises(by_words: KGRecommender) -> None:
    with pytest.raises(UnknownIdError, match="search: unknown user_id 'nobody'; the model knows 12 users"):
        by_words.search("trainers", user_id="nobody")


@pytest.mark.parametrize("query", ["", "   ", None, 5])
def test_search_without_a_query_raises(by_words: KGRecommender, query: object) -> None:
    with pytest.raises(ConfigError, match="expected some words"):
        by_words.search(query)  # type: ignore[arg-type]


@pytest.mark.parametrize("k", [0, -1, 1.5, True])
def test_search_with_a_bad_k_raises(by_words: KGRecommender, k: object) -> None:
    with pytest.raises(ConfigError, match="expected a whole number >= 1"):
        by_words.search("trainers", k=k)  # type: ignore[arg-type]


def test_search_before_fit_raises() -> None:
    with pytest.raises(NotFittedError):
        KGRecommender(device="cpu").search("trainers")


@pytest.mark.parametrize("query", ["!!!", "👟", "\ud800", "a" * 5000, "+-&|!(){}[]^~*?:\\", "0", "50% off <b>"])
def test_search_any_text_gives_a_frame(by_meaning: KGRecommender, query: str) -> None:
    found = by_meaning.search(query)
    assert isinstance(found, SearchResult)
    assert found["item_id"].n_unique() == found.height


def test_search_without_vectors_lists_nothing_for_words_unknown(by_words: KGRecommender) -> None:
    assert by_words.search("xylophone").height == 0


def test_search_with_vectors_answers_words_unknown_by_meaning(by_meaning: KGRecommender) -> None:
    found = by_meaning.search("sneakers")
    assert set(found["item_id"][:4]) == {"a", "b", "c", "d"}
    assert not found.corrections


def test_search_saved_and_loaded_gives_the_same_without_encoding_the_catalogue(
    by_meaning: KGRecommender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = by_meaning.search("sneakers for rain", user_id="u1")
    by_meaning.save(tmp_path)
    monkeypatch.delattr(TextEncoder, "encode")  # the encoder of the catalogue; queries are encoded otherwise
    loaded = KGRecommender.load(tmp_path, device="cpu")
    assert loaded.search("sneakers for rain", user_id="u1").equals(before)


def test_search_text_vectors_are_saved_as_half_floats_of_unit_length(by_meaning: KGRecommender) -> None:
    assert by_meaning.model_.search is not None
    text = by_meaning.model_.search.text
    assert text is not None
    assert text.dtype == torch.float16
    assert text.shape == (8, 384)
    assert torch.allclose(text.float().norm(dim=1), torch.ones(8), atol=1e-3)


def test_search_many_queries_in_a_row_forgets_old_vectors(
    by_meaning: KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.search.searcher.KEPT_QUERIES", 2)
    expected = by_meaning.search("boots")
    for query in ("jacket", "throw", "cream"):
        by_meaning.search(query)
    assert by_meaning.search("boots").equals(expected)
    assert by_meaning.model_.searcher is not None
    assert len(by_meaning.model_.searcher._query_vectors) <= 2
