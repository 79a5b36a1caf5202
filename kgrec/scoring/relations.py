"""What items share in the graph, relation by relation, as sparse rows: for features of pairs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.tensors.vocabulary import Vocabulary

MOST_RELATIONS = 8  # with a feature of their own, those with the most edges; the others have one together
OTHERS, LINKED = "other relations", "links"


@dataclass(frozen=True, slots=True)
class ItemRelations:
    """The neighbours of each item by relation, and the links between items.

    Attributes
    ----------
    neighbours : dict of name to csr_array of float32, shape (num_items, num_neighbours)
        1 for each neighbour. Those above a neighbour in its own hierarchy (a category's categories) count too.
    links : csr_array of float32, shape (num_items, num_items), or None
        1 where an edge joins two items.
    """

    neighbours: dict[str, sparse.csr_array]
    links: sparse.csr_array | None

    @property
    def names(self) -> list[str]:
        """One for each feature."""
        return [*self.neighbours, *([LINKED] if self.links is not None else [])]

    def shared(self, weights: sparse.csr_array, row: np.ndarray, item: np.ndarray) -> np.ndarray:
        """How much of each item's neighbours some other items have too.

        Parameters
        ----------
        weights : csr_array, shape (num_rows, num_items)
            Of the other items, a row for each set of them.
        row, item : int64, shape (num_pairs,)

        Returns
        -------
        float64, shape (num_pairs, number of names)
            For a relation the weight of the others with a neighbour, on the average of the item's neighbours (0 where
            it has none); for links the weight of those joined to the item.
        """
        found = np.zeros((len(item), len(self.names)))
        for place, rows in enumerate(self.neighbours.values()):
            total = _row_products((weights @ rows)[row], rows[item])
            found[:, place] = total / np.maximum(np.diff(rows.indptr)[item], 1)
        if self.links is not None:
            found[:, -1] = _row_products(weights[row], self.links[item])
        return found

    def of_itself(self, name: str, item: np.ndarray) -> np.ndarray:
        """What `shared` gives an item and itself alone, shape (num_pairs,)."""
        if name == LINKED:
            return np.zeros(len(item))
        counts: np.ndarray = np.diff(self.neighbours[name].indptr)[item]
        return (counts > 0).astype(np.float64)


def item_relations(graph: KnowledgeGraph, items: Vocabulary) -> ItemRelations:
    """Read them from a graph."""
    if PRODUCT not in graph.nodes:
        return ItemRelations({}, None)
    place = items.index(graph.nodes[PRODUCT][ID])  # of each product among the items, -1 for others
    found: dict[str, sparse.csr_array] = {}
    links = sparse.csr_array((len(items), len(items)), dtype=np.float32)
    for head, relation, tail in graph.edges:
        start, end = graph.edge_index((head, relation, tail))
        if head == tail == PRODUCT:
            known = (place[start] >= 0) & (place[end] >= 0)
            links = links + _matrix(place[start[known]], place[end[known]], links.shape)
        elif PRODUCT in (head, tail):
            own, other, label = (start, end, tail) if head == PRODUCT else (end, start, head)
            known = place[own] >= 0
            shape = (len(items), graph.nodes[label].height)
            rows = _binary(_matrix(place[own[known]], other[known], shape))
            found[f"{relation} {label}"] = _with_those_above(rows, graph, label)
    own_name = sorted(found, key=lambda name: -found[name].nnz)[:MOST_RELATIONS]
    others = [found[name] for name in sorted(found) if name not in own_name]
    named = {name: found[name] for name in sorted(own_name)}
    if others:
        named[OTHERS] = sparse.csr_array(sparse.hstack(others))
    return ItemRelations(named, _without_loops(links + links.T) if links.nnz else None)


def _with_those_above(rows: sparse.csr_array, graph: KnowledgeGraph, label: str) -> sparse.csr_array:
    """The rows with what stands above their nodes, where an edge among nodes of that label leads from each to one."""
    up = sparse.csr_array((rows.shape[1], rows.shape[1]), dtype=np.float32)
    for head, relation, tail in graph.edges:
        if head == tail == label:
            start, end = graph.edge_index((head, relation, tail))
            if len(np.unique(start)) == len(start):  # a hierarchy, no net
                up = up + _matrix(start, end, up.shape)
    size = -1
    while up.nnz and rows.nnz != size:
        size = rows.nnz
        rows = _binary(rows + rows @ up)
    return rows


def _matrix(row: np.ndarray, column: np.ndarray, shape: tuple[int, int]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(row), np.float32), (row, column)), shape=shape)


def _binary(rows: sparse.csr_array) -> sparse.csr_array:
    rows = sparse.csr_array(rows, copy=True)
    rows.sum_duplicates()
    rows.data[:] = 1.0
    return rows


def _without_loops(links: sparse.csr_array) -> sparse.csr_array:
    pairs = links.tocoo()
    other = pairs.row != pairs.col
    return _binary(_matrix(pairs.row[other], pairs.col[other], links.shape))


def _row_products(one: sparse.csr_array, other: sparse.csr_array) -> np.ndarray:
    """Inner products of rows with rows."""
    return np.asarray(one.multiply(other).sum(axis=1)).ravel()
