"""What item vectors were made of, kept beside them: so that a part can be taken away and the score asked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from kgrec.graph.knowledge_graph import EdgeType


@dataclass(frozen=True, slots=True)
class RelationMap:
    """What the products at one end of a relation receive from the nodes at the other.

    Attributes
    ----------
    edge_type : (head label, REL_TYPE, tail label)
    forward : bool
        True: the tails are the products that receive; False: the heads.
    weight : Tensor, shape (dim, dim)
        A product's message is the mean of its neighbours' vectors times the transpose of this.
    """

    edge_type: EdgeType
    forward: bool
    weight: Tensor

    @property
    def source(self) -> str:
        """Label of the nodes that speak."""
        return self.edge_type[0 if self.forward else 2]


@dataclass(frozen=True, slots=True)
class ItemParts:
    """The last round of propagation, and the texts.

    A product's fused vector is the sum of its own, its text's and its graph embedding's, and of one message for each
    relation. With one round (the default) that is all there is; with more, the neighbours spoke with what they had
    heard in the rounds before, which stays as it was.

    Attributes
    ----------
    norm : Tensor, shape (num_items,)
        Length of each fused vector: the model keeps them at unit length.
    text : Tensor, shape (num_items, dim), or None
        What each item's text adds to its fused vector; None: no texts.
    neighbours : dict of label to Tensor, shape (num_nodes, dim)
        Vectors of the nodes that speak, in the order of the graph's node tables.
    relations : tuple of RelationMap
    """

    norm: Tensor
    text: Tensor | None
    neighbours: dict[str, Tensor]
    relations: tuple[RelationMap, ...]

    def tensors(self) -> dict[str, Tensor]:
        """All numbers, by names that `of` knows."""
        found = {"norm": self.norm} | ({} if self.text is None else {"text": self.text})
        found |= {f"neighbours.{place}": values for place, values in enumerate(self.neighbours.values())}
        return found | {f"relations.{place}": relation.weight for place, relation in enumerate(self.relations)}

    def layout(self) -> dict[str, Any]:
        """What the numbers belong to, for JSON."""
        relations = [[*relation.edge_type, relation.forward] for relation in self.relations]
        return {"neighbours": list(self.neighbours), "relations": relations}

    @classmethod
    def of(cls, layout: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> ItemParts:
        """The inverse of `layout` and `tensors`."""
        neighbours = {label: tensors[f"neighbours.{place}"] for place, label in enumerate(layout["neighbours"])}
        relations = [
            RelationMap((head, name, tail), bool(forward), tensors[f"relations.{place}"])
            for place, (head, name, tail, forward) in enumerate(layout["relations"])
        ]
        return cls(tensors["norm"], tensors.get("text"), neighbours, tuple(relations))
