#!/usr/bin/env python3
"""Take new events and new items into a saved model, without training, and into the graph's database.

The same files may be given again: items, and events with a timestamp, that are known already change nothing.

examples:
  python scripts/update.py runs/shop --events today.csv
  python scripts/update.py runs/shop --events today.csv.gz --items new_items.csv --out runs/shop-today
  python scripts/update.py runs/shop --items new_items.parquet --graph bolt://localhost:7687
"""

from __future__ import annotations

import argparse
from contextlib import nullcontext
from pathlib import Path

from command_line import run_script

import kgrec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path, help="run folder of train.py, or any saved model")
    parser.add_argument("--events", type=Path, help="CSV, CSV.gz or Parquet with the columns of events")
    parser.add_argument("--items", type=Path, help="the same with the columns of items")
    store = parser.add_mutually_exclusive_group()
    store.add_argument("--graph", metavar="URI", help="tell this database too (login: NEO4J_USERNAME, NEO4J_PASSWORD)")
    store.add_argument("--path", type=Path, help="tell the local server that keeps its data in this folder too")
    parser.add_argument("--out", type=Path, help="folder for the updated model (default: the model's own)")
    parser.add_argument("--on-unknown", choices=("raise", "skip"), default="raise", help="events on unknown items")
    args = parser.parse_args()
    if args.events is None and args.items is None:
        parser.error("give --events, --items or both")

    recommender = kgrec.KGRecommender.load(args.model)
    with kgrec.open_graph(args.graph, args.path) if args.graph or args.path else nullcontext() as opened:
        report = recommender.update(args.events, args.items, opened, on_unknown=args.on_unknown)
    print(report.cleaning)
    print(report)
    out = args.out or args.model
    recommender.save(out)
    print(f"saved: {out}")


if __name__ == "__main__":
    run_script(main)
