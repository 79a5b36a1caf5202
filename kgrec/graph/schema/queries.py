"""The named Cypher queries of `graph_schema/queries`."""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path
from typing import Any, Literal, cast

from kgrec.errors import GraphError, list_first, raise_faults
from kgrec.graph.schema.types import schema_folder

ParameterType = Literal["string", "integer", "float", "boolean"]
PARAMETER_LINE = re.compile(r"\$(\w+) \((string|integer|float|boolean)\)(?: = (.+?))?: (.+)")
USED_PARAMETER = re.compile(r"\$(\w+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryParameter:
    """One parameter of a named query; it is required when it has no default."""

    name: str
    type: ParameterType
    meaning: str
    default: Any = None

    @property
    def required(self) -> bool:
        return self.default is None

    def accepts(self, value: object) -> bool:
        """Whether a value is of the parameter's type; a whole number is a float too."""
        match self.type:
            case "string":
                return isinstance(value, str)
            case "integer":
                return isinstance(value, int) and not isinstance(value, bool)
            case "float":
                return isinstance(value, (int, float)) and not isinstance(value, bool)
            case "boolean":
                return isinstance(value, bool)

    def parse(self, text: str) -> object:
        """The value that a text stands for, as on a command line: a string as it is, so that "007" stays "007".

        A text that is no such value is returned as it is; `accepts` refuses it then.
        """
        try:
            match self.type:
                case "string":
                    return text
                case "integer":
                    return int(text)
                case "float":
                    return float(text)
                case "boolean":
                    return {"true": True, "false": False}[text.lower()]
        except (ValueError, KeyError):
            return text


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQuery:
    """One file of `graph_schema/queries`, or of a shop's own folder: its Cypher, what it is for, its parameters."""

    name: str
    purpose: str
    cypher: str
    parameters: tuple[QueryParameter, ...] = field(default=())

    @property
    def defaults(self) -> dict[str, Any]:
        """The parameters that have a default, with it."""
        return {parameter.name: parameter.default for parameter in self.parameters if not parameter.required}

    def parse(self, texts: Mapping[str, str]) -> dict[str, object]:
        """Values given as text, each read as its parameter's type; what `bind` takes."""
        known = {parameter.name: parameter for parameter in self.parameters}
        return {name: known[name].parse(text) if name in known else text for name, text in texts.items()}

    def bind(self, values: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The query's parameters with defaults filled in.

        Raises
        ------
        GraphError
            Listing every required parameter without a value, every value of another type, and every name that the
            query does not have.
        """
        given = dict(values or {})
        known = [parameter.name for parameter in self.parameters]
        unknown = given.keys() - set(known)
        faults = [f"parameter {name!r} is unknown; there are: {list_first(known) or 'none'}" for name in unknown]
        bound = {parameter.name: given.get(parameter.name, parameter.default) for parameter in self.parameters}
        for parameter in self.parameters:
            value = bound[parameter.name]
            if value is None:
                faults.append(f"parameter {parameter.name!r} needs a value: {parameter.meaning}")
            elif not parameter.accepts(value):
                faults.append(f"parameter {parameter.name!r} is {value!r}, expected the type {parameter.type}")
        raise_faults(GraphError, f"query {self.name!r}", sorted(faults))
        return bound


def list_queries(folder: str | os.PathLike[str] | None = None) -> list[NamedQuery]:
    """Every named query kgrec ships, by name; with a folder, the `*.cypher` files there too.

    A file of the folder that bears the name of one of kgrec's stands in its place.

    Raises
    ------
    GraphError
        If there is no such folder, or naming a file and listing its faults: a parameter that is used and not declared
        in the comments above the query, or declared and not used, or that has a default of another type.
    """
    paths = {path.stem: path for path in (schema_folder() / "queries").glob("*.cypher")}
    if folder is not None:
        if not Path(folder).is_dir():
            raise GraphError(f"{folder}: no such folder of queries")
        paths |= {path.stem: path for path in Path(folder).glob("*.cypher")}
    return [_parse_query(paths[name]) for name in sorted(paths)]


def read_query(name: str, folder: str | os.PathLike[str] | None = None) -> NamedQuery:
    """One named query, of kgrec's or of a folder of your own.

    Raises
    ------
    GraphError
        If there is none of that name; the message lists those there are. As `list_queries` besides.
    """
    queries = {query.name: query for query in list_queries(folder)}
    if name not in queries:
        near = difflib.get_close_matches(name, queries, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise GraphError(f"no query is named {name!r}; {hint}there are: {', '.join(queries)}")
    return queries[name]


def _parse_query(path: Path) -> NamedQuery:
    purpose: list[str] = []
    parameters: list[QueryParameter] = []
    faults: list[str] = []
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("//").strip() for line in takewhile(lambda line: line.startswith("//"), lines)]
    for comment in comments:
        found = PARAMETER_LINE.fullmatch(comment)
        if found is None:
            purpose.append(comment)
        else:
            parameters.append(_parse_parameter(found, faults))
    cypher = "\n".join(lines[len(comments) :]).strip()
    used, declared = set(USED_PARAMETER.findall(cypher)), {parameter.name for parameter in parameters}
    form = "// $name (string, integer, float or boolean) = default: meaning"
    faults += [f"${name} is used and not declared; write `{form}` above the query" for name in sorted(used - declared)]
    faults += [f"${name} is declared and not used" for name in sorted(declared - used)]
    raise_faults(GraphError, str(path), faults)
    return NamedQuery(name=path.stem, purpose=" ".join(purpose), cypher=cypher, parameters=tuple(parameters))


def _parse_parameter(found: re.Match[str], faults: list[str]) -> QueryParameter:
    name, kind, default, meaning = found.groups()
    try:
        value = None if default is None else json.loads(default)
    except ValueError:
        value = ...
    parameter = QueryParameter(name=name, type=cast(ParameterType, kind), meaning=meaning, default=value)
    if default is not None and not parameter.accepts(value):
        faults.append(f"${name}: the default {default} is no JSON value of the type {kind}")
    return parameter
