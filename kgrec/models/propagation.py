"""What a trained fusion network leaves behind, so that nodes that come later get vectors without training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.graph.knowledge_graph import ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.types import PRODUCT
from kgrec.tensors.vocabulary import Vocabulary, places

Direction = tuple[EdgeType, bool]  # a type of edge, and whether its messages go against it, from tail to head
Rows = dict[str, np.ndarray]  # by label: whether each node of its table takes part
Places = dict[str, np.ndarray]  # by label: the row of each node of its table, -1 for none
Step = tuple[dict[int, tuple[str, str, np.ndarray]], Rows]  # of a layer: edges by direction, nodes reached


@dataclass(frozen=True, slots=True)
class PropagationLayer:
    """One round: of each direction of each relation the map of the mean of a node's neighbours, and its gate.

    Attributes
    ----------
    weight : Tensor, shape (num_directions, dim, dim)
    gate : Tensor, shape (num_directions,)
    """

    directions: tuple[Direction, ...]
    weight: Tensor
    gate: Tensor


@dataclass(frozen=True, slots=True)
class Propagation:
    """The vectors that nodes enter propagation with, and the maps that text and neighbours go through.

    `kgrec.models.fusion.FusionNetwork` computes the same in training, for all nodes and with
    gradients. Kept on the CPU.

    Attributes
    ----------
    ids : dict of label to Vocabulary
        The nodes that have a vector.
    inputs : dict of label to Tensor, shape (num_nodes, dim)
        A node's own vector, its text's and its graph embedding's, summed.
    text : Tensor, shape (dim, text_dim), or None
        Maps the vector of a text.
    said : Tensor, shape (num_products, dim), or None
        What the text of each product adds to its input.
    """

    ids: Mapping[str, Vocabulary]
    inputs: Mapping[str, Tensor]
    text: Tensor | None
    said: Tensor | None
    layers: tuple[PropagationLayer, ...]

    def missing(self, graph: KnowledgeGraph) -> dict[str, pl.Series]:
        """The ids of the graph's nodes that have no vector yet, of the labels that have vectors."""
        found = {}
        for label, known in self.ids.items():
            ids = graph.nodes[label][ID] if label in graph.nodes else pl.Series(dtype=pl.String)
            found[label] = ids.filter(pl.Series(known.index(ids) < 0))
        return {label: ids for label, ids in found.items() if len(ids)}

    def with_nodes(self, nodes: Mapping[str, tuple[pl.Series, np.ndarray]]) -> Propagation:
        """The same with more nodes, by label: their ids and the vectors of their texts, shape (num_nodes, text_dim)."""
        ids, inputs, said = dict(self.ids), dict(self.inputs), self.said
        for label, (added, vectors) in nodes.items():
            known = inputs[label]
            entering = known.new_zeros(len(added), known.shape[1])
            if self.text is not None and vectors.shape[1] == self.text.shape[1]:  # not where all texts are empty
                entering = torch.from_numpy(vectors).to(known.device) @ self.text.T
            ids[label] = Vocabulary(pl.concat([ids[label].ids, added.rename("id")]))
            inputs[label] = torch.cat([known, entering])
            if label == PRODUCT and said is not None:
                said = torch.cat([said, entering])
        return replace(self, ids=ids, inputs=inputs, said=said)

    @torch.no_grad()
    def vectors(self, graph: KnowledgeGraph, products: pl.Series) -> Tensor:
        """Vectors of some products of a graph after propagation, shape (num_products, dim); others are read as needed.

        Nodes without a vector of their own pass nothing on.
        """
        wanted = places_in(graph, PRODUCT, products)
        hidden, place = self._run(graph, wanted, len(self.layers))
        return hidden[PRODUCT][_tensor(place[PRODUCT][wanted])]

    @torch.no_grad()
    def heard(self, graph: KnowledgeGraph, products: pl.Series) -> dict[str, Tensor]:
        """The vectors that some products hear in the last round, by label, in the order of the graph's node tables.

        Each of shape (num_nodes, dim); zero for the nodes that none of the products hears.
        """
        rounds = max(len(self.layers) - 1, 0)
        hidden, place = self._run(graph, places_in(graph, PRODUCT, products), rounds)
        found = {}
        for label, vectors in hidden.items():
            known = _tensor(place[label] >= 0)
            found[label] = vectors[_tensor(np.maximum(place[label], 0))] * known[:, None]
        return found

    def _run(self, graph: KnowledgeGraph, wanted: np.ndarray, rounds: int) -> tuple[dict[str, Tensor], Places]:
        """Vectors of the nodes that the wanted products depend on after so many rounds, and the row of each node."""
        steps, needed = self._receptive_field(graph, wanted)
        hidden = {label: self._entering(graph, label, np.flatnonzero(rows)) for label, rows in needed.items()}
        place = {label: places(np.flatnonzero(rows), len(rows)) for label, rows in needed.items()}
        for layer, (edges, reached) in list(zip(self.layers, steps, strict=True))[:rounds]:
            new = {label: hidden[label][_tensor(place[label][rows])] for label, rows in _chosen(reached).items()}
            spot = {label: places(np.flatnonzero(rows), len(rows)) for label, rows in reached.items()}
            for number, (source, target, ends) in edges.items():
                columns, lines = _tensor(place[source][ends[0]]), _tensor(spot[target][ends[1]])
                count = torch.bincount(lines, minlength=len(new[target])).clamp(min=1)
                mean = torch.zeros_like(new[target]).index_add_(0, lines, hidden[source][columns]) / count[:, None]
                new[target] = new[target] + layer.gate[number] * (mean @ layer.weight[number].T)
            hidden, place = new, spot
        return hidden, place

    def _receptive_field(self, graph: KnowledgeGraph, wanted: np.ndarray) -> tuple[list[Step], Rows]:
        """For each layer the edges that count, by direction, and the nodes they reach; the nodes needed before all."""
        needed: Rows = {PRODUCT: np.zeros(graph.nodes[PRODUCT].height, dtype=bool)}
        needed[PRODUCT][wanted] = True
        steps: list[Step] = []
        for layer in reversed(self.layers):
            reached, edges = needed, {}
            needed = {label: rows.copy() for label, rows in reached.items()}
            for number, (edge_type, against) in enumerate(layer.directions):
                source, target = (edge_type[2], edge_type[0]) if against else (edge_type[0], edge_type[2])
                if edge_type not in graph.edges or target not in reached or source not in self.ids:
                    continue
                ends = graph.edge_index(edge_type)[::-1] if against else graph.edge_index(edge_type)
                ends = ends[:, reached[target][ends[1]]]
                if not ends.shape[1]:
                    continue
                edges[number] = source, target, ends
                needed.setdefault(source, np.zeros(graph.nodes[source].height, dtype=bool))[ends[0]] = True
            steps.insert(0, (edges, reached))
        return steps, needed

    def _entering(self, graph: KnowledgeGraph, label: str, rows: np.ndarray) -> Tensor:
        index = self.ids[label].index(graph.nodes[label][ID].gather(rows))
        vectors = self.inputs[label][_tensor(np.maximum(index, 0))]
        return vectors * _tensor(index >= 0)[:, None]


def places_in(graph: KnowledgeGraph, label: str, ids: pl.Series) -> np.ndarray:
    """Rows of ids in their node table, shape (num_ids,), int64; -1 where unknown."""
    return Vocabulary(graph.nodes[label][ID]).index(ids)


def _chosen(rows: Rows) -> Rows:
    return {label: np.flatnonzero(inside) for label, inside in rows.items()}


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(values))
