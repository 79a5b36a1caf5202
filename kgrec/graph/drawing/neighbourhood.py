"""The part of a graph that a picture shows: some nodes, what is near them, and how much had to be left out."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import polars as pl

from kgrec.errors import GraphError, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store import GraphStore

NodeKey = tuple[str, str]  # (label, id)
EdgeKey = tuple[NodeKey, str, NodeKey]  # head, REL_TYPE, tail


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the picture; `hops` is how far it is from the nearest centre."""

    label: str
    id: str
    hops: int
    properties: Mapping[str, Any]

    @property
    def name(self) -> str:
        """What people call it: its title, its name (with a value: `colour: red`), else its id."""
        title, name, value = (self.properties.get(key) for key in ("title", "name", "value"))
        if title or name:
            return str(title) if title else f"{name}: {value}" if value not in (None, "") else str(name)
        return self.id


@dataclass(frozen=True, slots=True)
class Edge:
    """All relations from one node of the picture to another, by name; `head` and `tail` are places in its nodes."""

    head: int
    tail: int
    rel_types: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """The nodes of a picture, the nearest first, the edges between them, and how many nodes did not fit in."""

    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]
    left_out: int

    @property
    def size(self) -> str:
        """How much there is, and how much was left out, in words."""
        return describe_size(len(self.nodes), len(self.edges), self.left_out)


class Source(Protocol):
    """Where nodes and edges are looked up."""

    def edges_of(self, keys: Iterable[NodeKey]) -> set[EdgeKey]:
        """Every edge that has one of the nodes as its head or tail."""

    def properties_of(self, keys: Iterable[NodeKey]) -> dict[NodeKey, dict[str, Any]]:
        """The properties of the nodes that there are, without `id`."""


@dataclass(frozen=True, slots=True)
class GraphSource:
    """A graph in memory."""

    graph: KnowledgeGraph

    def edges_of(self, keys: Iterable[NodeKey]) -> set[EdgeKey]:
        ids = _by_label(keys)
        found: set[EdgeKey] = set()
        for (head, rel_type, tail), frame in self.graph.edges.items():
            touches = pl.col(HEAD_ID).is_in(ids[head]) | pl.col(TAIL_ID).is_in(ids[tail])
            rows = frame.filter(touches).select(HEAD_ID, TAIL_ID).iter_rows()
            found |= {((head, head_id), rel_type, (tail, tail_id)) for head_id, tail_id in rows}
        return found

    def properties_of(self, keys: Iterable[NodeKey]) -> dict[NodeKey, dict[str, Any]]:
        found = {}
        for label, ids in _by_label(keys).items():
            if label in self.graph.nodes:
                rows = self.graph.nodes[label].filter(pl.col(ID).is_in(ids)).iter_rows(named=True)
                found.update({(label, row.pop(ID)): row for row in rows})
        return found


@dataclass(frozen=True, slots=True)
class StoreSource:
    """A graph in a store, asked for what the picture needs and no more."""

    store: GraphStore

    def edges_of(self, keys: Iterable[NodeKey]) -> set[EdgeKey]:
        found: set[EdgeKey] = set()
        for label, ids in _by_label(keys).items():
            for arrow, forward in (("-[r]->", True), ("<-[r]-", False)):
                cypher = (
                    f"UNWIND $ids AS id MATCH (n:{quote(label)} {{id: id}}){arrow}(m) WHERE m.id IS NOT NULL "
                    "RETURN id, type(r) AS rel_type, labels(m)[0] AS label, m.id AS other"
                )
                for own, rel_type, other, other_id in self.store.query(cypher, {"ids": ids}).iter_rows():
                    ends = (label, own), (other, str(other_id))
                    found.add((ends[0], rel_type, ends[1]) if forward else (ends[1], rel_type, ends[0]))
        return found

    def properties_of(self, keys: Iterable[NodeKey]) -> dict[NodeKey, dict[str, Any]]:
        found = {}
        for label, ids in _by_label(keys).items():
            cypher = f"UNWIND $ids AS id MATCH (n:{quote(label)} {{id: id}}) RETURN id, properties(n) AS properties"
            for own, values in self.store.query(cypher, {"ids": ids}).iter_rows():
                # values of one name that share no type come as JSON text
                row = json.loads(values) if isinstance(values, str) else values
                found[label, own] = {name: value for name, value in sorted(row.items()) if name != ID}
        return found


def find_neighbourhood(source: Source, centers: Sequence[NodeKey], hops: int, max_nodes: int) -> Neighbourhood:
    """Everything within `hops` edges of a centre, cut to `max_nodes`.

    Raises
    ------
    GraphError
        Listing the centres that are no nodes of the graph.
    """
    known = source.properties_of(centers)
    lost = [f"there is no {label} {own!r}" for label, own in centers if (label, own) not in known]
    raise_faults(GraphError, "center of the picture", lost)
    distance = dict.fromkeys(centers, 0)
    edges: set[EdgeKey] = set()
    frontier = list(centers)
    for hop in range(1, hops + 1):
        edges |= source.edges_of(frontier)
        frontier = sorted({end for head, _, tail in edges for end in (head, tail)} - distance.keys())
        distance.update(dict.fromkeys(frontier, hop))
    kept = _nearest(distance, edges)[:max_nodes]
    properties = source.properties_of(kept)
    nodes = tuple(Node(*key, distance[key], _shown(properties.get(key, {}))) for key in kept)
    return Neighbourhood(nodes, tuple(_edges_among(kept, source.edges_of(kept))), len(distance) - len(kept))


def _nearest(distance: Mapping[NodeKey, int], edges: Iterable[EdgeKey]) -> list[NodeKey]:
    """Nodes by hops; within a hop the labels take turns, each with its most tightly linked nodes first.

    A node is tightly linked when it has many links to nearer nodes, and to ones that few others link to.

    Source: Adamic & Adar 2003, the measure sum(1 / log(degree)). Differs: log(1 + degree), defined for degree 1.
    """
    degree = Counter(end for head, _, tail in edges for end in (head, tail))
    tightness: dict[NodeKey, float] = defaultdict(float)
    for head, _, tail in sorted(edges):  # in one order, as float sums depend on it
        for near, far in ((head, tail), (tail, head)):
            if distance[near] < distance[far]:
                tightness[far] += 1.0 / math.log(1.0 + degree[near])
    turn: Counter[tuple[int, str]] = Counter()
    order = []
    for key in sorted(distance, key=lambda key: (distance[key], -tightness[key], key)):
        group = (distance[key], key[0])
        order.append((distance[key], turn[group], key))
        turn[group] += 1
    return [key for _, _, key in sorted(order)]


def _edges_among(kept: Sequence[NodeKey], edges: Iterable[EdgeKey]) -> Iterator[Edge]:
    place = {key: index for index, key in enumerate(kept)}
    names: dict[tuple[int, int], set[str]] = defaultdict(set)
    for head, rel_type, tail in edges:
        if head in place and tail in place:
            names[place[head], place[tail]].add(rel_type)
    for (head_place, tail_place), rel_types in sorted(names.items()):
        yield Edge(head_place, tail_place, tuple(sorted(rel_types)))


def _by_label(keys: Iterable[NodeKey]) -> defaultdict[str, list[str]]:
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for label, own in sorted(keys):
        ids[label].append(own)
    return ids


def _shown(properties: Mapping[str, Any]) -> dict[str, Any]:
    """What a person reads: no missing values, and no vectors."""
    return {
        name: value
        for name, value in properties.items()
        if value is not None and not (isinstance(value, list) and value and isinstance(value[0], float))
    }


def describe_size(num_nodes: int, num_edges: int, left_out: int) -> str:
    """Counts, and what was left out, as one line of text.

    >>> describe_size(60, 96, 226)
    '60 nodes, 96 edges (226 more nodes left out)'
    """
    text = f"{num_nodes:,} nodes, {num_edges:,} edges"
    return f"{text} ({left_out:,} more nodes left out)" if left_out else text
