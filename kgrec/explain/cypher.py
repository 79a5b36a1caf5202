"""Cypher that shows a path of the graph, ready to be pasted: every id is a literal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kgrec.graph.networkx_graph import Node
from kgrec.graph.schema.constraints import quote

BACKSLASH = "\\"


def text_literal(value: str) -> str:
    r"""A text as a Cypher string; the only characters with a meaning inside one are `\` and `'`.

    >>> print(text_literal("it's 1\\2"))
    'it\'s 1\\2'
    """
    return "'{}'".format(value.replace(BACKSLASH, BACKSLASH * 2).replace("'", BACKSLASH + "'"))


def path_statement(nodes: Sequence[Node], steps: Sequence[tuple[str, bool]]) -> str:
    """A statement that matches one path, node by node, and returns it as `path`.

    Parameters
    ----------
    nodes : sequence of (label, id)
    steps : sequence of (REL_TYPE, forward), one fewer
        `forward` when the edge points to the next node.

    >>> path_statement([("Product", "a"), ("Brand", "b")], [("HAS_BRAND", True)])
    "MATCH path = (:`Product` {id: 'a'})-[:`HAS_BRAND`]->(:`Brand` {id: 'b'}) RETURN path"
    """
    pattern = _node(nodes[0])
    for node, (rel_type, forward) in zip(nodes[1:], steps, strict=True):
        pattern += f"-[:{quote(rel_type)}]->" if forward else f"<-[:{quote(rel_type)}]-"
        pattern += _node(node)
    return f"MATCH path = {pattern} RETURN path"


def together(statements: Iterable[str]) -> str:
    """One statement that returns what each of several returns."""
    return "\nUNION\n".join(dict.fromkeys(statements))


def _node(node: Node) -> str:
    return f"(:{quote(node[0])} {{id: {text_literal(node[1])}}})"
