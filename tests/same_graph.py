from __future__ import annotations

from kgrec.graph.knowledge_graph import KnowledgeGraph


def assert_same_graph(found: KnowledgeGraph, expected: KnowledgeGraph) -> None:
    """Equal, and of equal column types (to which `==` of two frames is blind)."""
    assert found == expected
    for tables, others in ((found.nodes, expected.nodes), (found.edges, expected.edges)):
        assert {key: table.schema for key, table in tables.items()} == {key: t.schema for key, t in others.items()}
