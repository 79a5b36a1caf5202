"""How many of a query's words an item's texts hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import sparse

from kgrec.data import columns as c
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID
from kgrec.models.fitted import FittedModel

if TYPE_CHECKING:
    from sklearn.feature_extraction.text import TfidfVectorizer


@dataclass(slots=True)
class QueryMatch:
    """The words of the items' titles, descriptions and neighbours, weighted by how rare they are.

    Attributes
    ----------
    words : csr_array, shape (num_items, num_words)
        Rows of unit length.
    """

    vectorizer: TfidfVectorizer | None
    words: sparse.csr_array

    @classmethod
    def of(cls, model: FittedModel) -> QueryMatch:
        """The words of a fitted model's items."""
        from sklearn.feature_extraction.text import TfidfVectorizer  # takes a second to import

        texts = _texts(model)
        vectorizer = TfidfVectorizer(sublinear_tf=True)
        try:
            words = sparse.csr_array(vectorizer.fit_transform(texts))
        except ValueError:  # no text holds a word
            return cls(None, sparse.csr_array((len(texts), 0)))
        return cls(vectorizer, words)

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
        if self.vectorizer is None or not asked.any():
            return found
        texts, row = np.unique(query[asked].astype(str), return_inverse=True)
        rows = sparse.csr_array(self.vectorizer.transform(texts))[row]
        found[asked] = np.asarray(rows.multiply(self.words[item[asked]]).sum(axis=1)).ravel()
        return found


def _texts(model: FittedModel) -> list[str]:
    """Title and description of each item, and the ids of the nodes that it leads to."""
    texts = [""] * len(model.items)
    products = model.graph.nodes.get(PRODUCT)
    if products is None:
        return texts
    place = model.items.index(products[ID])
    named = [name for name in (c.TITLE, c.DESCRIPTION) if name in products.columns]
    if named:
        joined = products.select(pl.concat_str(named, separator=" ", ignore_nulls=True)).to_series()
        for index, text in zip(place, joined, strict=True):
            if index >= 0:
                texts[index] = text or ""
    for head, _, tail in model.graph.edges:
        if head == PRODUCT and tail != PRODUCT:
            start, end = model.graph.edge_index((head, _, tail))
            ids = model.graph.nodes[tail][ID].gather(end)
            for index, text in zip(place[start], ids, strict=True):
                if index >= 0:
                    texts[index] += f" {text}"
    return texts
