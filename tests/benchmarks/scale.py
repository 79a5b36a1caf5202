"""How training grows with the shop: `python tests/benchmarks/scale.py [--shares 0.0625 0.25 1] [--steps 50]`.

A made-up shop of 1M users, 200k items, 20M events and 2M triples, or a share of it: items sell by a power law inside
communities, users have a few communities each and a geometric number of events, and items have a brand, a category and
eight attributes. Each size runs in a process of its own, so that its peak memory is its own. Printed for each: seconds
of making the dataset, the graph, the features and the network; of a step (median) and so of an epoch, and whether all
steps of it were run (--steps 0) or some; seconds of the closed form and of ranking 10,000 users; the most memory held.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time

import numpy as np
import polars as pl
import torch

import kgrec
from kgrec.training.plan import Planner, Step
from kgrec.training.run import Run

USERS, ITEMS, EVENTS, ATTRIBUTES = 1_000_000, 200_000, 20_000_000, 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shares", type=float, nargs="+", default=[1 / 16, 1 / 4, 1])
    parser.add_argument("--steps", type=int, default=50, help="steps of training that are run; 0: a whole epoch")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--alone", action="store_true", help="this process measures one share")
    args = parser.parse_args()
    if not args.alone:
        for share in args.shares:
            options = ["--alone", "--shares", str(share), "--steps", str(args.steps), "--threads", str(args.threads)]
            subprocess.run([sys.executable, __file__, *options], check=True)
        return
    torch.set_num_threads(args.threads)
    measure(args.shares[0], args.steps)


def measure(share: float, steps: int) -> None:
    moments = [time.perf_counter()]
    dataset = made_up_shop(share)
    moments.append(time.perf_counter())
    graph = kgrec.KnowledgeGraph.from_dataset(dataset)
    moments.append(time.perf_counter())
    clock = StepClock(steps)
    config = kgrec.RecommenderConfig(use_text=False, epochs=1, patience=None)
    recommender = kgrec.KGRecommender(config, seed=0).fit(dataset, graph=graph)
    moments += [clock.starts[0], clock.ends[-1], time.perf_counter()]
    some = dataset.events["user_id"].unique(maintain_order=True).head(10_000)
    recommender.recommend(some.to_list(), k=20)
    moments.append(time.perf_counter())
    names = ("dataset", "graph", "features and network", "steps", "closed form", f"{len(some):,} lists")
    step = float(np.median(clock.seconds()))
    triples = sum(table.height for table in graph.edges.values())
    print(
        f"{len(recommender.model_.users):,} users, {dataset.items.height:,} items, {dataset.events.height:,} events, "
        f"{triples:,} triples\n  "
        + ", ".join(f"{name} {took:.0f} s" for name, took in zip(names, np.diff(moments), strict=True))
        + f"\n  a step {step:.2f} s, {len(clock.ends)} of {clock.planned} run: an epoch {step * clock.planned:,.0f} s"
        f"\n  peak memory {clock.peak:.1f} GB in training, {_peak():.1f} GB in all",
        flush=True,
    )


def _peak() -> float:
    """The most memory that this process held so far, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


class StepClock:
    """Times the steps of training and lets no more than `most` of an epoch be run (0: all)."""

    def __init__(self, most: int) -> None:
        self.starts: list[float] = []
        self.ends: list[float] = []
        self.planned = self.events = 0
        self.peak = 0.0
        step, batches = Run._step, Planner.batches

        def timed(run: Run, planned: Step) -> dict[str, torch.Tensor]:
            losses = step(run, planned)
            if run.device.type == "cuda":
                torch.cuda.synchronize()
            self.ends.append(time.perf_counter())
            self.events += planned.num_targets
            self.peak = _peak()
            if len(self.ends) % 100 == 0:
                print(f"... {len(self.ends)} of {self.planned} steps, {self.peak:.1f} GB", file=sys.stderr, flush=True)
            return losses

        def first(planner: Planner) -> list[np.ndarray]:
            planned = batches(planner)
            self.planned = len(planned)
            self.starts.append(time.perf_counter())
            return planned[:most] if most else planned

        Run._step, Planner.batches = timed, first  # type: ignore[method-assign]

    def seconds(self) -> np.ndarray:
        """Of each step: planning, losses, gradients, the step itself."""
        return np.diff([self.starts[0], *self.ends])


def made_up_shop(share: float) -> kgrec.Dataset:
    """The shop, or a share of it in every dimension."""
    rng = np.random.default_rng(0)
    users, items, events = (int(size * share) for size in (USERS, ITEMS, EVENTS))
    communities = max(10, items // 400)
    home = np.sort(rng.integers(0, communities, items))  # items of a community lie together
    begin, end = (np.searchsorted(home, np.arange(communities), side=side) for side in ("left", "right"))
    length = np.maximum(2, rng.geometric(users / events, users))
    user = np.repeat(np.arange(users), length)
    own = rng.integers(0, communities, (users, 3))
    community = own[user, rng.integers(0, 3, len(user))]
    size = np.maximum(end[community] - begin[community], 1)
    place = (size * rng.random(len(user)) ** 3).astype(np.int64)  # the first of a community sell most
    item = np.minimum(begin[community] + place, items - 1)
    moment = 1_600_000_000 + rng.integers(0, 90 * 86_400, len(user))
    names = pl.Series([f"i{index}" for index in range(items)])
    catalogue = {
        "item_id": names,
        "brand": pl.Series((home * 7 + rng.integers(0, 7, items)) % max(20, items // 40)).cast(pl.String),
        "category": pl.Series([f"c{index}" for index in (home % max(10, items // 400)).tolist()]),
    }
    value = rng.integers(0, max(20, items // 100), (items, ATTRIBUTES))
    attributes = [json.dumps({f"a{place}": str(of) for place, of in enumerate(row)}) for row in value.tolist()]
    table = pl.DataFrame({**catalogue, "attributes": attributes})
    log = pl.DataFrame({"user_id": pl.Series(user).cast(pl.String), "item_id": names.gather(item), "timestamp": moment})
    return kgrec.Dataset(items=table, events=log)


if __name__ == "__main__":
    main()
