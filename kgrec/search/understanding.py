"""Words of a query linked to the graph's nodes."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from bm25s.stopwords import STOPWORDS_EN
from scipy import sparse

from kgrec.graph.build import ATTRIBUTE, BRAND, CATEGORY
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.search.texts import links, node_names
from kgrec.search.words import Stems, split_words
from kgrec.tensors.vocabulary import Vocabulary

KINDS = {BRAND: "brand", CATEGORY: "category", ATTRIBUTE: "attribute"}  # of other labels: the label
_NAME, _PART, _ENDING = 0, 1, 2  # how surely words name a node
LONGEST = 6  # words of a name that a query may hold
_PARTS = re.compile(r"\s*(?:[&,/]|\band\b)\s*")
Phrase = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Understood:
    """Some words of a query and what they were taken for.

    Attributes
    ----------
    kind : str
        "brand", "category", "attribute", "price", or the label of another kind of node.
    text : str
        The words.
    label : str
        Label of the nodes; "" for a price.
    node_ids : tuple of str
        Nodes that the words name: several where they share a name. An item that leads to any of them matches.
    names : tuple of str
        What a person calls them: "Nike", "Shoes", "colour: red".
    low, high : float or None
        Bounds of a price, both included, in the catalogue's currency.
    sure : bool
        Whether the words are the name, or one of the names it joins ("Throws & Blankets"); else they are only how the
        name ends ("shoes" for "Running Shoes").
    """

    kind: str
    text: str
    label: str = ""
    node_ids: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    sure: bool = True

    def __str__(self) -> str:
        if self.kind == "price":
            bounds = [f">= {self.low:g}"] if self.low is not None else []
            return f"price {' and '.join(bounds + ([f'<= {self.high:g}'] if self.high is not None else []))}"
        return f"{self.kind} {' or '.join(dict.fromkeys(self.names))}"

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "kind": self.kind,
            "text": self.text,
            "label": self.label,
            "node_ids": list(self.node_ids),
            "names": list(self.names),
            "low": self.low,
            "high": self.high,
            "sure": self.sure,
        }


@dataclass(frozen=True, slots=True)
class _Nodes:
    """The nodes of a label, and which items lead to each (or, for a category, to one below it)."""

    label: str
    ids: list[str]
    names: list[str]
    items: sparse.csr_array  # (num_nodes, num_items), bool


class Linker:
    """Finds the nodes that a query's words name.

    Parameters
    ----------
    graph : KnowledgeGraph
    items : Vocabulary
    stems : Stems
    """

    def __init__(self, graph: KnowledgeGraph, items: Vocabulary, stems: Stems) -> None:
        self._stems = stems
        self._stops = frozenset(STOPWORDS_EN)
        self._tables = list(_node_tables(graph, items))
        self._named: dict[Phrase, dict[tuple[int, int], list[int]]] = defaultdict(lambda: defaultdict(list))
        for place, table in enumerate(self._tables):
            for node, name in enumerate(table.names):
                for phrase, tier in self._phrases(table.label, name):
                    self._named[phrase][tier, place].append(node)

    def link(self, words: Sequence[str]) -> list[tuple[Understood, np.ndarray]]:
        """What the words name, longest names first found; with each the items that match, bool, shape (num_items,)."""
        stems = self._stems.of(words)
        found: list[tuple[Understood, np.ndarray]] = []
        place = 0
        while place < len(words):
            for end in range(min(len(words), place + LONGEST), place, -1):
                spans = self._named.get(tuple(stems[place:end]))
                if spans:
                    found += self._nodes_of(" ".join(words[place:end]), spans)
                    place = end
                    break
            else:
                place += 1
        return found

    def _nodes_of(self, text: str, spans: dict[tuple[int, int], list[int]]) -> Iterator[tuple[Understood, np.ndarray]]:
        """The nodes of the best tier, an entry for each label."""
        best = min(tier for tier, _ in spans)
        for (tier, place), nodes in spans.items():
            if tier == best:
                table = self._tables[place]
                matching = np.zeros(table.items.shape[1], dtype=bool)
                for node in nodes:
                    begin, end = table.items.indptr[node : node + 2]
                    matching[table.items.indices[begin:end]] = True
                yield (
                    Understood(
                        kind=KINDS.get(table.label, table.label),
                        text=text,
                        label=table.label,
                        node_ids=tuple(table.ids[node] for node in nodes),
                        names=tuple(table.names[node] for node in nodes),
                        sure=best < _ENDING,
                    ),
                    matching,
                )

    def _phrases(self, label: str, name: str) -> Iterator[tuple[Phrase, int]]:
        """The stems that name a node, and how surely."""
        attribute, joint, value = name.partition(": ") if label == ATTRIBUTE else ("", "", name)
        if label == ATTRIBUTE and not joint:  # a value without a name
            attribute, value = "", name
        whole = split_words(value)
        if attribute:
            named = split_words(attribute)
            yield self._phrase(named + whole), _NAME
            yield self._phrase(whole + named), _NAME
        parts = [split_words(part) for part in _PARTS.split(value)] if label == CATEGORY else []
        ends = [whole[-1:]] if label == CATEGORY and len(whole) > 1 else []
        tiers = [(whole, _NAME), *((part, _PART) for part in parts if part != whole), *((end, _ENDING) for end in ends)]
        for words, tier in tiers:
            if any(len(word) > 1 and not word[0].isdigit() and word not in self._stops for word in words):
                yield self._phrase(words), tier

    def _phrase(self, words: Sequence[str]) -> Phrase:
        return tuple(self._stems.of(words))


def _node_tables(graph: KnowledgeGraph, items: Vocabulary) -> Iterator[_Nodes]:
    pairs: dict[str, list[np.ndarray]] = defaultdict(list)
    for label, node, item in links(graph, items):
        pairs[label].append(np.stack([node, item]))
    for label, parts in pairs.items():
        node, item = np.concatenate(parts, axis=1)
        table = graph.nodes[label]
        shape = (table.height, len(items))
        matches = sparse.csr_array((np.ones(len(node), dtype=np.int32), (node, item)), shape=shape)
        if label == CATEGORY:
            matches = sparse.csr_array(_below(graph, table.height) @ matches)
        yield _Nodes(label, table[ID].to_list(), node_names(graph, label), matches)


def _below(graph: KnowledgeGraph, size: int) -> sparse.csr_array:
    """Which categories are a category or below it, shape (num_categories, num_categories)."""
    inside = sparse.csr_array(sparse.eye_array(size, dtype=np.int32))
    steps = [graph.edge_index(edge) for edge in graph.edges if edge[0] == edge[2] == CATEGORY]
    if not steps:
        return inside
    child, parent = np.concatenate(steps, axis=1)
    down = sparse.csr_array((np.ones(len(child), dtype=np.int32), (parent, child)), shape=(size, size))
    while True:  # one level more each time; a circle of categories ends it too
        wider = sparse.csr_array((inside + down @ inside) > 0).astype(np.int32)
        if wider.nnz == inside.nnz:
            return inside
        inside = wider
