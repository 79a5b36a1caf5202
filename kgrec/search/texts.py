"""What the graph says of each item in words, and what a person calls the nodes that items lead to."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import polars as pl
import polars.selectors as cs

from kgrec.data.columns import CATEGORY_SEPARATOR
from kgrec.graph.build import ATTRIBUTE, CATEGORY, PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.tensors.vocabulary import Vocabulary

TITLE, FACETS, DESCRIPTION = "title", "facets", "description"
_TITLES = ("title", "name")
_NO_TEXT = (ID, "updated_at")


def item_fields(graph: KnowledgeGraph, items: Vocabulary) -> dict[str, list[str]]:
    """The texts of every item, in the order of `items`.

    Returns
    -------
    dict
        `title`; `facets`: the names of what it leads to (brand, category and those above it, attribute values,
        entities); `description`: all other text.
    """
    titles, descriptions, facets = ([""] * len(items) for _ in range(3))
    table = graph.nodes.get(PRODUCT)
    if table is not None:
        place = items.index(table[ID])
        for name, dtype in table.schema.items():
            if dtype == pl.String and name not in _NO_TEXT:
                into = titles if name in _TITLES else descriptions
                _append(into, place, table[name].fill_null("").to_list())
    for label, node, item in links(graph, items):
        texts = _texts(graph, label)
        _append(facets, item, [texts[index] for index in node])
    return {TITLE: titles, FACETS: facets, DESCRIPTION: descriptions}


def reads_alike(graph: KnowledgeGraph, other: KnowledgeGraph) -> bool:
    """Whether search finds the same words and links in both: they are equal but for what products have beside text."""
    if graph is other:
        return True
    if graph.nodes.keys() != other.nodes.keys() or graph.edges.keys() != other.edges.keys():
        return False
    pairs = [(_said(label, table), _said(label, other.nodes[label])) for label, table in graph.nodes.items()]
    pairs += [(table, other.edges[edge_type]) for edge_type, table in graph.edges.items()]
    return all(one.equals(two) for one, two in pairs)


def _said(label: str, table: pl.DataFrame) -> pl.DataFrame:
    unread = [name for name in _NO_TEXT if name != ID]
    return table.select(cs.string() - cs.by_name(*unread, require_all=False)) if label == PRODUCT else table


def links(graph: KnowledgeGraph, items: Vocabulary) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Label, rows of its node table, and places of the items that lead there, for each relation of the products."""
    if PRODUCT not in graph.nodes:
        return
    place = items.index(graph.nodes[PRODUCT][ID])
    for edge_type in graph.edges:
        head, _, tail = edge_type
        if head == PRODUCT and tail != PRODUCT:
            start, end = graph.edge_index(edge_type)
            known = place[start] >= 0
            yield tail, end[known], place[start[known]]


def node_names(graph: KnowledgeGraph, label: str) -> list[str]:
    """What a person calls each node of a label; "colour: red" for the value of an attribute."""
    table = graph.nodes[label]
    ids: list[str] = table[ID].to_list()
    if label == ATTRIBUTE and {"name", "value"} <= set(table.columns):
        rows = zip(table["name"], table["value"], ids, strict=True)
        return [f"{name}: {value}" if name and value else node for name, value, node in rows]
    if "name" in table.columns:
        return [name or node for name, node in zip(table["name"], ids, strict=True)]
    return [node.rpartition(CATEGORY_SEPARATOR)[2] for node in ids] if label == CATEGORY else ids


def _texts(graph: KnowledgeGraph, label: str) -> list[str]:
    """The words that a node lends to its items: a category those above it too, an attribute its value."""
    table = graph.nodes[label]
    if label == CATEGORY:
        return table[ID].to_list()
    if label == ATTRIBUTE and "value" in table.columns:
        return table["value"].fill_null("").to_list()
    return node_names(graph, label)


def _append(texts: list[str], place: np.ndarray, added: list[str]) -> None:
    for index, text in zip(place.tolist(), added, strict=True):
        if index >= 0 and text:
            texts[index] = f"{texts[index]} {text}" if texts[index] else text
