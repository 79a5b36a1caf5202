#!/usr/bin/env python3
"""Draw what is around a product, or any other node: as .svg, .png, or an .html page to explore. It only reads.

The graph is that of a dataset folder, or of a store: --path for a local one, --uri / NEO4J_URI for a Neo4j.

examples:
  python scripts/draw_graph.py data/shop --product P10120 --out picture.svg
  python scripts/draw_graph.py data/shop --product P10120 --hops 2 --out page.html
  python scripts/draw_graph.py --path runs/graph --node Brand "Oak & Ember" --max-nodes 30 --out brand.png --theme dark
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from command_line import add_on_unknown, run_script

import kgrec
from kgrec.graph import draw


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, nargs="?", help="dataset folder; none: a store")
    add_on_unknown(parser)
    parser.add_argument("--uri", help="Bolt URI (default: NEO4J_URI)")
    parser.add_argument("--path", type=Path, help="folder of a local server's data")
    center = parser.add_mutually_exclusive_group(required=True)
    center.add_argument("--product", nargs="+", metavar="ID", help="the product in the middle, or several")
    center.add_argument("--node", nargs=2, metavar=("LABEL", "ID"), help="another node in the middle")
    parser.add_argument("--out", type=Path, required=True, help="file to write: .svg, .png or .html")
    parser.add_argument("--hops", type=int, default=1, help="how far to go (default: 1)")
    parser.add_argument("--max-nodes", type=int, default=60, help="most nodes to show (default: 60)")
    parser.add_argument("--theme", choices=("light", "dark"), default="light", help="of .svg and .png")
    args = parser.parse_args()

    middle = args.product or [(args.node[0], args.node[1])]
    options = {"hops": args.hops, "max_nodes": args.max_nodes, "theme": args.theme}
    if args.dataset:
        dataset = kgrec.read_dataset(args.dataset, on_unknown=args.on_unknown)
        graph = kgrec.KnowledgeGraph.from_dataset(dataset)
        drawing = draw(graph, middle, args.out, **options)
    elif args.uri or args.path or os.environ.get("NEO4J_URI"):
        with kgrec.open_graph(args.uri, args.path) as store:
            drawing = draw(store, middle, args.out, **options)
    else:
        sys.exit("error: name a dataset folder, or a store: --path FOLDER, or --uri / NEO4J_URI")
    print(drawing)


if __name__ == "__main__":
    run_script(main)
