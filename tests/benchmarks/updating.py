"""What `update` takes and what it is worth: milliseconds, new items at once, and a month of days.

    python tests/benchmarks/updating.py speed data/shop --model runs/shop
    python tests/benchmarks/updating.py speed amazon-beauty --set epochs=1 use_item_weights=false
    python tests/benchmarks/updating.py days complete-journey --days 30 --every 5

`speed`: an update with one event and the next list of its user; an update with one new item and its place among
`similar_items` (the new item is one of the catalogue under another id: it should find its twin).

`days`: one model is trained on what came before the last days; each day it recommends to the users of the day, then
takes in the day's events with `update`. Beside it a model that never hears of them, and one that is trained anew every
`--every` days on all before (in between it takes in the days by `update`, so that both know the same events; 1: trained
anew every day). The days that follow a training also count by themselves: there it is the model trained every day.
Users and items that come new are new to all. NDCG@10 over the interactions of the day, items of the user's history not
left out (people buy again); the mean of the days, weighted by their users. With `--kept` a run that is
killed goes on where it was.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch

import kgrec
from kgrec.comparison import keep_row, kept_rows
from kgrec.evaluation.metrics import ranking_metrics

DAY = 24 * 3600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("speed", "days"))
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("KGREC_DATA", ".")))
    parser.add_argument("--model", type=Path, help="for speed: a saved model of the dataset, else one is trained")
    parser.add_argument("--repeat", type=int, default=50)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--kept", type=Path, help="for days: a file of rows by day; those it holds aren't made again")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of RecommenderConfig")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    config = kgrec.RecommenderConfig.from_text(args.set)
    dataset = kgrec.read_dataset(args.dataset if args.dataset.exists() else args.data / args.dataset, on_unknown="skip")
    print(f"{args.dataset.name}: {dataset}, {args.threads} threads, seed {args.seed}, {' '.join(args.set)}", flush=True)
    if args.what == "speed":
        if args.model:
            recommender = kgrec.KGRecommender.load(args.model, device="cpu")
        else:
            split = dataset.split("leave_last_out")
            recommender = kgrec.KGRecommender(config, device="cpu", seed=args.seed)
            recommender.fit(split.train, validation=split.validation)
        speed(recommender, dataset, args.seed, args.repeat)
    else:
        days(dataset, config, args.seed, args.days, args.every, args.kept)


def speed(recommender: kgrec.KGRecommender, dataset: kgrec.Dataset, seed: int, repeat: int) -> None:
    """Print milliseconds of updates, and whether the next lists show them."""
    recommender.recommend(k=10)  # a service that has been asked for everyone before
    model = recommender.model_
    print(f"{len(model.users):,} users, {len(model.items):,} items, {len(model.histories.item_index):,} events")
    generator = np.random.default_rng(seed)
    last = int(dataset.events["timestamp"].max())  # type: ignore[arg-type]
    users = model.users.take(generator.choice(len(model.users), repeat, replace=False)).to_list()
    took: dict[str, list[float]] = {"one event": [], "the next list": [], "both": []}
    shown = 0
    for number, user in enumerate(users):
        before = recommender.recommend([user], k=10)
        event = {"user_id": [user], "item_id": [before["item_id"][0]], "timestamp": [last + number]}
        begun = time.perf_counter()
        recommender.update(event)
        between = time.perf_counter()
        after = recommender.recommend([user], k=10)
        end = time.perf_counter()
        for name, seconds in zip(took, (between - begun, end - between, end - begun), strict=True):
            took[name].append(1000 * seconds)
        shown += before["item_id"][0] not in after["item_id"].to_list()
    print(f"the list of {shown} of {repeat} users left out the item of the new event")
    for name, values in took.items():
        print(f"{name:14} {statistics.median(values):7.1f} ms (median), {np.quantile(values, 0.95):7.1f} ms (95%)")
    twins = dataset.items.filter(pl.col("item_id").is_in(model.items.ids.implode()) & pl.col("title").is_not_null())
    twins = twins.sample(min(10, twins.height), seed=seed)
    values, found = [], 0
    for row in twins.iter_slices(1):
        begun = time.perf_counter()
        recommender.update(new_items=row.with_columns(pl.format("twin of {}", "item_id").alias("item_id")))
        near = recommender.similar_items([f"twin of {row['item_id'][0]}"], k=10)
        values.append(1000 * (time.perf_counter() - begun))
        found += row["item_id"][0] in near["similar_item_id"].to_list()
    print(f"one new item and those like it: {statistics.median(values):.0f} ms (median), first {values[0]:.0f} ms")
    print(f"{found} of {twins.height} new items have the item that they copy among the 10 most similar")


def days(
    dataset: kgrec.Dataset, config: kgrec.RecommenderConfig, seed: int, number: int, every: int, kept: Path | None
) -> None:
    """Print what each way to keep up is worth, and its seconds."""
    events, items = dataset.events, dataset.items
    items = items.filter(pl.col("item_id").is_in(events["item_id"].unique().implode()))  # what is ever sold
    first = int(events["timestamp"].max()) - number * DAY  # type: ignore[arg-type]

    def of_day(day: int) -> pl.DataFrame:
        return events.filter(pl.col("timestamp").is_between(first + day * DAY + 1, first + (day + 1) * DAY))

    def trained(day: int) -> tuple[kgrec.KGRecommender, float]:
        begun = time.perf_counter()
        past = events.filter(pl.col("timestamp") <= first + day * DAY)
        made = _fit(items, past, config, seed)
        seconds = time.perf_counter() - begun
        print(f"trained on {past.height:,} events in {seconds:.0f} s", flush=True)
        return made, seconds

    settings = [config.to_dict(), dataset.fingerprint(), seed, number, every]
    of = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]
    done = {row["day"]: row for row in kept_rows(kept, of)} if kept else {}
    updated, _ = trained(0)
    still, anew, anew_since = _copy(updated), _copy(updated), 0
    names = ("never", "updated daily", f"trained every {every} days")
    for day in range(number):
        today = of_day(day)
        users = today["user_id"].unique(maintain_order=True)
        row = done.get(day)
        if row is None and len(users):
            row = {"day": day, "users": len(users), "training": 0.0}
            if day - day % every != anew_since:  # a training is due, or was before the rows that are kept
                anew_since = day - day % every
                anew, row["training"] = trained(anew_since)
                for between in range(anew_since, day):
                    _take_in(anew, of_day(between))
            for name, recommender in zip(names, (still, updated, anew), strict=True):
                lists = recommender.recommend(users.to_list(), k=10, filter_seen=False, on_unknown="cold_start")
                row[name] = ranking_metrics(lists, today, ks=(10,))["ndcg@10"]
            row["update"] = _take_in(updated, today)
            _take_in(anew, today)
            if kept is not None:
                keep_row(kept, of, row)
        elif len(users):
            _take_in(updated, today)
            _take_in(anew, today)
        if row is not None:
            done[day] = row
            so_far = {name: round(_mean(list(done.values()), name), 4) for name in names}
            print(f"day {day + 1}: {row['users']} users; NDCG@10 so far {so_far}", flush=True)
    rows = list(done.values())
    fresh = [row for row in rows if row["day"] % every == 0 and row["day"]]
    for name in names:
        print(f"{name:24} NDCG@10 {_mean(rows, name):.4f}, {_mean(fresh, name):.4f} on the days that follow a training")
    took = [row["training"] for row in rows if row["training"]]
    update = sum(row["update"] for row in rows)
    print(f"updates of all days {update:.1f} s; {len(took)} trainings of {np.mean(took):.0f} s")


def _take_in(recommender: kgrec.KGRecommender, events: pl.DataFrame) -> float:
    """The seconds of an update."""
    begun = time.perf_counter()
    if events.height:
        recommender.update(events)
    return time.perf_counter() - begun


def _mean(rows: list[dict[str, Any]], name: str) -> float:
    """Over days, weighted by their users."""
    users = sum(row["users"] for row in rows)
    return sum(row["users"] * row[name] for row in rows) / users if users else float("nan")


def _fit(items: pl.DataFrame, events: pl.DataFrame, config: kgrec.RecommenderConfig, seed: int) -> kgrec.KGRecommender:
    """Trained on all but the last tenth of the events, which are validation."""
    split = kgrec.Dataset(items=items, events=events).split("temporal", ratio=(0.9, 0.1, 0.0))
    return kgrec.KGRecommender(config, device="cpu", seed=seed).fit(split.train, validation=split.validation)


def _copy(recommender: kgrec.KGRecommender) -> kgrec.KGRecommender:
    """One that may be updated on its own."""
    copied = kgrec.KGRecommender(recommender.config, device="cpu", seed=recommender.seed)
    copied._model = recommender.model_  # updates leave a model as it is and make another
    return copied


if __name__ == "__main__":
    main()
