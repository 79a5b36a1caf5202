"""Seconds until kgrec has the best validation Recall@10 of a peer.

    python tests/benchmarks/time_to_accuracy.py DATA/lastfm --split fixed --peer PEERS/bin/python SCRIPT.py \\
        --models LightGCN KGAT

The peer is any command that takes a dataset folder, a model's name, --threads and --minutes, and whose last line is
JSON with `validation_curve`: pairs of seconds since the start of its training and validation Recall@10. It and kgrec
run one after the other, alone, on as many threads each. kgrec's seconds count from the call of `fit`: graph embeddings,
text vectors (from the cache, where they are in it) and all variants that are tried; it stops when it is there.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import logging
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, get_args

import torch

import kgrec
from kgrec.data.dataset import SplitMethod

Curve = list[tuple[float, float]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", choices=get_args(SplitMethod), default="leave_last_out")
    parser.add_argument("--peer", nargs=2, metavar=("PYTHON", "SCRIPT"))
    parser.add_argument("--models", nargs="*", default=["LightGCN"], help="of the peer")
    parser.add_argument("--minutes", type=float, default=10, help="after which a peer is stopped")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--alone", type=float, metavar="GOAL", help="this process trains kgrec up to a Recall@10")
    args = parser.parse_args()
    if args.alone is not None:
        torch.set_num_threads(args.threads)
        print(json.dumps(our_curve(args.dataset, args.split, args.seed, args.alone)))
        return
    if args.peer is None:
        parser.error("--peer is missing: the command that trains the peer")
    dataset = str(args.dataset.resolve())
    python, script = (str(Path.cwd() / part) for part in args.peer)  # links are kept: one to python is its environment
    shared = ["--threads", str(args.threads)]
    minutes = ["--minutes", str(args.minutes)]
    peers = {name: run([python, script, dataset, name, *shared, *minutes], args.threads) for name in args.models}
    goal = max(value for curve in peers.values() for _, value in curve["validation_curve"])
    own = [str(Path(__file__).resolve()), dataset, "--split", args.split, "--seed", str(args.seed), *shared]
    ours: Curve = run([sys.executable, *own, "--alone", str(goal)], args.threads)
    print(f"{args.dataset.name}, {args.threads} threads; kgrec's validation Recall@10 by second:")
    print("  " + ", ".join(f"{value:.4f} @{second:.0f}" for second, value in ours))
    for name, curve in peers.items():
        second, best = max(curve["validation_curve"], key=lambda point: point[1])
        reached = next((at for at, value in ours if value >= best), None)
        at = "not reached" if reached is None else f"{reached:.0f} s, {reached / second:.2f} of the peer's"
        print(f"{name}: best {best:.4f} at {second:.0f} s; kgrec is there at {at}", flush=True)


def run(command: list[str], threads: int) -> Any:
    """What the last line says, as JSON; what else the command writes is thrown away."""
    print("...", " ".join(command), file=sys.stderr, flush=True)
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads)}
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, env=environment, cwd=folder)
    return json.loads(done.stdout.strip().splitlines()[-1])


def our_curve(folder: Path, method: SplitMethod, seed: int, goal: float) -> Curve:
    """Seconds since the start of `fit`, and the validation metric, at each look up to the goal."""
    split = kgrec.read_dataset(folder).split(method)
    looks = Looks(goal)
    loop = logging.getLogger("kgrec.training.loop")
    loop.setLevel(logging.INFO)
    loop.addHandler(looks)
    config = kgrec.RecommenderConfig(validation_metric="recall", use_item_weights=False)
    with contextlib.suppress(GoalReached):
        kgrec.KGRecommender(config, seed=seed).fit(split.train, validation=split.validation, progress=False)
    return looks.curve


class GoalReached(Exception):
    """The training may end."""


class Looks(logging.Handler):
    """Notes each look at validation that the training loop logs."""

    def __init__(self, goal: float) -> None:
        super().__init__()
        self.begun, self.curve, self.goal = time.perf_counter(), Curve(), goal

    def emit(self, record: logging.LogRecord) -> None:
        row = record.args[1] if isinstance(record.args, tuple) and len(record.args) > 1 else None
        if isinstance(row, dict) and "validation" in row:
            self.curve.append((time.perf_counter() - self.begun, row["validation"]))
            print(f"  {self.curve[-1][1]:.4f} @{self.curve[-1][0]:.0f}", file=sys.stderr, flush=True)
            if self.curve[-1][1] >= self.goal:
                raise GoalReached


if __name__ == "__main__":
    main()
