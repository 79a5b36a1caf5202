#!/usr/bin/env python3
"""Rank for the users of one part of a split, print the metrics and write the lists.

The known history of a user at test time is train + validation (what is given of users that are left out). The ranker's
weights were fitted to train alone (but for `train.py --refit`), those that predict clicks to validation.

examples:
  python scripts/evaluate.py runs/shop data/shop --split temporal --part test --out recommendations.csv
  python scripts/evaluate.py runs/beauty DATASET --split leave_last_out -k 5 10 20
  python scripts/evaluate.py runs/beauty DATASET --split leave_last_out --diversity 0 0.1 0.3 0.5
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import polars as pl
from command_line import SPLITS, add_on_unknown, read_split, run_script, write_json

import kgrec
from kgrec.errors import SavedModelError, not_number
from kgrec.evaluation.list_metrics import list_metrics
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.plots import draw_reliability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of train.py")
    parser.add_argument("dataset", type=Path, help="the dataset folder it was trained on")
    parser.add_argument("--split", choices=SPLITS, required=True)
    add_on_unknown(parser)
    parser.add_argument("--part", choices=("validation", "test"), default="test")
    parser.add_argument("--out", type=Path, help="CSV to write: user_id,item_id,rank,score")
    parser.add_argument("--plot", type=Path, help="PNG to draw: click probabilities against what happened")
    parser.add_argument("-k", type=int, nargs="+", default=[10, 20], help="cutoffs (default: 10 20)")
    parser.add_argument(
        "--diversity",
        type=float,
        nargs="+",
        default=[],
        metavar="D",
        help="what lists re-ranked for variety cost and give (first cutoff), for each D from 0 to 1",
    )
    parser.add_argument("--keep-seen", action="store_true", help="list items of the history too: people buy again")
    parser.add_argument("--seed", type=int, help="of the split (default: the one of the run)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA when there)")
    args = parser.parse_args()
    for file in (args.out, args.plot):
        if file and not file.parent.is_dir():
            parser.error(f"{file} can't be written: there is no folder {file.parent}")
        if file and file.is_dir():
            parser.error(f"{file} can't be written: it is a folder")
    if args.plot and args.plot.suffix.lower() != ".png":
        parser.error(f"--plot is {args.plot}, expected the name of a .png file")
    faults = [fault for d in args.diversity for fault in not_number(0, 1, ends=True, **{"--diversity": d})]
    if faults:
        parser.error("; ".join(faults))

    recommender = kgrec.KGRecommender.load(args.run, device=args.device)
    about = args.run / "run.json"
    trained_on = read_run(about) if about.is_file() else {}
    seed = args.seed if args.seed is not None else recommender.seed
    dataset, split = read_split(args.dataset, args.split, seed, args.on_unknown)
    same_data = bool(trained_on) and trained_on["dataset"]["fingerprint"] == dataset.fingerprint()
    same_split = bool(trained_on) and (trained_on["split"]["method"], trained_on["split"]["seed"]) == (args.split, seed)
    if trained_on and not same_data:
        print("note: this dataset is not the one of the run (another fingerprint)")
    if trained_on and not same_split:
        print("note: the run was trained on another split: this part may hold events that it was trained on")
    knows_part = bool(trained_on.get("refit")) and args.part == "validation"
    if knows_part:
        print("note: in the end this model was also trained on the validation part")
    part = split.parts[args.part]
    metrics = recommender.evaluate(part, args.k, filter_seen=not args.keep_seen)
    for name, value in metrics.items():
        print(f"{name:12} {value:.4f}")
    print(f"click metrics from: {recommender.model_.click_basis}")
    if args.diversity:
        print_varied(recommender, split, part, args)
    if args.plot:
        draw_reliability(recommender.reliability(part), args.plot)
        print(f"reliability drawn to {args.plot}")
    if args.out:
        lists = recommender.recommend_part(part, max(args.k), filter_seen=not args.keep_seen)
        partial = args.out.with_name(args.out.name + ".part")
        lists.write_csv(partial)
        partial.replace(args.out)
        print(f"{lists.height:,} rows written to {args.out}")
    if same_data and same_split and not knows_part and not args.keep_seen:  # these compare with those of other runs
        trained_on["metrics"][args.part] = metrics
        write_json(about, trained_on)


def print_varied(
    recommender: kgrec.KGRecommender, split: kgrec.Split, part: kgrec.Dataset, args: argparse.Namespace
) -> None:
    """A row for each value of the knob: how right the lists are, how much they show and how varied they are."""
    from kgrec.models.side_information import item_features  # PyTorch Geometric takes seconds to import

    vectors = item_features(split.train, recommender.config)
    k, rows = args.k[0], []
    for diversity in args.diversity:
        lists = recommender.recommend_part(part, k, filter_seen=not args.keep_seen, diversity=diversity)
        right = ranking_metrics(lists, part.interactions, ks=[k])
        like = list_metrics(lists, split.train, k, vectors)
        rows.append(
            {"diversity": diversity, f"recall@{k}": right[f"recall@{k}"], f"ndcg@{k}": right[f"ndcg@{k}"], **like}
        )
    with pl.Config(tbl_cols=-1, tbl_rows=-1, tbl_width_chars=160, float_precision=4, tbl_hide_column_data_types=True):
        print(pl.DataFrame(rows).with_columns(pl.col("diversity").cast(pl.String)))


def read_run(file: Path) -> dict[str, Any]:
    """What train.py wrote about the run."""
    try:
        run: dict[str, Any] = json.loads(file.read_text("utf-8"))
        run["dataset"]["fingerprint"], run["split"]["method"], run["split"]["seed"], run["metrics"]
    except (ValueError, TypeError, KeyError) as error:
        raise SavedModelError(f"{file} is not what train.py writes about a run ({error!r}); train again") from error
    return run


if __name__ == "__main__":
    run_script(main)
