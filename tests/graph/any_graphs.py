"""Graphs of every kind for the round-trip laws: all property types, missing values, any characters anywhere."""

from __future__ import annotations

import polars as pl
from hypothesis import strategies as st

from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph

ODD = [
    "'",
    '"""',
    "\\",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\0",
    " ",
    "%00",
    "_:x",
    "@type",
    "🦊",
    "e\u0301",
    "\u2028",
    "\ufeff",
]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=6) | st.sampled_from(ODD)
NAME = TEXT.filter(bool)
WHOLE = st.integers(-(2**63), 2**63 - 1)
COLUMNS: dict[str, tuple[st.SearchStrategy[object], pl.DataType]] = {
    "text": (TEXT, pl.String()),
    "whole": (WHOLE, pl.Int64()),
    "number": (st.floats(), pl.Float64()),
    "flag": (st.booleans(), pl.Boolean()),
    "texts": (st.lists(st.none() | TEXT, max_size=3), pl.List(pl.String)),
}


@st.composite
def any_graphs(draw: st.DrawFn) -> KnowledgeGraph:
    """Up to three labels and three edge types; relations may join the same labels or others."""
    labels = draw(st.lists(NAME | st.sampled_from(["Product", "Brand"]), min_size=1, max_size=3, unique=True))
    ids = {label: draw(st.lists(TEXT, min_size=1, max_size=4, unique=True)) for label in labels}
    nodes = {label: _with_properties(draw, pl.DataFrame({"id": ids[label]})) for label in labels}
    ends = st.sampled_from(labels)
    kinds = draw(st.lists(st.tuples(ends, NAME | st.just("HAS_BRAND"), ends), max_size=3, unique=True))
    edges: dict[EdgeType, pl.DataFrame] = {}
    for head, rel_type, tail in kinds:
        pair = st.tuples(st.sampled_from(ids[head]), st.sampled_from(ids[tail]))
        pairs = draw(st.lists(pair, max_size=4, unique=True))
        table = pl.DataFrame(pairs, schema={"head_id": pl.String, "tail_id": pl.String}, orient="row")
        edges[head, rel_type, tail] = _with_properties(draw, table)
    return KnowledgeGraph(nodes, edges)


def _with_properties(draw: st.DrawFn, table: pl.DataFrame) -> pl.DataFrame:
    names = draw(st.lists(NAME | st.sampled_from(["title", "name", "*", "^.*$"]), max_size=3, unique=True))
    for name in names:
        if name in table.columns:
            continue
        values, dtype = COLUMNS[draw(st.sampled_from(sorted(COLUMNS)))]
        column = draw(st.lists(st.none() | values, min_size=table.height, max_size=table.height))
        table = table.with_columns(pl.Series(name, column, dtype=dtype))
    return table
