"""A KnowledgeGraph as RDF triples."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator, Sequence
from typing import TypeAlias

import numpy as np
import polars as pl
from rdflib import RDF, XSD, BNode, Graph, Literal, URIRef

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, KnowledgeGraph
from kgrec.graph.rdf import names as n
from kgrec.graph.schema.types import GraphSchema

Resource: TypeAlias = URIRef | BNode
Triple: TypeAlias = tuple[Resource, URIRef, Resource | Literal]

_ABSOLUTE_IRI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s<>\"{}|\\^`\x00-\x20]*[/:#]")


def to_rdf(graph: KnowledgeGraph, schema: GraphSchema | None = None, *, base: str = n.DEFAULT_BASE) -> Graph:
    """The graph as RDF 1.1; `from_rdf` gives it back.

    Parameters
    ----------
    graph : KnowledgeGraph
    schema : GraphSchema, optional
        Whose RDF names are used (`schema:Product`); by default the schema kgrec ships.
    base : str
        What the IRIs of nodes begin with, followed by `{label}/{id}`. One of your own is noted in the RDF.

    Returns
    -------
    rdflib.Graph
        One resource per node, of the class of its label; one literal per property, a list of str as an RDF list; one
        triple per edge, and beside one with properties an `rdf:Statement` that has them.

    Raises
    ------
    GraphError
        If the base is no absolute IRI that ends with `/`, `:` or `#`.

    Notes
    -----
    rdflib writes floats in Turtle with six digits; `write_rdf` writes all of them.
    """
    names = n.Names(schema)
    found = Graph()
    for prefix, namespace in names.prefixes.items():
        found.bind(prefix, namespace, override=True, replace=True)
    for triple in triples(graph, names, base):
        found.add(triple)
    return found


def triples(graph: KnowledgeGraph, names: n.Names, base: str) -> Iterator[Triple]:
    """Every triple of the graph, one at a time."""
    if not _ABSOLUTE_IRI.fullmatch(base):
        raise GraphError(f"base is {base!r}, expected an absolute IRI that ends with '/', ':' or '#'")
    if base != n.DEFAULT_BASE:
        yield URIRef(base), RDF.type, URIRef(n.NODE_BASE)
    iris: dict[str, dict[str, URIRef]] = {}
    for label, table in graph.nodes.items():
        iris[label] = {node_id: URIRef(n.node_iri(base, label, node_id)) for node_id in table[ID]}
        subjects = list(iris[label].values())
        label_iri = URIRef(names.label_iri(label))
        yield from ((subject, RDF.type, label_iri) for subject in subjects)
        for name in table.columns:
            if name != ID:
                yield from _property_triples(subjects, URIRef(names.property_iri(label, name)), table[name])
    for (head_label, rel_type, tail_label), table in graph.edges.items():
        heads = [iris[head_label][node_id] for node_id in table[HEAD_ID]]
        tails = [iris[tail_label][node_id] for node_id in table[TAIL_ID]]
        relation = URIRef(names.relation_iri(rel_type))
        yield from ((head, relation, tail) for head, tail in zip(heads, tails, strict=True))
        yield from _statements(heads, relation, tails, table.drop(HEAD_ID, TAIL_ID), names)


def _property_triples(subjects: Sequence[Resource], predicate: URIRef, values: pl.Series) -> Iterator[Triple]:
    for subject, value in zip(subjects, values, strict=True):
        if value is None:
            continue
        if isinstance(value, pl.Series):
            yield from _list_triples(subject, predicate, value.to_list())
        else:
            yield subject, predicate, _literal(value)


def _statements(
    heads: Sequence[URIRef], relation: URIRef, tails: Sequence[URIRef], properties: pl.DataFrame, names: n.Names
) -> Iterator[Triple]:
    """The reified statements of the edges that have properties."""
    if not properties.width:
        return
    has_any = np.any([column.is_not_null().to_numpy() for column in properties.iter_columns()], axis=0)
    rows = np.flatnonzero(has_any).tolist()
    statements = [_blank("s", heads[row], relation, tails[row]) for row in rows]
    for row, statement in zip(rows, statements, strict=True):
        yield statement, RDF.type, RDF.Statement
        yield statement, RDF.subject, heads[row]
        yield statement, RDF.predicate, relation
        yield statement, RDF.object, tails[row]
    for name in properties.columns:
        values = properties[name].alias("values").gather(rows)  # a name may be a pattern
        yield from _property_triples(statements, URIRef(names.property_iri(None, name)), values)


def _list_triples(subject: Resource, predicate: URIRef, members: Sequence[str | None]) -> Iterator[Triple]:
    cells = [_blank("l", subject, predicate, str(place)) for place in range(len(members))]
    nodes: list[Resource] = [*cells, RDF.nil]
    yield subject, predicate, nodes[0]
    for place, member in enumerate(members):
        yield cells[place], RDF.first, URIRef(n.MISSING) if member is None else _literal(member)
        yield cells[place], RDF.rest, nodes[place + 1]


def _blank(kind: str, *parts: str) -> BNode:
    """A blank node named after its content: the same in every run, and in two graphs only where they say the same."""
    return BNode(kind + hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest())


def _literal(value: str | bool | int | float) -> Literal:
    if isinstance(value, str):
        return Literal(value)
    if isinstance(value, bool):
        return Literal("true" if value else "false", datatype=XSD.boolean, normalize=False)
    if isinstance(value, int):
        return Literal(str(value), datatype=XSD.integer, normalize=False)
    text = repr(value) if math.isfinite(value) else {"inf": "INF", "-inf": "-INF", "nan": "NaN"}[repr(value)]
    return Literal(text, datatype=XSD.double, normalize=False)
