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
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from command_line import SPLITS, add_on_unknown, read_split, run_script

import kgrec
from kgrec.comparison import ABLATIONS, FUSED, PEERS, compare, summary, worth
from kgrec.errors import ComparisonError

CUTOFFS = (10, 20)
CLICKS = ("auc", "log_loss", "ece")
LISTS = ("coverage@10", "gini@10", "novelty@10", "popularity_lift@10", "diversity_graph@10", "diversity_text@10")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "datasets", nargs="*", default=["data/shop"], help="dataset folders, or their names under --data"
    )
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA"), help="(default: KGREC_DATA)")
    parser.add_argument("--split", choices=SPLITS, default="temporal")
    add_on_unknown(parser)
    parser.add_argument(
        "--part", choices=("validation", "test"), default="test", help="(default: test; clicks there alone)"
    )
    parser.add_argument("--seeds", type=int, default=5, help="trainings of each model that has randomness (default: 5)")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at a time, each with its share of the cores")
    parser.add_argument(
        "--ablate", action="store_true", help="also kgrec without each of its parts, and what each is worth"
    )
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

    for dataset in args.datasets:
        measure(dataset, args)


def measure(dataset: str, args: argparse.Namespace) -> None:
    """Train on one dataset and print the tables."""
    folder = Path(dataset)
    if not folder.exists() and args.data:
        folder = Path(args.data) / dataset
    _, split = read_split(folder, args.split, 0, args.on_unknown)
    print(
        f"{folder.name}, {args.split}, {args.part} part, {args.seeds} seeds; "
        f"{os.cpu_count()} cores, {platform.machine()}"
    )
    try:
        rows = compare(
            split,
            config=kgrec.RecommenderConfig.from_text(args.set),
            seeds=range(args.seeds),
            models=args.models or (*PEERS, FUSED, *(ABLATIONS if args.ablate else ())),
            part=args.part,
            ks=CUTOFFS,
            jobs=args.jobs,
            slices=args.slices,
            kept=args.kept,
            on_row=lambda name: print(f"... {name}", file=sys.stderr, flush=True),
        )
    except ComparisonError as failed:
        print_tables(failed.rows, args.part)
        raise
    print_tables(rows, args.part)


def print_tables(rows: pl.DataFrame, part: str) -> None:
    """Every metric of each model, mean ± standard deviation over its seeds; what each part is worth; slices, lists."""
    if not rows.height:
        return
    clicks = CLICKS if part == "test" else ()  # validation is what the scoring module is fitted to
    with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=200, fmt_str_lengths=60, tbl_hide_column_data_types=True):
        table = summary(rows)
        for k in CUTOFFS:
            print_table(
                table, f"the first {k}", [f"{name}@{k}" for name in ("recall", "ndcg", "hit", "mrr", "coverage")]
            )
        print_table(table, "clicks", clicks)
        costs = (name for name in ("seconds", "memory_gb") if name in table.columns)
        print("training", table.select("model", "runs", *(pl.col(name).round(2) for name in costs)), sep="\n")
        worths = worth(rows)
        if worths.height:
            print_table(
                worths, f"{FUSED} minus {FUSED} without the part, of the same seeds", ["recall@10", "ndcg@10", *clicks]
            )
        for name in ("recall@10", "ndcg@10"):
            of_slices = [
                column for column in table.columns if column.startswith(f"{name}, ") and not column.endswith(" sd")
            ]
            print_table(table, f"{name} by slice", of_slices)
        sizes = [name for name in table.columns if name.startswith("users, ") and not name.endswith(" sd")]
        if sizes:
            print("users:", ", ".join(f"{name.removeprefix('users, ')} {table[name][0]:,.0f}" for name in sizes))
        print_table(table, "lists", [name for name in LISTS if "gini@10" in table.columns])


def print_table(table: pl.DataFrame, title: str, names: Sequence[str]) -> None:
    """The columns that are there, as mean ± standard deviation where there are several runs."""
    shown = [name for name in names if name in table.columns and table[name].is_not_null().any()]
    if shown:
        cells = [with_spread(table, name).alias(name.split(", ")[-1]) for name in shown]
        print(title, table.select("model", *cells), sep="\n")


def with_spread(table: pl.DataFrame, name: str) -> pl.Series:
    """Cells such as `0.1282 ± 0.0015`; the mean alone where one run has no spread, nothing where there is none."""
    pairs = zip(table[name], table[f"{name} sd"], strict=True)
    return pl.Series(
        name, ["" if mean is None else f"{mean:.4f}" + ("" if sd is None else f" ± {sd:.4f}") for mean, sd in pairs]
    )


if __name__ == "__main__":
    run_script(main)
