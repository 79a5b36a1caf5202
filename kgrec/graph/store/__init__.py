"""The graph in a database, over Bolt: a Neo4j, or a private local server."""

from kgrec.graph.store.graph_store import GraphStore, open_graph

__all__ = ["GraphStore", "open_graph"]
