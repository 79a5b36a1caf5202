"""Words in common come with the rarest first."""

from __future__ import annotations

import polars as pl

from kgrec.explain.words import ItemWords
from kgrec.graph.knowledge_graph import KnowledgeGraph


def test_shared_words_are_named_rarest_first_and_no_common_ones() -> None:
    titles = ["Red wool hat", "red Wool scarf, the", "the red hat", "the mat"] + [f"the mat {n}" for n in range(40)]
    ids = [f"p{n:02}" for n in range(len(titles))]
    words = ItemWords(KnowledgeGraph({"Product": pl.DataFrame({"id": ids, "title": titles})}, {}), pl.Series(ids))
    assert words.shared(0, [1, 2]) == ("hat", "wool")  # 2 items each; "red" is in 3 of 44, over a twentieth
    assert words.shared(1, [2, 3]) == ()
    assert words.shared(0, [0]) == ()


def test_shared_words_of_items_that_the_graph_says_nothing_of_are_none() -> None:
    graph = KnowledgeGraph({"Product": pl.DataFrame({"id": ["a"], "title": ["one two"]})}, {})
    assert ItemWords(graph, pl.Series(["b", "a"])).shared(1, [0]) == ()
