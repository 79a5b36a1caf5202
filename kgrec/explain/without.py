"""Item vectors as they would be without some edges of the graph, or without the item's text."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from scipy import sparse
from torch import Tensor

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.graph.networkx_graph import Node
from kgrec.models.fitted import FittedModel
from kgrec.models.item_parts import ItemParts, RelationMap, item_parts

Edge = tuple[Node, str, Node]  # head, REL_TYPE, tail


class ItemVectorsWithout:
    """Takes parts of fused vectors away; the weights stay as they were trained.

    An edge goes from the last round of propagation: the product no longer hears that neighbour, and the mean is over
    those that are left. What stays: the graph embeddings and the closed form, which are fitted to the whole graph, and
    with more than one round what the neighbours had heard before.

    Parameters
    ----------
    model : FittedModel
    """

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        if model.propagation is None:
            self.parts = ItemParts(model.vectors.source.new_ones(len(model.items)), None, {}, ())
        else:
            self.parts = item_parts(model.propagation, model.graph, model.items, model.device)
        self._ids = {label: table[ID].to_list() for label, table in model.graph.nodes.items()}
        self._rows = {label: dict(zip(ids, range(len(ids)), strict=True)) for label, ids in self._ids.items()}
        self._heard = [_heard(model.graph, relation) for relation in self.parts.relations]

    def fused(self, item: int) -> Tensor:
        """The fused vector of an item as it is, shape (dim,), not of unit length."""
        vector: Tensor = self.model.vectors.source[item] * self.parts.norm[item]
        return vector

    @torch.no_grad()
    def fused_without(self, item: int, edges: Collection[Edge] = (), *, text: bool = False) -> Tensor:
        """The fused vector of an item without some edges and, if `text`, without its text, shape (dim,)."""
        vector = self.fused(item)
        if text and self.parts.text is not None:
            vector = vector - self.parts.text[item]
        row = self._rows.get(PRODUCT, {}).get(self.model.items.ids[item])
        if row is None:
            return vector
        for relation, heard in zip(self.parts.relations, self._heard, strict=True):
            gone = self._neighbours_cut(self.model.items.ids[item], relation, edges)
            before = heard.indices[heard.indptr[row] : heard.indptr[row + 1]]
            after = before[~np.isin(before, gone)]
            if len(after) < len(before):
                change = self._mean(relation, after) - self._mean(relation, before)
                vector = vector + relation.weight @ change
        return vector

    def edges_of(self, item: int) -> list[Edge]:
        """The edges of an item that its vector hears."""
        item_id = self.model.items.ids[item]
        row = self._rows.get(PRODUCT, {}).get(item_id)
        found: dict[Edge, None] = {}
        for relation, heard in zip(self.parts.relations, self._heard, strict=True):
            for place in () if row is None else heard.indices[heard.indptr[row] : heard.indptr[row + 1]]:
                ends = (relation.source, self._ids[relation.source][place]), (PRODUCT, item_id)
                head, tail = ends if relation.forward else ends[::-1]
                found[head, relation.edge_type[1], tail] = None
        return list(found)

    def _neighbours_cut(self, item_id: str, relation: RelationMap, edges: Collection[Edge]) -> list[int]:
        """Rows of the neighbours that the item no longer hears under one relation."""
        cut = []
        for head, name, tail in edges:
            own, other = (tail, head) if relation.forward else (head, tail)
            if (head[0], name, tail[0]) == relation.edge_type and own == (PRODUCT, item_id):
                cut.append(self._rows[other[0]][other[1]])
        return cut

    def _mean(self, relation: RelationMap, rows: np.ndarray) -> Tensor:
        vectors = self.parts.neighbours[relation.source]
        return vectors[torch.from_numpy(rows.astype(np.int64))].sum(0) / max(len(rows), 1)


def _heard(graph: KnowledgeGraph, relation: RelationMap) -> sparse.csr_array:
    """Row: a product of the graph's table; columns: the nodes that it hears under a relation."""
    head, _, tail = relation.edge_type
    heads, tails = graph.edge_index(relation.edge_type)
    pairs = (tails, heads) if relation.forward else (heads, tails)
    labels = (tail, head) if relation.forward else (head, tail)
    shape = tuple(graph.nodes[label].height for label in labels)
    return sparse.csr_array((np.ones(len(heads), np.float32), pairs), shape=shape)
