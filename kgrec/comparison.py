"""Our model, the simple rankers and our model with a part taken away, measured alike."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator, Sequence

import polars as pl

from kgrec.baselines import ItemKNN, Popularity
from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset, Split
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.recommender import KGRecommender

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
    ablate: bool = False,
    part: str = c.TEST,
    ks: Sequence[int] = (10, 20),
    on_row: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Train everything on `split.train` and score it on one part.

    Parameters
    ----------
    seeds : sequence of int
        One training each; the simple rankers have no randomness.
    ablate : bool
        Also train without graph, without text and without the order of events.
    on_row : callable
        Told the name of each model before it is trained.

    Returns
    -------
    polars.DataFrame
        One row per model and seed: `model, seed, seconds` (of training) and every metric.
    """
    rows = []
    for name, seed, make in _contestants(split, config or RecommenderConfig(), seeds, ablate):
        on_row(name if seed is None else f"{name}, seed {seed}")
        begun = time.perf_counter()
        model = make()
        seconds = time.perf_counter() - begun
        rows.append({"model": name, "seed": seed, "seconds": seconds, **_measure(model, split.parts[part], ks)})
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


def _contestants(
    split: Split, config: RecommenderConfig, seeds: Sequence[int], ablate: bool
) -> Iterator[tuple[str, int | None, Callable[[], Model]]]:
    yield "popularity", None, lambda: Popularity(split.train)
    yield "item-kNN", None, lambda: ItemKNN(split.train)
    variants = {FUSED: config}
    if ablate:
        variants |= {name: dataclasses.replace(config, **change) for name, change in ABLATIONS.items()}  # type: ignore[arg-type]
    for name, variant in variants.items():
        for seed in seeds:
            yield name, seed, _trainer(split, variant, seed)


def _trainer(split: Split, config: RecommenderConfig, seed: int) -> Callable[[], Model]:
    return lambda: KGRecommender(config, seed=seed).fit(split.train, validation=split.validation)


def _measure(model: Model, part: Dataset, ks: Sequence[int]) -> dict[str, float]:
    if isinstance(model, KGRecommender):
        return model.evaluate(part, ks)
    lists = model.recommend_part(part, max(ks))
    return ranking_metrics(lists, part.interactions, ks=ks, num_items=part.items.height)
