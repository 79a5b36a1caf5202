"""Text vectors that search compares: of an item, with those of what it leads to; of a query."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.encoders.text import TextEncoder
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.graph.texts import node_texts
from kgrec.models.fitted import FittedModel
from kgrec.search.texts import links
from kgrec.tensors.vocabulary import Vocabulary

TextOf = Callable[[str, np.ndarray], np.ndarray | None]  # label, rows of its nodes (products: of the items) -> vectors


def item_text_vectors(graph: KnowledgeGraph, items: Vocabulary, text_of: TextOf) -> np.ndarray | None:
    """The vector of each item's text, and to the same part that of the nodes it leads to.

    The latter is the mean over the labels (brand, category, attribute ...) of the mean over an item's nodes of a label:
    what encoding the names with the text would give, without encoding each item again.

    Returns
    -------
    float32, shape (num_items, text_dim), unit length, zero for an item without any text; None where nothing has one.
    """
    own = text_of(PRODUCT, np.arange(len(items)))
    around: dict[str, np.ndarray] = {}
    for label, node, item in links(graph, items):
        rows, place = np.unique(node, return_inverse=True)
        vectors = text_of(label, rows)
        if vectors is None or (own is not None and vectors.shape[1] != own.shape[1]):
            continue
        total = around.setdefault(label, np.zeros((len(items), vectors.shape[1]), np.float32))
        np.add.at(total, item, vectors[place])
    parts = [_unit(_sum([_unit(total) for total in around.values()]))] if around else []
    if own is not None:
        parts.append(own.astype(np.float32))
    return _unit(_sum(parts)) if parts else None


def encoded_by(graph: KnowledgeGraph, items: Vocabulary, encoder: TextEncoder) -> TextOf:
    """Vectors of nodes' texts, made by an encoder."""

    def text_of(label: str, rows: np.ndarray) -> np.ndarray | None:
        ids = items.ids if label == PRODUCT else graph.nodes[label][ID]
        vectors = encoder.encode(node_texts(graph, label, ids.gather(rows).to_list()))
        return vectors if vectors.any() else None

    return text_of


def catalogue_vectors(model: FittedModel, changed: pl.Series | None = None) -> Tensor | None:
    """The items' text vectors as saved; those of items that came later or have `changed` made now.

    Returns
    -------
    Tensor, float16, shape (num_items, text_dim); None where the model was fitted without text.
    """
    saved = None if model.search is None else model.search.text
    if saved is None:
        return None
    again = np.zeros(0, np.int64) if changed is None else model.items.index(changed)
    rows = np.concatenate([again, np.arange(len(saved), len(model.items))])
    if not len(rows):
        return saved
    asked = Vocabulary(model.items.take(rows))
    encoder = query_encoder(model.config.text_model, str(model.device), model.config.text_max_length)
    made = item_text_vectors(model.graph, asked, encoded_by(model.graph, asked, encoder))
    vectors = torch.cat([saved, saved.new_zeros(len(model.items) - len(saved), saved.shape[1])])
    if made is None or made.shape[1] != saved.shape[1]:
        made = np.zeros((len(rows), saved.shape[1]), np.float32)
    vectors[torch.from_numpy(rows).to(saved.device)] = torch.from_numpy(made).to(saved)
    return vectors


@lru_cache(maxsize=2)
def query_encoder(model: str | None, device: str, max_length: int) -> TextEncoder:
    """The encoder of queries and of new items; one for all recommenders of a process, loaded when first used."""
    return TextEncoder(model, device=torch.device(device), max_length=max_length)


def _unit(rows: np.ndarray) -> np.ndarray:
    norm = np.linalg.norm(rows, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(rows, norm, out=np.zeros_like(rows), where=norm > 0)
    return unit


def _sum(parts: list[np.ndarray]) -> np.ndarray:
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total
