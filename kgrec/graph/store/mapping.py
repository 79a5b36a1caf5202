"""How a graph that a team already has in its database becomes a KnowledgeGraph: their names to ours."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from kgrec.errors import GraphError, list_first, raise_faults
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeMapping:
    """What the nodes of one of their labels become.

    Attributes
    ----------
    label : str
        Label in the KnowledgeGraph; several of theirs may become one.
    key : str
        Their property that becomes the id: text, or numbers (17 becomes "17").
    properties : mapping of str to str, optional
        Their property -> ours; those not named are left out. None takes all but the key, under their own names.
    """

    label: str
    key: str = ID
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EdgeMapping:
    """What one of their relations becomes.

    Attributes
    ----------
    relation : str
        Relation in the KnowledgeGraph.
    reversed : bool
        Theirs points the other way: `(:Maker)-[:MAKES]->(:Item)` becomes `(:Product)-[:HAS_BRAND]->(:Brand)`.
    properties : mapping of str to str, optional
        As for nodes.
    """

    relation: str
    reversed: bool = False
    properties: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphMapping:
    """Their labels and relations -> what they become; what is not named is not read.

    Parameters
    ----------
    nodes : mapping of their label to NodeMapping
        A node with several of these labels is read by the first of them.
    edges : mapping of their relation to EdgeMapping
        Edges between nodes that are read; parallel ones become one.

    Raises
    ------
    GraphError
        Listing every fault: no nodes, empty names, two properties of one name, names kept for ids.
    """

    nodes: Mapping[str, NodeMapping]
    edges: Mapping[str, EdgeMapping] = field(default_factory=dict)

    def __post_init__(self) -> None:
        faults = [] if self.nodes else ["it maps no label"]
        for label, node in self.nodes.items():
            faults += _name_faults(f"nodes {label!r}", (label, node.label, node.key), node.properties, {ID})
        for relation, edge in self.edges.items():
            names = (relation, edge.relation)
            faults += _name_faults(f"edges {relation!r}", names, edge.properties, {HEAD_ID, TAIL_ID})
        raise_faults(GraphError, "graph mapping", faults)

    @classmethod
    def from_toml(cls, path: str | os.PathLike[str]) -> Self:
        """Read a mapping from a file.

            [nodes.Item]                                # their label
            label = "Product"
            key = "sku"                                 # without this line: id
            properties = { name = "title" }             # without this line: all, under their own names

            [edges.MAKES]                               # their relation
            relation = "HAS_BRAND"
            reversed = true                             # without this line: false

        Raises
        ------
        GraphError
            If the file can't be read as TOML; or listing every fault, unknown settings among them.
        """
        path = Path(path)
        try:
            tables = tomllib.loads(path.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise GraphError(f"{path.name}: can't be read as TOML ({error})") from error
        faults = [f"the table {name!r} is unknown; there are nodes and edges" for name in tables.keys() - _TABLES]
        for kind, settings in _SETTINGS.items():
            faults += _table_faults(kind, tables.get(kind, {}), settings)
        raise_faults(GraphError, path.name, sorted(faults))
        return cls(
            nodes={label: NodeMapping(**table) for label, table in tables.get("nodes", {}).items()},
            edges={relation: EdgeMapping(**table) for relation, table in tables.get("edges", {}).items()},
        )


_SETTINGS: Mapping[str, Mapping[str, type]] = {
    "nodes": {"label": str, "key": str, "properties": dict},
    "edges": {"relation": str, "reversed": bool, "properties": dict},
}
_TABLES = _SETTINGS.keys()
_REQUIRED = {"nodes": "label", "edges": "relation"}


def _table_faults(kind: str, tables: Any, settings: Mapping[str, type]) -> list[str]:
    if not isinstance(tables, dict):
        return [f"{kind} must be tables such as [{kind}.Item]"]
    faults = []
    for name, table in tables.items():
        if not isinstance(table, dict):
            faults.append(f"{kind}.{name} must be a table")
            continue
        if _REQUIRED[kind] not in table:
            faults.append(f"{kind}.{name}: {_REQUIRED[kind]!r} is missing")
        for key, value in table.items():
            if key not in settings:
                faults.append(f"{kind}.{name}: {key!r} is unknown; there are {', '.join(settings)}")
            elif not isinstance(value, settings[key]):
                faults.append(f"{kind}.{name}: {key!r} must be a {settings[key].__name__}, found {value!r}")
        properties = table.get("properties", {})
        if isinstance(properties, dict) and not all(isinstance(ours, str) for ours in properties.values()):
            faults.append(f"{kind}.{name}: 'properties' must map names to names")
    return faults


def _name_faults(where: str, names: tuple[str, ...], properties: Mapping[str, str] | None, kept: set[str]) -> list[str]:
    ours = list((properties or {}).values())
    faults = [f"{where}: a name is empty"] if "" in (*names, *ours) else []
    twice = sorted({name for name in ours if ours.count(name) > 1})
    if twice:
        faults.append(f"{where}: several properties become {list_first(twice)}")
    if kept & set(ours):
        faults.append(f"{where}: no property may become {list_first(sorted(kept & set(ours)))}")
    return faults
