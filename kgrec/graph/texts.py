"""What the nodes of a graph say of themselves."""

from __future__ import annotations

import polars as pl

from kgrec.graph.knowledge_graph import ID, KnowledgeGraph, as_text


def node_texts(graph: KnowledgeGraph, label: str, node_ids: list[str]) -> list[str]:
    """What each node says of itself: title and description, or name and value; "" when it says nothing."""
    table = graph.nodes.get(label)
    present = [
        name for name in ("title", "description", "name", "value") if table is not None and name in table.columns
    ]
    if table is None or not present:
        return [""] * len(node_ids)
    said = table.select(
        ID, pl.concat_str([as_text(table[name]) for name in present], separator=". ", ignore_nulls=True).alias("text")
    )
    asked = pl.DataFrame({ID: pl.Series(node_ids, dtype=pl.String)})
    return asked.join(said, on=ID, how="left", maintain_order="left")["text"].fill_null("").to_list()
