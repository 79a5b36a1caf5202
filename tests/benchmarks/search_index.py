"""The index of large catalogues beside comparing a query with every item: recall, milliseconds, seconds to make it.

    python tests/benchmarks/search_index.py [ITEMS.csv] [--size 250000] [--queries 200] [--limit 200000]

The texts of a catalogue (data/shop's without ITEMS.csv) are encoded and made more: each vector is a mean of two of
them, at random weights, with noise of half a text's length. Queries are made the same way and are none of the items.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec import RecommenderConfig
from kgrec.encoders.text import TextEncoder
from kgrec.search.nearest import ItemCosines

ROOT = Path(__file__).parents[2]
NOISE = 0.5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("items", nargs="?", type=Path, default=ROOT / "data" / "shop" / "items.csv.gz")
    parser.add_argument("--size", type=int, default=250_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--limit", type=int, default=RecommenderConfig().search_exact_limit)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    titles = pl.read_csv(args.items, infer_schema=False)["title"].drop_nulls().unique(maintain_order=True)
    config = RecommenderConfig()
    encoder = TextEncoder(config.text_model, device=torch.device("cpu"), max_length=config.text_max_length)
    texts = torch.nn.functional.normalize(torch.as_tensor(encoder.encode(titles.to_list())).float(), dim=1)
    generator = torch.Generator().manual_seed(0)
    items, queries = (made(texts, size, generator) for size in (args.size, args.queries))
    print(f"{args.size:,} vectors of {items.shape[1]} numbers, from {len(titles):,} titles; {args.threads} threads")
    half = items.half()
    begun = time.perf_counter()
    index = ItemCosines(half, args.limit)
    print(f"index: {'none' if index.is_exact else f'made in {time.perf_counter() - begun:.0f} s'}")
    exact = ItemCosines(half, args.size)
    truth, of_exact = timed(lambda query: exact.scores(query)[0], queries)
    found, of_index = timed(lambda query: index.scores(query)[0], queries)
    shares = [np.intersect1d(a, b).size / 10 for a, b in zip(truth, found, strict=True)]
    print(f"recall of the 10 nearest: {np.mean(shares):.3f} of new queries, {index.recall or 1:.3f} of items")
    print(f"one query, median: {of_exact:.2f} ms exact, {of_index:.2f} ms by the index")


def made(texts: Tensor, size: int, generator: torch.Generator) -> Tensor:
    """Vectors between those of texts, unit length, shape (size, dim)."""
    one, other = (texts[torch.randint(len(texts), (size,), generator=generator)] for _ in range(2))
    weight = torch.rand(size, 1, generator=generator)
    noise = torch.nn.functional.normalize(torch.randn(size, texts.shape[1], generator=generator), dim=1)
    return torch.nn.functional.normalize(weight * one + (1 - weight) * other + NOISE * noise, dim=1)


def timed(scores: Callable[[Tensor], np.ndarray], queries: Tensor) -> tuple[list[np.ndarray], float]:
    """The 10 best items of each query, and the median of the milliseconds."""
    best, took = [], []
    for query in queries:
        begun = time.perf_counter()
        found = scores(query)
        took.append(1000 * (time.perf_counter() - begun))
        best.append(np.argpartition(-found, 10)[:10])
    return best, statistics.median(took)


if __name__ == "__main__":
    main()
