"""Prices that a query asks for: "under 50", "between 20 and 40", "over $100"."""

from __future__ import annotations

import re
from dataclasses import dataclass

_AMOUNT = r"(?<!\d)(\d{1,12}(?:[.,]\d{3}){0,4}(?:[.,]\d{1,2})?)(?![\d.,]{0,2}\d)(?![^\W\d_])"
_SIGN = r"(?:[$€£¥₹]|\b(?:usd|eur|gbp|dollars?|euros?|bucks|quid)\b)"
_UNDER = (
    r"\b(?:under|below|less than|cheaper than|lower than|up to|at most|no more than|not more than|within|"
    r"unter|bis zu|bis|weniger als|moins de|sous|menos de|hasta|meno di|sotto)|<=?"
)
_OVER = r"\b(?:over|above|more than|at least|no less than|über|uber|mindestens|plus de|más de|mas de|più di|piu di)|>=?"
_PEOPLE = r"\b(?:for|aged?|ages|women|woman|men|man|kids?|child|children|people|adults?|girls?|boys?)\s+"
_UNITS = (
    r"(?:mm|cm|m|km|in|inch|inches|ft|feet|foot|yd|yards?|g|gr|grams?|kg|mg|oz|ounces?|lbs?|pounds?|ml|cl|l|litres?|"
    r"liters?|gal|gallons?|w|watts?|v|volts?|mah|gb|tb|mb|hz|hours?|hrs?|min|minutes?|days?|weeks?|months?|years?|yrs?|"
    r"old|pieces?|pcs|packs?|people|persons?|players?|count|ct|calories|degrees|percent|spf|mph)\b"
)
_ONE = re.compile(
    rf"(?P<people>{_PEOPLE})?(?:(?P<under>{_UNDER})|(?P<over>{_OVER}))\s*(?P<sign>{_SIGN})?\s*(?P<value>{_AMOUNT})"
    rf"\s*(?P<after>{_SIGN})?(?!\s*(?:{_UNITS}|[%\"°]))"
)
_TWO = re.compile(
    rf"(?P<said>\b(?:between|from|zwischen|entre|von|de|da))?\s*(?P<sign>{_SIGN})?\s*(?P<low>{_AMOUNT})\s*(?P<after_low>{_SIGN})?"
    rf"\s*(?P<joint>-|–|\b(?:and|to|und|bis|et|à|y|a|e)\b)\s*(?P<sign_high>{_SIGN})?\s*(?P<high>{_AMOUNT})"
    rf"\s*(?P<after>{_SIGN})?(?!\s*(?:{_UNITS}|[%\"°]))"
)


@dataclass(frozen=True, slots=True)
class PriceWords:
    """What a query says of the price: bounds (both included, None where open), in the catalogue's currency."""

    text: str
    low: float | None
    high: float | None


def read_prices(query: str) -> tuple[PriceWords | None, str]:
    """The price a query asks for, and the query without those words, its blanks in the plainest form.

    A number with a unit behind it ("under 30 cm") is no price, nor is an age ("for women over 50"); a range needs the
    word "between" or "from", or a currency.

    >>> read_prices("red nike shoes under 50")
    (PriceWords(text='under 50', low=None, high=50.0), 'red nike shoes')
    >>> read_prices("desk between $100 and $1,250.50 oak")[0]
    PriceWords(text='between $100 and $1,250.50', low=100.0, high=1250.5)
    >>> read_prices("shelf under 30 cm")
    (None, 'shelf under 30 cm')
    """
    query = " ".join(query.split())  # one blank at a time: where there may be some, patterns try each
    text = query.lower()
    if len(text) != len(query):  # a letter that is two in lower case: places would shift
        text = query
    for found in _TWO.finditer(text):
        signs = [found[name] for name in ("sign", "after_low", "sign_high", "after")]
        if found["said"] or any(signs):
            low, high = sorted((_number(found["low"]), _number(found["high"])))
            return _cut(query, found, low, high)
    for found in _ONE.finditer(text):
        value, money = _number(found["value"]), found["sign"] or found["after"]
        if found["under"]:
            return _cut(query, found, None, value, "under")
        if money or not found["people"]:
            return _cut(query, found, value, None, "over")
    return None, query


def _cut(
    query: str, found: re.Match[str], low: float | None, high: float | None, first: str | int = 0
) -> tuple[PriceWords, str]:
    begin, end = found.start(first), found.end()
    said = query[begin:end]
    rest = " ".join((query[:begin] + " " + query[end:]).split())
    return PriceWords(said.strip(), low, high), rest


def _number(text: str) -> float:
    """
    >>> _number("1,250.50"), _number("19,90"), _number("1.250")
    (1250.5, 19.9, 1250.0)
    """
    cents = re.search(r"[.,](\d{1,2})$", text)
    whole = text[: cents.start()] if cents else text
    return float(re.sub(r"[.,]", "", whole) + (f".{cents[1]}" if cents else ""))
