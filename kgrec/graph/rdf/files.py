"""RDF files: Turtle (.ttl), N-Triples (.nt) and JSON-LD (.jsonld). Nothing is ever fetched from the network."""

from __future__ import annotations

import io
import json
import os
import re
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import IO, Any, Literal, get_args

from rdflib import RDF, XSD, Graph, URIRef
from rdflib import Literal as RdfLiteral
from rdflib.exceptions import ParserError
from rdflib.plugins.parsers import jsonld
from rdflib.plugins.parsers.notation3 import BadSyntax
from rdflib.plugins.parsers.ntriples import NTGraphSink, W3CNTriplesParser
from rdflib.plugins.serializers.jsonld import Converter
from rdflib.plugins.serializers.turtle import TurtleSerializer
from rdflib.plugins.shared.jsonld.context import Context
from rdflib.term import Node

from kgrec.errors import GraphError, check_is
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import names as n
from kgrec.graph.rdf.reading import from_rdf
from kgrec.graph.rdf.writing import to_rdf, triples
from kgrec.graph.schema.types import GraphSchema

Format = Literal["turtle", "nt", "json-ld"]
SUFFIXES: dict[str, Format] = {".ttl": "turtle", ".nt": "nt", ".jsonld": "json-ld"}

_LOCAL_NAME = re.compile(r"(?:[A-Za-z_]|%[0-9A-F]{2})(?:[A-Za-z0-9_]|%[0-9A-F]{2})*")
_FILE_BASE = "file:///"  # for relative IRIs: the same wherever the file lies
_BATCH = 5_000  # triples of an N-Triples file held at a time
_OWN_CONTEXTS = {f"{scheme}://{host}schema.org" for scheme in ("http", "https") for host in ("", "www.")}


def write_rdf(
    graph: KnowledgeGraph,
    path: str | os.PathLike[str],
    format: Format | None = None,
    *,
    schema: GraphSchema | None = None,
    base: str = n.DEFAULT_BASE,
) -> None:
    """Write the graph as `to_rdf` makes it, to a file that `read_rdf` reads back as the same graph.

    N-Triples are written as they are made; the other formats need the whole graph as RDF in memory.

    Parameters
    ----------
    graph : KnowledgeGraph
    path : path
        The file; it is replaced once all is written.
    format : "turtle", "nt" or "json-ld"
        By default by the suffix: .ttl, .nt, .jsonld.

    Raises
    ------
    GraphError
        If the format is unknown, the file can't be written, or the base is no absolute IRI.
    """
    check_is(KnowledgeGraph, "write_rdf", graph=graph)
    target = Path(path)
    chosen = _format(target, format)
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            match chosen:
                case "nt":
                    _write_ntriples(graph, n.Names(schema), base, file)
                case "turtle":
                    _ExactTurtle(to_rdf(graph, schema, base=base), n.Names(schema).prefixes).serialize(
                        file, encoding="utf-8"
                    )
                case "json-ld":
                    _write_jsonld(to_rdf(graph, schema, base=base), n.Names(schema), file)
        part.replace(target)
    except OSError as error:
        raise GraphError(f"{target}: can't be written ({error.strerror or error})") from error
    finally:
        part.unlink(missing_ok=True)


def read_rdf(
    path: str | os.PathLike[str],
    format: Format | None = None,
    *,
    schema: GraphSchema | None = None,
    language: str | None = "en",
) -> KnowledgeGraph:
    """Read an RDF file as `from_rdf` does.

    Parameters
    ----------
    path : path
    format : "turtle", "nt" or "json-ld"
        By default by the suffix: .ttl, .nt, .jsonld.

    Raises
    ------
    GraphError
        If the file can't be read or has an error (with its line), or its JSON-LD needs a context from the network.
    """
    return from_rdf(parse_rdf(path, format), schema, language=language)


def parse_rdf(path: str | os.PathLike[str], format: Format | None = None) -> Graph:
    """Parse an RDF file with rdflib; `GraphError` as those of `read_rdf`."""
    source = Path(path)
    chosen = _format(source, format)
    found = Graph()
    try:
        with source.open("rb") as file:
            match chosen:
                case "nt":
                    _parse_ntriples(file, found, source)
                case "turtle":
                    found.parse(file, format="turtle", publicID=_FILE_BASE)
                case "json-ld":
                    jsonld.to_rdf(_offline_json(file.read(), source), found, _FILE_BASE)
    except OSError as error:
        raise GraphError(f"{source}: can't be read ({error.strerror or error})") from error
    except BadSyntax as error:
        raise GraphError(f"{source}, line {error.lines + 1}: is no {chosen} ({_reason(error)})") from error
    except (ValueError, LookupError, TypeError, AttributeError, NameError, RecursionError, ParserError) as error:
        raise GraphError(f"{source}: is no {chosen} ({type(error).__name__}: {error})") from error
    return found


def _format(path: Path, format: Format | None) -> Format:
    chosen = format or SUFFIXES.get(path.suffix.lower())
    if chosen is None or chosen not in get_args(Format):
        forms = ", ".join(f"{suffix} ({name})" for suffix, name in SUFFIXES.items())
        raise GraphError(f"{path.name}: unknown RDF format {format or path.suffix!r}; expected {forms}")
    return chosen


def _reason(error: BadSyntax) -> str:
    """The reason alone, on one line: rdflib's message goes on with the text around the error."""
    return str(error).split("\n", 1)[-1].replace("\n", " ")[:200]


# ---- writing


class _ExactTurtle(TurtleSerializer):
    """rdflib's Turtle with every digit of a double (it writes six), and with the schema's prefixes and no others.

    rdflib looks for a prefix of every IRI it meets, node IRIs among them; on an id of a megabyte that takes minutes.
    """

    def __init__(self, rdf_graph: Graph, prefixes: Mapping[str, str]) -> None:
        super().__init__(rdf_graph)
        self._prefixes = {**prefixes, "rdf": str(RDF), "xsd": str(XSD)}

    def label(self, node: Node, position: int) -> str:
        if isinstance(node, RdfLiteral) and node.datatype == XSD.double:
            return f'"{node}"^^xsd:double'
        return super().label(node, position)

    def get_pname(self, uri: Node, gen_prefix: bool = True) -> str | None:  # noqa: ARG002
        if not isinstance(uri, URIRef):
            return None
        for prefix, namespace in self._prefixes.items():
            if uri.startswith(namespace) and _LOCAL_NAME.fullmatch(uri, len(namespace)):
                return f"{self.addNamespace(prefix, URIRef(namespace))}:{uri[len(namespace) :]}"
        return None


def _write_ntriples(graph: KnowledgeGraph, names: n.Names, base: str, file: IO[bytes]) -> None:
    rows = triples(graph, names, base)
    while batch := list(islice(rows, _BATCH)):
        some = Graph()
        for triple in batch:
            some.add(triple)
        file.write(some.serialize(format="nt", encoding="utf-8"))


def _write_jsonld(rdf_graph: Graph, names: n.Names, file: IO[bytes]) -> None:
    """JSON-LD with prefixes. Numbers stay texts with a type: a JSON number would lose digits when it is read."""
    context = {**names.prefixes, "xsd": str(XSD)}
    converter = Converter(Context(context), use_native_types=False, use_rdf_type=False)
    converter.use_native_types = False  # it switches them on whenever there is a context
    nodes = converter.from_graph(rdf_graph)
    nodes.sort(key=lambda node: str(node["@id"]))
    text = json.dumps({"@context": context, "@graph": nodes}, ensure_ascii=False, indent=1, allow_nan=False)
    file.write(text.encode())


# ---- reading


class _LineParser(W3CNTriplesParser):
    """Reads whole lines, and knows the number of the one it is at.

    rdflib takes a line in pieces of 2 KB and looks for its end from the start each time: minutes for a megabyte.
    """

    __slots__ = ("number",)

    def __init__(self, sink: NTGraphSink) -> None:
        super().__init__(sink)
        self.number = 0

    def readline(self) -> str | None:
        self.number += 1
        line: str = self.file.readline()  # type: ignore[union-attr]
        return line.rstrip("\n") if line else None


def _parse_ntriples(file: IO[bytes], found: Graph, source: Path) -> None:
    parser = _LineParser(NTGraphSink(found))
    try:
        with io.TextIOWrapper(file, encoding="utf-8", newline=None) as lines:  # they end with \n, \r\n or \r
            parser.parse(lines)
    except ParserError as error:
        raise GraphError(f"{source}, line {parser.number}: is no nt ({str(error)[:200]})") from error


def _offline_json(data: bytes, source: Path) -> Any:
    """The JSON document with schema.org's context put in, as it would otherwise be fetched."""
    try:
        document = json.loads(data)
    except json.JSONDecodeError as error:
        raise GraphError(f"{source}, line {error.lineno}: is no JSON ({error.msg})") from error
    remote: list[str] = []
    document = _without_remote(document, remote)
    if remote:
        raise GraphError(
            f"{source}: needs the JSON-LD context {remote[0]}, which kgrec does not fetch; write its content there"
        )
    return document


def _without_remote(value: Any, remote: list[str]) -> Any:
    if isinstance(value, list):
        return [_without_remote(member, remote) for member in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _local_context(member, remote) if key in ("@context", "@import") else _without_remote(member, remote)
        for key, member in value.items()
    }


def _local_context(context: Any, remote: list[str]) -> Any:
    if isinstance(context, list):
        return [_local_context(part, remote) for part in context]
    if not isinstance(context, str):
        return _without_remote(context, remote)
    if not is_schema_org(context):
        remote.append(context)
    return {"@vocab": "https://schema.org/"}


def is_schema_org(context: str) -> bool:
    """Whether a JSON-LD context is schema.org's, as http or https, with or without a slash."""
    return context.strip().lower().removesuffix("/").removesuffix("/docs/jsonldcontext.json") in _OWN_CONTEXTS
