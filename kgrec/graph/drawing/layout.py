"""Where each node of a picture stands, in pixels, so that no two captions overlap."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

import numpy as np

from kgrec.graph.drawing.neighbourhood import Neighbourhood, Node
from kgrec.graph.networkx_graph import spring_layout

RADIUS, CENTER_RADIUS = 9.0, 15.0  # pixels
LINE_HEIGHT, LETTER_WIDTH = 13.0, 6.1  # pixels of a caption, 11 px high
LINE_LETTERS, MAX_LINES = 20, 2
GAP = 8.0  # pixels between two nodes with their captions
MARGIN = 28.0
SPREAD = 5.5  # area of the canvas per area of what stands on it
MAX_ROUNDS = 400

# Okabe & Ito 2008: eight colours that people with any colour vision tell apart.
LABEL_COLORS = {
    "Product": "#0072B2",
    "Brand": "#D55E00",
    "Category": "#009E73",
    "AttributeValue": "#E69F00",
    "User": "#CC79A7",
    "Entity": "#56B4E9",
}
YELLOW, GREY = "#F0E442", "#8C8C8C"


@dataclass(frozen=True, slots=True)
class Layout:
    """A canvas of `width` by `height` pixels; `places` of the nodes: shape (num_nodes, 2), y from the top down."""

    width: float
    height: float
    places: np.ndarray


def arrange(neighbourhood: Neighbourhood, seed: int) -> Layout:
    """Put linked nodes near each other, then push apart those whose captions would overlap."""
    boxes = np.array([_box(node) for node in neighbourhood.nodes])  # (num_nodes, 3): width, above, below the node
    heights = boxes[:, 1] + boxes[:, 2]
    area = SPREAD * float(((boxes[:, 0] + GAP) * (heights + GAP)).sum()) + 300.0 * 200.0
    height = (area / 1.5) ** 0.5
    places = _fill(spring_layout(len(boxes), [(edge.head, edge.tail) for edge in neighbourhood.edges], seed=seed))
    middles = places * (1.5 * height / 2, height / 2) + np.array([0.0, 1.0]) * (boxes[:, 2:] - boxes[:, 1:2]) / 2
    middles = _push_apart(middles, np.column_stack([boxes[:, 0], heights]) + GAP)
    corner = (middles - np.column_stack([boxes[:, 0], heights]) / 2).min(axis=0) - MARGIN
    far = (middles + np.column_stack([boxes[:, 0], heights]) / 2).max(axis=0) + MARGIN
    places = middles - np.array([0.0, 1.0]) * (boxes[:, 2:] - boxes[:, 1:2]) / 2 - corner
    return Layout(float(far[0] - corner[0]), float(far[1] - corner[1]), places)


def caption(node: Node) -> list[str]:
    """A node's name in at most two short lines."""
    lines = textwrap.wrap(cut(node.name, 2 * MAX_LINES * LINE_LETTERS), LINE_LETTERS) or [node.label]
    if len(lines) > MAX_LINES:
        lines[MAX_LINES - 1] = f"{lines[MAX_LINES - 1][: LINE_LETTERS - 1]}…"
    return lines[:MAX_LINES]


def cut(text: str, letters: int) -> str:
    """Text on one line, of printable characters only, at most so long; a control character would break an SVG.

    >>> cut("Red\\nlamp, large", 8)
    'Red lam…'
    """
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * letters]).split())
    return line if len(line) <= letters else f"{line[: letters - 1]}…"


def radius(node: Node) -> float:
    """Of a node's circle, in pixels."""
    return RADIUS if node.hops else CENTER_RADIUS


def label_colors(neighbourhood: Neighbourhood) -> dict[str, str]:
    """A colour for each label there is; labels unknown to kgrec take the colours left over, then grey."""
    labels = sorted({node.label for node in neighbourhood.nodes})
    colors = {label: LABEL_COLORS[label] for label in labels if label in LABEL_COLORS}
    free = [color for color in (YELLOW, *reversed(LABEL_COLORS.values())) if color not in colors.values()]
    for label in labels:
        if label not in colors:
            colors[label] = free.pop(0) if free else GREY
    return {label: colors[label] for label in labels}


def _box(node: Node) -> tuple[float, float, float]:
    lines = caption(node)
    width = max(max(map(len, lines)) * LETTER_WIDTH, 2 * radius(node))
    return width, radius(node), radius(node) + 3.0 + len(lines) * LINE_HEIGHT


def _fill(places: np.ndarray) -> np.ndarray:
    """Turn the longer side to the horizontal and stretch both to -1 .. 1; shape (num_nodes, 2)."""
    places = places - places.mean(axis=0)
    turned = places @ np.linalg.svd(places, full_matrices=False)[2].T if len(places) > 2 else places
    filled: np.ndarray = turned / np.maximum(np.abs(turned).max(axis=0), 1e-9)
    return filled


def _push_apart(middles: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Move rectangles, shape (num, 2) both, along the shorter way out of each other, until none overlap."""
    middles = middles.copy()
    reach = (sizes[:, None] + sizes[None, :]) / 2  # (num, num, 2): the distance at which two just touch
    for _ in range(MAX_ROUNDS):
        between = middles[:, None] - middles[None, :]
        overlap = reach - np.abs(between)
        clash = (overlap > 0.5).all(axis=2)
        np.fill_diagonal(clash, val=False)
        if not clash.any():
            break
        axis = overlap.argmin(axis=2)  # (num, num)
        side = np.where(between == 0, np.sign(np.arange(len(sizes))[:, None] - np.arange(len(sizes)))[..., None], 0)
        step = np.take_along_axis(overlap * (np.sign(between) + side), axis[..., None], axis=2)[..., 0] * clash
        for direction in (0, 1):
            middles[:, direction] += 0.3 * np.where(axis == direction, step, 0.0).sum(axis=1)
    return middles
