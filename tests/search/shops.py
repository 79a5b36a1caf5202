"""A shop of eight products, its names chosen so that every expected list can be worked out by hand.

id  title                        brand    category              colour  price
a   Road Runner trainers         Nike     Shoes > Trainers      red      45
b   Court classic trainers       Nike     Shoes > Trainers      blue     80
c   Trail trainers               Adidas   Shoes > Trainers      red      60
d   Leather ankle boots          Nike     Shoes > Boots         red      49
e   Waterproof rain jacket       Adidas   Clothing > Jackets    blue     70
f   Cotton throw                 Hay      Home > Throws & Rugs  red      30
g   Crème de nuit (night cream)  Hay      Beauty > Creams       none     15
h   Oak nightstand               Hay      Home > Furniture      none    none
"""

from __future__ import annotations

import json

import polars as pl

from kgrec.data.dataset import Dataset

ROWS = [
    ("a", "Road Runner trainers", "Nike", "Shoes > Trainers", "red", 45.0),
    ("b", "Court classic trainers", "Nike", "Shoes > Trainers", "blue", 80.0),
    ("c", "Trail trainers", "Adidas", "Shoes > Trainers", "red", 60.0),
    ("d", "Leather ankle boots", "Nike", "Shoes > Boots", "red", 49.0),
    ("e", "Waterproof rain jacket", "Adidas", "Clothing > Jackets", "blue", 70.0),
    ("f", "Cotton throw", "Hay", "Home > Throws & Rugs", "red", 30.0),
    ("g", "Crème de nuit (night cream)", "Hay", "Beauty > Creams", None, 15.0),
    ("h", "Oak nightstand", "Hay", "Home > Furniture", None, None),
]


def shop(queries: pl.DataFrame | None = None) -> Dataset:
    """The products above; even users have a, c, f (red), odd ones b, e (blue)."""
    names = ["item_id", "title", "brand", "category", "colour", "price"]
    items = pl.DataFrame(ROWS, schema=names, orient="row")
    said = [None if colour is None else json.dumps({"colour": colour}) for colour in items["colour"]]
    items = items.drop("colour").with_columns(pl.Series("attributes", said))
    events = [
        (f"u{user}", item, 1_600_000_000 + 60 * step)
        for user in range(12)
        for step, item in enumerate("acf" if user % 2 == 0 else "be")
    ]
    table = pl.DataFrame(events, schema=["user_id", "item_id", "timestamp"], orient="row")
    return Dataset(items=items, events=table, queries=queries)
