"""Nodes that are probably the same thing written in two ways."""

from __future__ import annotations

import polars as pl

from kgrec.graph.build import ATTRIBUTE, CATEGORY, HAS_BRAND, PRODUCT, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.quality.measures import is_missing

_BY_ID = (CATEGORY, ATTRIBUTE)  # their id says more than their name: the whole path, the attribute with its value
_SCHEMA = {"label": pl.String(), "key": pl.String(), "nodes": pl.Int64(), "ids": pl.List(pl.String())}


def normalised(text: pl.Expr) -> pl.Expr:
    """A name without what people write differently: case, accents, width of characters, spaces and punctuation.

    Points and spaces between digits stay marked, and so does a minus or point before a number: `1.5 l` is not `15 l`.

    >>> names = pl.DataFrame({"name": ["L'Oréal  Paris", "LOREAL PARIS", "1.5 l", "15 l", ".5", "C++", "!"]})
    >>> names.select(normalised(pl.col("name")))["name"].to_list()
    ['lorealparis', 'lorealparis', '1|5l', '15l', '|5', 'c++', None]
    """
    plain = text.str.normalize("NFKD").str.replace_all(r"[\u{0300}-\u{036F}]", "").str.normalize("NFKC")
    plain = plain.str.to_lowercase()
    for _ in range(2):  # twice: the digit between two points is taken by the first
        plain = plain.str.replace_all(r"(\d)[\p{P}\s](\d)", "${1}|${2}")
    for sign, mark in (("-", "~"), ("[.,]", "|")):
        plain = plain.str.replace_all(rf"(^|[\s=]){sign}(\d)", f"${{1}}{mark}${{2}}")
    plain = plain.str.replace_all(r"[\p{P}\p{Z}\p{C}]", "")
    return pl.when(plain != "").then(plain)


def find_duplicates(graph: KnowledgeGraph) -> pl.DataFrame:
    """Groups of nodes of one label with the same normalised name; products with the same title and brand.

    Returns
    -------
    DataFrame: label, key (what they share), nodes (how many), ids (all of them, sorted); the largest groups first.
    """
    tables = []
    for label, frame in graph.nodes.items():
        if label == USER:
            continue
        if label == PRODUCT:
            keyed = _products(graph, frame)
        else:
            name = "name" if "name" in frame.columns and label not in _BY_ID else ID
            known = frame.filter(~is_missing(frame[name])) if frame.schema[name] == pl.String else frame.clear()
            keyed = known.select(ID, normalised(pl.col(name).cast(pl.String)).alias("key"))
        groups = keyed.drop_nulls("key").group_by("key").agg(pl.col(ID).sort().alias("ids"))
        groups = groups.with_columns(pl.col("ids").list.len().cast(pl.Int64).alias("nodes")).filter(pl.col("nodes") > 1)
        groups = groups.sort("nodes", "key", descending=[True, False])
        tables.append(groups.select(pl.lit(label).alias("label"), "key", "nodes", "ids"))
    return pl.concat([pl.DataFrame(schema=_SCHEMA), *tables])


def _products(graph: KnowledgeGraph, products: pl.DataFrame) -> pl.DataFrame:
    if products.schema.get("title") != pl.String:
        return pl.DataFrame(schema={ID: pl.String, "key": pl.String})
    brands = [edges for (head, rel_type, _), edges in graph.edges.items() if (head, rel_type) == (PRODUCT, HAS_BRAND)]
    pairs = pl.concat(
        [pl.DataFrame(schema={HEAD_ID: pl.String, TAIL_ID: pl.String}), *(e.select(HEAD_ID, TAIL_ID) for e in brands)]
    )
    brand = pairs.group_by(HEAD_ID).agg(normalised(pl.col(TAIL_ID)).sort().str.join("+").alias("brand"))
    titled = products.select(ID, normalised(pl.col("title")).alias("title"))
    joined = titled.join(brand, left_on=ID, right_on=HEAD_ID, how="left", maintain_order="left")
    return joined.select(ID, (pl.col("title") + " / " + pl.col("brand").fill_null("no brand")).alias("key"))
