"""A query read: its words, what they name, what was typed wrong, the price it asks for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from kgrec.search.lexical import LexicalIndex
from kgrec.search.prices import read_prices
from kgrec.search.spelling import Speller
from kgrec.search.understanding import Linker, Understood
from kgrec.search.words import fold, split_words

_LETTERS = re.compile(r"[^\W\d_]+")


@dataclass(frozen=True, slots=True)
class ReadQuery:
    """What search goes by.

    Attributes
    ----------
    words : list of str
        Those that items are to hold, mistakes mended.
    text : str
        What is left for the text encoder: no price, mistakes mended.
    corrections : dict
        Words as typed to what they were read as.
    price : Understood or None
    named : list of (Understood, bool array of shape (num_items,))
        What the words name, and the items that match.
    """

    words: list[str]
    text: str
    corrections: dict[str, str]
    price: Understood | None
    named: list[tuple[Understood, np.ndarray]]

    @property
    def understood(self) -> tuple[Understood, ...]:
        found = tuple(understood for understood, _ in self.named)
        return found if self.price is None else (*found, self.price)


class QueryReader:
    """Reads queries by a catalogue's words and names.

    Parameters
    ----------
    lexical : LexicalIndex
    linker : Linker
    prices : float array, shape (num_items,)
        NaN where an item has none.
    is_word : callable
        Whether a word that the catalogue does not hold is one nevertheless.
    """

    def __init__(
        self, lexical: LexicalIndex, linker: Linker, prices: np.ndarray, is_word: Callable[[str], bool]
    ) -> None:
        self._linker = linker
        self.prices = prices
        self._is_word = is_word
        self._speller = Speller(lexical)

    def read(self, query: str) -> ReadQuery:
        """Take a query apart."""
        price, rest = self._price(query)
        typed = split_words(rest)
        mended = self._speller.read(typed, self._is_word)
        words = [part for word in typed for part in mended.get(word, (word,))]
        named = self._linker.link(words)
        corrections = {word: " ".join(parts) for word, parts in mended.items()}
        return ReadQuery(
            words=words + self._speller.joined(words),
            text=_mend(rest, corrections),
            corrections=corrections,
            price=price,
            named=named,
        )

    def _price(self, query: str) -> tuple[Understood | None, str]:
        """The price asked for, where any item has it; and the rest of the query."""
        found, rest = read_prices(query)
        if found is None:
            return None, query
        price = Understood("price", found.text, low=found.low, high=found.high)
        return (price, rest) if in_price(self.prices, price).any() else (None, query)


def in_price(prices: np.ndarray, price: Understood) -> np.ndarray:
    """Whether each price is within the bounds, shape (num_items,); False where there is none."""
    inside: np.ndarray = ~np.isnan(prices)
    if price.low is not None:
        inside &= prices >= price.low
    if price.high is not None:
        inside &= prices <= price.high
    return inside


def _mend(text: str, corrections: dict[str, str]) -> str:
    """A text with some of its words replaced, whatever their case and accents.

    >>> _mend("Nkie shoes", {"nkie": "nike"}), _mend("Crèmme cake", {"cremme": "creme"})
    ('nike shoes', 'creme cake')
    >>> _mend("walkin boots for walking", {"walkin": "walking"})
    'walking boots for walking'
    """
    if not corrections:
        return text
    return _LETTERS.sub(lambda word: corrections.get(fold(word[0]), word[0]), unicodedata.normalize("NFC", text))
