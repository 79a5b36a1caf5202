from __future__ import annotations

import time

import pytest

from kgrec.search.prices import read_prices


@pytest.mark.parametrize(
    ("query", "low", "high", "rest"),
    [
        ("red nike shoes under 50", None, 50, "red nike shoes"),
        ("under $50 shoes", None, 50, "shoes"),
        ("shoes below £49.99", None, 49.99, "shoes"),
        ("shoes less than 50 dollars", None, 50, "shoes"),
        ("sofa up to 1,250.50", None, 1250.5, "sofa"),
        ("shoes < 50", None, 50, "shoes"),
        ("Schuhe unter 50 Euro", None, 50, "Schuhe"),
        ("chaussures moins de 19,90 €", None, 19.9, "chaussures"),
        ("watch over 100", 100, None, "watch"),
        ("watch at least $100 gold", 100, None, "watch gold"),
        ("desk between 20 and 40", 20, 40, "desk"),
        ("desk from 40 to 20", 20, 40, "desk"),
        ("desk $20-$40", 20, 40, "desk"),
        ("desk 20 to 40 dollars", 20, 40, "desk"),
        ("gifts for under 20", None, 20, "gifts for"),
        ("cream for women over $50", 50, None, "cream for women"),
    ],
)
def test_price_words_are_read(query: str, low: float | None, high: float | None, rest: str) -> None:
    found, left = read_prices(query)
    assert found is not None
    assert (found.low, found.high, left) == (low, high, rest)


@pytest.mark.parametrize(
    "query",
    [
        "shelf under 30 cm",
        "shelf under 30cm",
        "dumbbells under 20 pounds",
        "cream for women over 50",
        "toys for under 5s",
        "under eye cream",
        "nike air max 90",
        "puzzle 500-1000 pieces",
        "size 38-40 boots",
        "tent for 2 to 4 people",
        "over-ear headphones",
        "iphone 12",
        "pillow under 50% feather",
        "",
    ],
)
def test_other_numbers_are_no_price(query: str) -> None:
    assert read_prices(query) == (None, query)


@pytest.mark.parametrize("piece", [" ", "1", "1 ", "1.", "under ", "from 1 ", "$", "for "])
def test_long_queries_are_read_in_time_that_grows_as_they_do(piece: str) -> None:
    """Patterns that try every way to cut a text took minutes for a thousand blanks."""
    begun = time.process_time()
    read_prices(f"red {(piece * 20_000)[:20_000]} thing")
    assert time.process_time() - begun < 2


def test_blanks_are_as_good_as_one() -> None:
    assert read_prices("red  shoes\tunder   50 ") == read_prices("red shoes under 50")
