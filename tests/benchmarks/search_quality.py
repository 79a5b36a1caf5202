"""How good and how fast search is: `python tests/benchmarks/search_quality.py shop | DATASET --data FOLDER [--test]`.

Queries are divided by their text into train (60%), validation (20%) and test (20%). Where the dataset has none, they
are made of its items: words of the last category, the brand and one or two words of the title, a letter of one word in
a fifth of the queries typed wrong; answers are the item itself (3), those of its brand and category (2), and those of
its category with one of the title's words (1). The recommender is a small one: without a user its ranking has no part
in search.

Prints the mean NDCG@10 (gain: the relevance) and its standard error of BM25 alone, of vectors alone (of title and
description, as the encoder makes them), of `search` untrained and trained, and the time of one query on one core: on
the clock, and of the processor, which other work on the machine does not lengthen.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import polars as pl
import torch

import kgrec
from kgrec.graph.build import PRODUCT
from kgrec.graph.texts import node_texts
from kgrec.models.fitted import FittedModel
from kgrec.search.fitting import answers_of
from kgrec.search.gains import Answers, ndcg
from kgrec.search.lexical import LexicalIndex
from kgrec.search.searcher import Searcher, combine
from kgrec.search.settings import SearchSettings
from kgrec.search.texts import item_fields
from kgrec.search.vectors import query_encoder
from kgrec.search.words import Stems, split_words

REPOSITORY = Path(__file__).resolve().parents[2]
SEED, MADE, TYPOS = 0, 1000, 0.2
SMALL = kgrec.RecommenderConfig(
    embedding_dim=16,
    epochs=1,
    knowledge_epochs=1,
    use_sequence=False,
    use_user_vectors=False,
    use_item_weights=False,
    use_scoring=False,
    temperature=0.1,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("dataset")
    parser.add_argument("--data", type=Path, default=os.environ.get("KGREC_DATA"), help="folder of the datasets")
    parser.add_argument("--test", action="store_true", help="the test queries: for the last table alone")
    given = parser.parse_args()
    torch.set_num_threads(1)
    is_shop = given.dataset == "shop"
    dataset = kgrec.read_dataset(REPOSITORY / "data" / "shop" if is_shop else Path(given.data) / given.dataset)
    queries = dataset.queries if dataset.queries.height else made_queries(dataset.items)
    parts = by_text(queries)
    start = time.perf_counter()
    trained = fit(dataset, parts["train"]).model_
    print(f"{len(trained.items):,} items; fit {time.perf_counter() - start:.0f} s; search: {trained.about['search']}")
    part = "test" if given.test else "validation"
    answers = answers_of(trained, parts[part], np.random.default_rng(SEED))
    report(trained, answers, part)
    timing(Searcher(trained), [one.query for one in answers])


def fit(dataset: kgrec.Dataset, queries: pl.DataFrame) -> kgrec.KGRecommender:
    events = dataset.events.select("user_id", "item_id", "event", "timestamp").filter(pl.col("event") != "impression")
    own = kgrec.Dataset(items=dataset.items, events=events, queries=queries, triples=None)
    return kgrec.KGRecommender(SMALL, device="cpu", seed=SEED).fit(own)


def by_text(queries: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Three parts; all answers of a query are in one."""
    texts = queries["query"].unique().sort()
    order = np.random.default_rng(SEED).permutation(len(texts))
    edges = np.cumsum([round(0.6 * len(texts)), round(0.2 * len(texts))])
    chosen = zip(("train", "validation", "test"), np.split(order, edges), strict=True)
    return {name: queries.filter(pl.col("query").is_in(texts.gather(rows).implode())) for name, rows in chosen}


def made_queries(items: pl.DataFrame) -> pl.DataFrame:
    """Queries of a catalogue's own words, with graded answers."""
    rng = np.random.default_rng(SEED)
    table = items.with_columns(pl.col("category").str.split(" > ").list.last().alias("leaf"))
    full = table.with_row_index("row").drop_nulls(["title", "brand", "category"])
    rows = []
    for row in full.sample(min(MADE, full.height), seed=SEED).iter_rows(named=True):
        known = set(split_words(f"{row['brand']} {row['leaf']}"))
        words = [word for word in split_words(row["title"]) if len(word) > 3 and word.isalpha() and word not in known]
        some = [str(word) for word in rng.permutation(sorted(set(words)))[: rng.integers(1, 3)]]
        leaf = [word for word in split_words(row["leaf"]) if len(word) > 2]
        asked = [
            *(split_words(row["brand"]) if rng.random() < 0.6 else []),
            *some,
            *(leaf if rng.random() < 0.7 else []),
        ]
        if not asked:
            continue
        text = " ".join(mistyped(asked, rng) if rng.random() < TYPOS else asked)
        near = table.filter(pl.col("category") == row["category"])
        same_brand = (near["brand"] == row["brand"]).fill_null(value=False)
        shares = (
            near["title"].fill_null("").map_elements(lambda t, s=frozenset(some): bool(s & {*split_words(t)}), bool)
        )
        grade = pl.Series(np.where(near["item_id"] == row["item_id"], 3, np.where(same_brand, 2, shares.cast(int))))
        rows += [(text, item, float(value)) for item, value in zip(near["item_id"], grade, strict=True) if value]
    found = pl.DataFrame(rows, schema=["query", "item_id", "relevance"], orient="row")
    return found.group_by("query", "item_id", maintain_order=True).agg(pl.col("relevance").max())


def mistyped(words: list[str], rng: np.random.Generator) -> list[str]:
    """The words with one letter of the longest one dropped, doubled or swapped with the next."""
    place = int(np.argmax([len(word) for word in words]))
    word, at = words[place], int(rng.integers(1, max(len(words[place]) - 1, 2)))
    changed = (
        word[:at] + word[at + 1 :],
        word[:at] + word[at - 1 :],
        word[:at] + word[at : at + 2][::-1] + word[at + 2 :],
    )
    return [*words[:place], changed[rng.integers(3)], *words[place + 1 :]]


def report(model: FittedModel, answers: list[Answers], part: str) -> None:
    size = len(model.items)
    lexical = LexicalIndex(item_fields(model.graph, model.items), Stems("english"))
    plain = LexicalIndex(item_fields(model.graph, model.items), Stems(None))
    encoder = query_encoder(None, "cpu", SMALL.text_max_length)
    texts = encoder.encode(node_texts(model.graph, PRODUCT, model.items.ids.to_list()))
    asked = encoder.encode_now([one.query for one in answers])
    joined = model.search.text.float().numpy()
    trained = model.search
    table = {
        "BM25 alone, no stems": [plain.scores(split_words(one.query)) for one in answers],
        "BM25 alone": [lexical.scores(split_words(one.query)) for one in answers],
        "vectors alone": [texts @ vector for vector in asked],
        "vectors alone, with those of the graph's nodes": [joined @ vector for vector in asked],
    }
    for name, settings in (("search, untrained", SearchSettings(trained.text)), ("search, trained", trained)):
        model.search = settings
        searcher = Searcher(model)
        searcher.prepare([one.query for one in answers])
        table[name] = [whole_score(searcher, one.query) for one in answers]
    print(f"NDCG@10 of {len(answers)} {part} queries, mean ± standard error")
    for name, scores in table.items():
        found = []
        for one, score in zip(answers, scores, strict=True):
            gain = np.zeros(size)
            gain[one.item] = one.gain
            found.append(ndcg(score, gain, one.gain))
        print(f"  {name:48} {np.mean(found):.4f} ± {np.std(found) / np.sqrt(len(found)):.4f}")


def whole_score(searcher: Searcher, query: str) -> np.ndarray:
    found = searcher.scored(query)
    return np.where(found.allowed, combine(found.parts, searcher.settings.weights), -np.inf)


def timing(searcher: Searcher, queries: list[str]) -> None:
    for query in queries[:5]:  # warm
        searcher.search(query, 10, None, None, strict=False)
    searcher._query_vectors.clear()
    for what in ("with the encoder", "without it (vectors of these queries kept)"):
        clock, processor = [], []
        for query in queries:
            begin, used = time.perf_counter(), time.process_time()
            searcher.search(query, 10, None, None, strict=False)
            clock.append(1000 * (time.perf_counter() - begin))
            processor.append(1000 * (time.process_time() - used))
        print(f"one query {what}: p50 {np.median(clock):.1f} ms, of the processor {np.median(processor):.1f} ms")


if __name__ == "__main__":
    main()
