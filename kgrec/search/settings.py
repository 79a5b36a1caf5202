"""What `fit` leaves for search: the items' text vectors, the weights of the parts of a score, the query's map."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

LEXICAL, VECTORS, BRAND, CATEGORY, ATTRIBUTE, OTHER, PERSONAL = (
    "lexical",
    "vectors",
    "brand",
    "category",
    "attribute",
    "other",
    "personal",
)
FACETS = (BRAND, CATEGORY, ATTRIBUTE, OTHER)
# words and meaning alike; what was understood decides between items that are near each other
DEFAULT_WEIGHTS = {LEXICAL: 0.5, VECTORS: 0.5, BRAND: 0.1, CATEGORY: 0.1, ATTRIBUTE: 0.1, OTHER: 0.1, PERSONAL: 0.1}


@dataclass(frozen=True, slots=True)
class QueryMap:
    """A low-rank step that moves query vectors towards the items they are for: q + q @ down @ up, to unit length.

    Attributes
    ----------
    down : Tensor, shape (text_dim, rank)
    up : Tensor, shape (rank, text_dim)
    """

    down: Tensor
    up: Tensor

    def __call__(self, query_emb: Tensor) -> Tensor:
        """Map query vectors, shape (num_queries, text_dim), unit length in and out."""
        return torch.nn.functional.normalize(query_emb + query_emb @ self.down @ self.up, dim=-1)


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """What search needs beside the graph.

    Attributes
    ----------
    text : Tensor or None
        The items' text vectors, shape (num_items, text_dim), float16, unit length; None: there are no texts.
    weights : dict of str to float
        Of each part of a score.
    query_map : QueryMap or None
        Learned from queries, where that helped on others.
    """

    text: Tensor | None = None
    weights: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    query_map: QueryMap | None = None

    def tensors(self) -> dict[str, Tensor]:
        """What is to be saved as tensors."""
        found = {} if self.text is None else {"text": self.text}
        if self.query_map is not None:
            found |= {"down": self.query_map.down, "up": self.query_map.up}
        return found

    @classmethod
    def of(cls, weights: dict[str, Any], tensors: dict[str, Tensor]) -> SearchSettings:
        """The inverse of `tensors`, with the weights."""
        query_map = QueryMap(tensors["down"], tensors["up"]) if "down" in tensors else None
        return cls(tensors.get("text"), {name: float(value) for name, value in weights.items()}, query_map)
