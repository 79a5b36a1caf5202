"""Reviews: the text of events becomes their sentiment.

    dataset = with_sentiment(dataset, "a folder or hub name of a text classifier")
    graph = KnowledgeGraph.from_dataset(dataset.split("temporal").train, users=True)

The sentiment is then a property of products (pulled towards the mean where reviews are few) and of the edges between
users and products, and `recommend(filters={"sentiment": (0.2, None)})` goes by it. Training takes no notice of it:
`dislikes_as_negatives` is the way to have bad reviews count as no liking.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from types import NoneType

import polars as pl
import torch

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.data.sentiment import dislikes_as_negatives as dislikes_as_negatives
from kgrec.data.sentiment import item_sentiment as item_sentiment
from kgrec.encoders.sentiment import SentimentClassifier
from kgrec.errors import ConfigError, check_is, check_whole
from kgrec.training.device import resolve_device

logger = logging.getLogger(__name__)

_FOUND = "__found__"
_ASKED = pl.col(c.TEXT).is_not_null() & pl.col(c.SENTIMENT).is_null()


def with_sentiment(
    dataset: Dataset,
    model: str | Path | None = None,
    *,
    labels: Mapping[str, float] | None = None,
    device: str | torch.device | None = None,
    batch_size: int = 32,
    max_length: int = 256,
    cache: Path | None = None,
    progress: bool = False,
) -> Dataset:
    """Give the events that have a text and no sentiment one, by a text classifier of transformers.

    Parameters
    ----------
    dataset : Dataset
        Of a part of a split, the history gets its sentiments too.
    model : str or Path
        Local folder or hub name of a text classification model. None is shipped with kgrec, so there is no default.
    labels : mapping of class name to number from -1 to 1, optional
        What the model's classes are worth where their names don't say it, such as `{"LABEL_0": -1, "LABEL_1": 1}`.
        Names understood: POSITIVE, NEGATIVE, NEUTRAL and `1 star` to `5 stars`
        (`kgrec.encoders.sentiment_labels.label_values`).
    device : str or torch.device, optional
        None picks CUDA when there, else the CPU.
    batch_size : int
        Texts read at a time.
    max_length : int
        Tokens kept of each text.
    cache : Path, optional
        Folder of what the model said before, by model and texts; None is the user's cache folder.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Dataset
        The same but for the column `sentiment` of its events, from -1 (bad) to 1 (good): the mean worth of the classes,
        weighted by their probabilities. Blank texts have none.

    Raises
    ------
    ConfigError
        If there is no model or it can't be loaded, its classes can't be understood, or a number is out of range.
    """
    if model is None:
        raise ConfigError(
            "with_sentiment needs a model: the folder or hub name of a text classifier that transformers can load, "
            "such as one with the classes POSITIVE and NEGATIVE; kgrec ships none"
        )
    check_is(Dataset, "with_sentiment", dataset=dataset)
    check_is((Mapping, NoneType), "with_sentiment", labels=labels)
    check_whole(1, batch_size=batch_size)
    check_whole(3, max_length=max_length)  # two are the model's own
    classifier = SentimentClassifier(
        str(model),
        device=resolve_device(device),
        labels=labels,
        batch_size=batch_size,
        max_length=max_length,
        cache=None if cache is None else Path(cache),
    )
    tables = [dataset.events] if dataset.history is None else [dataset.events, dataset.history]
    texts = pl.concat([table.filter(_ASKED)[c.TEXT] for table in tables]).unique().sort()
    if not texts.len():
        logger.warning("no event has a text and no sentiment: the dataset is as it was")
        return dataset
    scores = pl.Series(_FOUND, classifier.score(texts.to_list(), progress=progress)).fill_nan(None)
    found = pl.DataFrame([texts, scores])

    def filled(events: pl.DataFrame) -> pl.DataFrame:
        joined = events.join(found, on=c.TEXT, how="left", maintain_order="left")
        return joined.with_columns(pl.coalesce(c.SENTIMENT, _FOUND).alias(c.SENTIMENT)).drop(_FOUND)

    return dataset.map_events(filled)
