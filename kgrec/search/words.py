"""Text to words and their stems, the same for items and for queries."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import Stemmer

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_WORD = re.compile(rf"\d+(?:[.,]\d+)*|[{_CJK}]+|[^\W\d_{_CJK}]+")
_POSSESSIVE = re.compile(r"(?<=\w)['’]s\b")
_IS_CJK = re.compile(rf"[{_CJK}]")


def fold(text: str) -> str:
    """Text without case, accents and width.

    >>> fold("Crème BRÛLÉE, Straße ＡＢＣ")
    'creme brulee, strasse abc'
    """
    spread = unicodedata.normalize("NFKD", text.casefold())
    bare = "".join(letter for letter in spread if not unicodedata.combining(letter))
    return unicodedata.normalize("NFC", bare).casefold()


def split_words(text: str) -> list[str]:
    """The words of a text, folded; numbers stand alone, scripts without spaces are cut into pairs of letters.

    >>> split_words("Men's Wi-Fi Kettle, 1.7l")
    ['men', 'wi', 'fi', 'kettle', '1.7', 'l']
    >>> split_words("防水マスカラ")
    ['防水', '水マ', 'マス', 'スカ', 'カラ']
    """
    found = []
    for word in _WORD.findall(_POSSESSIVE.sub("", fold(text))):
        if len(word) > 2 and _IS_CJK.match(word):
            found += [word[place : place + 2] for place in range(len(word) - 1)]
        else:
            found.append(word)
    return found


class Stems:
    """Snowball stems of words.

    Parameters
    ----------
    language : str or None
        A language that Snowball knows ("english", "german"); None: words stay as they are.

    """

    def __init__(self, language: str | None) -> None:
        self.language = language
        stem = (lambda word: word) if language is None else Stemmer.Stemmer(language).stemWord
        self._stem = lru_cache(maxsize=100_000)(stem)

    def of(self, words: Iterable[str]) -> list[str]:
        """The stem of each word.

        >>> Stems("english").of(["running", "shoes"])
        ['run', 'shoe']
        """
        return [self._stem(word) for word in words]
