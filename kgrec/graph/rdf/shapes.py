"""`graph_schema/shapes.ttl`: the schema as SHACL shapes, to validate a graph in RDF against."""

from __future__ import annotations

from kgrec.data.schema import ITEMS
from kgrec.graph.build import ATTRIBUTE, BRAND, CATEGORY, PRODUCT
from kgrec.graph.rdf.names import Names, own_iri
from kgrec.graph.rdf.ontology import DATATYPES, block, document, term, text
from kgrec.graph.schema.types import GraphSchema, Label, Relation, read_schema

# What `kgrec.graph.build` gives every node of the label.
REQUIRED = {BRAND: ["name"], CATEGORY: ["name", "level"], ATTRIBUTE: ["name", "value"]}
# Products have the columns of the items, and with them their ranges.
MINIMUM = {(PRODUCT, column.name): column.minimum for column in ITEMS.columns if column.minimum is not None}


def shapes_text(schema: GraphSchema | None = None) -> str:
    """The contents of `graph_schema/shapes.ttl`: one node shape per label.

    A property has one value at most, of its type; those that every such node is built with are required; a relation's
    far end is of the class of its label.
    """
    schema = schema or read_schema()
    names = Names(schema)
    shapes = [_shape(label, schema, names) for label in schema.labels.values()]
    return document(shapes, schema)


def _shape(label: Label, schema: GraphSchema, names: Names) -> str:
    facts = [
        "a sh:NodeShape",
        f"rdfs:label {text(label.name)}",
        f"sh:targetClass {term(names.label_iri(label.name), schema)}",
        "sh:nodeKind sh:IRI",
    ]
    facts += [_property(label, name, kind, names) for name, kind in label.properties.items()]
    facts += [_relation(relation, names) for relation in schema.relations.values() if relation.head == label.name]
    return block(term(own_iri(f"{label.name}Shape"), schema), facts)


def _property(label: Label, name: str, kind: str, names: Names) -> str:
    parts = [
        f"sh:path {term(names.property_iri(label.name, name), names.schema)}",
        f"sh:name {text(name)}",
        "sh:maxCount 1",
    ]
    if name in REQUIRED.get(label.name, ()):
        parts.append("sh:minCount 1")
    if kind in DATATYPES:
        parts.append(f"sh:datatype {DATATYPES[kind]}")
    minimum = MINIMUM.get((label.name, name))
    if minimum is not None:
        parts.append(f"sh:minInclusive {minimum:g}")
    return f"sh:property [ {' ; '.join(parts)} ]"


def _relation(relation: Relation, names: Names) -> str:
    path = term(names.relation_iri(relation.name), names.schema)
    tail = term(names.label_iri(relation.tail), names.schema)
    return f"sh:property [ sh:path {path} ; sh:name {text(relation.name)} ; sh:class {tail} ]"
