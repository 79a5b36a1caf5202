"""How well profiles foresee what users do next: `python tests/benchmarks/profile_quality.py --model RUN`.

The run is one of `scripts/train.py DATASET --split temporal --out RUN`, which knows train and validation; each user's
profile says with which probability an event is on each brand, category, ... The test events of known users are looked
up in it. Prints for each kind the mean of -log2 of these probabilities, in bits (lower is better), by the whole shop's
interests, and what the user's own profile adds to that, with its standard error over users. An item with several values
of a kind counts for their mean.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import get_args

import numpy as np
import polars as pl

import kgrec
from kgrec.data.dataset import SplitMethod
from kgrec.explain.item_values import item_values

COLUMNS = ("shop", "long_term", "short_term")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, default=Path(__file__).parents[2] / "data" / "shop")
    parser.add_argument("--split", choices=get_args(SplitMethod), default="temporal", help="that the run was made with")
    parser.add_argument("--users", type=int, default=500, help="drawn from those with test events")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    recommender = kgrec.KGRecommender.load(args.model, device="cpu")
    model = recommender.model_
    test = kgrec.read_dataset(args.dataset).split(args.split).test.interactions
    test = test.filter(
        pl.Series(model.users.index(test["user_id"]) >= 0), pl.Series(model.items.index(test["item_id"]) >= 0)
    )
    users = test["user_id"].unique().sort()
    users = users.sample(min(args.users, len(users)), seed=args.seed)
    tables = item_values(model.graph, model.items)
    bits: dict[str, list[np.ndarray]] = {kind: [] for kind in tables}
    for user in users:
        items = model.items.index(test.filter(pl.col("user_id") == user)["item_id"])
        profile = recommender.profile(user)
        for kind, table in tables.items():
            own = profile.filter(pl.col("kind") == kind)
            own = pl.DataFrame({"value": table.values}).join(own, on="value", how="left", maintain_order="left")
            share = table.shares[items]
            has = np.asarray(share.sum(axis=1)).ravel() > 0
            if has.any():
                each = share[has] @ -np.log2(own.select(COLUMNS).to_numpy())
                bits[kind].append(each.mean(axis=0))
    print(f"{len(users)} users, bits for an event of the test part, mean ± standard error")
    for kind, found in bits.items():
        if not found:
            continue
        rows = np.stack(found)
        told = [f"{kind:28} {len(rows):5} users  shop {rows[:, 0].mean():.2f}"]
        for place, name in ((1, "long term"), (2, "short term")):
            change = rows[:, place] - rows[:, 0]
            told.append(f"{name} {change.mean():+.3f} ± {change.std() / np.sqrt(len(rows)):.3f}")
        print("  " + "  ".join(told))


if __name__ == "__main__":
    main()
