"""Lists that may hold what the user has had, where people buy things again: what kgrec makes of that.

    python tests/benchmarks/repeats.py [DATASET] [--data FOLDER] [--part test] [--seeds 1] [--set use_scoring=false]

Temporal split of 8 to 1 to 1. Each user of the part, going by what came before it, gets a list of ten, seen items not
left out. Beside kgrec: the same without `kgrec.models.repeats`, the items that the user has had most often (the latest
first where as often; then the most popular), and the most popular items. Printed: NDCG@10 and recall@10, the standard
error over the users of the difference from kgrec, and the share of the part's pairs that the user has had before.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

import kgrec
from kgrec.data import columns as c
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.models.fitted import FittedModel, interactions_of
from kgrec.models.repeats import Pairs
from kgrec.ranking.lists import model_lists, ranked_lists
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
K = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, default=ROOT / "data" / "shop")
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA", "."), help="(default: KGREC_DATA)")
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--least", type=int, default=1, help="leave out items with fewer events")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=["use_scoring=false"], metavar="NAME=VALUE")
    args = parser.parse_args()
    config = kgrec.RecommenderConfig.from_text(args.set)
    folder = args.dataset if args.dataset.exists() else args.data / args.dataset
    dataset = kgrec.read_dataset(folder, on_unknown="skip")
    counts = dataset.events[c.ITEM_ID].value_counts()
    kept = counts.filter(pl.col("count") >= args.least)[c.ITEM_ID].implode()
    items, events = (table.filter(pl.col(c.ITEM_ID).is_in(kept)) for table in (dataset.items, dataset.events))
    split = kgrec.Dataset(items=items, events=events, users=dataset.users).split("temporal")
    part = split.parts[args.part]
    for seed in range(args.seeds):
        recommender = kgrec.KGRecommender(config, device="cpu", seed=seed).fit(split.train, validation=split.validation)
        measure(recommender.model_, part, seed)


def measure(model: FittedModel, part: kgrec.Dataset, seed: int) -> None:
    """Print a row for each way to make lists."""
    assert part.history is not None
    wanted = part.interactions
    users = wanted[c.USER_ID].unique(maintain_order=True)
    histories = model.histories_of(part.history, Vocabulary(users))
    known = model.items.index(interactions_of(part.history)[c.ITEM_ID])
    popular = np.log1p(np.bincount(known[known >= 0], minlength=len(model.items)))
    without = dataclasses.replace(model, repeats=None, _known=None)

    def popularity(begin: int, end: int) -> Tensor:
        return torch.from_numpy(popular).repeat(end - begin, 1)

    lists = {
        "kgrec": model_lists(model, users, histories, K, filter_seen=False),
        "kgrec without repeats": model_lists(without, users, histories, K, filter_seen=False),
        "had most often": ranked_lists(
            lambda begin, end: popularity(begin, end).add_(_had(histories.take(np.arange(begin, end)), len(popular))),
            users,
            model.items,
            histories,
            K,
            filter_seen=False,
        ),
        "popularity": ranked_lists(popularity, users, model.items, histories, K, filter_seen=False),
    }
    asked = wanted.select(c.USER_ID, c.ITEM_ID).unique()
    again = asked.join(part.history.select(c.USER_ID, c.ITEM_ID).unique(), on=[c.USER_ID, c.ITEM_ID], how="semi")
    print(f"seed {seed}: {len(users):,} users, {asked.height:,} pairs, {again.height / asked.height:.1%} of them again")
    print(f"weights: {None if model.repeats is None else model.repeats.weight.round(2).tolist()}")
    of_kgrec = _by_user(lists["kgrec"], wanted)
    for name, table in lists.items():
        metrics = ranking_metrics(table, wanted, ks=(K,))
        difference = of_kgrec - _by_user(table, wanted)
        error = f", kgrec is {difference.mean():+.4f} ± {difference.std() / len(difference) ** 0.5:.4f}"
        print(f"{name:22} NDCG@10 {metrics['ndcg@10']:.4f}, recall@10 {metrics['recall@10']:.4f}{error}")


def _had(histories: Histories, num_items: int) -> Tensor:
    """Far above any popularity: how often each user has had each item, then how lately."""
    pairs = Pairs.of(histories)
    found = torch.zeros(histories.num_users, num_items, dtype=torch.float64)
    value = torch.from_numpy(1e9 * pairs.times - 1e3 * pairs.age)
    found[torch.from_numpy(pairs.line), torch.from_numpy(pairs.item)] = value
    return found


def _by_user(lists: pl.DataFrame, wanted: pl.DataFrame) -> np.ndarray:
    """NDCG@10 of each user."""
    pairs = wanted.select(c.USER_ID, c.ITEM_ID).unique().with_columns(hit=1.0)
    gain = lists.join(pairs, on=[c.USER_ID, c.ITEM_ID]).with_columns(gain=1 / (pl.col(c.RANK) + 1).log(2))
    ideal = np.cumsum(1 / np.log2(np.arange(2, K + 2)))
    most = pairs.group_by(c.USER_ID).len().sort(c.USER_ID)
    got = most.join(gain.group_by(c.USER_ID).agg(pl.col("gain").sum()), on=c.USER_ID, how="left", maintain_order="left")
    value: np.ndarray = got["gain"].fill_null(0.0).to_numpy() / ideal[np.minimum(got["len"].to_numpy(), K) - 1]
    return value


if __name__ == "__main__":
    main()
