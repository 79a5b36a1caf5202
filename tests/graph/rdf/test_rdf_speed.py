"""The bound on reading a large Turtle file, and on the memory of writing N-Triples; each prints what it measured."""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path

import polars as pl
import pytest

from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import read_rdf, write_rdf
from tests.same_graph import assert_same_graph

MAX_SECONDS = 30
MAX_BYTES = 64 * 2**20  # beside the graph itself


def catalogue(products: int) -> KnowledgeGraph:
    """Ten triples a product: class, title, price, stock, brand, and two edges to others with weights."""
    ids = [f"p{place:06}" for place in range(products)]
    brands = [f"Brand {place % 500}" for place in range(products)]
    others = ids[1:] + ids[:1]
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame(
                {
                    "id": ids,
                    "title": [f'A "cup" of {place} things' for place in range(products)],
                    "price": [place / 7 for place in range(products)],
                    "stock": range(products),
                }
            ),
            "Brand": pl.DataFrame({"id": sorted(set(brands))}),
        },
        {
            ("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ids, "tail_id": brands}),
            ("Product", "ALSO_BOUGHT", "Product"): pl.DataFrame(
                {"head_id": ids, "tail_id": others, "weight": [0.5] * products}
            ),
        },
    )


@pytest.mark.slow
def test_turtle_of_a_hundred_thousand_triples_is_read_in_time(tmp_path: Path) -> None:
    graph = catalogue(9_100)
    path = tmp_path / "graph.ttl"
    write_rdf(graph, path)
    write_rdf(graph, tmp_path / "graph.nt")
    with (tmp_path / "graph.nt").open() as lines:
        triples = sum(1 for _ in lines)
    assert triples >= 100_000
    started, used = time.perf_counter(), time.process_time()
    read = read_rdf(path)
    seconds, cpu = time.perf_counter() - started, time.process_time() - used
    print(f"\n{triples:,} triples of Turtle read in {seconds:.1f} s ({cpu:.1f} s of CPU)")
    assert_same_graph(read, graph)
    assert cpu < MAX_SECONDS  # the reading has one thread: what it takes on a machine that does nothing else


@pytest.mark.slow
def test_ntriples_are_written_without_the_whole_graph_in_memory(tmp_path: Path) -> None:
    graph = catalogue(30_000)
    tracemalloc.start()
    write_rdf(graph, tmp_path / "graph.nt")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(f"\n{(tmp_path / 'graph.nt').stat().st_size / 2**20:.0f} MB of N-Triples written with {peak / 2**20:.0f} MB")
    assert peak < MAX_BYTES
