"""BM25 over the items' texts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from kgrec.search.texts import DESCRIPTION, FACETS, TITLE
from kgrec.search.words import Stems, split_words

EXACT = "="  # before a word that stands for itself alone
FIELD_WEIGHTS = {TITLE: 3, FACETS: 2, DESCRIPTION: 1}  # times that a word of the field counts


class LexicalIndex:
    """The words of a catalogue, and how well each item matches some of them.

    Parameters
    ----------
    fields : mapping of field to texts
        As `item_fields` gives them.
    stems : Stems

    Attributes
    ----------
    word_count : Counter
        Items that hold each word, before stemming.

    Source: Robertson et al. 2004 (BM25 of weighted fields); Lù 2024 (BM25S), whose library this is.
    """

    def __init__(self, fields: Mapping[str, Sequence[str]], stems: Stems) -> None:
        import bm25s  # half a second

        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._stems = stems
        self.word_count: Counter[str] = Counter()
        documents = []
        for row in zip(*(fields[name] for name in FIELD_WEIGHTS), strict=True):
            words = [split_words(text) for text in row]
            self.word_count.update(set().union(*words))
            weighted = zip(words, FIELD_WEIGHTS.values(), strict=True)
            documents.append([token for some, weight in weighted for token in self._tokens(some) * weight])
        self.num_items = len(documents)
        self._index = bm25s.BM25(method="lucene", k1=1.2, b=0.75)
        if any(documents):
            self._index.index(documents, show_progress=False)
        else:
            self._index.vocab_dict = {}

    def holds(self, word: str) -> bool:
        """Whether some item holds the word, in whatever form."""
        return self._stems.of([word])[0] in self._index.vocab_dict

    def scores(self, words: Sequence[str]) -> np.ndarray:
        """BM25 of every item for some words, shape (num_items,), float32; 0 where no word is in its texts."""
        ids = self._index.get_tokens_ids(self._tokens(words))
        if not ids:
            return np.zeros(self.num_items, np.float32)
        scores: np.ndarray = self._index.get_scores_from_ids(ids)
        return scores

    def _tokens(self, words: Sequence[str]) -> list[str]:
        """The stem of each word and, where that may join words, the word as it is."""
        return self._stems.of(words) + ([] if self._stems.language is None else [f"{EXACT}{word}" for word in words])

    def support(self, words: Sequence[str], others: Sequence[str]) -> list[float]:
        """How often each word of the catalogue goes with some others: the BM25 its items have for those, summed."""
        if not others:
            return [0.0] * len(words)
        score, index = self.scores(others), self._index.scores
        found = []
        for place in self._index.get_tokens_ids(self._stems.of(words)):
            begin, end = index["indptr"][place : place + 2]
            found.append(float(score[index["indices"][begin:end]].sum()))
        return found
