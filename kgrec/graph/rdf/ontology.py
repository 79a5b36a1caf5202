"""`graph_schema/ontology.ttl`: the schema as an OWL ontology, aligned with the vocabularies it names.

Written as text, line by line, so that no RDF library is needed to generate it and no release of one changes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kgrec.graph.rdf.names import RDF, VOCABULARY, own_iri
from kgrec.graph.schema.types import NAME_PATTERN, GraphSchema, Label, Relation, read_schema

HEAD = "# Made from schema.toml by `python -m kgrec.graph.schema.generate`; change that file, not this one.\n"
STANDARD_PREFIXES = {
    "kgrec": VOCABULARY,
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": RDF,
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "sh": "http://www.w3.org/ns/shacl#",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
DATATYPES = {"string": "xsd:string", "integer": "xsd:integer", "float": "xsd:double", "boolean": "xsd:boolean"}


def ontology_text(schema: GraphSchema | None = None) -> str:
    """The contents of `graph_schema/ontology.ttl`.

    kgrec's classes and properties are narrower than those whose names they bear in RDF (a Category is a
    `skos:Concept`, and not every concept is one), so they are tied to them by rdfs:subClassOf and rdfs:subPropertyOf;
    the names of `also` are exact matches.
    """
    schema = schema or read_schema()
    title = text("kgrec: products in a knowledge graph")
    blocks = [block("<urn:kgrec:vocabulary>", ["a owl:Ontology", f"rdfs:label {title}"])]
    blocks += [_class(label, schema) for label in schema.labels.values()]
    blocks += [_object_property(relation, schema) for relation in schema.relations.values()]
    blocks += [_datatype_property(name, schema) for name in _property_names(schema)]
    return document(blocks, schema)


def document(blocks: Sequence[str], schema: GraphSchema) -> str:
    """Blocks of Turtle with the prefixes they use, of the schema and the standard ones."""
    body = "\n".join(blocks)
    prefixes = {**STANDARD_PREFIXES, **schema.prefixes}
    used = [f"@prefix {name}: <{space}> .\n" for name, space in sorted(prefixes.items()) if f"{name}:" in body]
    return f"{HEAD}{''.join(used)}\n{body}"


def block(subject: str, facts: Sequence[str]) -> str:
    """One subject and what is said of it, in Turtle."""
    return f"{subject}\n    " + " ;\n    ".join(facts) + " .\n"


def text(value: str) -> str:
    """A Turtle string.

    >>> print(text('a "b"'))
    "a \\"b\\""
    """
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    return f'"{escaped}"'


def term(iri: str, schema: GraphSchema) -> str:
    """An IRI in Turtle, with a prefix where one fits."""
    for prefix, namespace in {**STANDARD_PREFIXES, **schema.prefixes}.items():
        local = iri.removeprefix(namespace)
        if local != iri and NAME_PATTERN.fullmatch(local):
            return f"{prefix}:{local}"
    return f"<{iri}>"


def _own(name: str, schema: GraphSchema) -> str:
    return term(own_iri(name), schema)


def _class(label: Label, schema: GraphSchema) -> str:
    facts = ["a owl:Class", f"rdfs:label {text(label.name)}", f"rdfs:comment {text(label.meaning)}"]
    facts += [f"rdfs:subClassOf {label.rdf}"] if label.rdf else []
    facts += [f"skos:exactMatch {name}" for name in label.also]
    return block(_own(label.name, schema), facts)


def _object_property(relation: Relation, schema: GraphSchema) -> str:
    facts = ["a owl:ObjectProperty", f"rdfs:label {text(relation.name)}", f"rdfs:comment {text(relation.meaning)}"]
    facts += [f"rdfs:domain {_own(relation.head, schema)}", f"rdfs:range {_own(relation.tail, schema)}"]
    facts += [f"rdfs:subPropertyOf {relation.rdf}"] if relation.rdf else []
    facts += [f"skos:exactMatch {name}" for name in relation.also]
    return block(_own(relation.name, schema), facts)


def _property_names(schema: GraphSchema) -> list[str]:
    tables: list[Label | Relation] = [*schema.labels.values(), *schema.relations.values()]
    return sorted({name for table in tables for name in table.properties})


def _datatype_property(name: str, schema: GraphSchema) -> str:
    """One property, of all the labels and relations that have it."""
    labels = [label for label in schema.labels.values() if name in label.properties]
    relations = [relation for relation in schema.relations.values() if name in relation.properties]
    tables: list[Label | Relation] = [*labels, *relations]
    types = {table.properties[name] for table in tables}
    domains = [_own(label.name, schema) for label in labels] + ["rdf:Statement"] * bool(relations)
    is_list = "string_list" in types
    facts = ["a rdf:Property" if is_list else "a owl:DatatypeProperty", f"rdfs:label {text(name)}"]
    facts.append(f"rdfs:comment {text('Of ' + ', '.join(table.name for table in tables))}")
    facts.append(f"rdfs:domain {_union(domains)}")
    if len(types) == 1:
        facts.append(f"rdfs:range {'rdf:List' if is_list else DATATYPES[types.pop()]}")
    names = dict.fromkeys(label.property_rdf[name] for label in labels if name in label.property_rdf)
    # With one name in RDF it is a kind of that; with several, each is the name in some labels only.
    facts += [f"{'rdfs:subPropertyOf' if len(names) == 1 else 'skos:closeMatch'} {found}" for found in names]
    return block(_own(name, schema), facts)


def _union(classes: Iterable[str]) -> str:
    members = list(classes)
    return members[0] if len(members) == 1 else f"[ a owl:Class ; owl:unionOf ( {' '.join(members)} ) ]"
