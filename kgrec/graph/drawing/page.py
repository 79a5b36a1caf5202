"""A neighbourhood as one HTML file with pan, zoom, search and properties; it loads nothing from anywhere."""

from __future__ import annotations

import base64
import hashlib
import html
import json
from pathlib import Path
from string import Template
from typing import Any

from kgrec.graph.drawing.layout import CENTER_RADIUS, RADIUS, Layout, caption, label_colors
from kgrec.graph.drawing.neighbourhood import Neighbourhood

FOLDER = Path(__file__).parent
VALUE_LETTERS = 500  # of a property that are shown


def write_page(path: Path, neighbourhood: Neighbourhood, layout: Layout, title: str) -> None:
    """Write the page; equal input gives equal bytes.

    What shops write is data here, and never HTML or a script: the graph travels as JSON without `<`, `>` or `&`, the
    script shows it through `textContent`, and the page's policy lets the browser run that one script and fetch nothing.
    """
    script, style = (_read(f"page.{kind}") for kind in ("js", "css"))
    page = Template(_read("page.html")).substitute(
        title=html.escape(title),
        size=html.escape(neighbourhood.size),
        data=_embed(_page_data(neighbourhood, layout)),
        script=script,
        script_hash=_hash(script),
        style=style,
        style_hash=_hash(style),
    )
    path.write_bytes(page.encode("utf-8"))


def _page_data(neighbourhood: Neighbourhood, layout: Layout) -> dict[str, Any]:
    nodes = [
        {
            "label": node.label,
            "id": node.id,
            "name": node.name,
            "caption": caption(node),
            "hops": node.hops,
            "x": round(float(x), 1),
            "y": round(float(y), 1),
            "properties": [[name, _text(value)] for name, value in node.properties.items()],
        }
        for node, (x, y) in zip(neighbourhood.nodes, layout.places, strict=True)
    ]
    edges = [{"head": edge.head, "tail": edge.tail, "name": ", ".join(edge.rel_types)} for edge in neighbourhood.edges]
    return {
        "nodes": nodes,
        "edges": edges,
        "labels": label_colors(neighbourhood),
        "width": round(layout.width),
        "height": round(layout.height),
        "radius": RADIUS,
        "center_radius": CENTER_RADIUS,
    }


def _text(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= VALUE_LETTERS else f"{text[:VALUE_LETTERS]}…"


def _embed(value: Any) -> str:
    """JSON that can stand inside a `script` element: nothing in it can end the element or begin another."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def _read(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")
