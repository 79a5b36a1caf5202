"""Write what is made from `graph_schema/schema.toml`: `python -m kgrec.graph.schema.generate`.

The files of `GENERATED` beside it and, in a checkout, the picture in README.md.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

from kgrec.errors import GraphError
from kgrec.graph.rdf.ontology import ontology_text
from kgrec.graph.rdf.shapes import shapes_text
from kgrec.graph.schema.constraints import constraints_text
from kgrec.graph.schema.picture import schema_picture
from kgrec.graph.schema.types import GraphSchema, read_schema, schema_folder

GENERATED: Mapping[str, Callable[[GraphSchema], str]] = {
    "constraints.cypher": constraints_text,
    "ontology.ttl": ontology_text,
    "shapes.ttl": shapes_text,
}
_PICTURE = re.compile(r"(<!-- schema -->\n).*?(<!-- /schema -->)", re.DOTALL)


def with_picture(readme: str, schema: GraphSchema) -> str:
    """A README's text with the schema's picture between its markers `<!-- schema -->` and `<!-- /schema -->`.

    Raises
    ------
    GraphError
        If it has no such markers.
    """
    picture = schema_picture(schema)
    text, count = _PICTURE.subn(lambda found: f"{found[1]}{picture}{found[2]}", readme)
    if not count:
        raise GraphError("README.md: no line `<!-- schema -->` with a line `<!-- /schema -->` after it")
    return text


def generate(folder: Path, schema: GraphSchema) -> None:
    """Write every generated file into `folder`, and the picture into the README.md beside it when there is one."""
    for name, make in GENERATED.items():
        (folder / name).write_text(make(schema), encoding="utf-8")
    readme = folder.parent / "README.md"
    if readme.is_file():
        readme.write_text(with_picture(readme.read_text(encoding="utf-8"), schema), encoding="utf-8")


if __name__ == "__main__":
    generate(schema_folder(), read_schema())
