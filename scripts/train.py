#!/usr/bin/env python3
"""Train a recommender on a dataset folder and write a run folder.

examples:
  python scripts/train.py data/shop --split temporal --out runs/shop
  python scripts/train.py DATASET --split leave_last_out --out runs/beauty --seed 1
  python scripts/train.py DATASET --split random --out runs/no-text --set use_text=false embedding_dim=64
"""

from __future__ import annotations

import argparse
import json
import logging
import time
from pathlib import Path

from command_line import SPLITS, read_split, run_script, settings

import kgrec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset folder")
    parser.add_argument("--split", choices=SPLITS, required=True, help="how events are divided")
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the training (default: 0)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA when there)")
    parser.add_argument(
        "--graph", help="train on the graph in this store (a Bolt URI), not on one made from the dataset"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of RecommenderConfig")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    config = settings(args.set)
    recommender = kgrec.KGRecommender(config, device=args.device, seed=args.seed)
    begun = time.perf_counter()
    dataset, split = read_split(args.dataset, args.split, args.seed)
    print(dataset.report)
    print(split)
    graph = None
    if args.graph:
        with kgrec.open_graph(args.graph) as store:
            graph = store.read_graph()
    args.out.mkdir(parents=True, exist_ok=True)
    recommender.fit(
        split.train, validation=split.validation, graph=graph, checkpoint=args.out / "best.safetensors", progress=True
    )
    fitted = time.perf_counter()
    metrics = recommender.evaluate(split.validation) if split.validation.interactions.height else {}
    recommender.save(args.out)
    about = {
        "dataset": {"name": args.dataset.resolve().name, "fingerprint": dataset.fingerprint()},
        "split": {"method": args.split, "seed": args.seed, "parts": split.report().to_dicts()},
        "config": config.to_dict(),
        "seed": args.seed,
        **{key: recommender.model_.about[key] for key in ("device", "versions", "training")},
        "click_basis": recommender.model_.click_basis,
        "seconds": {"fit": round(fitted - begun, 2), "all": round(time.perf_counter() - begun, 2)},
        "metrics": {"validation": metrics},
    }
    (args.out / "run.json").write_text(json.dumps(about, indent=2), "utf-8")
    print(f"trained in {fitted - begun:.0f} s, best epoch {recommender.model_.about['training']['best_epoch']}")
    for name, value in metrics.items():
        print(f"validation {name:12} {value:.4f}")
    print(f"run folder: {args.out}")


if __name__ == "__main__":
    run_script(main)
