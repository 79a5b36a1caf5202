"""What full-text and vector search cost: `python tests/benchmarks/search_latency.py [ITEMS.csv]`, both servers.

Prints the time of loading the products with and without their full-text index, of writing one vector each, the median
and 95th percentile of 200 searches, and the recall of the 10 nearest. ITEMS.csv (also .gz) has the columns item_id and
title, and maybe description; without it, the titles of the sample shop are used.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))  # for the tests' Neo4j server

from kgrec.graph.knowledge_graph import KnowledgeGraph  # noqa: E402
from kgrec.graph.schema.types import GraphSchema, read_schema  # noqa: E402
from kgrec.graph.store import GraphStore, open_graph  # noqa: E402
from kgrec.graph.store.indexes import drop_index  # noqa: E402
from tests.neo4j_server import Neo4jServer, Neo4jUnavailableError  # noqa: E402

SIZE, SEED, SEARCHES = 128, 0, 200


def main(arguments: list[str]) -> None:
    products = read_products(Path(arguments[0]) if arguments else REPOSITORY / "data" / "shop" / "items.csv")
    print(f"{products.height:,} products, vectors of size {SIZE}, seed {SEED}")
    with open_graph() as store:
        measure("local server", store, products)
    try:
        server = Neo4jServer()
    except Neo4jUnavailableError as error:
        print(f"Neo4j: not measured: {error}")
        return
    with open_graph(server.uri, username=server.username, password=server.password) as store:
        measure("Neo4j", store, products)
    server.stop()


def read_products(path: Path) -> pl.DataFrame:
    items = pl.read_csv(path, infer_schema=False)
    names = {"item_id": "id", "title": "title", "description": "description"}
    return items.select(pl.col(name).alias(key) for name, key in names.items() if name in items.columns)


def measure(name: str, store: GraphStore, products: pl.DataFrame) -> None:
    rng = np.random.default_rng(SEED)
    graph = KnowledgeGraph({"Product": products}, {})
    plain, indexed = load_seconds(store, graph)
    share = indexed / plain - 1
    print(f"{name}: load {plain:.2f} s without the full-text index, {indexed:.2f} s with it ({share:+.0%})")
    vectors = rng.normal(size=(products.height, SIZE)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    start = time.perf_counter()
    store.write_vectors(products["id"].to_list(), vectors, progress=False)
    print(f"{name}: vectors written and indexed in {time.perf_counter() - start:.1f} s")
    titles = products["title"].drop_nulls().sample(SEARCHES, seed=SEED, with_replacement=True).to_list()
    words = [" ".join(rng.permutation(title.split())[:3]) for title in titles]
    report(f"{name}: search_text, 3 words of a title", [lambda text=text: store.search_text(text) for text in words])
    fuzzy = [lambda text=text: store.search_text(text, fuzzy=True) for text in words[:10]]
    report(f"{name}: search_text, fuzzy", fuzzy)
    queries = rng.normal(size=(SEARCHES, SIZE)).astype(np.float32)
    report(f"{name}: search_vectors", [lambda query=query: store.search_vectors(query) for query in queries])
    ids = np.array(products["id"].to_list())
    nearest = [set(ids[np.argsort(-(vectors @ query))[:10]]) for query in queries[:50]]
    hits = sum(len(best & set(store.search_vectors(q)["id"])) for q, best in zip(queries, nearest, strict=False))
    print(f"{name}: recall of the 10 nearest {hits / 500:.3f}")


def load_seconds(store: GraphStore, graph: KnowledgeGraph, rounds: int = 3) -> tuple[float, float]:
    """Median seconds of a load into an empty store, without the full-text index and with it, in turns."""
    own = read_schema()
    product = replace(own.labels["Product"], search=())
    unsearched = replace(own, labels={**own.labels, "Product": product})
    times: dict[bool, list[float]] = {False: [], True: []}
    for _ in range(rounds):
        for with_index in (False, True):
            times[with_index].append(load_once(store, graph, own if with_index else unsearched))
    return float(np.median(times[False])), float(np.median(times[True]))


def load_once(store: GraphStore, graph: KnowledgeGraph, schema: GraphSchema) -> float:
    store.clear()
    drop_index(store._connection, "kgrec_Product_fulltext")
    view = GraphStore(store._connection, schema)
    start = time.perf_counter()
    view.load(graph, progress=False)
    return time.perf_counter() - start


def report(what: str, searches: list[Callable[[], pl.DataFrame]]) -> None:
    for search in searches[:5]:  # warm
        search()
    times = []
    for search in searches:
        start = time.perf_counter()
        search()
        times.append(1000 * (time.perf_counter() - start))
    p50, p95 = np.percentile(times, [50, 95])
    print(f"{what}: p50 {p50:.1f} ms, p95 {p95:.1f} ms ({len(times)} searches)")


if __name__ == "__main__":
    main(sys.argv[1:])
