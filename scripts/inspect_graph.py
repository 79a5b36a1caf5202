#!/usr/bin/env python3
"""Ask a graph store: its counts, a named query of graph_schema/queries, or your own Cypher. It only reads.

examples:
  python scripts/inspect_graph.py --path runs/graph
  python scripts/inspect_graph.py --path runs/graph --list
  python scripts/inspect_graph.py --path runs/graph --query brands_of_category --set category="Home"
  python scripts/inspect_graph.py --uri bolt://localhost:7687 \\
      --cypher "MATCH (p:Product)-[:HAS_BRAND]->(b) RETURN b.name AS brand, count(*) AS products ORDER BY products DESC"
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

import polars as pl
from command_line import run_script

import kgrec
from kgrec.graph.schema.queries import list_queries


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uri", help="Bolt URI (default: NEO4J_URI)")
    parser.add_argument("--path", type=Path, help="folder of a local server's data")
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument("--list", action="store_true", help="the named queries")
    asked.add_argument("--query", metavar="NAME", help="a named query")
    asked.add_argument("--cypher", help="your own Cypher")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="parameters of the query")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    args = parser.parse_args()

    if args.list:
        for query in list_queries():
            print(f"{query.name}\n    {query.purpose}")
            for parameter in query.parameters:
                default = "required" if parameter.required else f"default {parameter.default}"
                print(f"    --set {parameter.name}=...  {parameter.meaning} ({default})")
        return
    if not (args.uri or args.path or os.environ.get("NEO4J_URI")):
        sys.exit("error: name a store: --path FOLDER for a local one, or --uri / NEO4J_URI for a Neo4j")
    values = {name: parsed(text) for name, _, text in (pair.partition("=") for pair in args.set)}
    with kgrec.open_graph(args.uri, args.path) as store:
        if args.query:
            answer = store.run_named(args.query, values)
        elif args.cypher:
            answer = store.query(args.cypher, values)
        else:
            answer = store.counts()
    write(answer, args.format)


def parsed(text: str) -> object:
    """JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def write(answer: pl.DataFrame, form: str) -> None:
    if form == "csv":
        print(answer.write_csv(), end="")
    elif form == "json":
        print(json.dumps(answer.to_dicts(), indent=2, default=str, ensure_ascii=False))
    else:
        with pl.Config(
            tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=60, tbl_width_chars=160, tbl_hide_column_data_types=True
        ):
            print(answer)


if __name__ == "__main__":
    run_script(main)
