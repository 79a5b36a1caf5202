#!/usr/bin/env python3
"""Look a dataset's graph over: counts, gaps, doubles, separate parts, and, with a split, likely leakage.

examples:
  python scripts/check_graph.py data/shop
  python scripts/check_graph.py data/shop --split temporal
  python scripts/check_graph.py DATASET --split leave_last_out --strict       # status 1 when something is flagged
  python scripts/check_graph.py DATASET --schema my_schema.toml --format json > quality.json
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from command_line import SPLITS, add_on_unknown, run_script

import kgrec
from kgrec.evaluation.leakage import leakage_report
from kgrec.graph.quality import quality_report
from kgrec.graph.schema.types import read_schema


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset folder (kgrec's, RecBole's or KGAT's files)")
    parser.add_argument("--split", choices=SPLITS, help="check for leakage of this split's held-out events too")
    parser.add_argument("--schema", type=Path, help="TOML file of the labels and relations (default: kgrec's own)")
    parser.add_argument("--seed", type=int, default=0, help="of a split that draws and of the leakage check's draws")
    add_on_unknown(parser)
    parser.add_argument("--strict", action="store_true", help="end with status 1 on a warning or likely leakage")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    args = parser.parse_args()

    schema = read_schema(args.schema)
    dataset = kgrec.read_dataset(args.dataset, on_unknown=args.on_unknown)
    graph = kgrec.KnowledgeGraph.from_dataset(dataset, schema=schema)
    quality = quality_report(graph, schema)
    leakage = leakage_report(dataset.split(args.split, seed=args.seed), graph, args.seed) if args.split else None
    if args.format == "json":
        print(json.dumps({**quality.to_dict(), **(leakage.to_dict() if leakage else {})}, indent=2, ensure_ascii=False))
    else:
        print(quality)
        if leakage:
            print(f"\n{leakage}")
    if args.strict and (quality.warnings.height or (leakage and leakage.flagged.height)):
        sys.exit(1)


if __name__ == "__main__":
    run_script(main)
