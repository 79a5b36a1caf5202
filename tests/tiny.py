"""A tiny shop whose users like one colour of a checkerboard.

item   i00 i01 i02 i03 ... i11      even items: brand Even, odd items: brand Odd
users  u00 u02 ... like even items, u01 u03 ... like odd ones; everyone has 4 of their 6 items
"""

from __future__ import annotations

import numpy as np
import polars as pl

from kgrec.config import RecommenderConfig
from kgrec.data.dataset import Dataset
from kgrec.tensors.sequences import Batch, Histories, pad

ITEMS = [f"i{index:02}" for index in range(12)]
SMALL = RecommenderConfig(
    embedding_dim=16,
    knowledge_dim=8,
    knowledge_epochs=3,
    use_text=False,
    epochs=80,
    patience=None,
    history_length=6,
    batch_size=64,
    learning_rate=5e-3,
)


def tiny_items() -> pl.DataFrame:
    """Twelve products of two brands in two categories."""
    return pl.DataFrame(
        {
            "item_id": ITEMS,
            "title": [f"{'red' if index % 2 else 'blue'} thing {index}" for index in range(12)],
            "brand": ["Odd" if index % 2 else "Even" for index in range(12)],
            "category": ["All > Low" if index < 6 else "All > High" for index in range(12)],
            "price": [float(index + 1) for index in range(12)],
        }
    )


def checkerboard(num_users: int = 40, seed: int = 0, impressions: bool = False) -> Dataset:
    """Each user has 4 events on items of the own colour, one an hour."""
    generator = np.random.default_rng(seed)
    rows, shown = [], []
    for user in range(num_users):
        own = np.arange(user % 2, 12, 2)
        for step, item in enumerate(generator.permutation(own)[:4]):
            moment = 1_600_000_000 + 3600 * step + user
            rows.append((f"u{user:02}", ITEMS[item], "purchase" if step == 3 else "view", moment))
            other = ITEMS[(item + 1) % 12]
            shown += [(f"u{user:02}", ITEMS[item], moment - 5, 1), (f"u{user:02}", other, moment - 5, 0)]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    table = pl.DataFrame(shown, schema=["user_id", "item_id", "timestamp", "label"], orient="row")
    return Dataset(items=tiny_items(), events=events, impressions=table if impressions else None)


def latest(histories: Histories, length: int) -> Batch:
    """The last `length` events of every user."""
    stop = histories.start[1:]
    return pad(histories, np.arange(histories.num_users), np.maximum(stop - length, histories.start[:-1]), stop)


SUPPLIER_SCHEMA = """
[labels.Supplier]
meaning = "Who delivers a product"
properties = { name = "string" }
[relations.SUPPLIED_BY]
meaning = "Who delivers the product"
from = "Product"
to = "Supplier"
column = "supplier"
"""
