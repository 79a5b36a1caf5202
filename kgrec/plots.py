"""Pictures of a training and of how true its probabilities are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kgrec.errors import ConfigError

INK, QUIET = "#1f4e9c", "#8a8f98"


def draw_learning_curves(rows: Sequence[Mapping[str, float]], file: str | Path) -> None:
    """Losses and the validation metric by epoch, as PNG, SVG or PDF.

    Parameters
    ----------
    rows : sequence of mapping
        `epoch`, and what there is of `ranking_loss`, `click_loss` and `validation`: `about["training"]["rows"]`.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    names = [name for name in ("ranking_loss", "click_loss", "validation") if any(name in row for row in rows)]
    figure = _figure((4.2 * max(len(names), 1), 3.2))
    for place, name in enumerate(names, start=1):
        axes = figure.add_subplot(1, len(names), place)
        points = [(row["epoch"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), color=INK, marker="o", markersize=3, linewidth=1.2)
        if name == "validation":
            best = max(points, key=lambda point: point[1])
            axes.axvline(best[0], color=QUIET, linewidth=0.8, linestyle="--")
            axes.annotate(f"{best[1]:.4f}", best, textcoords="offset points", xytext=(5, -12), fontsize=8)
        axes.set_title(name.replace("_", " "), fontsize=10)
        axes.set_xlabel("epoch", fontsize=9)
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(file, dpi=150)


def draw_reliability(curve: pl.DataFrame, file: str | Path) -> None:
    """What was predicted against what happened, and how many pairs each point is of, as PNG, SVG or PDF.

    Parameters
    ----------
    curve : frame
        As `KGRecommender.reliability` gives it.

    Raises
    ------
    ConfigError
        If matplotlib is not installed.
    """
    figure = _figure((4.6, 5.2))
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[3, 1])
    end = min(1.0, 1.1 * max(curve["click_probability"].max(), curve["click_share"].max()))  # type: ignore[type-var,operator]
    top.plot([0, end], [0, end], color=QUIET, linewidth=0.8, linestyle="--", label="perfect")
    top.plot(curve["click_probability"], curve["click_share"], color=INK, marker="o", markersize=4, label="model")
    off = (curve["click_probability"] - curve["click_share"]).abs()
    top.set_title(f"calibration error {np.average(off, weights=curve['num_pairs']):.4f}", fontsize=10)
    top.set_ylabel("share clicked", fontsize=9)
    top.legend(fontsize=8, frameon=False)
    bottom.bar(
        curve["bin_start"], curve["num_pairs"], width=curve["bin_end"] - curve["bin_start"], align="edge", color=INK
    )
    bottom.set_yscale("log")
    bottom.set_ylabel("pairs", fontsize=9)
    bottom.set_xlabel("click probability", fontsize=9)
    bottom.set_xlim(0, end)
    for axes in (top, bottom):
        axes.grid(visible=True, alpha=0.3)
    figure.savefig(file, dpi=150)


def _figure(size: tuple[float, float]) -> Any:
    try:
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise ConfigError('drawing needs matplotlib: pip install "kgrec[draw]"') from error
    return Figure(figsize=size, layout="constrained")
