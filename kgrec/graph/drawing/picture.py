"""A neighbourhood as an SVG or PNG file. The one place that imports `matplotlib`."""

from __future__ import annotations

import warnings
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from kgrec.errors import ConfigError
from kgrec.graph.drawing.layout import RADIUS, Layout, caption, cut, label_colors, radius
from kgrec.graph.drawing.neighbourhood import Edge, Neighbourhood

Theme = Literal["light", "dark"]
PIXELS = 100.0  # of the layout in an inch of the picture
PNG_DPI = 160
POINT = 72.0 / PIXELS  # points in a pixel
EDGE_LETTER_WIDTH, LEGEND_LETTER_WIDTH, TITLE_LETTER_WIDTH = 4.6, 6.3, 9.4  # pixels
EDGE_LETTERS, LEGEND_LETTERS = 60, 30
HEAD, FOOT, SIDE, LEGEND_GAP = 62.0, 34.0, 20.0, 34.0  # pixels
LOOP_WIDTH, LOOP_HEIGHT = np.array([4.0, 0.0]), np.array([0.0, 32.0])

# Ids from a fixed salt: equal bytes. Text stays text, to be searched and read aloud.
SETTINGS = {"svg.hashsalt": "kgrec", "svg.fonttype": "none", "font.family": ["DejaVu Sans", "sans-serif"]}
GLYPH_WARNINGS = (
    "Glyph .* missing from",
    "Matplotlib currently does not support",
)  # boxes in a PNG; an SVG has the text


@dataclass(frozen=True, slots=True)
class _Inks:
    paper: str
    text: str
    quiet: str
    line: str


INKS = {
    "light": _Inks("#FFFFFF", "#1B1F24", "#5B636E", "#AEB6C0"),
    "dark": _Inks("#15191F", "#E8ECF1", "#A0A9B4", "#56606C"),
}


def write_picture(path: Path, neighbourhood: Neighbourhood, layout: Layout, title: str, theme: Theme) -> None:
    """Write the picture; equal input gives equal bytes.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    try:
        import matplotlib as mpl
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError(
            f'drawing {path.suffix} files needs matplotlib: pip install "kgrec[draw]", or write a .html page'
        ) from error
    inks = INKS[theme]
    left, right = _sides(neighbourhood, layout, title)
    height = layout.height + HEAD + FOOT
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()  # whatever style the caller has set
        mpl.rcParams.update(SETTINGS)
        for warning in GLYPH_WARNINGS:
            warnings.filterwarnings("ignore", warning)
        figure = Figure(figsize=((right - left) / PIXELS, height / PIXELS), facecolor=inks.paper)
        axes = figure.add_axes((0, 0, 1, 1), xlim=(left, right), ylim=(layout.height + FOOT, -HEAD))
        axes.set_axis_off()
        _draw_edges(axes, neighbourhood, layout, inks)
        _draw_nodes(axes, neighbourhood, layout, inks)
        _draw_frame(axes, neighbourhood, left, layout.height, title, inks)
        suffix = path.suffix.lower().removeprefix(".")
        figure.savefig(path, format=suffix, dpi=PNG_DPI, metadata={"Date": None} if suffix == "svg" else {})


def _draw_edges(axes: Any, neighbourhood: Neighbourhood, layout: Layout, inks: _Inks) -> None:
    from matplotlib.patches import FancyArrowPatch

    degree = Counter(end for edge in neighbourhood.edges for end in (edge.head, edge.tail))
    for edge in neighbourhood.edges:
        head, tail = neighbourhood.nodes[edge.head], neighbourhood.nodes[edge.tail]
        start, end = layout.places[edge.head], layout.places[edge.tail]
        if edge.head == edge.tail:  # a loop above the node
            start, end = start - LOOP_WIDTH, end + LOOP_WIDTH
        axes.add_patch(
            FancyArrowPatch(
                start,
                end,
                arrowstyle="-|>",
                mutation_scale=7,
                connectionstyle="arc3,rad=-6" if edge.head == edge.tail else "arc3,rad=0",
                shrinkA=radius(head) * POINT,
                shrinkB=(radius(tail) + 1.5) * POINT,
                color=inks.line,
                linewidth=0.9,
                zorder=1,
            )
        )
        # Nearer to the end with fewer edges: there is more room, and there and back don't collide.
        at = 0.42 if degree[edge.head] <= degree[edge.tail] else 0.58
        middle = start + at * (end - start) if edge.head != edge.tail else start + LOOP_WIDTH - LOOP_HEIGHT
        _name_edge(axes, edge, middle, end - start, inks)


def _name_edge(axes: Any, edge: Edge, middle: np.ndarray, way: np.ndarray, inks: _Inks) -> None:
    """The relation along its edge; where the edge is too short for it, it is left to what the colours say."""
    name = cut(", ".join(edge.rel_types), EDGE_LETTERS)
    if edge.head != edge.tail and float(np.hypot(*way)) < EDGE_LETTER_WIDTH * len(name) + 2 * RADIUS:
        return
    angle = float(np.degrees(np.arctan2(-way[1], way[0])))
    axes.text(
        *middle,
        name,
        rotation=(angle + 90) % 180 - 90,
        rotation_mode="anchor",
        ha="center",
        va="center_baseline",
        fontsize=5.2,
        color=inks.quiet,
        parse_math=False,
        bbox={"facecolor": inks.paper, "edgecolor": "none", "pad": 0.6},
        zorder=2,
    )


def _draw_nodes(axes: Any, neighbourhood: Neighbourhood, layout: Layout, inks: _Inks) -> None:
    colors = label_colors(neighbourhood)
    for node, (x, y) in zip(neighbourhood.nodes, layout.places, strict=True):
        size = radius(node)
        if node.hops == 0:
            axes.scatter([x], [y], s=[(2 * (size + 4) * POINT) ** 2], facecolor="none", edgecolor=colors[node.label],
                         linewidth=1.4, zorder=3)  # fmt: skip
        axes.scatter([x], [y], s=[(2 * size * POINT) ** 2], facecolor=colors[node.label], edgecolor=inks.paper,
                     linewidth=0.8, zorder=4)  # fmt: skip
        axes.text(
            x,
            y + size + (6.0 if node.hops == 0 else 3.0),
            "\n".join(caption(node)),
            ha="center",
            va="top",
            fontsize=11 * POINT,
            fontweight="bold" if node.hops == 0 else "normal",
            color=inks.text,
            parse_math=False,
            linespacing=1.15,
            bbox={"facecolor": inks.paper, "edgecolor": "none", "alpha": 0.75, "pad": 0.4},
            zorder=5,
        )


def _sides(neighbourhood: Neighbourhood, layout: Layout, title: str) -> tuple[float, float]:
    """Left and right end of the picture: wide enough for the graph, the title and the legend."""
    legend = sum(LEGEND_GAP + LEGEND_LETTER_WIDTH * len(text) for text, _ in _legend(neighbourhood))
    more = max(0.0, max(legend, TITLE_LETTER_WIDTH * len(title)) + 2 * SIDE - layout.width)
    return -more / 2, layout.width + more / 2


def _legend(neighbourhood: Neighbourhood) -> list[tuple[str, str]]:
    """(text, colour): each label, with how many nodes have it."""
    counts = Counter(node.label for node in neighbourhood.nodes)
    colors = label_colors(neighbourhood)
    return [(f"{cut(label, LEGEND_LETTERS)} ({counts[label]})", color) for label, color in colors.items()]


def _draw_frame(axes: Any, neighbourhood: Neighbourhood, left: float, bottom: float, title: str, inks: _Inks) -> None:
    """The title, how much is shown and how much is not, and what the colours mean."""
    x = left + SIDE
    axes.text(x, 24 - HEAD, title, fontsize=10, fontweight="bold", color=inks.text, va="center", parse_math=False)
    axes.text(x, 44 - HEAD, neighbourhood.size, fontsize=7.5, color=inks.quiet, va="center")
    for text, color in _legend(neighbourhood):
        axes.scatter([x + 5], [bottom + 10], s=[36], facecolor=color, edgecolor="none")
        axes.text(x + 15, bottom + 10, text, fontsize=7.5, color=inks.text, va="center", parse_math=False)
        x += LEGEND_GAP + LEGEND_LETTER_WIDTH * len(text)
