"""The counts behind a quality report, each a table. Users and their events are counted and otherwise left out."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
from scipy.sparse import csgraph, csr_matrix

from kgrec.graph.build import PRODUCT, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.quality.relations import NamedEdges, named_relations
from kgrec.graph.schema.types import GraphSchema


def node_degrees(graph: KnowledgeGraph) -> dict[str, np.ndarray]:
    """How many edges each node has, by label; the edges of users count for users alone."""
    degrees = {label: np.zeros(frame.height, dtype=np.int64) for label, frame in graph.nodes.items()}
    for edge_type in graph.edges:
        labels = (edge_type[0], edge_type[2])
        for label, rows in zip(labels, graph.edge_index(edge_type), strict=True):
            if USER not in labels or label == USER:
                degrees[label] += np.bincount(rows, minlength=degrees[label].size)
    return degrees


def count_nodes(graph: KnowledgeGraph, degrees: dict[str, np.ndarray]) -> pl.DataFrame:
    """One row per label: `label, nodes, without_edges`."""
    rows = [(label, frame.height, int((degrees[label] == 0).sum())) for label, frame in graph.nodes.items()]
    return pl.DataFrame(rows, schema={"label": pl.String, "nodes": pl.Int64, "without_edges": pl.Int64}, orient="row")


def count_missing(graph: KnowledgeGraph, schema: GraphSchema) -> pl.DataFrame:
    """One row per label and property: `label, property, declared, missing, share`; the schema's properties first.

    Null, NaN, blank text and an empty list are missing.
    """
    rows = []
    for label, frame in graph.nodes.items():
        declared = list(schema.labels[label].properties) if label in schema.labels else []
        for name in [*declared, *(name for name in frame.columns if name != ID and name not in declared)]:
            missing = int(is_missing(frame[name]).sum()) if name in frame.columns else frame.height
            rows.append((label, name, name in declared, missing, missing / frame.height))
    types = {"label": pl.String, "property": pl.String, "declared": pl.Boolean, "missing": pl.Int64}
    return pl.DataFrame(rows, schema={**types, "share": pl.Float64}, orient="row")


def is_missing(values: pl.Series) -> pl.Series:
    """Which values say nothing."""
    values = values.alias("values")  # a name may be a pattern
    match values.dtype:
        case pl.String():
            empty = values.str.strip_chars() == ""
        case pl.Float64():
            empty = values.is_nan()
        case pl.List():
            empty = values.list.len() == 0
        case _:
            return values.is_null()
    return values.is_null() | empty.fill_null(value=False)


_RELATION = {
    "relation": pl.String,
    "ends": pl.String,
    "head_label": pl.String,
    "tail_label": pl.String,
    "edges": pl.Int64,
    "heads": pl.Int64,
    "head_share": pl.Float64,
    "tails": pl.Int64,
    "median": pl.Float64,
    "most": pl.Int64,
    "gini": pl.Float64,
    "dead_ends": pl.Float64,
    "top_tail": pl.String,
    "top_share": pl.Float64,
    "loops": pl.Int64,
}


def count_relations(graph: KnowledgeGraph, degrees: dict[str, np.ndarray]) -> pl.DataFrame:
    """One row per relation, and per attribute.

    Returns
    -------
    DataFrame: relation, ends, head_label, tail_label, edges; heads (how many nodes have such an edge) and head_share
    (of all nodes of the label); tails; of the heads per tail the median, most and gini (0: all tails alike, towards 1:
    one has all); dead_ends (share of the tails that have no edge but this one); top_tail and top_share (of all nodes of
    the head's label); loops (edges from a node to itself).
    """
    degree = {label: frame.select(ID, pl.Series("degree", degrees[label])) for label, frame in graph.nodes.items()}
    rows = [_relation_row(relation, graph, degree) for relation in named_relations(graph)]
    return pl.DataFrame(rows, schema=_RELATION)


def _relation_row(relation: NamedEdges, graph: KnowledgeGraph, degree: dict[str, pl.DataFrame]) -> dict[str, Any]:
    head_label, _, tail_label = relation.edge_type
    edges = relation.edges
    per_tail = edges.group_by(TAIL_ID).len().sort("len", TAIL_ID, descending=[True, False])
    counts = per_tail["len"].cast(pl.Int64).to_numpy()
    tails = per_tail.join(degree[tail_label], left_on=TAIL_ID, right_on=ID)
    heads, num_heads = edges[HEAD_ID].n_unique(), graph.nodes[head_label].height
    loops = edges.filter(pl.col(HEAD_ID) == pl.col(TAIL_ID)).height if head_label == tail_label else 0
    return {
        "relation": relation.name,
        "ends": relation.ends,
        "head_label": head_label,
        "tail_label": tail_label,
        "edges": edges.height,
        "heads": heads,
        "head_share": heads / num_heads,
        "tails": counts.size,
        "median": float(np.median(counts)),
        "most": int(counts[0]),
        "gini": gini(counts),
        "dead_ends": tails.filter(pl.col("degree") == 1).height / counts.size,
        "top_tail": per_tail[TAIL_ID][0],
        "top_share": int(counts[0]) / num_heads,
        "loops": loops,
    }


def gini(counts: np.ndarray) -> float:
    """How unevenly a total is shared out: 0 when all have the same, 1 - 1/n when one of n has all.

    >>> gini(np.array([2, 2, 2])), gini(np.array([0, 0, 4, 0]))
    (0.0, 0.75)
    """
    ordered = np.sort(counts).astype(np.float64)
    place = np.arange(1, ordered.size + 1)
    value = 2 * (place * ordered).sum() / (ordered.size * ordered.sum()) - (ordered.size + 1) / ordered.size
    return float(max(value, 0.0))


def count_parts(graph: KnowledgeGraph) -> pl.DataFrame:
    """The weakly connected parts, the largest first: `nodes, products, first_id` (an id of it, to look it up)."""
    labels = [label for label in graph.nodes if label != USER]
    sizes = [graph.nodes[label].height for label in labels]
    start = dict(zip(labels, np.concatenate([[0], np.cumsum(sizes)[:-1]]).tolist() if labels else [], strict=True))
    edge_types = [edge_type for edge_type in graph.edges if USER not in edge_type[::2]]
    offsets = [np.array([[start[head]], [start[tail]]]) for head, _, tail in edge_types]
    ends = [graph.edge_index(edge_type) + offset for edge_type, offset in zip(edge_types, offsets, strict=True)]
    rows, columns = np.concatenate(ends, axis=1) if ends else np.zeros((2, 0), dtype=np.int64)
    matrix = csr_matrix((np.ones(rows.size, dtype=np.int8), (rows, columns)), shape=(sum(sizes), sum(sizes)))
    part = csgraph.connected_components(matrix, directed=False)[1] if sizes else []
    nodes = pl.DataFrame(
        {
            "part": np.asarray(part, dtype=np.int64),
            "id": pl.concat([graph.nodes[label][ID] for label in labels]) if labels else pl.Series([], dtype=pl.String),
            "product": np.repeat([label == PRODUCT for label in labels], sizes).astype(np.bool_),
        }
    )
    grouped = nodes.group_by("part").agg(
        pl.len().cast(pl.Int64).alias("nodes"),
        pl.col("product").sum().cast(pl.Int64).alias("products"),
        pl.col("id").sort_by(~pl.col("product"), "id").first().alias("first_id"),
    )
    return grouped.sort("nodes", "products", "first_id", descending=[True, True, False]).drop("part")
