"""Make the sample shop in `data/shop`: a generated dataset folder, the same bytes for the same seed.

python scripts/make_shop.py [--out data/shop] [--seed 7] [--oracle click_probability.csv]
"""

from __future__ import annotations

import argparse
import gzip
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
from shop import SEED
from shop.behaviour import ListLog, Log, Simulator, event_types
from shop.catalogue import NUM_ITEMS, Catalogue, draw_catalogue
from shop.people import People, draw_people
from shop.searches import Query, draw_queries
from shop.vocabulary import Vocabulary, component_rng, load_vocabulary
from shop.wording import write_texts

MISSING_BRAND, MISSING_PRICE = 0.03, 0.02


def main() -> None:
    """Read the arguments, make every table and write it."""
    parser = argparse.ArgumentParser(description="Make the sample shop's dataset folder.")
    parser.add_argument("--out", type=Path, default=Path("data/shop"), help="folder to write to")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--oracle", type=Path, help="also write each impression's true click probability to this CSV")
    arguments = parser.parse_args()
    tables, oracle = make_tables(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_table(table, arguments.out / f"{name}.csv.gz")
        print(f"{name}: {table.height:,} rows")
    if arguments.oracle is not None:
        oracle.write_csv(arguments.oracle, float_precision=6)


def make_tables(seed: int, activity: float = 1.0) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """Every table of the dataset folder, and the click probabilities row by row as in `impressions`.

    Parameters
    ----------
    activity : float
        How many times as many events every shopper has.
    """
    vocabulary = load_vocabulary()
    catalogue = draw_catalogue(vocabulary, seed)
    people = draw_people(vocabulary, catalogue, seed)
    people = replace(people, num_events=(activity * people.num_events).astype(int))
    queries = draw_queries(vocabulary, catalogue, seed)
    events, lists = Simulator(vocabulary, catalogue, people, queries, seed).run()
    impressions = impression_table(catalogue, people, lists)
    tables = {
        "items": item_table(vocabulary, catalogue, seed),
        "events": event_table(catalogue, people, events, seed),
        "impressions": impressions.drop("click_probability"),
        "queries": query_table(catalogue, queries),
        "users": user_table(people),
    }
    return tables, impressions.select("click_probability")


def item_table(vocabulary: Vocabulary, catalogue: Catalogue, seed: int) -> pl.DataFrame:
    """The products as the shop lists them, with a few gaps."""
    rng = component_rng(seed, "gaps")
    titles, descriptions = write_texts(vocabulary, catalogue, seed)
    no_brand = rng.random(NUM_ITEMS) < MISSING_BRAND
    no_price = rng.random(NUM_ITEMS) < MISSING_PRICE
    brands = [vocabulary.brands[index].name for index in catalogue.brand]
    return pl.DataFrame(
        {
            "item_id": catalogue.item_ids,
            "title": titles,
            "description": descriptions,
            "brand": [None if gap else brand for gap, brand in zip(no_brand, brands, strict=True)],
            "category": [vocabulary.leaves[index].path for index in catalogue.leaf],
            "price": [None if gap else float(price) for gap, price in zip(no_price, catalogue.price, strict=True)],
            "attributes": [json.dumps(values, ensure_ascii=False) for values in catalogue.attributes],
        }
    )


def event_table(catalogue: Catalogue, people: People, log: Log, seed: int) -> pl.DataFrame:
    """Events in order of time; quantity for cart and purchase, value in euros for purchase."""
    rng = component_rng(seed, "quantities")
    types = np.array(event_types(log, people, seed))
    price = catalogue.price[log.item]
    quantity = np.where(price < 25, rng.geometric(0.75, size=len(types)), 1).clip(1, 6)
    table = pl.DataFrame(
        {
            "user_id": [people.user_ids[user] for user in log.user],
            "item_id": [catalogue.item_ids[item] for item in log.item],
            "event": types.tolist(),
            "timestamp": log.timestamp,
            "session_id": log.session,
            "quantity": quantity,
            "value": np.round(price * quantity, 2),
        }
    )
    bought = pl.col("event") == "purchase"
    return table.with_columns(
        quantity=pl.when(bought | (pl.col("event") == "cart")).then("quantity"),
        value=pl.when(bought).then("value"),
    ).sort("timestamp", "user_id")


def impression_table(catalogue: Catalogue, people: People, lists: ListLog) -> pl.DataFrame:
    """The lists shown, in order of time, with the generator's click probabilities."""
    return pl.DataFrame(
        {
            "user_id": [people.user_ids[user] for user in lists.user],
            "item_id": [catalogue.item_ids[item] for item in lists.item],
            "timestamp": lists.timestamp,
            "session_id": lists.session,
            "position": lists.position,
            "query": pl.Series(lists.query, dtype=pl.String),
            "label": lists.label,
            "click_probability": lists.click_probability,
        }
    ).sort("timestamp", "user_id", "position")


def query_table(catalogue: Catalogue, queries: list[Query]) -> pl.DataFrame:
    """One row per query and judged product, best first."""
    rows = [
        (query.text, catalogue.item_ids[item], int(grade))
        for query in queries
        for item, grade in zip(query.items, query.grades, strict=True)
    ]
    return pl.DataFrame(rows, schema=["query", "item_id", "relevance"], orient="row")


def user_table(people: People) -> pl.DataFrame:
    """The shoppers' profiles."""
    return pl.DataFrame(
        {
            "user_id": people.user_ids,
            "age_band": people.age_band,
            "region": people.region,
            "member_since": people.member_since,
        }
    )


def write_table(table: pl.DataFrame, path: Path) -> None:
    """Write a gzipped CSV whose bytes depend on the table alone (no name, no time in the header)."""
    text = table.write_csv()
    with path.open("wb") as raw, gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=9, mtime=0) as file:
        file.write(text.encode())


if __name__ == "__main__":
    main()
