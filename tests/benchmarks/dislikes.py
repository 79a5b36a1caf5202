"""Whether a ranker gains when disliked items count as no liking: `python tests/benchmarks/dislikes.py FOLDER`.

The folder holds a dataset with ratings from 1 to 5 in a column `rating` of its events (MovieLens, as RecBole ships it);
(rating - 3) / 2 stands for the sentiment. The split is made on all events; validation events with 4 or 5 are what a
list should hold. Item-kNN and EASE learn from every train event, or from those without the dislikes; what a user is
shown as history, and the items left out of the lists, are either all earlier events or those without the dislikes.
Differences are paired by user, with their standard error.
"""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from kgrec.baselines.ease import EASE
from kgrec.baselines.item_knn import ItemKNN
from kgrec.data import columns as c
from kgrec.data.reading import read_dataset
from kgrec.data.sentiment import dislikes_as_negatives
from kgrec.evaluation.metrics import ranking_metrics

SENTIMENT = ((pl.col("rating").cast(pl.Float64) - 3) / 2).alias(c.SENTIMENT)


def ndcg(lists: pl.DataFrame, wanted: pl.DataFrame) -> np.ndarray:
    """NDCG@10 of each user of `wanted`."""
    of_user = {str(user): part for (user,), part in lists.partition_by([c.USER_ID], as_dict=True).items()}
    return np.array(
        [
            ranking_metrics(of_user[str(user)], part, ks=[10])["ndcg@10"]
            for (user,), part in sorted(wanted.partition_by([c.USER_ID], as_dict=True).items())
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder")
    parser.add_argument("--split", default="leave_last_out")
    parser.add_argument("--below", type=float, default=-0.25)
    arguments = parser.parse_args()
    data = read_dataset(arguments.folder).map_events(lambda events: events.with_columns(SENTIMENT))
    split = data.split(arguments.split)
    wanted = split.validation.interactions.filter(pl.col(c.SENTIMENT) >= 0.5)
    fewer = dislikes_as_negatives(split.train, arguments.below)
    gone = split.train.interactions.height - fewer.interactions.height
    print(f"{gone:,} of {split.train.interactions.height:,} train events are dislikes; {wanted.height:,} wanted events")
    shown = {"all": split.validation, "without dislikes": dislikes_as_negatives(split.validation, arguments.below)}
    for name, model in (("item-kNN", ItemKNN), ("EASE", EASE)):
        first = None
        for learned, train in (("all", split.train), ("without dislikes", fewer)):
            fitted = model(train)
            for history, part in shown.items():
                found = ndcg(fitted.recommend_part(part), wanted)
                first = found if first is None else first
                less = found - first
                error = less.std(ddof=1) / len(less) ** 0.5
                print(
                    f"{name:9} learns from {learned:17} history {history:17} NDCG@10 {found.mean():.4f}, "
                    f"{less.mean():+.4f} +- {error:.4f} against the first of its rows"
                )


if __name__ == "__main__":
    main()
