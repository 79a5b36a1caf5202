#!/usr/bin/env python3
"""Take new events, new items and other prices and stock of known ones into a saved model, and the graph's database.

Without training. The same files may be given again: what they say is known then, but for events without a timestamp.

examples:
  python scripts/update.py runs/shop --events today.csv
  python scripts/update.py runs/shop --events today.csv.gz --items new_items.csv --out runs/shop-today
  python scripts/update.py runs/shop --items new_items.parquet --graph bolt://localhost:7687
  python scripts/update.py runs/shop --items prices.csv --schema shop.toml
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from command_line import run_script

import kgrec
from kgrec.graph.schema.types import read_schema


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="run folder of train.py, or any saved model")
    parser.add_argument("--events", type=Path, help="CSV, CSV.gz or Parquet with the columns of events")
    parser.add_argument("--items", type=Path, help="the same with the columns of items")
    parser.add_argument("--schema", type=Path, help="TOML file that the graph's labels and relations were made with")
    database = parser.add_mutually_exclusive_group()
    database.add_argument(
        "--graph", metavar="URI", help="tell this database too (login: NEO4J_USERNAME, NEO4J_PASSWORD)"
    )
    database.add_argument("--path", type=Path, help="tell the local server that keeps its data in this folder too")
    parser.add_argument("--out", type=Path, help="folder for the updated model (default: the model's own)")
    parser.add_argument("--on-unknown", choices=("raise", "skip"), default="raise", help="events on unknown items")
    args = parser.parse_args()
    if args.events is None and args.items is None:
        parser.error("give --events, --items or both")

    recommender = kgrec.KGRecommender.load(args.model)
    schema, has_store = read_schema(args.schema), args.graph or args.path
    with kgrec.open_graph(args.graph, args.path, schema=schema) if has_store else nullcontext() as store:
        report = recommender.update(args.events, args.items, store, schema=schema, on_unknown=args.on_unknown)
    print(report.cleaning)
    print(report)
    out = args.out or args.model
    recommender.save(out)
    print(f"saved: {out}")


if __name__ == "__main__":
    run_script(main)
