#!/usr/bin/env python3
"""Ask a graph store: its counts, a named query, or your own Cypher. It only reads.

The named queries are those of graph_schema/queries and, with --queries, of a folder of your own.

examples:
  python scripts/inspect_graph.py --path runs/graph
  python scripts/inspect_graph.py --list
  python scripts/inspect_graph.py --path runs/graph brands_of_category --set category="Home & Kitchen" limit=5
  python scripts/inspect_graph.py --path runs/graph property_coverage --format csv > coverage.csv
  python scripts/inspect_graph.py --path runs/graph late_deliveries --queries my_queries
  python scripts/inspect_graph.py --uri bolt://localhost:7687 \\
      --cypher "MATCH (p:Product)-[:HAS_BRAND]->(b) RETURN b.name AS brand, count(*) AS products ORDER BY products DESC"
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import polars as pl
from command_line import run_script

import kgrec
from kgrec.graph.schema.queries import list_queries, read_query


def main() -> None:
    args = arguments()
    if args.list:
        show_queries(args.queries)
        return
    texts = pairs(args.set)
    if args.name:
        query = read_query(args.name, args.queries)
        cypher, values = query.cypher, query.bind(query.parse(texts))
    else:
        cypher, values = args.cypher, {name: parsed(text) for name, text in texts.items()}
    if not (args.uri or args.path or os.environ.get("NEO4J_URI")):
        sys.exit("error: name a store: --path FOLDER for a local one, or --uri / NEO4J_URI for a Neo4j")
    if args.path and not args.path.is_dir():
        sys.exit(f"error: {args.path}: no such folder; scripts/load_graph.py makes one")
    with kgrec.open_graph(args.uri, args.path) as store:
        answer = store.query(cypher, values) if cypher else store.counts()
    write(answer, args.format)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", help="a named query; --list shows them")
    parser.add_argument("--query", metavar="NAME", dest="option_name", help="the same as an option")
    parser.add_argument("--uri", help="Bolt URI (default: NEO4J_URI)")
    parser.add_argument("--path", type=Path, help="folder of a local server's data")
    parser.add_argument("--list", action="store_true", help="show the named queries and what they need")
    parser.add_argument("--queries", type=Path, metavar="FOLDER", help="*.cypher files of your own")
    parser.add_argument("--cypher", help="your own Cypher")
    parser.add_argument("--set", nargs="+", action="extend", default=[], metavar="NAME=VALUE", help="its parameters")
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    args = parser.parse_args()
    asked = [name for name in (args.name, args.option_name) if name]
    if len(asked) + bool(args.cypher) > 1:
        sys.exit("error: ask one thing: a named query or --cypher")
    args.name = asked[0] if asked else None
    if args.set and not (args.name or args.cypher):
        sys.exit("error: --set gives values to a named query or to --cypher, and there is neither")
    return args


def show_queries(folder: Path | None) -> None:
    width = min(shutil.get_terminal_size().columns, 120)
    for query in list_queries(folder):
        print(query.name)
        print(textwrap.fill(query.purpose, width, initial_indent="    ", subsequent_indent="    "))
        for parameter in query.parameters:
            given = "needed" if parameter.required else f"default {json.dumps(parameter.default)}"
            print(f"    --set {parameter.name}=...   {parameter.meaning} ({parameter.type}, {given})")


def pairs(texts: Sequence[str]) -> dict[str, str]:
    """`name=value` texts by name."""
    for text in texts:
        if "=" not in text:
            sys.exit(f"error: --set {text!r}: expected NAME=VALUE; put quotes around a value with spaces")
    return dict(text.split("=", 1) for text in texts)


def parsed(text: str) -> object:
    """For your own Cypher, which declares no types: JSON where it is JSON, else the text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def write(answer: pl.DataFrame, form: str) -> None:
    match form:
        case "csv":
            print(flat(answer).write_csv(), end="")
        case "json":
            print(json.dumps(answer.to_dicts(), indent=2, default=str, ensure_ascii=False))
        case _ if answer.width == 0:
            print("no rows")
        case _:
            width = shutil.get_terminal_size((160, 24)).columns
            with pl.Config(
                tbl_rows=-1,
                tbl_cols=-1,
                tbl_width_chars=width,
                tbl_formatting="UTF8_FULL_CONDENSED",
                tbl_hide_dataframe_shape=True,
                tbl_hide_column_data_types=True,
                tbl_cell_numeric_alignment="RIGHT",
                fmt_str_lengths=max(40, width // 2),
                fmt_table_cell_list_len=-1,
            ):
                print(flat(answer, separator=", "))
            print(f"{answer.height:,} {'row' if answer.height == 1 else 'rows'}")


def flat(answer: pl.DataFrame, separator: str | None = None) -> pl.DataFrame:
    """Lists of text joined by the separator; every other nested value, or all without a separator, as JSON."""
    columns = []
    for column in answer.iter_columns():
        if separator is not None and column.dtype == pl.List(pl.String):
            columns.append(column.list.join(separator, ignore_nulls=True))
        elif column.dtype.is_nested():
            texts = [
                None if value is None else json.dumps(value, default=str, ensure_ascii=False)
                for value in column.to_list()
            ]
            columns.append(pl.Series(column.name, texts, dtype=pl.String))
        else:
            columns.append(column)
    return pl.DataFrame(columns)


if __name__ == "__main__":
    run_script(main)
