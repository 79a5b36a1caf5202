"""kgrec's defaults on shops of other kinds: `KGREC_DATA=FOLDER python tests/benchmarks/stand_ins.py [NAME ...]`.

Cut from the benchmark data sets (amazon-beauty, lastfm, complete-journey) or made up (structured_shops.py, which needs
no data), so that no default is tuned to two of them: each is trained and scored on one part like `scripts/benchmark.py`
does, beside popularity, item-kNN, EASE, EASE with side information and LightGCN.
"""

from __future__ import annotations

import argparse
import functools
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from structured_shops import STRUCTURED

import kgrec
from kgrec.comparison import FUSED, PEERS, compare, summary
from kgrec.data import columns as c
from kgrec.data.dataset import SplitMethod

SHOWN = ["model", "runs", "seconds", "recall@10", "recall@10 sd", "ndcg@10", "ndcg@10 sd", "recall@20", "coverage@10"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    named = [*SHOPS, *STRUCTURED]
    parser.add_argument(
        "names",
        nargs="*",
        default=named,
        help=f"of {', '.join(named)} (default: all of these), {', '.join(EARLIER)}, or FOLDER:SPLIT",
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA"), help="(default: KGREC_DATA)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--part", choices=("validation", "test"), default="validation")
    parser.add_argument("--models", nargs="+", default=[*PEERS, FUSED])
    args = parser.parse_args()
    for name in args.names:
        split = shop_of(name, args.data)
        train = split.train
        print(
            f"{name}: {train.events['user_id'].n_unique():,} users, {train.items.height:,} items, "
            f"{train.interactions.height:,} events to train on; {args.part} part",
            flush=True,
        )
        rows = compare(
            split,
            seeds=range(args.seeds),
            models=args.models,
            part=args.part,
            on_row=lambda run: print(f"... {run}", file=sys.stderr, flush=True),
        )
        with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=160, float_precision=4):
            print(summary(rows).select(SHOWN), flush=True)


def shop_of(name: str, data: Path | None) -> kgrec.Split:
    """One of SHOPS or EARLIER, which are cut from `data`, or of STRUCTURED, or FOLDER:SPLIT."""
    if name in STRUCTURED:
        return STRUCTURED[name](np.random.default_rng(0))
    cut = {**SHOPS, **EARLIER}
    if name not in cut:
        return read(*name.rsplit(":", 1))
    if data is None:
        sys.exit(f"{name} is cut from the benchmark data sets: --data is missing")
    return cut[name](Path(data))


def read(folder: str, method: SplitMethod) -> kgrec.Split:
    """A dataset folder as it is."""
    return kgrec.read_dataset(folder).split(method)


def dense(data: Path, dropped: int = 0) -> kgrec.Split:
    """Small and dense: what a supermarket sells most, to those who buy much of it, before their last events."""
    shop = _journey(data)
    counts = shop.interactions.unique(["user_id", "item_id"])["item_id"].value_counts()
    most = counts.sort("count", "item_id", descending=[True, False])["item_id"].head(500)
    often = _cut(shop, items=most).k_core(10, 10)
    is_kept = pl.int_range(pl.len()).over(c.USER_ID) < pl.len().over(c.USER_ID) - dropped
    earlier = often.events.sort(c.TIMESTAMP, maintain_order=True).filter(is_kept)
    return kgrec.Dataset(items=often.items, events=earlier).split("leave_last_out")


def rich_graph(data: Path) -> kgrec.Split:
    """Small with a rich graph: half of the listeners of Last.FM; their events have no order."""
    return _listeners(data, 2)


def few_users(data: Path) -> kgrec.Split:
    """Very small: a tenth of the listeners of Last.FM; three quarters of the catalogue are unsold."""
    return _listeners(data, 10)


def _listeners(data: Path, every: int) -> kgrec.Split:
    shop = kgrec.read_dataset(data / "lastfm")
    parts = shop.split("fixed").parts
    users = parts["train"].events["user_id"].unique(maintain_order=True).gather_every(every)
    events = {name: part.events.filter(pl.col("user_id").is_in(users.implode())) for name, part in parts.items()}
    return kgrec.Dataset(items=shop.items, events=events, triples=shop.triples).split("fixed")


def listeners_earlier(data: Path, every: int, first: int) -> kgrec.Split:
    """Some of the listeners of Last.FM: the train part alone, split anew."""
    shop = kgrec.read_dataset(data / "lastfm")
    train = shop.split("fixed").train.events
    users = train["user_id"].unique(maintain_order=True).gather_every(every, first)
    few = train.filter(pl.col("user_id").is_in(users.implode()))
    few = few.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    return kgrec.Dataset(items=shop.items, events=few, triples=shop.triples).split("random", ratio=(0.7, 0.1, 0.2))


def sparse(data: Path) -> kgrec.Split:
    """Sparse with a poor graph: a third of the users of Beauty; of the items no more than a category."""
    shop = _beauty(data)
    return _cut(shop, _some_users(shop.events, 1 / 3), columns=["item_id", "category"]).split("leave_last_out")


def young(data: Path) -> kgrec.Split:
    """A young shop: a twentieth of the users of Beauty, who had a third of the items between them."""
    shop = _beauty(data)
    return _cut(shop, _some_users(shop.events, 1 / 20)).split("leave_last_out")


def young_earlier(data: Path, seed: int) -> kgrec.Split:
    """A twentieth of the users of Beauty: the train part alone, split anew."""
    shop = _beauty(data)
    train = shop.split("leave_last_out").train.events
    return _cut(shop, _some_users(train, 1 / 20, seed)).split("leave_last_out")


def no_order(data: Path) -> kgrec.Split:
    """Sparse without times and text: a third of the users of Beauty; of the items a brand and a category."""
    shop = _beauty(data)
    few = _some_users(shop.events, 1 / 3).drop("timestamp")
    return _cut(shop, few, columns=["item_id", "brand", "category"]).split("random")


def _beauty(data: Path) -> kgrec.Dataset:
    return kgrec.read_dataset(data / "amazon-beauty")


def _some_users(events: pl.DataFrame, share: float, seed: int = 0) -> pl.DataFrame:
    users = events["user_id"].unique(maintain_order=True).sample(fraction=share, seed=seed)
    return events.filter(pl.col("user_id").is_in(users.implode()))


def attributes_only(data: Path) -> kgrec.Split:
    """Twenty thousand items with brand, category and attributes, and no text."""
    shop = _journey(data)
    return _cut(shop, columns=["item_id", "brand", "category", "attributes"]).split("leave_last_out")


def _journey(data: Path) -> kgrec.Dataset:
    return kgrec.read_dataset(data / "complete-journey", on_unknown="skip")


def _cut(
    shop: kgrec.Dataset,
    events: pl.DataFrame | None = None,
    *,
    items: pl.Series | None = None,
    columns: list[str] | None = None,
) -> kgrec.Dataset:
    """The first event of each user with each item; the items that have one, of them some columns."""
    events = shop.interactions if events is None else events
    if "timestamp" in events.columns:
        events = events.sort("timestamp", maintain_order=True)
    events = events.unique(["user_id", "item_id"], keep="first", maintain_order=True)
    if items is not None:
        events = events.filter(pl.col("item_id").is_in(items.implode()))
    sold = shop.items.filter(pl.col("item_id").is_in(events["item_id"].unique().implode()))
    return kgrec.Dataset(items=sold.select(columns or pl.all()), events=events)


SHOPS: dict[str, Callable[[Path], kgrec.Split]] = {
    "dense": dense,
    "rich-graph": rich_graph,
    "few-users": few_users,
    "sparse": sparse,
    "young": young,
    "no-order": no_order,
    "attributes-only": attributes_only,
}
# the same kinds of shop without the events of SHOPS' test parts, to choose defaults by
EARLIER: dict[str, Callable[[Path], kgrec.Split]] = {
    **{f"dense-{dropped}": functools.partial(dense, dropped=dropped) for dropped in range(1, 6)},
    **{f"rich-graph-{first}": functools.partial(listeners_earlier, every=2, first=first) for first in range(2)},
    **{f"few-users-{first}": functools.partial(listeners_earlier, every=10, first=first) for first in range(10)},
    **{f"young-{seed}": functools.partial(young_earlier, seed=seed) for seed in range(5)},
}


if __name__ == "__main__":
    main()
