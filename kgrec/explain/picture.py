"""An explanation as a small graph, and as a picture of it."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import TYPE_CHECKING, Any, cast

import polars as pl

from kgrec.graph.build import EVENT_RELATIONS, PRODUCT, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph

if TYPE_CHECKING:
    from kgrec.explain.explanation import Explanation
    from kgrec.graph.drawing import Drawing
    from kgrec.graph.drawing.picture import Theme

MOST_NODES = 200


def explanation_graph(explanation: Explanation) -> KnowledgeGraph:
    """The user, what the user did with the items that counted, and the paths, as far as they are named."""
    nodes: defaultdict[str, dict[str, dict[str, Any]]] = defaultdict(dict)
    edges: defaultdict[EdgeType, set[tuple[str, str]]] = defaultdict(set)
    nodes[USER][explanation.user_id] = {}
    nodes[PRODUCT][explanation.item_id] = {"title": explanation.title}
    did = {path.from_id: path.event for path in explanation.paths}
    for path in explanation.paths:
        nodes[PRODUCT][path.from_id] = {"title": path.from_name}
        for step in path.steps:
            nodes[step.label].setdefault(step.id, {"title" if step.label == PRODUCT else "name": step.name})
        for head, rel_type, tail in path.edges:
            edges[head[0], rel_type, tail[0]].add((head[1], tail[1]))
    for one in explanation.influences:
        nodes[PRODUCT].setdefault(one.item_id, {"title": one.title})["share"] = one.share
        did[one.item_id] = one.event
    for item_id, event in did.items():
        edges[USER, EVENT_RELATIONS[event], PRODUCT].add((explanation.user_id, item_id))
    tables = {
        label: pl.DataFrame([{ID: own, **properties} for own, properties in rows.items()], infer_schema_length=None)
        for label, rows in nodes.items()
    }
    pairs = {key: pl.DataFrame(sorted(rows), schema=[HEAD_ID, TAIL_ID], orient="row") for key, rows in edges.items()}
    return KnowledgeGraph(tables, pairs)


def draw_explanation(explanation: Explanation, path: str | os.PathLike[str], theme: str) -> Drawing:
    """Write the picture; see `Explanation.draw`."""
    from kgrec.graph.drawing import draw  # brings the database driver

    return draw(
        explanation_graph(explanation),
        [(USER, explanation.user_id), (PRODUCT, explanation.item_id)],
        path,
        hops=3,
        max_nodes=MOST_NODES,
        title=f"Why '{explanation.title}' for {explanation.user_id}: {explanation.reason}",
        theme=cast("Theme", theme),
    )
