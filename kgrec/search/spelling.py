"""Words typed wrong, read as the catalogue's nearest."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence

from rapidfuzz import process
from rapidfuzz.distance import OSA

from kgrec.search.lexical import LexicalIndex

_SHORTEST_PART = 3  # letters of each half of two words typed as one


class Speller:
    """Finds the words of a catalogue that are one letter off (two for a long word), as the store's fuzzy search does.

    Parameters
    ----------
    lexical : LexicalIndex
        The catalogue's words, and which of them go together.
    """

    def __init__(self, lexical: LexicalIndex) -> None:
        self._lexical = lexical
        self._count = lexical.word_count
        self._of_length: dict[int, list[str]] = defaultdict(list)
        for word in sorted(word for word in self._count if word.isalpha()):
            self._of_length[len(word)].append(word)

    def read(self, words: Sequence[str], is_word: Callable[[str], bool]) -> dict[str, tuple[str, ...]]:
        """What words that the catalogue does not hold were meant to be; those of which nothing is known are left out.

        Parameters
        ----------
        is_word : callable
            Whether a word that the catalogue does not hold is one nevertheless, and so no mistake.
        """
        others = [word for word in words if self._lexical.holds(word)]
        found: dict[str, tuple[str, ...]] = {}
        for word in dict.fromkeys(words):
            if self._lexical.holds(word) or not word.isalpha() or is_word(word):
                continue
            near, distance = self._nearest(word, others)
            halves = self._split(word) if distance != 1 else None
            if halves is not None:
                found[word] = halves
            elif near is not None:
                found[word] = (near,)
        return found

    def joined(self, words: Sequence[str]) -> list[str]:
        """Words of the catalogue that were typed as two: "night stand" for "nightstand"."""
        pairs = itertools.pairwise(words)
        return [first + second for first, second in pairs if first + second in self._count]

    def _split(self, word: str) -> tuple[str, str] | None:
        """A word cut into two that the catalogue holds, the rarer one as frequent as can be."""
        best, least = None, 0
        for place in range(_SHORTEST_PART, len(word) - _SHORTEST_PART + 1):
            halves = word[:place], word[place:]
            count = min(self._count.get(half, 0) for half in halves)
            if count > least:
                best, least = halves, count
        return best

    def _nearest(self, word: str, others: Sequence[str]) -> tuple[str | None, int]:
        """The word with the fewest letters off, and how many; of several the one that goes best with the others."""
        most = _most_letters(word)
        lengths = range(len(word) - most, len(word) + most + 1) if most else ()
        found: list[tuple[str, int]] = []
        for length in lengths:
            near = process.extract(
                word, self._of_length.get(length, []), scorer=OSA.distance, score_cutoff=most, limit=None
            )
            found += [(candidate, distance) for candidate, distance, _ in near]
        if not found:
            return None, 0
        least = min(distance for _, distance in found)
        candidates = [candidate for candidate, distance in found if distance == least]
        support = dict(zip(candidates, self._lexical.support(candidates, others), strict=True))
        return max(candidates, key=lambda near: (support[near], self._count[near], near)), least


def _most_letters(word: str) -> int:
    """Letters that may be wrong.

    >>> [_most_letters(word) for word in ("tea", "nkie", "waterprof")]
    [0, 1, 2]
    """
    return 0 if len(word) < 4 else 1 if len(word) < 8 else 2
