#!/usr/bin/env python3
"""Time a load of a shop-like graph and its read-back, beside a bare hand-written UNWIND loop on the same server.

Runs on a private local server and on a real Neo4j that it starts itself (Java and Maven), or on --uri. IT CLEARS THE
DATABASE IT IS GIVEN. Every number is the best of --rounds; loop and load take turns on the same server.

examples:
  python tests/benchmarks/graph_load.py
  python tests/benchmarks/graph_load.py --nodes 20000 --edges 100000 --servers local
  NEO4J_PASSWORD=... python tests/benchmarks/graph_load.py --uri bolt://localhost:7687
"""

from __future__ import annotations

import argparse
import gc
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

import neo4j

from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph
from kgrec.graph.schema.constraints import quote
from kgrec.graph.store import GraphStore, open_graph
from kgrec.training.memory import resident_bytes, return_freed_memory
from tests.neo4j_server import Neo4jServer

BATCH = 5000
LIMITS = {"ratio": 1.3, "read edges/s": 80_000, "extra memory, MB": 400}  # what the library promises


def shop_graph(num_nodes: int, num_edges: int, seed: int = 0) -> KnowledgeGraph:
    """A graph of about that size with the proportions of a shop: 70% products, skewed brands and attributes."""
    generator = np.random.default_rng(seed)
    sizes = {"Product": 0.7, "Brand": 0.05, "Category": 0.01, "AttributeValue": 0.24}
    count = {label: int(share * num_nodes) for label, share in sizes.items()}
    count["Product"] += num_nodes - sum(count.values())
    words = np.array([f"word{place}" for place in range(2000)])
    ids = {label: [f"{label[0]}{place:08}" for place in range(number)] for label, number in count.items()}
    nodes = {label: pl.DataFrame({"id": ids[label], "name": [f"{label} {key}" for key in ids[label]]}) for label in ids}
    titles = [" ".join(row) for row in words[generator.integers(0, len(words), (count["Product"], 6))]]
    prices = generator.lognormal(3.0, 1.0, count["Product"]).round(2)
    nodes["Product"] = pl.DataFrame({"id": ids["Product"], "title": titles, "price": prices})
    plan: list[tuple[EdgeType, float]] = [
        (("Product", "HAS_BRAND", "Brand"), 0.1),
        (("Product", "IN_CATEGORY", "Category"), 0.1),
        (("Product", "HAS_ATTRIBUTE", "AttributeValue"), 0.4),
        (("Product", "ALSO_BOUGHT", "Product"), 0.4),
    ]
    edges = {
        edge_type: _random_edges(generator, ids[edge_type[0]], ids[edge_type[2]], int(share * num_edges))
        for edge_type, share in plan
    }
    weights = generator.random(edges["Product", "ALSO_BOUGHT", "Product"].height)
    edges["Product", "ALSO_BOUGHT", "Product"] = edges["Product", "ALSO_BOUGHT", "Product"].with_columns(weight=weights)
    return KnowledgeGraph(nodes, edges)


def _random_edges(generator: np.random.Generator, heads: list[str], tails: list[str], number: int) -> pl.DataFrame:
    """`number` different pairs; low tails are taken far more often than high ones."""
    pairs = pl.DataFrame(schema={"head": pl.Int64, "tail": pl.Int64})
    while pairs.height < number:
        head = generator.integers(0, len(heads), number)
        tail = (len(tails) * generator.random(number) ** 3).astype(np.int64)
        pairs = pl.concat([pairs, pl.DataFrame({"head": head, "tail": tail})]).unique(maintain_order=True)
    pairs = pairs.head(number)
    return pl.DataFrame(
        {"head_id": pl.Series(heads).gather(pairs["head"]), "tail_id": pl.Series(tails).gather(pairs["tail"])}
    )


def _run(transaction: neo4j.ManagedTransaction, text: str, rows: list[dict[str, object]]) -> None:
    transaction.run(text, rows=rows).consume()


def bare_loop(store: GraphStore, graph: KnowledgeGraph) -> None:
    """What one would write by hand: a constraint per label, then UNWIND over lists of dicts, nodes before edges."""
    driver: neo4j.Driver = store._connection._writer
    with driver.session(database=store._connection.database) as session:
        for label in graph.nodes:
            text = (
                f"CREATE CONSTRAINT {quote(f'kgrec_{label}_id')} IF NOT EXISTS FOR (n:{label}) REQUIRE n.id IS UNIQUE"
            )
            session.run(text).consume()
        for label, frame in graph.nodes.items():
            for batch in frame.iter_slices(BATCH):
                text = f"UNWIND $rows AS row MERGE (n:{label} {{id: row.id}}) SET n += row"
                session.execute_write(_run, text, batch.to_dicts())
        for (head, rel_type, tail), frame in graph.edges.items():
            values = "SET r.weight = row.weight" if "weight" in frame.columns else ""
            text = (
                f"UNWIND $rows AS row MATCH (h:{head} {{id: row.head_id}}) MATCH (t:{tail} {{id: row.tail_id}}) "
                f"MERGE (h)-[r:{rel_type}]->(t) {values}"
            )
            for batch in frame.iter_slices(BATCH):
                session.execute_write(_run, text, batch.to_dicts())


@dataclass
class Phase:
    """One timed piece of work: seconds, seconds of our own CPU, and how far memory rose above its start, in bytes."""

    seconds: float = 0.0
    cpu: float = 0.0
    memory: int = 0


@contextmanager
def measured() -> Iterator[Phase]:
    phase, stop = Phase(), threading.Event()
    gc.collect()
    return_freed_memory()  # else memory freed earlier would hide a rise
    start_memory, peak = resident_bytes(), [0]

    def watch() -> None:
        while not stop.wait(0.02):
            peak[0] = max(peak[0], resident_bytes())

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    cpu, start = time.process_time(), time.perf_counter()
    yield phase
    phase.seconds, phase.cpu = time.perf_counter() - start, time.process_time() - cpu
    stop.set()
    watcher.join()
    phase.memory = max(0, max(peak[0], resident_bytes()) - start_memory)


@dataclass
class Result:
    """The best of all rounds on one server."""

    name: str
    num_edges: int
    bare: list[Phase] = field(default_factory=list)
    load: list[Phase] = field(default_factory=list)
    read: list[Phase] = field(default_factory=list)
    graph_bytes: int = 0

    def rows(self) -> dict[str, float]:
        """Figure -> value, in the order they are printed."""
        bare, load, read = (
            min(phases, key=lambda phase: phase.seconds) for phases in (self.bare, self.load, self.read)
        )
        extra = max(phase.memory for phase in self.load), max(phase.memory - self.graph_bytes for phase in self.read)
        return {
            "bare loop, s": bare.seconds,
            "store.load, s": load.seconds,
            "ratio": load.seconds / bare.seconds,
            "read_graph, s": read.seconds,
            "read edges/s": self.num_edges / read.seconds,
            "extra memory, MB": max(0, *extra) / 1e6,
            "client CPU share, load": load.cpu / load.seconds,
            "client CPU share, read": read.cpu / read.seconds,
        }


def run_rounds(name: str, open_store: Callable[[], GraphStore], graph: KnowledgeGraph, rounds: int) -> Result:
    """Loop, load and read `rounds` times on one server; a small graph first, so that none meets a cold server."""
    result = Result(name, graph.num_edges)
    frames = [*graph.nodes.values(), *graph.edges.values()]
    result.graph_bytes = sum(int(frame.estimated_size()) for frame in frames)
    with open_store() as store:
        store.clear()
        small = shop_graph(5_000, 30_000, seed=1)
        bare_loop(store, small)
        store.load(small, progress=False)
        store.read_graph()
        for _ in range(rounds):
            store.clear()
            with measured() as phase:
                bare_loop(store, graph)
            result.bare.append(phase)
            store.clear()
            with measured() as phase:
                store.load(graph, progress=False, batch_size=BATCH)
            result.load.append(phase)
            with measured() as phase:
                read = store.read_graph()
            result.read.append(phase)
            if read != graph:
                sys.exit(f"error: {name}: the graph read back differs from the one loaded")
            del read
        store.clear()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--uri", help="a Neo4j to use, with NEO4J_USERNAME and NEO4J_PASSWORD; IT IS CLEARED")
    parser.add_argument("--servers", nargs="+", choices=("local", "neo4j"), default=["local", "neo4j"])
    parser.add_argument("--nodes", type=int, default=71_000)
    parser.add_argument("--edges", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    graph = shop_graph(args.nodes, args.edges, args.seed)
    print(
        f"{graph}, seed {args.seed}, {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    )
    results = []
    if args.uri:
        results.append(run_rounds("given", lambda: open_graph(args.uri), graph, args.rounds))
    if not args.uri and "local" in args.servers:
        os.environ.pop("NEO4J_URI", None)
        results.append(run_rounds("local", open_graph, graph, args.rounds))
    if not args.uri and "neo4j" in args.servers:
        server = Neo4jServer()
        login = {"username": server.username, "password": server.password}
        try:
            results.append(run_rounds("neo4j", lambda: open_graph(server.uri, **login), graph, args.rounds))
        finally:
            server.stop()
    print_table(results)


def print_table(results: list[Result]) -> None:
    """One line a figure, one column a server, and the limit where there is one."""
    columns = [result.rows() for result in results]
    print(f"{'':<24}" + "".join(f"{result.name:>12}" for result in results) + f"{'limit':>14}")
    for figure in columns[0]:
        limit = LIMITS.get(figure)
        sign = "" if limit is None else f"{'>=' if figure == 'read edges/s' else '<='} {limit:,}"
        digits = 0 if figure == "read edges/s" else 2
        print(f"{figure:<24}" + "".join(f"{column[figure]:>12,.{digits}f}" for column in columns) + f"{sign:>14}")


if __name__ == "__main__":
    main()
