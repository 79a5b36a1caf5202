#!/usr/bin/env python3
"""Print recommendations of a saved model, with reasons.

examples:
  python scripts/recommend.py runs/shop --users U1947 U0001 -k 10
  python scripts/recommend.py runs/shop --users U1947 --json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from command_line import run_script

import kgrec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="run folder of train.py, or any saved model")
    parser.add_argument("--users", nargs="+", required=True, metavar="USER_ID")
    parser.add_argument("-k", type=int, default=10, help="length of a list (default: 10)")
    parser.add_argument("--on-unknown", choices=("raise", "skip", "cold_start"), default="raise")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, with the paths as data")
    args = parser.parse_args()

    recommender = kgrec.KGRecommender.load(args.run)
    lists = recommender.recommend(args.users, k=args.k, on_unknown=args.on_unknown)
    known = set(recommender.model_.users.ids)
    shown = None
    for user_id, item_id, rank, score in lists.iter_rows():
        explanation = recommender.explain(user_id, item_id) if user_id in known else None
        reason = explanation.reason if explanation else "popular with newcomers"
        if args.json:
            row = {"user_id": user_id, "item_id": item_id, "rank": rank, "score": score, "reason": reason}
            print(json.dumps({**row, "explanation": explanation.to_dict() if explanation else None}))
            continue
        if user_id != shown:
            print(f"\n{user_id}")
            shown = user_id
        print(f"{rank:3}. {item_id}  {recommender.model_.title(item_id)}  [{score:.2f}]\n     {reason}")


if __name__ == "__main__":
    run_script(main)
