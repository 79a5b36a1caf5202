"""The IRIs of a graph in RDF: of its nodes, labels, relations and properties, and back. No RDF library is needed here.

A label, relation or property that the schema gives an RDF name has that one (`schema:Product`); any other has kgrec's
own, the name percent-encoded behind `urn:kgrec:vocabulary#`. A `urn:` claims no domain.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import quote, unquote

from kgrec.graph.schema.types import GraphSchema, Label, read_schema

VOCABULARY = "urn:kgrec:vocabulary#"
FORM = "urn:kgrec:form#"  # what only the written form needs; apart, so that no property name can meet it
NODE_BASE = FORM + "NodeBase"  # the class of a base of node IRIs other than the default one
MISSING = FORM + "missing"  # stands for a missing value inside a list
DEFAULT_BASE = "urn:kgrec:node:"
RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
PREFIXES = {"kgrec": VOCABULARY, "form": FORM}

_NODE = re.compile(r"([^/]+)/([^/]*)")
_ENTITY = "Entity"


class Names:
    """The IRIs of one schema, both ways.

    Parameters
    ----------
    schema : GraphSchema, optional
        By default the one kgrec ships. Reading needs the schema that the writing had.

    Where two things that must be told apart have one RDF name in the schema (two relations, two properties of a
    label), the first has it and the others have kgrec's own.
    """

    def __init__(self, schema: GraphSchema | None = None) -> None:
        self.schema = schema or read_schema()
        self._labels: dict[str, str] = {}
        self._relations: dict[str, str] = {}
        self._properties: dict[str, dict[str, str]] = {}
        for label in self.schema.labels.values():
            self._properties[label.name] = self._property_names(label)
            for name in (label.rdf, *label.also):
                if name:
                    self._labels.setdefault(self.expand(name), label.name)
        for relation in self.schema.relations.values():  # every own name before any other vocabulary's
            self._add_relation(relation.rdf, relation.name)
        for relation in self.schema.relations.values():
            for name in relation.also:
                self._add_relation(name, relation.name)
        self._relation_iris = {name: iri for iri, name in reversed(self._relations.items())}

    def expand(self, name: str) -> str:
        """The IRI of a prefixed name of the schema."""
        prefix, _, local = name.partition(":")
        return self.schema.prefixes[prefix] + local

    @property
    def prefixes(self) -> dict[str, str]:
        """Prefix -> namespace, of the schema and kgrec's own."""
        return {**self.schema.prefixes, **PREFIXES}

    # ---- names to IRIs

    def label_iri(self, label: str) -> str:
        """The class of the nodes of a label."""
        known = self.schema.labels.get(label)
        return self.expand(known.rdf) if known and known.rdf else own_iri(label)

    def relation_iri(self, rel_type: str) -> str:
        """The predicate of a relation."""
        return self._relation_iris.get(rel_type) or own_iri(rel_type)

    def property_iri(self, label: str | None, name: str) -> str:
        """The predicate of a property of a label; `None` for one of an edge."""
        for iri, known in self._properties.get(label or "", {}).items():
            if known == name:
                return iri
        return own_iri(name)

    # ---- IRIs to names; None: not a name of the schema nor kgrec's own

    def read_label(self, iri: str) -> str | None:
        """The label of a class."""
        return self._labels.get(same_iri(iri)) or _own_name(iri) or None

    def read_relation(self, iri: str) -> str | None:
        """The relation of a predicate."""
        return self._relations.get(same_iri(iri)) or _own_name(iri) or None

    def read_property(self, label: str | None, iri: str) -> str | None:
        """The property of a label (`None`: of an edge) that a predicate is."""
        known = self._properties.get(label or "", {}).get(same_iri(iri))
        return _own_name(iri) if known is None else known

    def _property_names(self, label: Label) -> dict[str, str]:
        names: dict[str, str] = {}
        for key, name in label.property_rdf.items():
            if not self.expand(name).startswith(RDF):
                names.setdefault(self.expand(name), key)
        return names

    def _add_relation(self, prefixed: str, rel_type: str) -> None:
        if prefixed and not self.expand(prefixed).startswith(RDF):
            self._relations.setdefault(self.expand(prefixed), rel_type)


def own_iri(name: str) -> str:
    """kgrec's own IRI of a name: all but ASCII letters, digits and `_` percent-encoded.

    >>> own_iri("a b")
    'urn:kgrec:vocabulary#a%20b'
    """
    return VOCABULARY + _encode(name)


def node_iri(base: str, label: str, node_id: str) -> str:
    """The IRI of a node.

    >>> node_iri(DEFAULT_BASE, "Category", "Home > Kitchen")
    'urn:kgrec:node:Category/Home%20%3E%20Kitchen'
    """
    return f"{base}{quote(label, safe='')}/{quote(node_id, safe='')}"


def read_node_iri(bases: Iterable[str], iri: str) -> tuple[str, str] | None:
    """The (label, id) that `node_iri` wrote with one of the bases, else None.

    >>> read_node_iri([DEFAULT_BASE], "urn:kgrec:node:Category/Home%20%3E%20Kitchen")
    ('Category', 'Home > Kitchen')
    """
    for base in bases:
        found = _NODE.fullmatch(iri, len(base)) if iri.startswith(base) else None
        if found and node_iri(base, unquote(found[1]), unquote(found[2])) == iri:
            return unquote(found[1]), unquote(found[2])
    return None


def distinct_names(
    iris: Iterable[str], taken: Iterable[str], shape: Callable[[str], str] = lambda name: name
) -> Mapping[str, str]:
    """A name for each foreign IRI, from its last part; those that would come out alike get a suffix of their own.

    >>> distinct_names(["http://a/size", "http://b/size"], ["id"])
    {'http://a/size': 'size', 'http://b/size': 'size_eb9c5d3b'}
    """
    names: dict[str, str] = {}
    used = set(taken)
    for iri in sorted(set(iris)):
        name = shape(local_name(iri))
        if name in used:
            name = f"{name}_{hashlib.sha256(iri.encode()).hexdigest()[:8]}"
        names[iri] = name
        used.add(name)
    return names


def local_name(iri: str) -> str:
    """The last part of an IRI: behind its last `#`, `/` or `:`.

    >>> local_name("http://xmlns.com/foaf/0.1/name")
    'name'
    """
    return unquote(re.split(r"[#/:]", iri.rstrip("#/:"))[-1])


def label_shape(name: str) -> str:
    """A name as a label: letters, digits and `_`, no digit first."""
    return _identifier(name) or _ENTITY


def relation_shape(name: str) -> str:
    """A name as a relation.

    >>> relation_shape("isRelatedTo"), relation_shape("3d"), relation_shape("ALSO_BOUGHT")
    ('IS_RELATED_TO', '_3D', 'ALSO_BOUGHT')
    """
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return _identifier(spaced).upper() or "RELATED"


def same_iri(iri: str) -> str:
    """schema.org is written with http and with https; kgrec has https."""
    return iri.replace("http://schema.org/", "https://schema.org/", 1) if iri.startswith("http://schema.org/") else iri


def _identifier(name: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_]+", "_", name)
    plain = plain if plain == name else plain.strip("_")
    return f"_{plain}" if plain[:1].isdigit() else plain


def _encode(name: str) -> str:
    return re.sub(r"[.~-]", lambda found: f"%{ord(found[0]):02X}", quote(name, safe=""))


def _own_name(iri: str) -> str | None:
    return unquote(iri[len(VOCABULARY) :]) if iri.startswith(VOCABULARY) else None
