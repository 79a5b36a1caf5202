"""Validation of a graph against SHACL shapes, with a report that can be read."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pyshacl
from pyshacl.errors import ReportableRuntimeError
from rdflib import RDF, SH, Graph, Literal, URIRef

from kgrec.errors import GraphError, list_first
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import names as n
from kgrec.graph.rdf.files import parse_rdf
from kgrec.graph.rdf.shapes import shapes_text
from kgrec.graph.rdf.writing import to_rdf
from kgrec.graph.schema.types import GraphSchema

_COLUMNS = dict.fromkeys(("severity", "label", "id", "path", "constraint", "message", "value"), pl.String)


@dataclass(frozen=True, slots=True, eq=False)
class ShaclReport:
    """What SHACL validation found.

    Parameters
    ----------
    conforms : bool
        Whether no shape is broken.
    table : polars.DataFrame
        Columns `severity, label, id, path, constraint, message, value`, all text; one row per broken constraint of one
        node. `path` is the property or relation as the graph calls it, `constraint` what SHACL calls what is broken
        (`MinCount`). A resource that is no node of kgrec's has no label,
        and its IRI as the id.
    """

    conforms: bool
    table: pl.DataFrame

    def __str__(self) -> str:
        """The counts by kind, the most frequent first, each with its first five nodes."""
        if not self.table.height:
            return "SHACL: the graph conforms"
        lines = [
            f"SHACL: {self.table.height:,} results; the graph {'conforms' if self.conforms else 'does not conform'}"
        ]
        kind = ["severity", "label", "path", "constraint"]
        kinds = self.table.group_by(kind).agg("id", pl.col("message").first())
        kinds = kinds.sort(pl.col("id").list.len(), *kind, descending=[True, False, False, False, False])
        for row in kinds.iter_rows(named=True):
            where = " ".join(filter(None, (row["label"], row["path"])))
            ids = list_first(sorted(row["id"]))
            lines.append(f"  {len(row['id']):,} x {row['severity']} {where}: {row['constraint']} in {ids}")
            lines.append(f"      {row['message']}")
        return "\n".join(lines)


def validate(
    graph: KnowledgeGraph | Graph,
    shapes: Graph | str | os.PathLike[str] | None = None,
    *,
    schema: GraphSchema | None = None,
) -> ShaclReport:
    """Check a graph against SHACL shapes; nothing is fetched or inferred.

    Parameters
    ----------
    graph : KnowledgeGraph or rdflib.Graph
    shapes : rdflib.Graph or path, optional
        By default those of the schema, which for kgrec's own schema are `graph_schema/shapes.ttl`.
    schema : GraphSchema, optional
        Whose names the graph has in RDF; by default the schema kgrec ships.

    Raises
    ------
    GraphError
        If the shapes can't be read or are no valid SHACL.
    """
    data = to_rdf(graph, schema) if isinstance(graph, KnowledgeGraph) else graph
    shape_graph = _shapes(shapes, schema)
    try:
        conforms, results, _ = pyshacl.validate(data, shacl_graph=shape_graph, inference="none", inplace=True)
    except ReportableRuntimeError as error:
        raise GraphError(f"the shapes are no valid SHACL ({error})") from error
    if not isinstance(results, Graph):
        raise GraphError(f"the graph can't be validated ({results})")
    return ShaclReport(bool(conforms), _table(results, n.Names(schema)))


def _shapes(shapes: Graph | str | os.PathLike[str] | None, schema: GraphSchema | None) -> Graph:
    if isinstance(shapes, Graph):
        return shapes
    return Graph().parse(data=shapes_text(schema), format="turtle") if shapes is None else parse_rdf(Path(shapes))


def _table(results: Graph, names: n.Names) -> pl.DataFrame:
    rows = [_row(results, result, names) for result in results.subjects(RDF.type, SH.ValidationResult)]
    return pl.DataFrame(rows, schema=_COLUMNS, orient="row").sort("label", "id", "path", "constraint", "value")


def _row(results: Graph, result: Any, names: n.Names) -> tuple[str | None, ...]:
    focus = results.value(result, SH.focusNode)
    label, node_id = n.read_node_iri([n.DEFAULT_BASE], str(focus)) or (None, str(focus))
    path = results.value(result, SH.resultPath)
    value = results.value(result, SH.value)
    return (
        n.local_name(str(results.value(result, SH.resultSeverity))),
        label,
        node_id,
        _path_name(path, label, names),
        n.local_name(str(results.value(result, SH.sourceConstraintComponent))).removesuffix("ConstraintComponent"),
        "; ".join(sorted(str(message) for message in results.objects(result, SH.resultMessage))),
        None if value is None else _value_text(value),
    )


def _path_name(path: Any, label: str | None, names: n.Names) -> str | None:
    if not isinstance(path, URIRef):
        return None  # of the node itself, or a path of several steps
    iri = str(path)
    known = names.schema.labels.get(label or "")
    name = names.read_property(label, iri)
    return name if name is not None and known and name in known.properties else names.read_relation(iri) or name or iri


def _value_text(value: Any) -> str:
    found = None if isinstance(value, Literal) else n.read_node_iri([n.DEFAULT_BASE], str(value))
    return str(value) if found is None else f"{found[0]} {found[1]!r}"
