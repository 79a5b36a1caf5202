"""What the graph may hold: `graph_schema/schema.toml` read into labels and relations."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, get_args

from kgrec.errors import GraphError, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID
from kgrec.graph.schema.extension import Tables, merge_tables, well_formed

PropertyType = Literal["string", "integer", "float", "boolean", "string_list"]
PROPERTY_TYPES: tuple[str, ...] = get_args(PropertyType)
PRODUCT = "Product"
NAME_PATTERN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")  # of declared labels and relations: plain to write in Cypher


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One kind of node; every label has the key `id` (string, unique) beside its properties.

    Attributes
    ----------
    indexes : tuple of str
        Properties with a range index.
    search : tuple of str
        Properties of the full-text index; none: no such index.
    vectors : mapping of property to int
        Vector properties with the size they have by default. They are written and searched by the store, never part
        of a KnowledgeGraph.
    rdf : str
        Class of its nodes in RDF, as a prefixed name; "" for kgrec's own.
    also : tuple of str
        Prefixed names of classes that mean the same.
    property_rdf : mapping of property to prefixed name
        Where a property has a name in a known vocabulary.
    """

    name: str
    meaning: str
    properties: Mapping[str, PropertyType]
    indexes: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    vectors: Mapping[str, int] = field(default_factory=dict)
    rdf: str = ""
    also: tuple[str, ...] = ()
    property_rdf: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One kind of edge, from nodes of `head` to nodes of `tail`; `indexes`, `rdf` and `also` as those of a label.

    Attributes
    ----------
    column : str
        The column of a dataset's items that holds these edges: each value is a node of the tail label. "": none.
    triple : str
        The relation of a dataset's triples whose facts are these edges, as it is written there. "": none.
    """

    name: str
    meaning: str
    head: str
    tail: str
    properties: Mapping[str, PropertyType]
    column: str = ""
    triple: str = ""
    indexes: tuple[str, ...] = ()
    rdf: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSchema:
    """The labels and relations of a graph, by name, and the prefixes of the RDF names they use."""

    labels: Mapping[str, Label]
    relations: Mapping[str, Relation]
    prefixes: Mapping[str, str] = field(default_factory=dict)


def schema_folder() -> Path:
    """The folder `graph_schema`: inside the package when installed, beside it in a checkout.

    Raises
    ------
    GraphError
        If neither is there.
    """
    package = Path(__file__).resolve().parents[2]
    for folder in (package / "graph_schema", package.parent / "graph_schema"):
        if (folder / "schema.toml").is_file():
            return folder
    raise GraphError("the folder graph_schema is missing from the installation; install kgrec again")


def read_schema(extension: str | os.PathLike[str] | None = None) -> GraphSchema:
    """Read kgrec's schema and, where one is given, a shop's own file laid over it.

    Parameters
    ----------
    extension : path, optional
        A TOML file of the same form as `graph_schema/schema.toml`. It may add labels and relations, and add
        properties, indexes, search properties and RDF names to those kgrec has.

    Raises
    ------
    GraphError
        Naming the file and listing every fault: unknown keys and property types, contradictions of kgrec's schema,
        ends that are no label, indexes on no property.
    """
    faults: list[str] = []
    where = schema_folder() / "schema.toml"
    tables = well_formed(_read_toml(where), faults)
    if extension is not None:
        where = Path(extension)
        tables = merge_tables(tables, well_formed(_read_toml(where), faults), faults)
    schema = GraphSchema(
        labels=MappingProxyType({name: _label(name, table) for name, table in tables["labels"].items()}),
        relations=MappingProxyType({name: _relation(name, table) for name, table in tables["relations"].items()}),
        prefixes=_frozen(tables, "prefixes"),
    )
    raise_faults(GraphError, str(where), [*faults, *_schema_faults(schema)])
    return schema


def _read_toml(path: Path) -> Tables:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise GraphError(f"{path}: can't be read as TOML ({error})") from error


def _label(name: str, table: Tables) -> Label:
    return Label(
        name=name,
        meaning=table.get("meaning", ""),
        properties=_frozen(table, "properties"),
        indexes=tuple(table.get("indexes", ())),
        search=tuple(table.get("search", ())),
        vectors=_frozen(table, "vectors"),
        rdf=table.get("rdf", ""),
        also=tuple(table.get("also", ())),
        property_rdf=_frozen(table, "property_rdf"),
    )


def _relation(name: str, table: Tables) -> Relation:
    return Relation(
        name=name,
        meaning=table.get("meaning", ""),
        head=table.get("from", ""),
        tail=table.get("to", ""),
        properties=_frozen(table, "properties"),
        column=table.get("column", ""),
        triple=table.get("triple", ""),
        indexes=tuple(table.get("indexes", ())),
        rdf=table.get("rdf", ""),
        also=tuple(table.get("also", ())),
    )


def _frozen(table: Tables, key: str) -> Mapping[str, Any]:
    return MappingProxyType(dict(table.get(key, {})))


def _schema_faults(schema: GraphSchema) -> Iterator[str]:
    for name in sorted(schema.labels.keys() & schema.relations.keys()):
        yield f"{name}: a label and a relation of one name, which the local server can't tell apart"
    for label in schema.labels.values():
        yield from _table_faults(label, schema)
        yield from _label_faults(label)
    triples: dict[str, str] = {}
    for relation in schema.relations.values():
        yield from _table_faults(relation, schema)
        yield from _relation_faults(relation, schema)
        if relation.triple:
            other = triples.setdefault(relation.triple, relation.name)
            if other != relation.name:
                yield f"{relation.name}: the triples {relation.triple!r} are {other} already"


def _table_faults(table: Label | Relation, schema: GraphSchema) -> Iterator[str]:
    if not NAME_PATTERN.fullmatch(table.name):
        yield f"{table.name!r}: names of labels and relations hold letters, digits and _ only"
    if not table.meaning:
        yield f"{table.name}: `meaning` is missing"
    for key, kind in table.properties.items():
        if kind not in PROPERTY_TYPES:
            yield f"{table.name}.{key}: type {kind!r} is none of {', '.join(PROPERTY_TYPES)}"
        if key in (ID, HEAD_ID, TAIL_ID):
            yield f"{table.name}.{key}: the name is taken, by the key of every node or edge"
    yield from (f"{table.name}: index on {key!r}, which is no property" for key in _lost(table.indexes, table))
    names = [table.rdf, *table.also, *(table.property_rdf.values() if isinstance(table, Label) else ())]
    for name in names:
        if name and str(name).partition(":")[0] not in schema.prefixes:
            known = ", ".join(schema.prefixes)
            yield f"{table.name}: {name!r} is no prefixed name with one of the prefixes {known}"


def _label_faults(label: Label) -> Iterator[str]:
    yield from (f"{label.name}: search on {key!r}, which is no property" for key in _lost(label.search, label))
    yield from (
        f"{label.name}: property_rdf of {key!r}, which is no property" for key in _lost(label.property_rdf, label)
    )
    for key, size in label.vectors.items():
        if not isinstance(size, int) or isinstance(size, bool) or size < 1:
            yield f"{label.name}: vector {key!r} has the size {size!r}, expected a whole number >= 1"
        if key in label.properties:
            yield f"{label.name}: {key!r} is a property and a vector"


def _relation_faults(relation: Relation, schema: GraphSchema) -> Iterator[str]:
    for end in (relation.head, relation.tail):
        if end not in schema.labels:
            yield f"{relation.name}: its end {end!r} is no label; there are {', '.join(schema.labels)}"
    if relation.column and relation.head != PRODUCT:
        yield f"{relation.name}: `from` is {relation.head!r}; edges from a column of items start at {PRODUCT!r}"
    if relation.column and PRODUCT in schema.labels and relation.column in schema.labels[PRODUCT].properties:
        yield f"{relation.name}: the column {relation.column!r} is a property of {PRODUCT}; it can't be an edge too"


def _lost(keys: Iterable[str], table: Label | Relation) -> list[str]:
    return [key for key in keys if key not in table.properties]
