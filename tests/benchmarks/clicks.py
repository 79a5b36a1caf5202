"""Click prediction beside simpler models: `python tests/benchmarks/clicks.py [shop | kgcn FOLDER | drawn FOLDER]`.

shop          the impressions of data/shop, split by time, beside the probabilities that they were drawn from and beside
              what can be known of them: tastes inferred from the events by one who knows how they were drawn; with
              --activity N of the same shop whose shoppers did N times as much
kgcn FOLDER   KGCN's files: 6:2:2 rows at random, negatives given
drawn FOLDER  the pairs of any dataset with as many drawn negatives of each user beside them, split likewise

Logistic regression and gradient boosting read the features of kgrec's scoring module and are fitted to the same pairs.
A second gradient boosting reads counts alone: how many events and labels train has of the user and of the item. Where
as many negatives are drawn as a user has positives, what train has of either tells what is left for the test part: so
much of an AUC is the protocol's.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl
from scipy import sparse
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import kgrec
from kgrec.data import columns as c
from kgrec.evaluating import part_pairs
from kgrec.evaluation.click_metrics import click_metrics
from kgrec.models.fitted import FittedModel
from kgrec.scoring.features import PairFeatures
from kgrec.scoring.pairs import LabelledPairs
from kgrec.tensors.vocabulary import Vocabulary

ROOT = Path(__file__).parents[2]
KGCN_RATIO = (0.6, 0.2, 0.2)
COUNTS = {
    "events of the item",
    "events of the user",
    "times the item was shown",
    "clicks on the item",
    "clicks of the user",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("shop", "kgcn", "drawn"))
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--activity", type=float, default=1.0)
    args = parser.parse_args()
    for seed in range(args.seeds):
        oracle = None
        if args.what == "shop":
            split, oracle = shop(args.activity)
        else:
            dataset = kgrec.read_dataset(args.folder)
            dataset = dataset if args.what == "kgcn" else with_drawn_negatives(dataset, seed)
            split = dataset.split("random", KGCN_RATIO, seed=seed)
        begun = time.perf_counter()
        recommender = kgrec.KGRecommender(seed=seed).fit(split.train, validation=split.validation)
        print(f"{args.what}, seed {seed}: kgrec fitted in {time.perf_counter() - begun:.0f} s", flush=True)
        with pl.Config(tbl_rows=-1, float_precision=4):
            print(measure(recommender, split, oracle), flush=True)


def measure(recommender: kgrec.KGRecommender, split: kgrec.Split, oracle: dict[str, np.ndarray] | None) -> pl.DataFrame:
    """A row of click metrics on the test part for each model."""
    model = recommender.model_
    rows = {"kgrec": recommender.evaluate(split.test), **simple_models(model, split)}
    scoring, model.scoring = model.scoring, None
    rows["kgrec's click network alone"] = recommender.evaluate(split.test)
    model.scoring = scoring
    label = split.test.events.filter(pl.col(c.EVENT) == c.IMPRESSION)[c.LABEL]
    rows |= {name: click_metrics(label, found) for name, found in (oracle or {}).items()}
    return pl.DataFrame(
        [{"model": name} | {key: row[key] for key in ("auc", "log_loss", "ece")} for name, row in rows.items()]
    )


def simple_models(model: FittedModel, split: kgrec.Split) -> dict[str, dict[str, float]]:
    """Those fitted to the pairs of validation."""
    features = PairFeatures.of(model)
    seen, seen_columns = pairs_of(model, features, split.validation)
    asked, asked_columns = pairs_of(model, features, split.test)
    table, wanted = (np.nan_to_num(np.stack(list(part.values()), axis=1)) for part in (seen_columns, asked_columns))
    popular = list(seen_columns).index("events of the item")
    counts = [place for place, name in enumerate(seen_columns) if name in COUNTS]
    fitted = {
        "popularity": (LogisticRegression(), [popular]),
        "logistic regression": (
            make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000)),
            slice(None),
        ),
        "gradient boosting": (boosting(), slice(None)),
        "gradient boosting on counts alone": (boosting(), counts),
    }
    return {
        name: click_metrics(asked.clicked, kind.fit(table[:, some], seen.clicked).predict_proba(wanted[:, some])[:, 1])
        for name, (kind, some) in fitted.items()
    }


def boosting() -> HistGradientBoostingClassifier:
    """Small trees that learn slowly."""
    return HistGradientBoostingClassifier(max_iter=100, learning_rate=0.05, max_leaf_nodes=15, min_samples_leaf=50)


def pairs_of(
    model: FittedModel, features: PairFeatures, part: kgrec.Dataset
) -> tuple[LabelledPairs, dict[str, np.ndarray]]:
    """The labelled pairs of a part and their features, by what came before it."""
    labelled, past = part_pairs(model, part, seed=0)
    return labelled, features.columns(labelled.pairs, past)


def with_drawn_negatives(dataset: kgrec.Dataset, seed: int) -> kgrec.Dataset:
    """Each user's items with label 1, and as many that the user has no event on with label 0."""
    rng = np.random.default_rng(seed)
    users, items = (
        Vocabulary(dataset.events[c.USER_ID].unique(maintain_order=True)),
        Vocabulary(dataset.items[c.ITEM_ID]),
    )
    pairs = dataset.interactions.select(c.USER_ID, c.ITEM_ID).unique(maintain_order=True)
    user, item = users.index(pairs[c.USER_ID]), items.index(pairs[c.ITEM_ID])
    has = sparse.csr_array((np.ones(len(user), dtype=bool), (user, item)), shape=(len(users), len(items)))
    drawn = [
        rng.choice(np.flatnonzero(~has[[row]].toarray()[0]), has[[row]].nnz, replace=False) for row in range(len(users))
    ]
    other = np.concatenate(drawn)
    row = np.repeat(np.arange(len(users)), [len(part) for part in drawn])
    events = pl.DataFrame(
        {
            c.USER_ID: users.take(np.concatenate([user, row])),
            c.ITEM_ID: items.take(np.concatenate([item, other])),
            c.LABEL: np.repeat([1, 0], [len(user), len(row)]),
        }
    )
    return kgrec.Dataset(items=dataset.items, events=events, triples=dataset.triples)


def shop(activity: float) -> tuple[kgrec.Split, dict[str, np.ndarray]]:
    """The shop by time; of each impression of its test part the probability it was drawn with, and the best guess."""
    sys.path.insert(0, str(ROOT / "scripts"))
    import make_shop
    from shop import SEED
    from shop.guessing import guess_probabilities

    tables, truth = make_shop.make_tables(SEED, activity)
    split = kgrec.Dataset(**tables).split("temporal")
    shown = tables["impressions"].with_columns(truth["click_probability"])
    begin = split.test.events.filter(pl.col(c.EVENT) == c.IMPRESSION)[c.TIMESTAMP].min()
    is_test = shown[c.TIMESTAMP] >= begin
    guessed = guess_probabilities(tables["events"], shown, is_test)
    return split, {
        "the best guess at it": guessed,
        "the generator's own probability": shown.filter(is_test)["click_probability"].to_numpy(),
    }


if __name__ == "__main__":
    main()
