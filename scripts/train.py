#!/usr/bin/env python3
"""Train a recommender on a dataset folder and write a run folder.

examples:
  python scripts/train.py data/shop --split temporal --out runs/shop
  python scripts/train.py DATASET --split leave_last_out --out runs/beauty --seed 1
  python scripts/train.py DATASET --split random --out runs/no-text --set use_text=false embedding_dim=64
  python scripts/train.py DATASET --split temporal --out runs/shop --refit    # in the end on validation too
  python scripts/train.py DATASET --split temporal --out runs/shop --resume   # after a kill: goes on where it was
  torchrun --nproc-per-node 2 scripts/train.py DATASET --split temporal --out runs/shop --precision bf16
"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

from command_line import SPLITS, add_on_unknown, read_split, run_script, write_json

import kgrec
from kgrec.errors import ConfigError
from kgrec.plots import draw_learning_curves, draw_reliability
from kgrec.training.device import is_first_process


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset folder")
    parser.add_argument("--split", choices=SPLITS, required=True, help="how events are divided")
    add_on_unknown(parser)
    parser.add_argument("--out", type=Path, required=True, help="run folder to write")
    parser.add_argument("--seed", type=int, default=0, help="of the split and the training (default: 0)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA when there)")
    parser.add_argument("--refit", action="store_true", help="in the end also train on the validation part, briefly")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint in the run folder, if any")
    parser.add_argument("--tracker", choices=("tensorboard", "mlflow", "wandb"), help="where to log the training to")
    parser.add_argument(
        "--precision",
        choices=("auto", "fp32", "bf16"),
        default="auto",
        help="(default: bf16 on CPUs with units for it, else fp32)",
    )
    parser.add_argument("--deterministic", action="store_true", help="the same bits each time, on a GPU too")
    parser.add_argument(
        "--graph", help="train on the graph in this store (a Bolt URI), not on one made from the dataset"
    )
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of RecommenderConfig")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)

    config = kgrec.RecommenderConfig.from_text(args.set)
    recommender = kgrec.KGRecommender(config, device=args.device, seed=args.seed)
    begun = time.perf_counter()
    dataset, split = read_split(args.dataset, args.split, args.seed, args.on_unknown)
    is_first = is_first_process()
    if is_first:
        print(dataset.report)
        print(split)
    graph = None
    if args.graph:
        with kgrec.open_graph(args.graph) as store:
            graph = store.read_graph()
    args.out.mkdir(parents=True, exist_ok=True)
    how = {"graph": graph, "precision": args.precision, "deterministic": args.deterministic, "progress": True}
    checkpoint = args.out / "training.safetensors"
    recommender.fit(
        split.train,
        validation=split.validation,
        checkpoint=checkpoint,
        resume=args.resume,
        tracker=args.tracker,
        **how,
    )
    about = dict(recommender.model_.about)
    fitted = time.perf_counter()
    metrics = {}
    about_run = args.out / "run.json"
    if is_first:
        about_run.unlink(missing_ok=True)  # of a model that was here before
        recommender.save(args.out)
        metrics = recommender.evaluate(split.validation) if split.validation.interactions.height else {}
        draw_curves(recommender, split, args.out)
    if args.refit:
        recommender.fit(split.known, warm_start=True, **how)
    if not is_first:
        return
    if args.refit:
        recommender.save(args.out)
    checkpoint.unlink(missing_ok=True)
    run = {
        "dataset": {"name": args.dataset.resolve().name, "fingerprint": dataset.fingerprint()},
        "split": {"method": args.split, "seed": args.seed, "parts": split.report().to_dicts()},
        "config": config.to_dict(),
        "seed": args.seed,
        "refit": args.refit,
        **{key: about[key] for key in ("device", "processes", "precision", "versions", "training")},
        "click_basis": recommender.model_.click_basis,
        "seconds": {"fit": round(fitted - begun, 2), "all": round(time.perf_counter() - begun, 2)},
        "metrics": {"validation": metrics},
    }
    write_json(about_run, run)
    print(f"trained in {fitted - begun:.0f} s, best epoch {about['training']['best_epoch']}")
    for name, value in metrics.items():
        print(f"validation {name:12} {value:.4f}")
    if args.refit:
        print("then trained on the validation part too: the model in the run folder knows its events")
    print(f"run folder: {args.out}")


def draw_curves(recommender: kgrec.KGRecommender, split: kgrec.Split, folder: Path) -> None:
    """Learning curves and reliability as PNG, where matplotlib is installed."""
    try:
        draw_learning_curves(recommender.model_.about["training"]["rows"], folder / "learning_curves.png")
        if split.validation.interactions.height:
            draw_reliability(recommender.reliability(split.validation), folder / "reliability_validation.png")
    except (ConfigError, OSError) as error:
        print(f"no pictures: {error}")


if __name__ == "__main__":
    run_script(main)
