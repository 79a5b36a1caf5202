"""What 16 bits cost: both precisions on data/shop, `python tests/benchmarks/precision.py --set epochs=10`.

By time, scored on the validation part; printed for each seed, then the mean difference.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

import kgrec

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--device", help="(default: CUDA when there)")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of RecommenderConfig")
    args = parser.parse_args()
    split = kgrec.read_dataset(ROOT / "data" / "shop").split("temporal")
    config = kgrec.RecommenderConfig.from_text(args.set)
    differences = []
    for seed in args.seeds:
        found = {}
        for precision in ("fp32", "bf16"):
            begun = time.perf_counter()
            recommender = kgrec.KGRecommender(config, device=args.device, seed=seed)
            recommender.fit(split.train, split.validation, precision=precision)  # type: ignore[arg-type]
            seconds = time.perf_counter() - begun
            metrics = recommender.evaluate(split.validation, (10,))
            found[precision] = metrics["auc"], metrics["ndcg@10"]
            print(
                f"seed {seed} {precision}: AUC {metrics['auc']:.4f}, NDCG@10 {metrics['ndcg@10']:.4f}, {seconds:.0f} s"
            )
        differences.append(np.subtract(found["bf16"], found["fp32"]))
    mean, spread = np.mean(differences, axis=0), np.std(differences, axis=0)
    print(f"bf16 - fp32: AUC {mean[0]:+.4f} +- {spread[0]:.4f}, NDCG@10 {mean[1]:+.4f} +- {spread[1]:.4f}")


if __name__ == "__main__":
    main()
