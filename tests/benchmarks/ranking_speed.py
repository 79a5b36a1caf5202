"""What full ranking costs beside a bare matmul + mask + topk in the same run.

    python tests/benchmarks/ranking_speed.py amazon-beauty --data FOLDER [--model SAVED] [--repeat 5]

Without --model a model is trained for one epoch: the time of ranking does not depend on how good it is. Both sides rank
every user of the train part over the whole catalogue, seen items masked, the 20 best kept; they take turns, and medians
are compared. The bare side starts from ready user vectors and ends with two tensors; ours starts from the events and
ends with a table of ids.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import kgrec
from kgrec.models.fitted import FittedModel

K, BATCH = 20, 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("KGREC_DATA", ".")))
    parser.add_argument("--split", default="leave_last_out")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.model:
        recommender = kgrec.KGRecommender.load(args.model)
    else:
        split = kgrec.read_dataset(args.data / args.dataset).split(args.split)
        config = kgrec.RecommenderConfig(epochs=1, patience=None)
        recommender = kgrec.KGRecommender(config, seed=0).fit(split.train)
    model = recommender.model_
    users = model.user_vectors(model.histories)
    sides: dict[str, Callable[[], object]] = {
        "bare matmul + mask + topk": lambda: bare(model, users),
        "recommend(k=20), every user": lambda: recommender.recommend(k=K),
        "user vectors, made once for each user": lambda: model.user_vectors(model.histories),
        "  of it the closed form": lambda: closed_form(model),
    }
    print(f"{len(model.users):,} users x {len(model.items):,} items, dim {users.shape[1]}, {args.threads} threads")
    seconds = {name: [] for name in sides}
    for _ in range(args.repeat):
        for name, side in sides.items():
            begun = time.perf_counter()
            side()
            seconds[name].append(time.perf_counter() - begun)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    floor = medians["bare matmul + mask + topk"]
    for name, median in medians.items():
        print(f"{name:38} {median:6.2f} s  {median / floor:5.2f} x")


@torch.no_grad()
def bare(model: FittedModel, users: torch.Tensor) -> None:
    """Ready vectors to the places of the best items."""
    line, item = model.histories.user_index(), model.histories.item_index
    target = model.vectors.target.T.contiguous()
    for begin in range(0, len(users), BATCH):
        scores = users[begin : begin + BATCH] @ target
        left, right = np.searchsorted(line, [begin, begin + BATCH])
        scores[torch.from_numpy(line[left:right] - begin), torch.from_numpy(item[left:right])] = -torch.inf
        torch.topk(scores, K, dim=1)


@torch.no_grad()
def closed_form(model: FittedModel) -> None:
    """Its scores alone, added to zeros."""
    if model.item_weights is None:
        return
    scores = torch.zeros(BATCH, len(model.items))
    for begin in range(0, len(model.users), BATCH):
        end = min(begin + BATCH, len(model.users))
        model.item_weights.add_scores(scores[: end - begin], model.histories.take(np.arange(begin, end)), 1.0)


if __name__ == "__main__":
    main()
