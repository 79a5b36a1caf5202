"""Training, scoring and ranking on the CPU and on the GPU, where there is one.

On the made-up shop of scale.py (a sixteenth of it unless --share says otherwise), texts off. Printed for each device:
events trained on per second (median step; in 32 and 16 bits) with the share of the copy bandwidth that
the optimiser's own traffic alone accounts for; pairs per second of the scoring network beside a bare matmul of its
weights' shapes and beside the copy bandwidth; users ranked per second.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
import torch

import kgrec
from kgrec.scoring.network import CROSSES, HIDDEN, RANK, ScoringNetwork
from kgrec.training.plan import Planner
from kgrec.training.run import Run

FEATURES, BINS = 31, 8
PER_PARAMETER = 48  # bytes: AdamW reads 4 and writes 3 numbers of a parameter, the running mean 2 and 1, the gradient 2


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--share", type=float, default=1 / 16, help="of the shop (default: a sixteenth)")
    parser.add_argument("--steps", type=int, default=40, help="of each training (default: 40)")
    parser.add_argument("--devices", nargs="+", help="(default: the CPU, and the GPU where there is one)")
    args = parser.parse_args()
    from scale import made_up_shop

    dataset = made_up_shop(args.share)
    graph = kgrec.KnowledgeGraph.from_dataset(dataset)
    print(f"{dataset.items.height:,} items, {dataset.events.height:,} events; {torch.get_num_threads()} threads")
    for name in args.devices or ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        device = torch.device(name)
        about = torch.cuda.get_device_name(device) if device.type == "cuda" else "CPU"
        bandwidth = copy_bandwidth(device)
        print(f"{about}: copies {bandwidth / 1e9:,.0f} GB/s", flush=True)
        for precision in ("fp32", "bf16"):
            train(dataset, graph, device, precision, args.steps, bandwidth)
        for rows in (4096, 262_144):
            score(device, rows, bandwidth)


def train(
    dataset: kgrec.Dataset,
    graph: kgrec.KnowledgeGraph,
    device: torch.device,
    precision: str,
    steps: int,
    bandwidth: float,
) -> None:
    from scale import StepClock

    step, batches = Run._step, Planner.batches
    clock = StepClock(steps)
    config = kgrec.RecommenderConfig(
        use_text=False, epochs=1, patience=None, use_item_weights=False, use_scoring=False, knowledge_epochs=1
    )
    recommender = kgrec.KGRecommender(config, device=device)
    recommender.fit(dataset, graph=graph, precision=precision)  # type: ignore[arg-type]
    Run._step, Planner.batches = step, batches  # type: ignore[method-assign]
    seconds = float(np.median(clock.seconds()[len(clock.ends) // 4 :]))
    vectors = recommender.model_.vectors.source.numel() + recommender.model_.network.behaviour.own.numel()
    traffic = PER_PARAMETER * vectors / seconds / bandwidth
    some = dataset.events["user_id"].unique(maintain_order=True).head(20_000).to_list()
    recommender.recommend(some[:100], k=20)
    begun = time.perf_counter()
    recommender.recommend(some, k=20)
    ranked = len(some) / (time.perf_counter() - begun)
    print(
        f"  training {precision}: "
        f"{clock.events / len(clock.ends) / seconds:,.0f} events/s, a step {seconds * 1e3:.1f} ms, of which the "
        f"optimiser's traffic alone takes {traffic:.1%}; ranking {ranked:,.0f} users/s",
        flush=True,
    )


@torch.no_grad()
def score(device: torch.device, rows: int, bandwidth: float) -> None:
    edges = torch.linspace(-2, 2, BINS + 1).repeat(FEATURES, 1)
    network = ScoringNetwork(torch.zeros(FEATURES), torch.ones(FEATURES), edges).eval().to(device)
    width = edges.numel()
    features = torch.randn(rows, FEATURES, device=device)
    inputs = torch.randn(rows, width, device=device)
    weights = torch.randn(width, CROSSES * 2 * RANK + HIDDEN, device=device)
    own, bare = median_seconds(lambda: network(features), device), median_seconds(lambda: inputs @ weights, device)
    least = 4 * rows * (FEATURES + 2)  # bytes: each input read, each logit written
    print(
        f"  scoring network, batch {rows:,}: {rows / own:,.0f} pairs/s, {bare / own:.2f} of a bare matmul of its "
        f"weights' shapes; inputs and outputs alone are {least / own / bandwidth:.1%} of the copy bandwidth",
        flush=True,
    )


def copy_bandwidth(device: torch.device) -> float:
    """Bytes read and written per second by a large copy."""
    size = 2**30 if device.type == "cuda" else 2**27
    source, target = torch.ones(size // 4, device=device), torch.empty(size // 4, device=device)
    return 2 * size / median_seconds(lambda: target.copy_(source), device)


def median_seconds(call: Callable[[], object], device: torch.device, repeats: int = 30) -> float:
    seconds = []
    for _ in range(repeats + 3):
        begun = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds[3:]))


if __name__ == "__main__":
    main()
