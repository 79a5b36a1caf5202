#!/usr/bin/env python3
"""Load a dataset's knowledge graph into a graph store; running it again changes nothing.

The store is the Neo4j of NEO4J_URI / NEO4J_USERNAME / NEO4J_PASSWORD, or a local one kept in --path.

examples:
  python scripts/load_graph.py data/shop --path runs/graph
  NEO4J_URI=bolt://localhost:7687 NEO4J_PASSWORD=... python scripts/load_graph.py data/shop
  python scripts/load_graph.py data/shop --path runs/graph --users --split temporal
  python scripts/load_graph.py data/shop --path runs/graph --prune --since 2024-05-01T00:00:00Z
  python scripts/load_graph.py DATASET --path runs/graph --schema shop.toml
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from command_line import SPLITS, add_on_unknown, read_split, run_script

import kgrec
from kgrec.graph.schema.types import read_schema


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset folder")
    parser.add_argument("--uri", help="Bolt URI (default: NEO4J_URI)")
    parser.add_argument("--path", type=Path, help="folder of a local server's data, kept for next time")
    parser.add_argument("--users", action="store_true", help="users and their events too")
    parser.add_argument("--split", choices=SPLITS, help="with --users: only the train events of this split")
    add_on_unknown(parser)
    parser.add_argument("--schema", type=Path, help="TOML file with labels and relations of your own")
    parser.add_argument("--prune", action="store_true", help="delete what the dataset no longer has")
    parser.add_argument("--since", metavar="TIME", help="only what changed then or later (epoch seconds or ISO 8601)")
    args = parser.parse_args()
    if not (args.uri or args.path or os.environ.get("NEO4J_URI")):
        sys.exit("error: name a store: --path FOLDER for a local one that is kept, or --uri / NEO4J_URI for a Neo4j")

    schema = read_schema(args.schema)
    if args.split:
        dataset = read_split(args.dataset, args.split, 0, args.on_unknown)[1].train
    else:
        dataset = kgrec.read_dataset(args.dataset, on_unknown=args.on_unknown)
    print(dataset.report)
    graph = kgrec.KnowledgeGraph.from_dataset(dataset, users=args.users, schema=schema)
    print(graph)
    with kgrec.open_graph(args.uri, args.path, schema=schema) as store:
        print(store.load(graph, progress=True, prune=args.prune, since=args.since))
        print(store.counts())


if __name__ == "__main__":
    run_script(main)
