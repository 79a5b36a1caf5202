"""What it is worth to train on the validation events too, once they have chosen.

    python tests/benchmarks/refit.py DATASET --split SPLIT [--data FOLDER] [--seeds 1] [--set use_scoring=false]

The test part is measured twice: for the model that `fit` makes of the train part, as in all other benchmarks, and after
`fit(split.known, warm_start=True)`. In both cases the lists go by all events before the test part.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

import kgrec
from kgrec.data.splitting import METHODS, SplitMethod

SHOWN = ("recall@10", "ndcg@10", "recall@20", "auc", "log_loss", "ece")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--split", required=True, choices=METHODS)
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA", "."), help="(default: KGREC_DATA)")
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    config = kgrec.RecommenderConfig.from_text(args.set)
    dataset = kgrec.read_dataset(args.dataset if args.dataset.exists() else args.data / args.dataset, on_unknown="skip")
    for seed in range(args.seeds):
        measure(dataset, args.split, config, seed)


def measure(dataset: kgrec.Dataset, method: SplitMethod, config: kgrec.RecommenderConfig, seed: int) -> None:
    """Print both rows."""
    split = dataset.split(method)
    recommender = kgrec.KGRecommender(config, device="cpu", seed=seed)
    for name in ("train", "known"):
        begun = time.perf_counter()
        if name == "train":
            recommender.fit(split.train, validation=split.validation)
        else:
            recommender.fit(split.known, warm_start=True)
        seconds = time.perf_counter() - begun
        metrics = recommender.evaluate(split.test)
        values = ", ".join(f"{key} {metrics[key]:.4f}" for key in SHOWN if key in metrics)
        print(f"seed {seed}, {name:5}: {values}; {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
