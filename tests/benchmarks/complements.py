"""How often `complements` of an item hold the next one that the same user chose in the same session.

    python tests/benchmarks/complements.py [DATASET] [--model SAVED] [--epochs 2] [--least 1] [--k 10]

Leave-last-out: the test event of each user is the next item, the last event known before it the item asked about; pairs
further apart than `kgrec.ranking.together.SESSION_GAP` are no session and not asked. Beside it: the most popular
items, `similar_items`, and the bare co-occurrence of two items in users' histories, as cosine. `--on validation` asks
about the last known event and leaves it out of what is counted: `fit` chooses so what counts how much
(`kgrec.ranking.complements.choose_pairing`). `--least` leaves out items with fewer events (a model of them all takes
long). Intervals are of 95%, over the pairs.
"""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import torch
from scipy import sparse

import kgrec
from kgrec.data import columns as c
from kgrec.models.fitted import FittedModel
from kgrec.ranking.complements import complement_lists, last_pairs
from kgrec.ranking.together import SESSION_GAP, Together

ROOT = Path(__file__).parents[2]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", type=Path, default=ROOT / "data" / "shop")
    parser.add_argument("--model", type=Path, help="of the same split and items")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--least", type=int, default=1)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--on", choices=("test", "validation"), default="test")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    split = read(args.dataset, args.least).split("leave_last_out")
    if args.model:
        recommender = kgrec.KGRecommender.load(args.model)
    else:
        config = kgrec.RecommenderConfig(epochs=args.epochs, use_item_weights=False, use_scoring=False)
        recommender = kgrec.KGRecommender(config).fit(split.train, validation=split.validation)
    model = recommender.model_
    if args.on == "test":
        item, following = asked(model, split)
    else:
        item, following, last = last_pairs(model.histories)
        model.histories = model.histories.without(last)
    known = model.histories.lengths.sum()
    print(f"{args.dataset.name}, {args.on}: {len(item):,} pairs in one session, {known:,} known events")
    with pl.Config(tbl_width_chars=120, float_precision=4, tbl_hide_dataframe_shape=True):
        print(pl.DataFrame(measure(recommender, item, following, args.k)))


def read(folder: Path, least: int) -> kgrec.Dataset:
    """A dataset without its rare items."""
    dataset = kgrec.read_dataset(folder, on_unknown="skip")
    counts = dataset.events.group_by(c.ITEM_ID).len()
    kept = counts.filter(pl.col("len") >= least)[c.ITEM_ID].implode()
    if least <= 1:
        return dataset
    items, events = (table.filter(pl.col(c.ITEM_ID).is_in(kept)) for table in (dataset.items, dataset.events))
    return kgrec.Dataset(items=items, events=events, users=dataset.users)


def asked(model: FittedModel, split: kgrec.Split) -> tuple[np.ndarray, np.ndarray]:
    """The last item known of each user, and that of the test event, where they are of one session."""
    test = split.test.interactions
    user, following = model.users.index(test[c.USER_ID]), model.items.index(test[c.ITEM_ID])
    time = test[c.TIMESTAMP].to_numpy()
    some = (user >= 0) & (following >= 0)
    some[some] &= model.histories.lengths[user[some]] > 0
    user, following, time = user[some], following[some], time[some]
    last = model.histories.start[user + 1] - 1
    item = model.histories.item_index[last]
    near = (time - model.histories.timestamp[last] <= SESSION_GAP) & (item != following)
    return item[near], following[near]


def measure(
    recommender: kgrec.KGRecommender, item: np.ndarray, following: np.ndarray, k: int
) -> list[dict[str, float | str]]:
    """A row for each way to find what goes with an item."""
    model = recommender.model_
    places, line = np.unique(item, return_inverse=True)
    ids = model.items.take(places)
    together = Together.of(model)
    lists = {
        "complements": complement_lists(model, together, ids, places, k),
        "complements, substitutes kept": complement_lists(
            model, dataclasses.replace(together, bought=None), ids, places, k
        ),
        "similar_items": recommender.similar_items(ids.to_list(), k=k),
    }
    found = {name: (table[c.ITEM_ID], table.to_series(1)) for name, table in lists.items()}
    counts = np.bincount(model.histories.item_index, minlength=len(model.items)).astype(np.float64)
    found["co-occurrence (cosine)"] = best(model, ids, co_occurrence(model, places, counts), places, k)
    found["popularity"] = best(model, ids, np.tile(counts, (len(places), 1)), places, k)
    wanted = model.items.take(following)
    rows = []
    for name, (own, other) in found.items():
        table = pl.DataFrame({"item": own, "other": other}).unique()
        pairs = pl.DataFrame({"item": ids.gather(line), "other": wanted})
        hit = pairs.join(table.with_columns(hit=1.0), on=["item", "other"], how="left")["hit"].fill_null(0.0)
        rate = float(hit.mean())  # type: ignore[arg-type]
        spread = 1.96 * (rate * (1 - rate) / len(hit)) ** 0.5
        rows.append({"from": name, f"hit@{k}": rate, "+-": spread})
    return rows


def co_occurrence(model: FittedModel, places: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """Cosine of the sets of users who chose the items."""
    histories = model.histories
    shape = histories.num_users, len(model.items)
    chose = sparse.csr_array(
        (np.ones(len(histories.item_index)), (histories.user_index(), histories.item_index)), shape
    )
    chose.data[:] = 1.0
    both = (chose.T[places] @ chose).toarray()
    return both / np.sqrt(np.maximum(np.outer(counts[places], counts), 1.0))


def best(
    model: FittedModel, ids: pl.Series, scores: np.ndarray, places: np.ndarray, k: int
) -> tuple[pl.Series, pl.Series]:
    """The k others with the highest scores."""
    scores[np.arange(len(places)), places] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return ids.gather(np.repeat(np.arange(len(places)), k)), model.items.take(order.ravel())


if __name__ == "__main__":
    main()
