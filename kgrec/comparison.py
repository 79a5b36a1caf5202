"""Our model, the simple rankers and our model with a part taken away, measured alike."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence

import polars as pl

from kgrec.baselines import ItemKNN, Popularity
from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset, Split
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.recommender import KGRecommender

SIMPLE = ("popularity", "item-kNN")
FUSED = "kgrec"
ABLATIONS: dict[str, dict[str, bool]] = {
    "kgrec without graph": {"use_graph": False},
    "kgrec without text": {"use_text": False},
    "kgrec without order of events": {"use_sequence": False},
}


def compare(
    split: Split,
    *,
    config: RecommenderConfig | None = None,
    seeds: Sequence[int] = (0,),
    models: Sequence[str] = (*SIMPLE, FUSED),
    part: str = c.TEST,
    ks: Sequence[int] = (10, 20),
    on_row: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Train everything on `split.train` and score it on one part.

    Parameters
    ----------
    seeds : sequence of int
        One training each; the simple rankers have no randomness.
    models : sequence of str
        Any of `SIMPLE`, `FUSED` and the names of `ABLATIONS`.
    on_row : callable
        Told the name of each model before it is trained.

    Returns
    -------
    polars.DataFrame
        One row per model and seed: `model, seed, seconds` (of training) and every metric.
    """
    rows = []
    for name in models:
        for seed in (None,) if name in SIMPLE else seeds:
            on_row(name if seed is None else f"{name}, seed {seed}")
            begun = time.perf_counter()
            model = _train(name, split, config or RecommenderConfig(), seed)
            seconds = time.perf_counter() - begun
            rows.append({"model": name, "seed": seed, "seconds": seconds, **measure(model, split.parts[part], ks)})
    return pl.DataFrame(rows, infer_schema_length=None)


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """Mean and spread (standard deviation) over the seeds, in the order of the rows."""
    metrics = [name for name in rows.columns if name not in ("model", "seed")]
    return rows.group_by("model", maintain_order=True).agg(
        pl.len().alias("runs"),
        *(pl.col(name).mean() for name in metrics),
        *(pl.col(name).std().alias(f"{name} sd") for name in metrics if name != "seconds"),
    )


Model = Popularity | ItemKNN | KGRecommender


def _train(name: str, split: Split, config: RecommenderConfig, seed: int | None) -> Model:
    match name:
        case "popularity":
            return Popularity(split.train)
        case "item-kNN":
            return ItemKNN(split.train)
    change = {} if name == FUSED else ABLATIONS[name]
    variant = dataclasses.replace(config, **change)  # type: ignore[arg-type]
    return KGRecommender(variant, seed=seed or 0).fit(split.train, validation=split.validation)


def measure(model: Model, part: Dataset, ks: Sequence[int] = (10, 20)) -> dict[str, float]:
    """Every metric that the model has on a part: click metrics only where it predicts clicks."""
    if isinstance(model, KGRecommender):
        return model.evaluate(part, ks)
    lists = model.recommend_part(part, max(ks))
    return ranking_metrics(lists, part.interactions, ks=ks, num_items=part.items.height)
