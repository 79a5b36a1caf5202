"""What in the measures deserves a look: each finding with its severity, place, count, examples and advice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from kgrec.graph.build import ENTITY, PRODUCT, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, KnowledgeGraph
from kgrec.graph.quality.measures import is_missing
from kgrec.graph.schema.types import GraphSchema

Severity = Literal["warning", "info"]
EXAMPLES = 5
MANY_MISSING = 0.2  # share of the nodes without a property or relation that makes it a warning
WELL_CONNECTED = 0.9  # least share of the products in the largest part
NEARLY_ALL = 0.9  # a value of so many products tells none apart; so many dead ends link nothing
LEAST_TAILS = 20  # to call a relation unique for each product
UNEVEN = 0.9  # Gini
ID_SHAPE_SHARE = 0.05  # of the products: ids of a rarer shape say nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing to look at; `count` says how many nodes, edges or groups it is about."""

    severity: Severity
    check: str
    where: str
    count: int
    examples: tuple[str, ...] = ()
    advice: str


def missing_properties(graph: KnowledgeGraph, table: pl.DataFrame) -> Iterator[Finding]:
    """Properties of the schema that nodes lack; those that no node of a label has are one finding."""
    lacked = table.filter(pl.col("declared") & (pl.col("missing") > 0))
    for row in lacked.filter(pl.col("share") < 1).iter_rows(named=True):
        frame = graph.nodes[row["label"]]
        yield Finding(
            severity="info" if row["share"] <= MANY_MISSING else "warning",
            check="missing property",
            where=f"{row['label']}.{row['property']}",
            count=row["missing"],
            examples=_first(frame[ID].filter(is_missing(frame[row["property"]]))),
            advice=f"{row['share']:.1%} of the nodes lack it; fill it in at the source",
        )
    for (label,), rows in lacked.filter(pl.col("share") == 1).partition_by("label", as_dict=True).items():
        yield Finding(
            severity="info",
            check="unused property",
            where=str(label),
            count=rows.height,
            examples=_first(rows["property"]),
            advice="no node has one of these",
        )


def missing_relations(graph: KnowledgeGraph, schema: GraphSchema) -> Iterator[Finding]:
    """Relations of the schema, from products to something else, that products lack."""
    products = graph.nodes.get(PRODUCT)
    if products is None:
        return
    for relation in schema.relations.values():
        if relation.head != PRODUCT or relation.tail in (PRODUCT, USER):
            continue
        edges = graph.edges.get((PRODUCT, relation.name, relation.tail))
        linked = pl.Series([], dtype=pl.String) if edges is None else edges[HEAD_ID].unique()
        lacking = products[ID].filter(~products[ID].is_in(linked.implode()))
        share = lacking.len() / products.height
        if lacking.len():
            yield Finding(
                severity="warning" if edges is not None and share > MANY_MISSING else "info",
                check="missing relation",
                where=f"{PRODUCT} without {relation.name}",
                count=lacking.len(),
                examples=() if edges is None else _first(lacking),
                advice="no product has one" if edges is None else f"{share:.1%} of the products lack it",
            )


def lone_nodes(graph: KnowledgeGraph, degrees: dict[str, np.ndarray]) -> Iterator[Finding]:
    """Nodes without any edge."""
    for label, frame in graph.nodes.items():
        alone = frame[ID].filter(pl.Series(degrees[label] == 0))
        if alone.len():
            advice = (
                "the graph says nothing about them" if label == PRODUCT else "left over from an earlier load? Prune"
            )
            yield Finding(
                severity="warning",
                check="no edge",
                where=label,
                count=alone.len(),
                examples=_first(alone),
                advice=advice,
            )


def dangling_ends(graph: KnowledgeGraph) -> Iterator[Finding]:
    """Entities that look like products which the catalogue lacks.

    A relation that joins products, and whose other ends are entities with ids of the products' shape (length and kinds
    of characters), most likely names products that are gone.
    """
    products, entities = graph.nodes.get(PRODUCT), graph.nodes.get(ENTITY)
    if products is None or entities is None:
        return
    shapes = products.select(_id_shape(pl.col(ID)).alias("shape")).group_by("shape").len()
    usual = shapes.filter(pl.col("len") >= ID_SHAPE_SHARE * products.height)["shape"]
    alike = entities[ID].filter(entities.select(_id_shape(pl.col(ID)).is_in(usual.implode())).to_series())
    for rel_type in sorted({rel_type for head, rel_type, tail in graph.edges if head == tail == PRODUCT}):
        found = []
        for (head, name, tail), edges in graph.edges.items():
            if name == rel_type and ENTITY in (head, tail):
                ends = [edges[f"{end}_id"] for end, label in (("head", head), ("tail", tail)) if label == ENTITY]
                found += [end.filter(end.is_in(alike.implode())) for end in ends]
        lost = pl.concat(found) if found else alike.clear()
        if lost.len():
            yield Finding(
                severity="warning",
                check="dangling end",
                where=f"{rel_type} to Entity",
                count=lost.len(),
                examples=_first(lost.unique().sort()),
                advice=f"{lost.n_unique():,} ids look like products that the catalogue lacks; add them or drop these",
            )


def _id_shape(ids: pl.Expr) -> pl.Expr:
    kinds = [ids.str.contains(pattern).cast(pl.Int8).cast(pl.String) for pattern in (r"\p{L}", r"\d", r"[^\p{L}\d]")]
    return pl.concat_str([ids.str.len_chars().cast(pl.String), *kinds], separator=":")


def duplicate_nodes(duplicates: pl.DataFrame) -> Iterator[Finding]:
    """Nodes that are probably one and the same."""
    for (label,), groups in duplicates.partition_by("label", as_dict=True, maintain_order=True).items():
        advice = (
            "same title and brand: variants, or listed twice"
            if label == PRODUCT
            else "the same name but for case, accents, spaces or punctuation; write it one way"
        )
        yield Finding(
            severity="info" if label == PRODUCT else "warning",
            check="duplicate",
            where=str(label),
            count=groups.height,
            examples=tuple(" = ".join(repr(one) for one in ids[:3]) for ids in groups["ids"].head(EXAMPLES)),
            advice=advice,
        )


def separate_parts(parts: pl.DataFrame) -> Iterator[Finding]:
    """Groups of nodes that no path joins to the largest part (nodes without any edge are found elsewhere)."""
    others = parts.filter(pl.col("nodes") > 1)[1:]
    if others.height:
        inside, outside, total = parts["products"][0], int(others["products"].sum()), int(parts["products"].sum())
        share = inside / max(total, 1)
        yield Finding(
            severity="info" if share >= WELL_CONNECTED else "warning",
            check="separate parts",
            where="beside the largest",
            count=others.height,
            examples=_first(others["first_id"]),
            advice=f"{outside:,} of {total:,} products are in them, without a path to the {inside:,} of the largest",
        )


def skewed_relations(relations: pl.DataFrame) -> Iterator[Finding]:
    """Relations that say nothing: a tail of nearly all heads, tails of one head only, edges from a node to itself."""
    for row in relations.iter_rows(named=True):
        where = f"{row['relation']} ({row['ends']})"
        if row["loops"]:
            advice = "edges from a node to itself say nothing; drop them"
            yield Finding(severity="warning", check="self loop", where=where, count=row["loops"], advice=advice)
        if row["head_label"] != PRODUCT or row["tail_label"] in (PRODUCT, USER):
            continue
        top = (str(row["top_tail"]),)
        if row["top_share"] >= NEARLY_ALL:
            advice = f"{row['top_share']:.1%} of the products have this one: it tells none apart"
            yield Finding(
                severity="warning", check="says nothing", where=where, count=row["most"], examples=top, advice=advice
            )
        elif row["tails"] >= LEAST_TAILS and row["dead_ends"] >= NEARLY_ALL:
            advice = (
                f"{row['dead_ends']:.1%} of its {row['tails']:,} tails have one product and no other edge: no links"
            )
            count = round(row["dead_ends"] * row["tails"])
            yield Finding(severity="warning", check="nearly unique", where=where, count=count, advice=advice)
        elif row["tails"] >= LEAST_TAILS and row["gini"] >= UNEVEN:
            advice = f"few of its {row['tails']:,} tails hold nearly all edges (Gini {row['gini']:.2f})"
            yield Finding(
                severity="info", check="very uneven", where=where, count=row["most"], examples=top, advice=advice
            )


def _first(ids: Iterable[object]) -> tuple[str, ...]:
    return tuple(str(value) for value, _ in zip(ids, range(EXAMPLES), strict=False))
