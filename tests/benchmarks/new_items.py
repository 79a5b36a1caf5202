"""What new items get: `python tests/benchmarks/new_items.py data/shop [--in-catalogue] [--set item_events=8]`.

The train events of a tenth of the catalogue, drawn, are taken out of the data (leave-last-out). Without more said these
items are taken out of the catalogue too, and of the validation part; `update` brings them back after the training, with
their texts and facts and no event. With --in-catalogue they stay, as products that nobody has bought before validation.

Prints NDCG@10 of the test events on known and on new items in full rankings, among the new items alone, and the share
of the lists that new items take; of those that `update` brings with the offset that validation gave new items
(`kgrec.blending.new_items`) and without.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

import kgrec
from kgrec.evaluation.metrics import ranking_metrics


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--in-catalogue", action="store_true")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="numbers among RecommenderConfig's")
    args = parser.parse_args()
    settings = {name: float(value) for name, _, value in (setting.partition("=") for setting in args.set)}
    dataset = kgrec.read_dataset(args.dataset)
    split = dataset.split("leave_last_out")
    ids = dataset.items["item_id"]
    drawn = np.random.default_rng(args.seed).permutation(len(ids))[: len(ids) // 10]
    is_new = pl.col("item_id").is_in(ids.gather(np.sort(drawn)).implode())
    known = dataset.items if args.in_catalogue else dataset.items.filter(~is_new)
    users = split.train.users if split.train.users.height else None
    train = kgrec.Dataset(items=known, events=split.train.events.filter(~is_new), users=users)
    foreseen = split.validation.events if args.in_catalogue else split.validation.events.filter(~is_new)
    validation = kgrec.Dataset(items=known, events=foreseen, users=users)
    config = kgrec.RecommenderConfig.from_dict({"use_scoring": False, "temperature": 0.1, **settings})
    fitted = kgrec.KGRecommender(config, device="cpu", seed=args.seed).fit(train, validation=validation)
    print(f"{len(known):,} items in the catalogue, {len(drawn):,} new; {fitted.model_.about['new_items']}")
    if args.in_catalogue:
        report("in the catalogue", fitted, split.test.interactions, is_new)
        return
    with tempfile.TemporaryDirectory() as folder:
        fitted.save(folder)
        for name in ("as validation says", "without the offset"):
            recommender = kgrec.KGRecommender.load(folder, device="cpu")
            if name == "without the offset":
                said = recommender.model_.about["new_items"]
                said["bias"] -= said["offset"]
            recommender.update(new_items=dataset.items.filter(is_new))
            report(name, recommender, split.test.interactions, is_new)


def report(name: str, recommender: kgrec.KGRecommender, wanted: pl.DataFrame, is_new: pl.Expr) -> None:
    users = wanted["user_id"].unique(maintain_order=True)
    lists = recommender.recommend(users.to_list(), k=10, on_unknown="cold_start")
    new = wanted.filter(is_new)
    catalogue = recommender.model_.items.ids.to_frame("item_id").filter(is_new)["item_id"]
    among = recommender.recommend(
        new["user_id"].unique().to_list(), k=10, candidates=catalogue.to_list(), on_unknown="cold_start"
    )
    found = {
        "all": (lists, wanted),
        "known": (lists, wanted.filter(~is_new)),
        "new": (lists, new),
        "among new": (among, new),
    }
    ndcg = {
        part: ranking_metrics(rows.filter(pl.col("user_id").is_in(some["user_id"].implode())), some, ks=(10,))[
            "ndcg@10"
        ]
        for part, (rows, some) in found.items()
    }
    share = lists.select(is_new.mean()).item()
    told = ", ".join(f"{part} {value:.4f}" for part, value in ndcg.items())
    print(f"{name:20} NDCG@10: {told}; {100 * share:.1f}% of the lists are new items", flush=True)


if __name__ == "__main__":
    main()
