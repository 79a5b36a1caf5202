"""The picture of a schema: a Mermaid diagram, which GitHub and most Markdown viewers draw."""

from __future__ import annotations

from kgrec.graph.schema.types import GraphSchema, Label, Relation, read_schema


def schema_picture(schema: GraphSchema | None = None) -> str:
    """The labels with their properties and the relations between them, as a fenced Mermaid block.

    Relations that join the same labels, such as the kinds of event, share one arrow. A label that no relation of the
    schema touches hangs on a dotted one: its nodes are tied by the facts of a shop's triples.
    """
    schema = schema or read_schema()
    arrows: dict[tuple[str, str], list[Relation]] = {}
    for relation in schema.relations.values():
        arrows.setdefault((relation.head, relation.tail), []).append(relation)
    lines = ["```mermaid", "graph LR"]
    lines += [f"    {label.name}[{_box(label)}]" for label in schema.labels.values()]
    lines += [f"    {head} -->|{_caption(relations)}| {tail}" for (head, tail), relations in arrows.items()]
    tied = {end for ends in arrows for end in ends}
    lines += [f'    Product -.->|"facts of triples"| {name}' for name in schema.labels if name not in tied]
    return "\n".join([*lines, "```"]) + "\n"


def _box(label: Label) -> str:
    return '"' + "<br/>".join([f"<b>{label.name}</b>", "id", *label.properties]) + '"'


def _caption(relations: list[Relation]) -> str:
    names = [relation.name for relation in relations]
    rows = [", ".join(names[start : start + 3]) for start in range(0, len(names), 3)]  # short enough for an arrow
    properties = dict.fromkeys(key for relation in relations for key in relation.properties)
    return '"' + "<br/>".join([*rows, *([", ".join(properties)] if properties else [])]) + '"'
