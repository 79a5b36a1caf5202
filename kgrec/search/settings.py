"""What `fit` leaves for search: the items' text vectors, the weights of the parts of a score, the queries' encoder."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from kgrec.encoders.adapter import Adapter

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
class SearchSettings:
    """What search needs beside the graph.

    Attributes
    ----------
    text : Tensor or None
        The items' text vectors, shape (num_items, text_dim), float16, unit length; None: there are no texts.
    weights : dict of str to float
        Of each part of a score.
    adapter : Adapter or None
        How the encoder of queries differs from that of texts: learned from queries, where that helped on others.
    """

    text: Tensor | None = None
    weights: dict[str, float] = field(default_factory=lambda: dict(DEFAULT_WEIGHTS))
    adapter: Adapter | None = None

    def tensors(self) -> dict[str, Tensor]:
        """What is to be saved as tensors."""
        found = {} if self.text is None else {"text": self.text}
        return found if self.adapter is None else found | self.adapter.tensors()

    @classmethod
    def of(cls, weights: dict[str, Any], tensors: dict[str, Tensor]) -> SearchSettings:
        """The inverse of `tensors`, with the weights."""
        named = {name: float(value) for name, value in weights.items()}
        return cls(tensors.get("text"), named, Adapter.of(tensors))
