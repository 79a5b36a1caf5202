#!/usr/bin/env python3
"""Measure kgrec beside popularity, item-kNN, EASE and LightGCN; with --ablate, what each part of kgrec is worth.

examples:
  python scripts/benchmark.py data/shop --split temporal --seeds 5 --ablate
  KGREC_DATA=FOLDER python scripts/benchmark.py amazon-beauty --split leave_last_out --seeds 3
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
from pathlib import Path

import polars as pl
from command_line import SPLITS, add_on_unknown, read_split, run_script

import kgrec
from kgrec.comparison import ABLATIONS, FUSED, PEERS, compare, summary

SHOWN = [
    "model",
    "runs",
    "seconds",
    "memory_gb",
    "recall@10",
    "recall@10 sd",
    "ndcg@10",
    "ndcg@10 sd",
    "recall@20",
    "mrr@10",
    "coverage@10",
    "auc",
    "log_loss",
]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", nargs="?", default="data/shop", help="dataset folder, or its name under --data")
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA"), help="(default: KGREC_DATA)")
    parser.add_argument("--split", choices=SPLITS, default="temporal")
    add_on_unknown(parser)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--seeds", type=int, default=1, help="trainings of each model (default: 1)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, each with its share of the cores")
    parser.add_argument("--ablate", action="store_true", help="also kgrec without each of its parts")
    parser.add_argument("--slices", action="store_true", help="also by cold and tail items, new users, history length")
    parser.add_argument(
        "--kept",
        type=Path,
        metavar="FILE",
        help="keep the rows there; those of the same data, settings and code aren't made again",
    )
    parser.add_argument("--models", nargs="+", help=f"these alone, of: {', '.join((*PEERS, FUSED, *ABLATIONS))}")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings of RecommenderConfig")
    args = parser.parse_args()

    folder = Path(args.dataset)
    if not folder.exists() and args.data:
        folder = Path(args.data) / args.dataset
    _, split = read_split(folder, args.split, 0, args.on_unknown)
    print(
        f"{folder.name}, {args.split}, {args.part} part, {args.seeds} seeds; "
        f"{os.cpu_count()} cores, {platform.machine()}"
    )
    rows = compare(
        split,
        config=kgrec.RecommenderConfig.from_text(args.set),
        seeds=range(args.seeds),
        models=args.models or (*PEERS, FUSED, *(ABLATIONS if args.ablate else ())),
        part=args.part,
        jobs=args.jobs,
        slices=args.slices,
        kept=args.kept,
        on_row=lambda name: print(f"... {name}", file=sys.stderr, flush=True),
    )
    with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=200, float_precision=4, tbl_hide_column_data_types=True):
        table = summary(rows)
        print(table.select(name for name in SHOWN if name in table.columns))
        if args.slices:
            print_slices(table)


def print_slices(table: pl.DataFrame) -> None:
    """One table of Recall@10 by slice, one of what the lists are like."""
    of_slice = [name for name in table.columns if name.startswith("recall@10, ") and not name.endswith(" sd")]
    users = [f"users, {name.split(', ')[1]}" for name in of_slice]
    print("users:", ", ".join(f"{name.split(', ')[1]} {table[name][0]:,.0f}" for name in users))
    print(table.select("model", *of_slice))
    kinds = ("coverage@10", "gini@10", "novelty@10", "popularity_lift@10", "diversity_graph@10", "diversity_text@10")
    print(table.select("model", *(name for name in kinds if name in table.columns)))


if __name__ == "__main__":
    run_script(main)
