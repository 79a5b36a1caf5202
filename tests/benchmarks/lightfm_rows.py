"""LightFM on the shops of `stand_ins.py`: `python tests/benchmarks/lightfm_rows.py [NAME ...] --data FOLDER`.

Needs `pip install lightfm-next` (the maintained LightFM) beside kgrec. Its settings and epochs are chosen on the
validation part like those of the other simple models, and it is ranked through the same top-k. Item features: brand,
category, attributes and whatever else the items have in the graph.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import torch
from scipy import sparse
from stand_ins import SHOPS, shop_of
from torch import Tensor

import kgrec
from kgrec.baselines import Ranker
from kgrec.comparison import measure
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.models.side_information import shared_neighbours
from kgrec.ranking.search import coordinate_search
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.sequences import Histories

EPOCHS = (5, 10, 20, 40, 80)  # after which validation is looked at; no further once it falls
START = {"is_warp": 1.0, "dim": 64.0, "rate": 0.05, "penalty": 0.0, "features": 0.0}
STEPS = (
    ("features", (1.0,)),
    ("is_warp", (0.0,)),
    ("dim", (32.0, 128.0)),
    ("penalty", (1e-6, 1e-5, 1e-4)),
    ("rate", (0.01, 0.02)),
    ("features", (0.0, 1.0)),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(SHOPS), help=f"of {', '.join(SHOPS)}, or FOLDER:SPLIT")
    parser.add_argument("--part", choices=("validation", "test"), default="validation", help="which is scored")
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA"), help="(default: KGREC_DATA)")
    args = parser.parse_args()
    for name in args.names:
        split = shop_of(name, args.data)
        begun = time.perf_counter()
        model = LightFMRanker(split)
        found = measure(model, split.parts[args.part])
        print(
            f"{name}: {args.part} recall@10 {found['recall@10']:.4f}, ndcg@10 {found['ndcg@10']:.4f}, the best of "
            f"{model.tried} settings {model.settings}, {time.perf_counter() - begun:.0f} s",
            flush=True,
        )


class LightFMRanker(Ranker):
    """Free vectors of users and of items, or of the items' features; BPR or WARP loss (Kula 2015)."""

    def __init__(self, split: kgrec.Split) -> None:
        from lightfm import LightFM  # not among kgrec's packages

        super().__init__(split.train)
        identity = sparse.identity(len(self.items), dtype=np.float32, format="csr")
        data = hetero_data(KnowledgeGraph.from_dataset(split.train), self.items)
        shared = [rows.T for rows in shared_neighbours(data, np.arange(len(self.items)))]
        with_features = sparse.hstack([identity, *shared], format="csr", dtype=np.float32)
        self.tried, most, vectors = 0, -1.0, (torch.empty(0), torch.empty(0), torch.empty(0))

        def ndcg(settings: dict[str, float]) -> float:
            nonlocal most, vectors
            self.tried += 1
            features = sparse.csr_matrix(with_features if settings["features"] else identity)
            features.indptr, features.indices = (part.astype(np.int32) for part in (features.indptr, features.indices))
            model = LightFM(
                no_components=int(settings["dim"]),
                loss="warp" if settings["is_warp"] else "bpr",
                learning_rate=settings["rate"],
                item_alpha=settings["penalty"],
                user_alpha=settings["penalty"],
                random_state=0,
            )
            best, done = -1.0, 0
            for epochs in EPOCHS:
                model.fit_partial(self.liked.tocoo(), item_features=features, epochs=epochs - done)
                done = epochs
                bias, items = model.get_item_representations(features)
                self.user, self.item, self.bias = map(torch.from_numpy, (model.user_embeddings.copy(), items, bias))
                found = self.ndcg(split.validation)
                if found > most:
                    most, vectors = found, (self.user, self.item, self.bias)
                if found < best:
                    break
                best = max(best, found)
            print(f"... {settings} {done} epochs: {best:.4f}", file=sys.stderr, flush=True)
            return best

        self.settings = coordinate_search([START], STEPS, ndcg)
        self.user, self.item, self.bias = vectors

    def scores(self, histories: Histories) -> Tensor:
        scores: Tensor = self.user_vectors(histories, self.user, self.item) @ self.item.T + self.bias
        return scores


if __name__ == "__main__":
    main()
