"""How much the score falls without the evidence that `explain` names, beside random evidence of the same size.

    python tests/benchmarks/faithfulness.py [DATASET] [--split NAME] [--model SAVED] [--epochs 2] [--pairs 200]

Without --model a model is fitted to the train part first. A pair is a user and one of the ten items recommended to the
user, drawn at random. Two kinds of evidence are removed:

events  those of the items of the history that the explanation names; at random: as many events of the same history,
        drawn from all of it, named ones included
edges   those of the paths that the explanation names; at random: as many edges of the item, and as many of the items of
        its history, drawn from all that the vectors hear

Each random removal is the mean of --draws drawings. Users of whom all events are named have nothing to compare and are
not drawn. The ratio is that of the mean drops; its interval of 95% comes from drawing the pairs again, 2,000 times.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
import polars as pl
import torch

import kgrec
from kgrec.explain.explaining import Explainer
from kgrec.explain.explanation import Explanation
from kgrec.explain.item_score import Change, ItemScore
from kgrec.explain.without import Edge

ROOT = Path(__file__).parents[2]
K, RESAMPLES = 10, 2_000
Drops = list[tuple[float, float]]  # named, random


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, default=ROOT / "data" / "shop")
    parser.add_argument("--split", default="leave_last_out")
    parser.add_argument("--model", type=Path)
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--pairs", type=int, default=200)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--events", type=int, default=3, help="items of the history named, at most")
    parser.add_argument("--paths", type=int, default=3, help="paths named, at most")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recommender = kgrec.KGRecommender.load(args.model) if args.model else fitted(args)
    draws = np.random.default_rng(args.seed)
    begun = time.perf_counter()
    events, edges = measure(recommender, args, draws)
    seconds = time.perf_counter() - begun
    model = recommender.model_
    print(f"{args.model or args.dataset}: {len(model.users):,} users, {len(model.items):,} items")
    print(f"closed form's share {model.item_share:g}; {seconds:.0f} s on {args.threads} threads")
    rows = [{"evidence": name} | summary(drops, draws) for name, drops in (("events", events), ("edges", edges))]
    with pl.Config(tbl_cols=-1, tbl_width_chars=160, float_precision=3, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(rows))


def fitted(args: argparse.Namespace) -> kgrec.KGRecommender:
    """A model of the train part."""
    split = kgrec.read_dataset(args.dataset).split(args.split)
    config = kgrec.RecommenderConfig(epochs=args.epochs)
    return kgrec.KGRecommender(config, seed=args.seed).fit(split.train, validation=split.validation)


def measure(
    recommender: kgrec.KGRecommender, args: argparse.Namespace, draws: np.random.Generator
) -> tuple[Drops, Drops]:
    """Drops of the score over some pairs: of events, of edges (fewer pairs, where paths are missing)."""
    model = recommender.model_
    explainer = Explainer(model)
    events: Drops = []
    edges: Drops = []
    for user in draws.permutation(np.flatnonzero(model.histories.lengths > args.events)):
        user_id = model.users.ids[int(user)]
        item_id = draws.choice(recommender.recommend([user_id], k=K)["item_id"].to_numpy())
        item = int(model.items.index([item_id])[0])
        explanation = explainer.explain(user_id, item, args.paths, args.events)
        asked = explainer.score_of(user_id, item)
        found = event_drops(explainer, asked, explanation, args.draws, draws)
        if found is None:
            continue
        events.append(found)
        named = list({edge for path in explanation.paths for edge in path.edges})
        if named:
            edges.append(edge_drops(explainer, asked, explanation.score, named, args.draws, draws))
        if len(events) == args.pairs:
            break
    return events, edges


def event_drops(
    explainer: Explainer, asked: ItemScore, explanation: Explanation, repeat: int, draws: np.random.Generator
) -> tuple[float, float] | None:
    """The drop without the named events, and the mean without as many others; None: all or none are named."""
    items = explainer.model.items.index([one.item_id for one in explanation.influences])
    named = np.flatnonzero(np.isin(asked.history.item_index, items))
    if not 0 < len(named) < asked.num_events:
        return None
    random = [draws.choice(asked.num_events, len(named), replace=False) for _ in range(repeat)]
    left = asked.of([Change(left_out=tuple(some.tolist())) for some in (named, *random)])
    drop = explanation.score - left
    return float(drop[0]), float(drop[1:].mean())


def edge_drops(
    explainer: Explainer,
    asked: ItemScore,
    score: float,
    named: list[Edge],
    repeat: int,
    draws: np.random.Generator,
) -> tuple[float, float]:
    """The drop without the named edges, and the mean without as many of the item's and of its history's."""
    own = explainer.without.edges_of(asked.item)
    recent = np.unique(asked.history.item_index[-explainer.model.events_read :])
    theirs = list({edge: None for one in recent if one != asked.item for edge in explainer.without.edges_of(int(one))})
    of_item = sum(edge in set(own) for edge in named)
    changes = [explainer.without_edges(asked, named)]
    for _ in range(repeat):
        first = draws.choice(len(own), min(of_item, len(own)), replace=False)
        second = draws.choice(len(theirs), min(len(named) - of_item, len(theirs)), replace=False)
        some = [own[place] for place in first] + [theirs[place] for place in second]
        changes.append(explainer.without_edges(asked, some))
    drop = score - asked.of(changes)
    return float(drop[0]), float(drop[1:].mean())


def summary(drops: Drops, draws: np.random.Generator) -> dict[str, float | int | str]:
    """Mean drops and their ratio, with its interval; above 0 alone a ratio means something."""
    named, random = np.array(drops).T
    again = draws.integers(len(named), size=(RESAMPLES, len(named)))
    ratios = named[again].mean(1) / np.maximum(random[again].mean(1), 1e-9)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return {
        "pairs": len(named),
        "named": float(named.mean()),
        "random": float(random.mean()),
        "ratio": float(named.mean() / max(random.mean(), 1e-9)),
        "95% interval": f"{low:.2f} to {high:.2f}",
        "named falls further": float((named > random).mean()),
    }


if __name__ == "__main__":
    main()
