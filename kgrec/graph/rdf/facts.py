"""RDF triples sorted by what they are to a property graph: types, texts, links, lists and statements about edges."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rdflib import RDF, BNode, Graph, Literal, URIRef

from kgrec.errors import list_first
from kgrec.graph.rdf import names as n

Resource: TypeAlias = URIRef | BNode
Members: TypeAlias = list["str | None"]
Value: TypeAlias = Literal | Members  # what one triple says of a property
Statement: TypeAlias = tuple[Resource, str, Resource]

# rdflib looks a term of a namespace up at each use
_TYPE, _FIRST, _REST, _NIL = RDF.type, RDF.first, RDF.rest, RDF.nil
_PARTS = (RDF.subject, RDF.predicate, RDF.object)


@dataclass(slots=True)
class Skipped:
    """What could not be taken, by reason; never silently lost."""

    found: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, reason: str, example: object) -> None:
        """Note one thing that is left out."""
        self.found[reason].append(str(example))

    def lines(self) -> list[str]:
        """One line per reason: how many, why, and the first few."""
        return [
            f"{len(examples):,} {reason}: {list_first(examples)}" for reason, examples in sorted(self.found.items())
        ]


@dataclass(slots=True)
class Facts:
    """The triples of one RDF graph.

    Attributes
    ----------
    types : mapping of resource to its classes
    values : mapping of predicate to pairs of a resource and what the predicate says of it
    links : mapping of predicate to pairs of resources
    statements : mapping of a reified statement to the edge it is about
    bases : the bases of node IRIs, longest first
    """

    types: dict[Resource, list[str]] = field(default_factory=lambda: defaultdict(list))
    values: dict[str, list[tuple[Resource, Value]]] = field(default_factory=lambda: defaultdict(list))
    links: dict[str, list[tuple[Resource, Resource]]] = field(default_factory=lambda: defaultdict(list))
    statements: dict[Resource, Statement] = field(default_factory=dict)
    bases: list[str] = field(default_factory=list)
    skipped: Skipped = field(default_factory=Skipped)


def sort_facts(rdf_graph: Graph) -> Facts:
    """Sort the triples of a graph."""
    facts = Facts()
    cells: dict[Resource, dict[Any, Any]] = defaultdict(dict)  # rdf:first and rdf:rest of list cells
    parts: dict[Resource, dict[Any, Any]] = defaultdict(dict)  # of reified statements
    for subject, predicate, value in rdf_graph.triples((None, None, None)):
        resource: Any = subject
        if predicate == _TYPE and not isinstance(value, Literal):
            facts.types[resource].append(str(value))
        elif predicate in (_FIRST, _REST) or predicate in _PARTS:
            found = (parts if predicate in _PARTS else cells)[resource]
            if found.setdefault(predicate, value) != value:
                facts.skipped.add("second values of a list cell or statement", f"{resource} {predicate} {value}")
        elif isinstance(value, Literal):
            facts.values[str(predicate)].append((resource, value))
        else:
            facts.links[str(predicate)].append((resource, value))  # type: ignore[arg-type]
    bases = [str(base) for base, types in facts.types.items() if n.NODE_BASE in types]
    for base in bases:
        del facts.types[URIRef(base)]
    facts.bases = sorted([n.DEFAULT_BASE, *bases], key=len, reverse=True)
    _take_lists(facts, cells)
    _take_statements(facts, parts)
    return facts


def _take_lists(facts: Facts, cells: dict[Resource, dict[Any, Any]]) -> None:
    """Links to lists become values (of texts) or several links (of resources)."""
    for predicate, pairs in list(facts.links.items()):
        kept = []
        for subject, value in pairs:
            if value not in cells and value != _NIL:
                kept.append((subject, value))
                continue
            members = _unroll(value, cells)
            if members is None:
                facts.skipped.add("broken or nested lists", f"{subject} {predicate}")
                continue
            texts: Members = [_list_text(member) for member in members if _is_text(member)]
            if texts or not members:
                facts.values[predicate].append((subject, texts))
            kept += [(subject, member) for member in members if not _is_text(member)]
        facts.links[predicate] = kept
    for cell in cells:
        facts.types.pop(cell, None)  # an explicit rdf:List


def _unroll(head: Resource, cells: dict[Resource, dict[Any, Any]]) -> list[Any] | None:
    """The members of a list; None when it is broken or a member is a list itself."""
    members = []
    seen = set()
    while head != _NIL:
        cell = cells.get(head, {})
        if head in seen or len(cell) != 2 or cell[_FIRST] in cells or cell[_FIRST] == _NIL:
            return None
        seen.add(head)
        members.append(cell[_FIRST])
        head = cell[_REST]
    return members


def _is_text(member: Resource | Literal) -> bool:
    return isinstance(member, Literal) or member == URIRef(n.MISSING)


def _list_text(member: Resource | Literal) -> str | None:
    return str(member) if isinstance(member, Literal) else None


def _take_statements(facts: Facts, parts: dict[Resource, dict[Any, Any]]) -> None:
    for statement, found in parts.items():
        if len(found) < len(_PARTS) or isinstance(found[RDF.object], Literal):
            facts.skipped.add("statements that are not about an edge", statement)
        else:
            facts.statements[statement] = (found[RDF.subject], str(found[RDF.predicate]), found[RDF.object])
        facts.types.pop(statement, None)


# ---- blank nodes


def blank_names(facts: Facts) -> dict[Resource, str]:
    """An id for each blank node, made of what is said of it and so the same in every reading.

    Each node starts alike and again and again takes in its own triples and the names of its neighbours, until no more
    nodes are told apart. Blank nodes of which the same is said, to the last neighbour, are one node.
    """
    around: dict[Resource, list[tuple[str, Any]]] = defaultdict(list)
    for blank, says in _said_of_blanks(facts):
        around[blank].append(says)
    names: dict[Resource, str] = dict.fromkeys(around, "")
    distinct = 0
    while distinct < len(set(names.values())) or not distinct:
        distinct = len(set(names.values()))
        if not names:
            break
        names = {blank: _digest(around[blank], names) for blank in names}
    same = len(names) - len(set(names.values()))
    if same:
        facts.skipped.add("blank nodes of which nothing else is said than of another one", f"{same:,} in all")
    return {blank: f"_:{name}" for blank, name in names.items()}


def _said_of_blanks(facts: Facts) -> Iterator[tuple[Resource, tuple[str, Any]]]:
    for resource, classes in facts.types.items():
        if isinstance(resource, BNode):
            yield from ((resource, (f"a {name}", "")) for name in classes)
    for predicate, values in facts.values.items():
        for resource, value in values:
            if isinstance(resource, BNode) and resource not in facts.statements:
                yield resource, (f"{predicate} =", value.n3() if isinstance(value, Literal) else str(value))
    for predicate, links in facts.links.items():
        for head, tail in links:
            if isinstance(head, BNode) and head not in facts.statements:
                yield head, (f"{predicate} >", tail)
            if isinstance(tail, BNode) and tail not in facts.statements:
                yield tail, (f"{predicate} <", head)


def _digest(around: Iterable[tuple[str, Any]], names: dict[Resource, str]) -> str:
    parts = sorted(f"{says} {names.get(other, other) if isinstance(other, BNode) else other}" for says, other in around)
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
