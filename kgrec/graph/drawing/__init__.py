"""Pictures of a graph: a neighbourhood as SVG, PNG, or an HTML page that needs no network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kgrec.errors import ConfigError, raise_faults
from kgrec.graph.build import PRODUCT
from kgrec.graph.drawing.layout import arrange, cut
from kgrec.graph.drawing.neighbourhood import (
    GraphSource,
    Neighbourhood,
    NodeKey,
    StoreSource,
    describe_size,
    find_neighbourhood,
)
from kgrec.graph.drawing.page import write_page
from kgrec.graph.drawing.picture import Theme, write_picture
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore

TITLE_LETTERS, MAX_TITLE_LETTERS = 50, 200  # of a title made here, of one given
SUFFIXES = (".svg", ".png", ".html")
Center = str | NodeKey


@dataclass(frozen=True, slots=True)
class Drawing:
    """A file that `draw` wrote: how many nodes and edges it shows, and how many nodes did not fit in."""

    path: Path
    num_nodes: int
    num_edges: int
    left_out: int

    def __str__(self) -> str:
        return f"{self.path}: {describe_size(self.num_nodes, self.num_edges, self.left_out)}"


def draw(
    graph: KnowledgeGraph | GraphStore,
    center: Center | list[Center],
    path: str | os.PathLike[str],
    *,
    hops: int = 1,
    max_nodes: int = 60,
    title: str | None = None,
    theme: Theme = "light",
    seed: int = 0,
) -> Drawing:
    """Draw what is around one node or several; the suffix of `path` says how.

    Parameters
    ----------
    graph : KnowledgeGraph or GraphStore
        A store is asked for the neighbourhood only; it is never read as a whole.
    center : item_id, (label, id), or a list of them
    path : path
        `.svg`, `.png`, or `.html`: a page with pan, zoom, search and the nodes' properties, all in one file.
    hops : int
        How far from a centre to go, in edges.
    max_nodes : int
        Most nodes to show. The nearest are kept; within a hop the labels take turns, and of each label the most
        tightly linked come first. The picture says how many were left out.
    title : str, optional
        None: the centre's name.
    theme : "light" or "dark"
        Of a picture; the page follows the reader's system, and has a switch.
    seed : int
        Of the layout. Equal input gives equal bytes.

    Returns
    -------
    Drawing

    Raises
    ------
    ConfigError
        Listing every fault of the arguments; or if `.svg` or `.png` is asked for and matplotlib is not installed.
    GraphError
        If a centre is no node of the graph.
    StoreError
        If the store is lost.
    """
    path = Path(path)
    centers = list(dict.fromkeys(_key(one) for one in (center if isinstance(center, list) else [center])))
    raise_faults(ConfigError, "draw", _faults(path, centers, hops, max_nodes, theme))
    source = StoreSource(graph) if isinstance(graph, GraphStore) else GraphSource(graph)
    neighbourhood = find_neighbourhood(source, centers, hops, max_nodes)
    layout = arrange(neighbourhood, seed)
    title = cut(title, MAX_TITLE_LETTERS) if title else _title(neighbourhood, hops)
    if path.suffix.lower() == ".html":
        write_page(path, neighbourhood, layout, title)
    else:
        write_picture(path, neighbourhood, layout, title, theme)
    return Drawing(path, len(neighbourhood.nodes), len(neighbourhood.edges), neighbourhood.left_out)


def _key(center: Center) -> NodeKey:
    return (PRODUCT, center) if isinstance(center, str) else (center[0], center[1])


def _faults(path: Path, centers: Sequence[NodeKey], hops: int, max_nodes: int, theme: str) -> list[str]:
    faults = []
    if path.suffix.lower() not in SUFFIXES:
        faults.append(f"path ends in {path.suffix!r}; it must end in {', '.join(SUFFIXES)}")
    if path.is_dir() or not path.parent.is_dir():
        faults.append(f"{path} is a folder" if path.is_dir() else f"there is no folder {path.parent}")
    if hops < 1:
        faults.append(f"hops must be at least 1, found {hops}")
    if not centers:
        faults.append("center is empty; give an item_id or a (label, id)")
    if max_nodes < max(1, len(centers)):
        faults.append(f"max_nodes must be at least the number of centres ({len(centers)}), found {max_nodes}")
    if theme not in ("light", "dark"):
        faults.append(f"theme must be 'light' or 'dark', found {theme!r}")
    return faults


def _title(neighbourhood: Neighbourhood, hops: int) -> str:
    centers = [node for node in neighbourhood.nodes if node.hops == 0]
    others = f" and {len(centers) - 1} more" if len(centers) > 1 else ""
    return f"{cut(centers[0].name, TITLE_LETTERS)}{others} ({centers[0].label}, {hops} hop{'s' if hops > 1 else ''})"


__all__ = ["Drawing", "draw"]
