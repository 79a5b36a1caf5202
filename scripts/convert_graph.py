#!/usr/bin/env python3
"""Convert a knowledge graph: a dataset folder, an RDF file or web pages with product markup, into an RDF file.

The suffix says the format: .ttl Turtle, .nt N-Triples, .jsonld JSON-LD. A folder is a dataset when it holds a dataset's
tables, else one of web pages (.html) with schema.org markup.

examples:
  python scripts/convert_graph.py data/shop runs/shop.ttl --validate
  python scripts/convert_graph.py runs/shop.ttl runs/shop.jsonld
  python scripts/convert_graph.py saved_pages runs/pages.nt
"""

from __future__ import annotations

import argparse
from pathlib import Path

from command_line import add_on_unknown, run_script

import kgrec
from kgrec.data.reading import layouts_in
from kgrec.graph.rdf import read_product_markup, read_rdf, validate, write_rdf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path, help="dataset folder, folder of web pages, .html, .ttl, .nt or .jsonld")
    parser.add_argument("target", type=Path, help=".ttl, .nt or .jsonld")
    parser.add_argument("--users", action="store_true", help="of a dataset: users and their events too")
    parser.add_argument("--language", default="en", help="of texts in several languages, the one to read (default: en)")
    parser.add_argument("--validate", action="store_true", help="print the SHACL report of what was read")
    add_on_unknown(parser)
    args = parser.parse_args()

    graph = read_graph(args.source, args.users, args.language, args.on_unknown)
    print(graph)
    if args.validate:
        print(validate(graph))
    args.target.parent.mkdir(parents=True, exist_ok=True)
    write_rdf(graph, args.target)
    print(f"wrote {args.target}")


def read_graph(source: Path, users: bool, language: str, on_unknown: str) -> kgrec.KnowledgeGraph:
    if layouts_in(source):
        dataset = kgrec.read_dataset(source, on_unknown=on_unknown)  # type: ignore[arg-type]
        return kgrec.KnowledgeGraph.from_dataset(dataset, users=users)
    if source.is_dir() or source.suffix.lower() in (".html", ".htm", ".xhtml"):
        return read_product_markup(source)
    return read_rdf(source, language=language)


if __name__ == "__main__":
    run_script(main)
