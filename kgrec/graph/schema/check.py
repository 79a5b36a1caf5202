"""A KnowledgeGraph held against a schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import polars as pl

from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.schema.types import GraphSchema, PropertyType

POLARS_TYPES: Mapping[PropertyType, pl.DataType] = MappingProxyType(
    {
        "string": pl.String(),
        "integer": pl.Int64(),
        "float": pl.Float64(),
        "boolean": pl.Boolean(),
        "string_list": pl.List(pl.String),
    }
)
_KINDS = {dtype: kind for kind, dtype in POLARS_TYPES.items()}


def property_type(dtype: pl.DataType) -> PropertyType:
    """What a schema calls the type of a graph's column."""
    return _KINDS[dtype]


def schema_faults(schema: GraphSchema, graph: KnowledgeGraph) -> list[str]:
    """Every way in which a graph is not what a schema says, in the order of the graph's tables.

    Labels, relations and properties that the schema does not know; properties of another type; edges between other
    labels than the relation's ends. A property that no node has is no fault.
    """
    faults: list[str] = []
    for label, frame in graph.nodes.items():
        known_label = schema.labels.get(label)
        if known_label is None:
            faults.append(f"label {label!r} is not in the schema ({frame.height:,} nodes)")
        else:
            faults += _property_faults(label, frame.drop(ID), known_label.properties)
    for (head_label, rel_type, tail_label), frame in graph.edges.items():
        where = f"({head_label})-[{rel_type}]->({tail_label})"
        relation = schema.relations.get(rel_type)
        if relation is None:
            faults.append(f"{where}: the relation is not in the schema ({frame.height:,} edges)")
            continue
        if (relation.head, relation.tail) != (head_label, tail_label):
            expected = f"({relation.head})-[{rel_type}]->({relation.tail})"
            faults.append(f"{where}: {frame.height:,} edges with these ends; the schema has {expected}")
        faults += _property_faults(where, frame.drop(HEAD_ID, TAIL_ID), relation.properties)
    return faults


def _property_faults(where: str, frame: pl.DataFrame, known: Mapping[str, PropertyType]) -> Iterator[str]:
    for name, dtype in frame.schema.items():
        found = _KINDS[dtype]
        if name not in known:
            yield f"{where}: property {name!r} ({found}) is not in the schema"
        elif known[name] != found:
            yield f"{where}: property {name!r} holds values of type {found}; the schema has {known[name]}"
