"""Paths in the graph between what a user did and an item."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from kgrec.explain.cypher import path_statement
from kgrec.explain.without import Edge
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph, as_text
from kgrec.graph.networkx_graph import Node, cheapest_paths, search_network

MAX_HOPS = 4
HUB_COST = 0.01  # per log2(degree): among paths of one length, those over rarer nodes come first


@dataclass(frozen=True, slots=True)
class Step:
    """One edge of a path, as it is walked; `forward` when along the edge's direction."""

    rel_type: str
    forward: bool
    label: str
    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Path:
    """A path from an item of the user's history to the item explained.

    Attributes
    ----------
    event : str
        What the user did with the first item.
    drop : float
        How far the score falls without the edges of the path.
    share : float or None
        `drop` as a share of `Explanation.personal`; None where that is not above 0.
    """

    event: str
    from_id: str
    from_name: str
    steps: tuple[Step, ...]
    drop: float = 0.0
    share: float | None = None

    @property
    def nodes(self) -> list[Node]:
        """(label, id) of every node, from the item of the history on."""
        return [(PRODUCT, self.from_id), *((step.label, step.id) for step in self.steps)]

    @property
    def edges(self) -> tuple[Edge, ...]:
        """(head, REL_TYPE, tail) of every step."""
        pairs = zip(itertools.pairwise(self.nodes), self.steps, strict=True)
        return tuple(
            (begin, step.rel_type, end) if step.forward else (end, step.rel_type, begin) for (begin, end), step in pairs
        )

    @property
    def cypher(self) -> str:
        """A statement that finds the path in the store and returns it, to be pasted into Neo4j Browser."""
        return path_statement(self.nodes, [(step.rel_type, step.forward) for step in self.steps])

    @property
    def text(self) -> str:
        """The path as a line: `'A' -HAS_BRAND-> Acme <-HAS_BRAND- 'B'`."""
        words = [f"'{self.from_name}'"]
        for step in self.steps:
            arrow = f"-{step.rel_type}->" if step.forward else f"<-{step.rel_type}-"
            words += [arrow, f"'{step.name}'" if step.label == PRODUCT else step.name]
        return " ".join(words)

    @property
    def reason(self) -> str:
        """The path as a sentence."""
        did = PAST_TENSE.get(self.event, "chose")
        middle = self.steps[:-1]
        if not middle:
            relation = self.steps[0].rel_type.lower().replace("_", " ")
            return f"linked by '{relation}' to '{self.from_name}', which you {did}"
        shared = " / ".join(_say(step) for step in middle if step.label != PRODUCT)
        via = " / ".join(f"'{step.name}'" for step in middle if step.label == PRODUCT)
        parts = [f"shares {shared}" if shared else "", f"by way of {via}" if via else ""]
        return f"{', '.join(part for part in parts if part)} with '{self.from_name}', which you {did}"

    def to_dict(self) -> dict[str, Any]:
        """The path as plain values."""
        steps = [
            {"rel_type": step.rel_type, "forward": step.forward, "label": step.label, "id": step.id, "name": step.name}
            for step in self.steps
        ]
        return {
            "event": self.event,
            "from_id": self.from_id,
            "from_name": self.from_name,
            "steps": steps,
            "drop": self.drop,
            "share": self.share,
            "cypher": self.cypher,
        }


PAST_TENSE = {
    "view": "viewed",
    "click": "clicked",
    "favourite": "favourited",
    "cart": "put in the cart",
    "purchase": "bought",
    "review": "reviewed",
}
_NOUN = {"HAS_BRAND": "the brand", "IN_CATEGORY": "the category", "SUBCATEGORY_OF": "the category", "HAS_ATTRIBUTE": ""}


def _say(step: Step) -> str:
    noun = _NOUN.get(step.rel_type, step.rel_type.lower().replace("_", " "))
    return f"{noun} {step.name}".strip()


class PathFinder:
    """Finds paths in one graph; users and their edges are left out.

    Parameters
    ----------
    graph : KnowledgeGraph
    """

    def __init__(self, graph: KnowledgeGraph) -> None:
        self.network = search_network(graph, without=["User"])
        self._names = {label: _name_table(table) for label, table in graph.nodes.items()}

    def short(self, source_id: str, event: str, item_id: str) -> list[Path]:
        """Every path of one or two steps between two items, over the rarest nodes first."""
        source, target = (PRODUCT, source_id), (PRODUCT, item_id)
        if source == target or source not in self.network or target not in self.network:
            return []
        shared = set(self.network[source]) & set(self.network[target])
        middles = sorted(shared, key=lambda node: (self.network.degree[node], node))
        direct = [[source, target]] if self.network.has_edge(source, target) else []
        return [self._path(nodes, event) for nodes in [*direct, *([source, node, target] for node in middles)]]

    def cheapest(self, history: Iterable[tuple[str, str]], item_id: str) -> list[Path]:
        """The best path from each item of the history, shortest first; of one length, the rarest nodes first.

        Parameters
        ----------
        history : iterable of (item_id, event), the most important first
        item_id : str
        """
        target: Node = (PRODUCT, item_id)
        if target not in self.network:
            return []
        sources: dict[Node, tuple[str, int]] = {}
        for place, (source, event) in enumerate(history):
            if source != item_id and (PRODUCT, source) in self.network:
                sources.setdefault((PRODUCT, source), (event, place))
        cost, route = cheapest_paths(self.network, target, self._weight, max_cost=MAX_HOPS + 0.9)
        reached = [source for source in sources if source in cost]
        reached.sort(key=lambda source: (round(cost[source], 6), sources[source][1]))
        return [self._path(route[source][::-1], sources[source][0]) for source in reached]

    def _weight(self, _: Node, end: Node, __: dict[str, Any]) -> float:
        return 1.0 + HUB_COST * math.log2(1 + self.network.degree[end])

    def _path(self, nodes: Sequence[Node], event: str) -> Path:
        steps = []
        for begin, end in itertools.pairwise(nodes):
            edge = self.network.edges[begin, end]
            steps.append(Step(edge["rel_type"], edge["head"] == begin, end[0], end[1], self.name(end)))
        return Path(event, nodes[0][1], self.name(nodes[0]), tuple(steps))

    def name(self, node: Node) -> str:
        """What a person calls the node: title or name (and value), else its id."""
        return self._names[node[0]].get(node[1]) or node[1]


def _name_table(table: pl.DataFrame) -> dict[str, str]:
    columns = table.columns
    if "title" in columns:
        names = as_text(table["title"])
    elif "value" in columns and "name" in columns:
        names = as_text(table["name"]) + " " + as_text(table["value"])
    elif "name" in columns:
        names = as_text(table["name"])
    else:
        return {}
    return dict(zip(table[ID].to_list(), names.to_list(), strict=True))
