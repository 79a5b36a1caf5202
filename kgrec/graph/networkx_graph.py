"""The graph in networkx, out and in, and the searches done there. The one place that imports `networkx`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import networkx as nx
import numpy as np
import polars as pl

from kgrec.errors import GraphError, list_first, raise_faults
from kgrec.graph.frames import MixedTypesError, column_type
from kgrec.graph.knowledge_graph import HEAD_ID, ID, PROPERTY_TYPES, TAIL_ID, EdgeType, KnowledgeGraph

Node = tuple[str, str]  # (label, id)


def to_networkx(graph: KnowledgeGraph) -> nx.MultiDiGraph:
    """The graph in networkx; `from_networkx` gives it back.

    Returns
    -------
    networkx.MultiDiGraph
        Nodes are the tuples `(label, id)`, the key of an edge is its relation; properties are attributes, and one
        without a value is not there.
    """
    network = nx.MultiDiGraph()
    for label, table in graph.nodes.items():
        network.add_nodes_from(((label, row.pop(ID)), _present(row)) for row in table.iter_rows(named=True))
    for (head, rel_type, tail), table in graph.edges.items():
        network.add_edges_from(
            ((head, row.pop(HEAD_ID)), (tail, row.pop(TAIL_ID)), rel_type, _present(row))
            for row in table.iter_rows(named=True)
        )
    return network


def from_networkx(network: nx.MultiDiGraph) -> KnowledgeGraph:
    """Read a network whose nodes are tuples `(label, id)` and whose edge keys are relations.

    Raises
    ------
    GraphError
        Listing every fault: nodes or keys of another form, attributes of a type no KnowledgeGraph holds.
    """
    where = f"the networkx {type(network).__name__}"
    if not (network.is_directed() and network.is_multigraph()):
        raise GraphError(f"{where}: expected a networkx.MultiDiGraph whose edge keys are relations")
    odd = [node for node in network if not _is_node(node)]
    faults = [f"{len(odd):,} nodes are no tuple (label, id) of two str: {list_first(odd)}"] if odd else []
    keys = [key for *_, key in network.edges(keys=True) if not isinstance(key, str)]
    faults += [f"{len(keys):,} edge keys are no relation (str): {list_first(keys)}"] if keys else []
    raise_faults(GraphError, where, faults)
    nodes: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    edges: dict[EdgeType, list[Mapping[str, Any]]] = defaultdict(list)
    for (label, node_id), attributes in network.nodes(data=True):
        faults += _taken([ID], attributes, f"node {(label, node_id)}")
        nodes[label].append({**attributes, ID: node_id})
    for (head, head_id), (tail, tail_id), rel_type, attributes in network.edges(keys=True, data=True):
        faults += _taken([HEAD_ID, TAIL_ID], attributes, f"edge {rel_type} from {(head, head_id)}")
        edges[head, rel_type, tail].append({**attributes, HEAD_ID: head_id, TAIL_ID: tail_id})
    node_tables = {label: _table(rows, f"nodes {label!r}", faults) for label, rows in nodes.items()}
    edge_tables = {key: _table(rows, f"edges {'-'.join(key)}", faults) for key, rows in edges.items()}
    raise_faults(GraphError, where, faults)
    return KnowledgeGraph(node_tables, edge_tables)


def search_network(graph: KnowledgeGraph, without: Collection[str] = ()) -> nx.Graph:
    """An undirected network to look for paths in, without the nodes of some labels and without loops.

    Of several edges between two nodes the first is there, with its relation as `rel_type` and its head as `head`.
    """
    network = nx.Graph()
    for label, table in graph.nodes.items():
        if label not in without:
            network.add_nodes_from((label, node_id) for node_id in table[ID])
    for (head, relation, tail), table in graph.edges.items():
        if head in without or tail in without:
            continue
        for head_id, tail_id in table.select(HEAD_ID, TAIL_ID).iter_rows():
            ends = (head, head_id), (tail, tail_id)
            if ends[0] != ends[1] and not network.has_edge(*ends):
                network.add_edge(*ends, rel_type=relation, head=ends[0])
    return network


def cheapest_paths(
    network: nx.Graph, source: Node, weight: Callable[[Node, Node, dict[str, Any]], float], max_cost: float
) -> tuple[dict[Node, float], dict[Node, list[Node]]]:
    """The cost of every node that can be reached from the source for at most `max_cost`, and the path there."""
    found: tuple[dict[Node, float], dict[Node, list[Node]]]
    found = nx.single_source_dijkstra(network, source, cutoff=max_cost, weight=weight)
    return found


def spring_layout(num_nodes: int, edges: Iterable[tuple[int, int]], *, seed: int = 0) -> np.ndarray:
    """A place in the plane for each node, linked ones near each other; the same for the same input.

    Parameters
    ----------
    num_nodes : int
    edges : iterable of (head, tail)
        Places from 0 to num_nodes - 1; direction and repetition don't matter.
    seed : int

    Returns
    -------
    ndarray, shape (num_nodes, 2), float64, in -1 to 1.

    Source: Fruchterman & Reingold 1991, as networkx has it.
    """
    plain = nx.Graph()
    plain.add_nodes_from(range(num_nodes))
    plain.add_edges_from(sorted({(min(edge), max(edge)) for edge in edges if edge[0] != edge[1]}))
    places = nx.spring_layout(plain, seed=seed, iterations=200, k=1.6 / max(1.0, num_nodes**0.5))
    return np.array([places[node] for node in range(num_nodes)]).reshape(num_nodes, 2)


def _is_node(node: object) -> bool:
    return isinstance(node, tuple) and len(node) == 2 and all(isinstance(part, str) for part in node)


def _present(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _taken(keys: Iterable[str], attributes: Mapping[str, Any], where: str) -> list[str]:
    return [f"{where}: the attribute name {key!r} is kgrec's own; rename it" for key in keys if key in attributes]


def _table(rows: list[Mapping[str, Any]], where: str, faults: list[str]) -> pl.DataFrame:
    columns = {}
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [_plain(row.get(name)) for row in rows]
        try:
            dtype = column_type(values)
        except MixedTypesError as error:
            faults.append(f"{where}: attribute {name!r}: {error}")
            continue
        dtype = pl.List(pl.String) if dtype in (pl.List(pl.Null), pl.Null) else dtype
        if dtype not in PROPERTY_TYPES:
            faults.append(f"{where}: attribute {name!r} has type {dtype}; use str, int, float, bool or a list of str")
            continue
        columns[name] = pl.Series(name, values, dtype=dtype, strict=False)
    return pl.DataFrame(columns)


def _plain(value: Any) -> Any:
    """A numpy scalar or array as Python's own."""
    return value.tolist() if isinstance(value, (np.generic, np.ndarray)) else value
