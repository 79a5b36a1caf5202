"""How many of a query's words an item's texts hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy import sparse

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID
from kgrec.graph.texts import node_texts
from kgrec.models.fitted import FittedModel

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


class QueryMatch:
    """The words of the items' titles, descriptions and neighbours, weighted by how rare they are."""

    def __init__(self, model: FittedModel) -> None:
        self._model = model
        self._index: tuple[TfidfVectorizer, sparse.csr_array] | None = None  # made for the first query

    def scores(self, query: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Cosine of the words of each query and its item, from 0 to 1; NaN where there is no query.

        Parameters
        ----------
        query : object, shape (num_pairs,)
            Texts or None.
        item : int64, shape (num_pairs,)
        """
        found = np.full(len(query), np.nan)
        asked = np.array([text is not None for text in query], dtype=bool)
        if asked.any():
            vectorizer, words = self._made()
            texts, row = np.unique(query[asked], return_inverse=True)
            rows = sparse.csr_array(vectorizer.transform(texts))[row]
            found[asked] = np.asarray(rows.multiply(words[item[asked]]).sum(axis=1)).ravel()
        return found

    def _made(self) -> tuple[TfidfVectorizer, sparse.csr_array]:
        """The vectorizer and the words of each item, rows of unit length."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to import

        if self._index is None:
            texts = _texts(self._model)
            vectorizer = TfidfVectorizer(sublinear_tf=True, token_pattern=r"(?u)\b\w+\b")
            if not any(any(letter.isalnum() for letter in text) for text in texts):
                texts = [*texts, "none"]  # it refuses to know no word
            self._index = vectorizer, sparse.csr_array(vectorizer.fit_transform(texts))
        return self._index


def _texts(model: FittedModel) -> list[str]:
    """Title and description of each item, and the ids of the nodes that it leads to."""
    texts = node_texts(model.graph, PRODUCT, model.items.ids.to_list())
    if PRODUCT not in model.graph.nodes:
        return texts
    place = model.items.index(model.graph.nodes[PRODUCT][ID])
    for edge_type in model.graph.edges:
        head, _, tail = edge_type
        if head == PRODUCT and tail != PRODUCT:
            start, end = model.graph.edge_index(edge_type)
            ids = model.graph.nodes[tail][ID].gather(end)
            for index, text in zip(place[start], ids, strict=True):
                if index >= 0:
                    texts[index] += f" {text}"
    return texts
