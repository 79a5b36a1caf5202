"""RDF triples as a KnowledgeGraph: kgrec's own back as they were, and those of others."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping

import polars as pl
from rdflib import BNode, Graph

from kgrec.errors import GraphError, list_first, raise_faults
from kgrec.graph.build import ENTITY
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.rdf import names as n
from kgrec.graph.rdf.facts import Facts, Resource, Value, blank_names, sort_facts
from kgrec.graph.rdf.literals import value_column
from kgrec.graph.schema.types import GraphSchema

Node = tuple[str, str]  # (label, id)
Values = dict[str, dict[int, list[Value]]]  # property IRI -> row -> what is said

logger = logging.getLogger(__name__)


def from_rdf(rdf_graph: Graph, schema: GraphSchema | None = None, *, language: str | None = "en") -> KnowledgeGraph:
    """Read RDF: the graph that `to_rdf` wrote is given back; other RDF is read as a property graph.

    Parameters
    ----------
    rdf_graph : rdflib.Graph
    schema : GraphSchema, optional
        Whose RDF names become labels, relations and properties; by default the schema kgrec ships.
    language : str or None
        Of texts in several languages, the one to take; else the one without a language, else the first.

    Returns
    -------
    KnowledgeGraph
        Of other RDF: a node's id is its IRI, or `_:` and a digest of what is said of a blank node; its label is the
        class the schema knows, else its first class in alphabetical order by the last part of its IRI, else Entity.
        Several texts of one property are a list of str; times, and numbers out of range, are text; decimals are
        floats. A relation is named after the last part of its IRI, in UPPER_SNAKE.

    Raises
    ------
    GraphError
        Listing every fault: two resources that would be the same node, or what no KnowledgeGraph can hold.

    Notes
    -----
    What a KnowledgeGraph has no place for (nested lists, links from statements, the same text in other languages) is
    left out and logged as a warning, with how many and which.
    """
    names = n.Names(schema)
    facts = sort_facts(rdf_graph)
    nodes = _nodes(facts, names)
    rows: dict[str, dict[str, int]] = defaultdict(dict)  # label -> id -> row
    for label, node_id in nodes.values():
        rows[label].setdefault(node_id, len(rows[label]))
    edges, edge_rows = _edges(facts, names, nodes)
    node_values, edge_values = _values(facts, nodes, rows, edge_rows)
    node_tables = {
        label: _table({ID: list(ids)}, node_values[label], names, label, facts, language) for label, ids in rows.items()
    }
    edge_tables = {
        edge_type: _table(dict(zip((HEAD_ID, TAIL_ID), zip(*pairs, strict=True), strict=True)),
                          edge_values[edge_type], names, None, facts, language)
        for edge_type, pairs in edges.items()
    }  # fmt: skip
    for line in facts.skipped.lines():
        logger.warning("not taken from the RDF: %s", line)
    return KnowledgeGraph(node_tables, edge_tables)


def _nodes(facts: Facts, names: n.Names) -> dict[Resource, Node]:
    """The (label, id) of every resource that is a node."""
    blanks = blank_names(facts)
    known_labels = {iri: names.read_label(iri) for classes in facts.types.values() for iri in classes}
    nodes = {}
    for resource in dict.fromkeys(_resources(facts)):
        own = None if isinstance(resource, BNode) else n.read_node_iri(facts.bases, str(resource))
        if own is None:
            label = _label(facts.types.get(resource, ()), known_labels)
            own = label, blanks.get(resource) or str(resource)
        nodes[resource] = own
    _check_distinct(nodes)
    return nodes


def _resources(facts: Facts) -> Iterable[Resource]:
    yield from facts.types
    for values in facts.values.values():
        yield from (resource for resource, _ in values if resource not in facts.statements)
    for links in facts.links.values():
        for head, tail in links:
            if head not in facts.statements and tail not in facts.statements:
                yield head
                yield tail


def _label(classes: Iterable[str], known_labels: Mapping[str, str | None]) -> str:
    known = sorted(filter(None, map(known_labels.get, classes)))
    if known:
        return known[0]
    foreign = sorted(classes)
    return n.label_shape(n.local_name(foreign[0])) if foreign else ENTITY


def _check_distinct(nodes: Mapping[Resource, Node]) -> None:
    iris: dict[Node, list[Resource]] = defaultdict(list)
    for resource, node in nodes.items():
        if not isinstance(resource, BNode):
            iris[node].append(resource)
    faults = [
        f"{len(same)} resources are the {label} {node_id!r}: {list_first(map(str, same))}; give each an id of its own"
        for (label, node_id), same in iris.items()
        if len(same) > 1
    ]
    raise_faults(GraphError, "the RDF", faults)


def _edges(
    facts: Facts, names: n.Names, nodes: Mapping[Resource, Node]
) -> tuple[dict[EdgeType, list[tuple[str, str]]], dict[tuple[Resource, str, Resource], tuple[EdgeType, int]]]:
    """The pairs of ids of each edge type, and where in it each triple that is an edge has its row."""
    known = {iri: name for iri in facts.links if (name := names.read_relation(iri))}
    foreign = n.distinct_names(facts.links.keys() - known.keys(), known.values(), n.relation_shape)
    wanted = set(facts.statements.values())
    pairs: dict[EdgeType, dict[tuple[str, str], int]] = defaultdict(dict)
    edge_rows = {}
    for predicate, links in facts.links.items():
        rel_type = known.get(predicate) or foreign[predicate]
        for head, tail in links:
            if head not in nodes or tail not in nodes:
                facts.skipped.add("links of statements about edges", f"{head} {predicate} {tail}")
                continue
            (head_label, head_id), (tail_label, tail_id) = nodes[head], nodes[tail]
            edge_type = head_label, rel_type, tail_label
            row = pairs[edge_type].setdefault((head_id, tail_id), len(pairs[edge_type]))
            if (head, predicate, tail) in wanted:
                edge_rows[head, predicate, tail] = edge_type, row
    return {edge_type: list(found) for edge_type, found in pairs.items()}, edge_rows


def _values(
    facts: Facts,
    nodes: Mapping[Resource, Node],
    rows: Mapping[str, Mapping[str, int]],
    edge_rows: Mapping[tuple[Resource, str, Resource], tuple[EdgeType, int]],
) -> tuple[dict[str, Values], dict[EdgeType, Values]]:
    """What is said of the nodes of each label and of the edges of each type, by property and row."""
    of_nodes: dict[str, Values] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    of_edges: dict[EdgeType, Values] = defaultdict(lambda: defaultdict(lambda: defaultdict(list)))
    for predicate, values in facts.values.items():
        for resource, value in values:
            if resource in facts.statements:
                place = edge_rows.get(facts.statements[resource])
                if place is None:
                    facts.skipped.add("statements about an edge that is not there", resource)
                else:
                    of_edges[place[0]][predicate][place[1]].append(value)
            else:
                label, node_id = nodes[resource]
                of_nodes[label][predicate][rows[label][node_id]].append(value)
    return of_nodes, of_edges


def _table(
    keys: Mapping[str, Iterable[str]],
    values: Values,
    names: n.Names,
    label: str | None,
    facts: Facts,
    language: str | None,
) -> pl.DataFrame:
    columns = {key: pl.Series(key, list(ids), dtype=pl.String) for key, ids in keys.items()}
    height = next(iter(columns.values())).len()
    known = {iri: name for iri in values if (name := names.read_property(label, iri)) is not None and name not in keys}
    foreign = n.distinct_names(values.keys() - known.keys(), [*keys, *known.values()])
    for iri, said in values.items():
        name = known[iri] if iri in known else foreign[iri]
        columns[name] = value_column(name, said, height, facts.skipped, language)
    return pl.DataFrame(columns)
