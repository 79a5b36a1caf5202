"""What the graph may hold: `graph_schema/` read into types, database constraints and named Cypher queries."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, cast, get_args

from kgrec.errors import GraphError, list_first, raise_faults

PropertyType = Literal["string", "integer", "float", "boolean", "string_list"]
PROPERTY_TYPES: tuple[str, ...] = get_args(PropertyType)
PARAMETER_LINE = re.compile(r"\$(\w+) \((string|integer|float|boolean)\)(?: = (.+?))?: (.+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """One kind of node; every label has the key `id` (string, unique) beside its properties."""

    name: str
    meaning: str
    properties: Mapping[str, PropertyType]
    indexes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """One kind of edge, from nodes of `head` to nodes of `tail`."""

    name: str
    meaning: str
    head: str
    tail: str
    properties: Mapping[str, PropertyType]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphSchema:
    """The labels and relations of a graph, by name."""

    labels: Mapping[str, Label]
    relations: Mapping[str, Relation]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """One parameter of a named query; it is required when it has no default."""

    name: str
    type: str
    meaning: str
    default: Any = None

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """One file of `graph_schema/queries`: its Cypher, what it is for, and its parameters."""

    name: str
    purpose: str
    cypher: str
    parameters: tuple[QueryParameter, ...] = field(default=())

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters that have a default, with it."""
        return {parameter.name: parameter.default for parameter in self.parameters if not parameter.required}

    def bind(self, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The query's parameters with defaults filled in.

        Raises
        ------
        GraphError
            Listing every required parameter without a value and every name the query does not have.
        """
        given = dict(values or {})
        known = [parameter.name for parameter in self.parameters]
        unknown = given.keys() - set(known)
        faults = [f"parameter {name!r} is unknown; there are: {list_first(known)}" for name in unknown]
        bound = {parameter.name: given.get(parameter.name, parameter.default) for parameter in self.parameters}
        faults += [f"parameter {p.name!r} needs a value: {p.meaning}" for p in self.parameters if bound[p.name] is None]
        raise_faults(GraphError, f"query {self.name!r}", sorted(faults))
        return bound


def schema_folder() -> Path:
    """The folder `graph_schema`: inside the package when installed, beside it in a checkout.

    Raises
    ------
    GraphError
        If neither is there.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "graph_schema", package.parent / "graph_schema"):
        if (folder / "schema.toml").is_file():
            return folder
    raise GraphError("the folder graph_schema is missing from the installation; install kgrec again")


def read_schema(path: Path | None = None) -> GraphSchema:
    """Read a `schema.toml`; without a path, the one kgrec ships.

    Raises
    ------
    GraphError
        Listing every fault: unknown property types, ends that are no label, indexes on no property.
    """
    path = path or schema_folder() / "schema.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise GraphError(f"{path.name}: can't be read as TOML ({error})") from error
    labels = {name: _label(name, table) for name, table in tables.get("labels", {}).items()}
    relations = {name: _relation(name, table) for name, table in tables.get("relations", {}).items()}
    schema = GraphSchema(labels=MappingProxyType(labels), relations=MappingProxyType(relations))
    raise_faults(GraphError, path.name, _schema_faults(schema))
    return schema


def constraint_statements(labels: Iterable[str], schema: GraphSchema | None = None) -> list[str]:
    """Cypher that makes `id` unique for every label given, whether the schema knows the label or not."""
    return [
        f"CREATE CONSTRAINT {quote(f'kgrec_{label}_id')} IF NOT EXISTS FOR (n:{quote(label)}) REQUIRE n.id IS UNIQUE"
        for label in labels
    ] + [
        f"CREATE INDEX {quote(index_name(label, key))} IF NOT EXISTS FOR (n:{quote(label)}) ON (n.{quote(key)})"
        for label, key in indexed_properties(labels, schema)
    ]


def indexed_properties(labels: Iterable[str], schema: GraphSchema | None = None) -> list[tuple[str, str]]:
    """The (label, property) pairs with a range index, among the labels given."""
    known = (schema or read_schema()).labels
    return [(label, key) for label in labels if label in known for key in known[label].indexes]


def index_name(label: str, key: str) -> str:
    """The name of kgrec's range index on one property."""
    return f"kgrec_{label}_{key}"


def quote(identifier: str) -> str:
    """A label, relation name or property name as a Cypher identifier.

    >>> quote("a`b")
    '`a``b`'
    """
    return f"`{identifier.replace('`', '``')}`"


def constraints_text(schema: GraphSchema | None = None) -> str:
    """The contents of `graph_schema/constraints.cypher`."""
    schema = schema or read_schema()
    head = "// Made from schema.toml by `python -m kgrec.graph.schema`; change that file, not this one.\n"
    return head + "".join(f"{statement};\n" for statement in constraint_statements(schema.labels, schema))


def list_queries() -> list[NamedQuery]:
    """Every named query kgrec ships, by name."""
    return [_parse_query(path) for path in sorted((schema_folder() / "queries").glob("*.cypher"))]


def read_query(name: str) -> NamedQuery:
    """One named query.

    Raises
    ------
    GraphError
        If there is none of that name; the message lists those there are.
    """
    queries = {query.name: query for query in list_queries()}
    if name not in queries:
        raise GraphError(f"no query is named {name!r}; there are: {', '.join(queries)}")
    return queries[name]


def _label(name: str, table: Mapping[str, Any]) -> Label:
    properties = MappingProxyType(dict(table.get("properties", {})))
    return Label(
        name=name, meaning=table.get("meaning", ""), properties=properties, indexes=tuple(table.get("indexes", ()))
    )


def _relation(name: str, table: Mapping[str, Any]) -> Relation:
    properties = MappingProxyType(dict(table.get("properties", {})))
    head, tail = table.get("from", ""), table.get("to", "")
    return Relation(name=name, meaning=table.get("meaning", ""), head=head, tail=tail, properties=properties)


def _schema_faults(schema: GraphSchema) -> list[str]:
    faults = []
    tables: list[Label | Relation] = [*schema.labels.values(), *schema.relations.values()]
    for table in tables:
        for key, kind in table.properties.items():
            if kind not in PROPERTY_TYPES:
                faults.append(f"{table.name}.{key}: type {kind!r} is none of {', '.join(PROPERTY_TYPES)}")
        if not table.meaning:
            faults.append(f"{table.name}: `meaning` is missing")
    for relation in schema.relations.values():
        lost = [end for end in (relation.head, relation.tail) if end not in schema.labels]
        faults += [
            f"{relation.name}: its end {end!r} is no label; there are {', '.join(schema.labels)}" for end in lost
        ]
    for label in schema.labels.values():
        lost = [key for key in label.indexes if key not in label.properties]
        faults += [f"{label.name}: index on {key!r}, which is no property" for key in lost]
    return faults


def _parse_query(path: Path) -> NamedQuery:
    purpose: list[str] = []
    parameters: list[QueryParameter] = []
    text = path.read_text(encoding="utf-8")
    for line in text.splitlines():
        if not line.startswith("//"):
            break
        comment = line.removeprefix("//").strip()
        found = PARAMETER_LINE.fullmatch(comment)
        if found is None:
            purpose.append(comment)
            continue
        name, kind, default, meaning = found.groups()
        value = json.loads(default) if default is not None else None
        parameters.append(QueryParameter(name=name, type=cast(str, kind), meaning=meaning, default=value))
    return NamedQuery(name=path.stem, purpose=" ".join(purpose), cypher=text, parameters=tuple(parameters))


if __name__ == "__main__":
    (schema_folder() / "constraints.cypher").write_text(constraints_text(), encoding="utf-8")
