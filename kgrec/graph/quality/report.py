"""The quality report of a graph: its measures, what stands out in them, and both as text."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.quality import findings as find
from kgrec.graph.quality import measures
from kgrec.graph.quality.duplicates import find_duplicates
from kgrec.graph.schema.types import GraphSchema, read_schema

_FINDING = {
    "severity": pl.String(),
    "check": pl.String(),
    "where": pl.String(),
    "count": pl.Int64(),
    "examples": pl.List(pl.String()),
    "advice": pl.String(),
}
_SHOWN = 15  # relations in the text; the tables hold all


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class QualityReport:
    """What a graph holds and what in it deserves a look.

    Parameters
    ----------
    nodes : polars.DataFrame
        `label, nodes, without_edges`.
    relations : polars.DataFrame
        One row per relation and per attribute; the columns are those of `measures.count_relations`.
    properties : polars.DataFrame
        `label, property, declared, missing, share`; `declared`: the schema has it.
    parts : polars.DataFrame
        The weakly connected parts, largest first: `nodes, products, first_id`. Users are left out.
    duplicates : polars.DataFrame
        `label, key, nodes, ids`: nodes whose names differ in case, accents, spaces or punctuation only.
    findings : polars.DataFrame
        `severity` ("warning" or "info"), `check, where, count, examples` (the first five), `advice`; warnings first.
    """

    nodes: pl.DataFrame
    relations: pl.DataFrame
    properties: pl.DataFrame
    parts: pl.DataFrame
    duplicates: pl.DataFrame
    findings: pl.DataFrame

    @property
    def warnings(self) -> pl.DataFrame:
        """The findings that are more than a note."""
        return self.findings.filter(pl.col("severity") == "warning")

    def to_dict(self) -> dict[str, Any]:
        """The tables by name, each a list of rows of plain Python values."""
        tables = (
            ("nodes", self.nodes),
            ("relations", self.relations),
            ("properties", self.properties),
            ("parts", self.parts),
            ("duplicates", self.duplicates),
            ("findings", self.findings),
        )
        return {name: table.to_dicts() for name, table in tables}

    def __str__(self) -> str:
        total = f"{self.nodes['nodes'].sum():,} nodes, {self.relations['edges'].sum():,} edges"
        lines = [f"Graph quality: {total}", "", *self._node_lines(), "", *self._relation_lines(), ""]
        lines += [*self._part_lines(), "", *self._finding_lines()]
        return "\n".join(lines)

    def _node_lines(self) -> list[str]:
        rows = [(row["label"], f"{row['nodes']:,}", f"{row['without_edges']:,}") for row in self.nodes.to_dicts()]
        return _text_table([("label", "nodes", "without an edge"), *rows], left=1)

    def _relation_lines(self) -> list[str]:
        head = ("relation", "ends", "edges", "heads with it", "tails", "per tail: median", "most", "Gini")
        largest = self.relations.sort("edges", descending=True, maintain_order=True)
        rows = [
            (
                row["relation"],
                row["ends"],
                f"{row['edges']:,}",
                f"{row['head_share']:.1%}",
                f"{row['tails']:,}",
                f"{row['median']:g}",
                f"{row['most']:,}",
                f"{row['gini']:.2f}",
            )
            for row in largest.head(_SHOWN).to_dicts()
        ]
        lines = _text_table([head, *rows], left=2)
        rest = largest[_SHOWN:]
        return lines + ([f"  ... and {rest.height} more with {rest['edges'].sum():,} edges"] if rest.height else [])

    def _part_lines(self) -> list[str]:
        if not self.parts.height:
            return ["  no node but users"]
        total = int(self.parts["products"].sum())
        share = f", {self.parts['products'][0] / total:.1%} of the products" if total else ""
        word = "part" if self.parts.height == 1 else "parts"
        largest = f"the largest holds {self.parts['nodes'][0]:,} nodes{share}"
        return [f"  connected: {self.parts.height:,} {word}; {largest}"]

    def _finding_lines(self) -> list[str]:
        if not self.findings.height:
            return ["  Nothing to report: the graph is clean."]
        num_warnings = self.warnings.height
        lines = [f"  {_counted(num_warnings, 'warning')}, {_counted(self.findings.height - num_warnings, 'note')}"]
        names = {"warning": "WARNING", "info": "note"}
        for row in self.findings.iter_rows(named=True):
            lines.append(f"  {names[row['severity']]:<7}  {row['check']}: {row['where']}: {row['count']:,}")
            lines.append(f"             {row['advice']}")
            if row["examples"]:
                shown = "; ".join(text if len(text) <= 80 else f"{text[:77]}..." for text in row["examples"])
                lines.append(f"             such as {shown}")
        return lines


def quality_report(graph: KnowledgeGraph, schema: GraphSchema | None = None) -> QualityReport:
    """Look a graph over: counts, gaps, loose ends, doubles, separate parts and relations that say nothing.

    Users and their events are counted, and left out of everything else: they come and go with the events.

    Parameters
    ----------
    graph : KnowledgeGraph
    schema : GraphSchema, optional
        Says which properties and relations to expect; None takes the one that kgrec ships.

    Returns
    -------
    QualityReport; print it, or take its tables.

    Notes
    -----
    A KnowledgeGraph can't hold an edge without its ends. What dangles is found by its trace: triples that name products
    which the catalogue lacks become entities with ids that look like item_ids. Loose ends of a graph in a store are
    faults when it is read.
    """
    schema = read_schema() if schema is None else schema
    degrees = measures.node_degrees(graph)
    properties, relations = measures.count_missing(graph, schema), measures.count_relations(graph, degrees)
    parts, duplicates = measures.count_parts(graph), find_duplicates(graph)
    found = [
        *find.lone_nodes(graph, degrees),
        *find.dangling_ends(graph),
        *find.duplicate_nodes(duplicates),
        *find.separate_parts(parts),
        *find.missing_relations(graph, schema),
        *find.missing_properties(graph, properties),
        *find.skewed_relations(relations),
    ]
    table = pl.DataFrame([asdict(finding) for finding in found], schema=_FINDING)
    return QualityReport(
        nodes=measures.count_nodes(graph, degrees),
        relations=relations,
        properties=properties,
        parts=parts,
        duplicates=duplicates,
        findings=table.sort(pl.col("severity") != "warning", maintain_order=True),
    )


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" if count == 1 else f"{count:,} {word}s"


def _text_table(rows: list[tuple[str, ...]], left: int) -> list[str]:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = enumerate(zip(row, widths, strict=True))
        texts = [cell.ljust(width) if place < left else cell.rjust(width) for place, (cell, width) in cells]
        lines.append("  " + "  ".join(texts).rstrip())
    return lines
