"""Cosines of a query with every item: exact, or above a size by an approximate index."""

from __future__ import annotations

import importlib.util
import logging
from typing import Any

import numpy as np
import torch
from torch import Tensor

logger = logging.getLogger(__name__)

FINE = 256  # best items whose cosine is computed again in float32 where the vectors are half floats
FOUND = 1000  # nearest items that an approximate index gives
SAMPLE = 100  # vectors that its recall is measured with


class ItemCosines:
    """The items' text vectors, asked by query vectors.

    Parameters
    ----------
    vectors : Tensor, shape (num_items, text_dim), float16 or float32, unit length
    limit : int
        Items up to which every cosine is computed. Above it an index (usearch's HNSW) finds the nearest, where the
        extra `ann` is installed.

    Attributes
    ----------
    recall : float or None
        Share of the 10 nearest items that the index finds, over a sample of items; None: exact.

    Source: Malkov and Yashunin 2018 (HNSW).
    """

    def __init__(self, vectors: Tensor, limit: int) -> None:
        self.vectors = vectors
        self._mean = vectors.mean(0, dtype=torch.float32)
        self._index: Any = _make_index(vectors.cpu().numpy()) if len(vectors) > limit and _is_installed(limit) else None
        self.recall = None if self._index is None else self._measure()

    def scores(self, query_emb: Tensor, wanted: np.ndarray | None = None) -> tuple[np.ndarray, float]:
        """The cosine of each item with a query, shape (num_items,), float32; and their mean.

        Parameters
        ----------
        query_emb : Tensor, shape (text_dim,)
        wanted : int64, optional
            Items whose cosine is needed: with an index, all others but the nearest are given the mean.
        """
        mean = float(self._mean @ query_emb)
        if self._index is None:
            return self._all(query_emb).cpu().numpy(), mean
        found = np.full(len(self.vectors), mean, dtype=np.float32)
        near = self._index.search(query_emb.cpu().numpy(), min(FOUND, len(found)))
        found[near.keys.astype(np.int64)] = 1 - near.distances
        if wanted is not None:
            rows = torch.from_numpy(wanted).to(query_emb.device)
            found[wanted] = (self.vectors[rows].float() @ query_emb).cpu().numpy()
        return found, mean

    @property
    def is_exact(self) -> bool:
        return self._index is None

    def _all(self, query_emb: Tensor) -> Tensor:
        """Every cosine: half floats are read in half the time, and for the best ones made exact."""
        found = (self.vectors @ query_emb.to(self.vectors.dtype)).float()
        if self.vectors.dtype != query_emb.dtype:
            best = torch.topk(found, min(FINE, len(found))).indices
            found[best] = self.vectors[best].float() @ query_emb
        return found

    def _measure(self) -> float:
        """Recall of the 10 nearest against the exact ones."""
        rows = torch.linspace(0, len(self.vectors) - 1, SAMPLE).long()
        queries = self.vectors[rows.to(self.vectors.device)].float()
        exact = np.stack([torch.topk(self._all(query), 10).indices.cpu().numpy() for query in queries])
        keys = self._index.search(queries.cpu().numpy(), 10).keys.astype(np.int64)
        recall = float(np.mean([len(np.intersect1d(a, b)) / 10 for a, b in zip(exact, keys, strict=True)]))
        logger.info("search index of %s items: recall of the 10 nearest %.3f", f"{len(self.vectors):,}", recall)
        return recall


def _is_installed(limit: int) -> bool:
    found = importlib.util.find_spec("usearch") is not None
    if not found:
        logger.warning(
            "more than %s items (search_exact_limit): every search compares all of them; "
            'pip install "kgrec[ann]" for an index',
            f"{limit:,}",
        )
    return found


def _make_index(vectors: np.ndarray) -> Any:
    from usearch.index import Index

    index = Index(ndim=vectors.shape[1], metric="cos", dtype="f16", expansion_search=FOUND)
    index.add(np.arange(len(vectors), dtype=np.uint64), vectors)
    return index
