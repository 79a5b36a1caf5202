#!/usr/bin/env python3
"""The whole path on the sample shop: graph database, training, ranking with reasons, metrics beside simple rankers.

example:
  python scripts/demo.py --dataset data/shop --out runs/demo
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import polars as pl
from command_line import run_script

import kgrec
from kgrec.comparison import FUSED, SIMPLE, compare, measure, summary

QUESTION = """
MATCH (p:Product)-[:HAS_BRAND]->(b:Brand)
RETURN b.name AS brand, count(p) AS products, round(avg(p.price), 2) AS mean_price
ORDER BY products DESC, brand LIMIT 5
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dataset", type=Path, default=Path(__file__).parents[1] / "data" / "shop")
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="folder of the saved model")
    args = parser.parse_args()
    begun = time.perf_counter()

    heading("1. Data: read, cleaned, split")
    dataset = kgrec.read_dataset(args.dataset)
    split = dataset.split("leave_last_out")
    print(dataset.report)
    print(split)

    heading("2. Graph: from the catalogue into a graph database, and asked in Cypher")
    with kgrec.open_graph() as store:
        print(store.load(kgrec.KnowledgeGraph.from_dataset(split.train), progress=True))
        print(QUESTION.strip())
        show(store.query(QUESTION))
        graph = store.read_graph()
    print(f"read back: {graph}")

    heading("3. Model: graph, BERT text and behaviour fused, trained on the train part")
    # a short, fast training: this is a demonstration; the default settings look at validation and go on for longer
    config = kgrec.RecommenderConfig(epochs=8, learning_rate=2e-3, patience=None)
    fitted = time.perf_counter()
    recommender = kgrec.KGRecommender(config, seed=0).fit(split.train, validation=split.validation, graph=graph)
    seconds = time.perf_counter() - fitted
    recommender.save(args.out)
    print(f"saved to {args.out}; best epoch {recommender.model_.about['training']['best_epoch']}")

    heading("4. Products ranked, with reasons (by the model loaded from the folder)")
    loaded = kgrec.KGRecommender.load(args.out)
    show(with_reasons(loaded, loaded.model_.users.ids.head(3).to_list(), k=3))

    heading("5. Metrics on the test part, beside simpler rankers and the model without graph or text")
    simple = compare(split, models=SIMPLE)
    models = ("kgrec without graph", "kgrec without text")
    rows = compare(
        split, config=config, models=models, jobs=2, on_row=lambda name: print(f"... {name}", file=sys.stderr)
    )
    ours = pl.DataFrame([{"model": FUSED, "seed": 0, "seconds": seconds, **measure(loaded, split.test)}])
    rows = pl.concat([simple, rows, ours], how="diagonal_relaxed")
    names = ("model", "recall@10", "ndcg@10", "mrr@10", "coverage@10", "auc", "seconds")
    show(summary(rows).select(names))
    print(f"all of it took {time.perf_counter() - begun:.0f} s")


def with_reasons(recommender: kgrec.KGRecommender, users: list[str], k: int) -> pl.DataFrame:
    """The lists of some users with titles, click probabilities and reasons."""
    lists = recommender.predict_click(recommender.recommend(users, k=k))
    reasons = [recommender.explain(user, item).reason for user, item in lists.select("user_id", "item_id").iter_rows()]
    titles = [recommender.model_.title(item) for item in lists["item_id"]]
    columns = ["user_id", "rank", pl.Series("title", titles), "click_probability", pl.Series("why", reasons)]
    return lists.select(columns)


def heading(text: str) -> None:
    print(f"\n== {text}", flush=True)


def show(table: pl.DataFrame) -> None:
    with pl.Config(
        tbl_cols=-1,
        tbl_rows=-1,
        tbl_width_chars=160,
        fmt_str_lengths=90,
        float_precision=4,
        tbl_hide_column_data_types=True,
        tbl_hide_dataframe_shape=True,
    ):
        print(table, flush=True)


if __name__ == "__main__":
    run_script(main)
