"""Which (user, item) pairs a relation of the graph joins: by one edge between products, or over one shared node."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import sparse

from kgrec.data import columns as c
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import HEAD_ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.quality.relations import named_relations

LinkKind = Literal["direct", "shared", "event"]
_REDRAWS = 5  # tries to draw an item that the user does not have before a wider group is taken


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """(user, item) pairs, and what each user had before.

    Parameters
    ----------
    users : polars.DataFrame
        Columns `user_id, user_index`.
    user_index, item_index : arrays of int64, shape (num_pairs,)
    histories : CSR matrix of 0 and 1, shape (num_users, num_items)
    """

    users: pl.DataFrame
    user_index: np.ndarray
    item_index: np.ndarray
    histories: Any

    def __len__(self) -> int:
        return len(self.item_index)

    def has(self, pair_index: np.ndarray, item_index: np.ndarray) -> np.ndarray:
        """Whether the users of some pairs already had the items given instead, shape (num_given,), bool."""
        if not pair_index.size:  # scipy gives a sparse matrix then
            return np.zeros(0, dtype=np.bool_)
        return _dense(self.histories[self.user_index[pair_index], item_index]) > 0


@dataclass(frozen=True, slots=True, eq=False)
class Links:
    """One relation as a matrix: row i holds the nodes next to item i.

    Parameters
    ----------
    relation : str
        Its name; an attribute's is `HAS_ATTRIBUTE color`.
    ends : str
        `Product-Product`, `Product-Brand`, `Entity-Product`, ...
    kind : "direct", "shared" or "event"
        The columns of `matrix` are the items, the nodes that products share, or the users.
    num_edges : int
    matrix : CSR matrix of 0 and 1, shape (num_items, num_nodes)
    """

    relation: str
    ends: str
    kind: LinkKind
    num_edges: int
    matrix: Any

    def reach(self, pairs: Pairs) -> Any:
        """The nodes that make an item linked to each user: CSR, shape (num_users, num_nodes)."""
        match self.kind:
            case "direct":
                return pairs.histories
            case "shared":
                return pairs.histories @ self.matrix
            case "event":
                return sparse.identity(pairs.users.height, format="csr")

    def linked(self, reach: Any, user_index: np.ndarray, item_index: np.ndarray) -> np.ndarray:
        """Whether each item is linked to its user's history, shape (num_pairs,), bool."""
        return _dense(self.matrix[item_index].multiply(reach[user_index]).sum(axis=1)) > 0


def pairs_of(wanted: pl.DataFrame, history: pl.DataFrame, item_ids: pl.Series) -> Pairs:
    """The distinct pairs of `wanted` whose user has a history without that item; both frames hold user and item ids."""
    pair = [c.USER_ID, c.ITEM_ID]
    asked = wanted.select(pair).unique(maintain_order=True).join(history.select(pair), on=pair, how="anti")
    asked = asked.join(history.select(c.USER_ID), on=c.USER_ID, how="semi", maintain_order="left")
    users = asked.select(pl.col(c.USER_ID).unique(maintain_order=True)).with_row_index("user_index")
    known = history.join(users, on=c.USER_ID, how="semi")
    user_index = rows_of(known[c.USER_ID], users[c.USER_ID])
    histories = matrix_of(user_index, rows_of(known[c.ITEM_ID], item_ids), (users.height, item_ids.len()))
    return Pairs(users, rows_of(asked[c.USER_ID], users[c.USER_ID]), rows_of(asked[c.ITEM_ID], item_ids), histories)


def product_links(graph: KnowledgeGraph, item_ids: pl.Series, user_ids: pl.Series) -> Iterator[Links]:
    """Every relation with a product at one end or both, in the order of their names; attributes one by one."""
    for relation in named_relations(graph):
        (head, _, tail), edges = relation.edge_type, relation.edges
        name, ends = relation.name, relation.ends
        if head == tail == PRODUCT:
            one, other = rows_of(edges[HEAD_ID], item_ids), rows_of(edges[TAIL_ID], item_ids)
            kept = (one >= 0) & (other >= 0) & (one != other)
            both = np.concatenate([one[kept], other[kept]]), np.concatenate([other[kept], one[kept]])
            yield Links(name, ends, "direct", edges.height, matrix_of(*both, (item_ids.len(), item_ids.len())))
        elif PRODUCT in (head, tail):
            product, shared = (HEAD_ID, TAIL_ID) if head == PRODUCT else (TAIL_ID, HEAD_ID)
            kind: LinkKind = "event" if relation.is_event else "shared"
            node_ids = user_ids if kind == "event" else edges[shared].unique()
            one, other = rows_of(edges[product], item_ids), rows_of(edges[shared], node_ids)
            kept = (one >= 0) & (other >= 0)
            yield Links(
                name, ends, kind, edges.height, matrix_of(one[kept], other[kept], (item_ids.len(), node_ids.len()))
            )


class AlikeItems:
    """Draws, for a held-out item, another of the same brand and category that is about as popular.

    Parameters
    ----------
    items : polars.DataFrame
        The catalogue.
    item_index : array of int64
        The items of the train interactions; how often each occurs is its popularity.
    """

    def __init__(self, items: pl.DataFrame, item_index: np.ndarray) -> None:
        # half an interaction for items without any, so that they can be drawn
        self._weight = np.bincount(item_index, minlength=items.height) + 0.5
        columns: list[list[str]] = [[c.BRAND, c.CATEGORY], [c.CATEGORY], []]
        self._groups = [_group_index(items, names) for names in columns]

    def draw(self, pairs: Pairs, generator: np.random.Generator) -> np.ndarray:
        """One item for each pair: not its own, and none that its user has; -1 where there is none.

        The narrowest group that has such an item is taken: brand and category, category, the whole catalogue.
        """
        drawn = np.full(len(pairs), -1, dtype=np.int64)
        for group in self._groups:
            order = np.argsort(group, kind="stable")
            upto = np.concatenate([[0.0], np.cumsum(self._weight[order])])
            last = np.cumsum(np.bincount(group))
            first = np.concatenate([[0], last[:-1]])
            for _ in range(_REDRAWS):
                todo = np.flatnonzero(drawn < 0)
                own = group[pairs.item_index[todo]]
                low, high = upto[first[own]], upto[last[own]]
                place = np.searchsorted(upto, low + generator.random(todo.size) * (high - low), side="right") - 1
                item = order[np.clip(place, first[own], last[own] - 1)]
                fits = (item != pairs.item_index[todo]) & ~pairs.has(todo, item)
                drawn[todo[fits]] = item[fits]
        return drawn


def _group_index(items: pl.DataFrame, columns: list[str]) -> np.ndarray:
    if not columns:
        return np.zeros(items.height, dtype=np.int64)
    rank = items.select(pl.struct(columns).rank("dense")).to_series()
    return rank.to_numpy().astype(np.int64) - 1


def rows_of(ids: pl.Series, table: pl.Series) -> np.ndarray:
    """The row in `table` of each id, -1 where there is none; int64, shape (num_ids,)."""
    positions = pl.DataFrame({"id": table}).with_row_index("row")
    found = pl.DataFrame({"id": ids}).join(positions, on="id", how="left", maintain_order="left")
    return found["row"].cast(pl.Int64).fill_null(-1).to_numpy().copy()  # scipy wants to write to its index arrays


def matrix_of(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, int]) -> Any:
    """A CSR matrix with 1 at each place given, however often it is."""
    matrix = sparse.csr_matrix((np.ones(rows.size, dtype=np.float32), (rows, columns)), shape=shape)
    matrix.data[:] = 1.0  # repeated places were summed up
    return matrix


def _dense(column: Any) -> np.ndarray:
    return np.asarray(column).ravel()
