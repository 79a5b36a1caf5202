"""Words that texts of items have in common, the rarest in the shop first."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.texts import node_texts

WORD = r"[\p{L}\p{N}]{2,}"
MOST = 5  # words named
COMMON = 0.05  # a word in more of the texts says nothing


class ItemWords:
    """The words of each item's title and description, and in how many items each of them is.

    Parameters
    ----------
    graph : KnowledgeGraph
    item_ids : polars.Series of str
    """

    def __init__(self, graph: KnowledgeGraph, item_ids: pl.Series) -> None:
        texts = pl.Series(node_texts(graph, PRODUCT, item_ids.to_list()), dtype=pl.String)
        self.words = texts.str.to_lowercase().str.extract_all(WORD).list.unique()
        counts = self.words.list.explode(empty_as_null=False).value_counts(name="items")
        self.items_with = dict(counts.iter_rows())

    def shared(self, item: int, others: Sequence[int], most: int = MOST) -> tuple[str, ...]:
        """Words of an item that some of the others have too: first those in the fewest items of the shop.

        Parameters
        ----------
        item : int
            Place in the catalogue.
        others : sequence of int
        """
        theirs = {word for other in others if other != item for word in self.words[other]}
        few = max(2, COMMON * len(self.words))
        shared = [word for word in self.words[item] if word in theirs and self.items_with[word] <= few]
        return tuple(sorted(shared, key=lambda word: (self.items_with[word], word))[:most])
