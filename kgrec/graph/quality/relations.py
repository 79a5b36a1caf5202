"""The relations of a graph as people name them: an attribute's values are a relation of their own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from kgrec.graph.build import ATTRIBUTE, USER
from kgrec.graph.knowledge_graph import ID, TAIL_ID, EdgeType, KnowledgeGraph


@dataclass(frozen=True, slots=True, eq=False)
class NamedEdges:
    """The edges of one relation; `name` is its type, and `HAS_ATTRIBUTE color` for one attribute."""

    name: str
    edge_type: EdgeType
    edges: pl.DataFrame

    @property
    def ends(self) -> str:
        """The labels at its ends: `Product-Brand`."""
        return f"{self.edge_type[0]}-{self.edge_type[2]}"

    @property
    def is_event(self) -> bool:
        """Whether it joins users to what they did something with."""
        return USER in (self.edge_type[0], self.edge_type[2])


def named_relations(graph: KnowledgeGraph) -> Iterator[NamedEdges]:
    """Every relation, in the order of the edge types; those to attribute values once for each attribute."""
    for edge_type, edges in graph.edges.items():
        if edge_type[2] == ATTRIBUTE and "name" in graph.nodes[ATTRIBUTE].columns:
            names = graph.nodes[ATTRIBUTE].select(pl.col(ID).alias(TAIL_ID), pl.col("name").alias("__name__"))
            named = edges.join(names, on=TAIL_ID, maintain_order="left").sort("__name__", maintain_order=True)
            for (name,), own in named.partition_by("__name__", as_dict=True, maintain_order=True).items():
                yield NamedEdges(f"{edge_type[1]} {name}", edge_type, own.drop("__name__"))
        else:
            yield NamedEdges(edge_type[1], edge_type, edges)
