"""Made-up shops of one known structure each, for `stand_ins.py`.

What people take follows from popularity alone, hidden tastes, categories, the item before, or what is new: no default
may serve one of these at the cost of another.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import polars as pl

import kgrec

BEGIN, LASTS = 1_700_000_000, 10_000_000  # seconds since 1970; seconds
Taken = list[tuple[int, int]]  # user and item, of each user in order


def popular(draws: np.random.Generator) -> kgrec.Split:
    """Popularity alone; brands and categories say nothing."""
    taken = _by_taste(draws, users=1500, items=1000, events=12, dim=4, popularity=1.5, taste=0.0)
    return _shop(draws, taken, 1000, {"category": 30, "brand": 100}).split("random")


def popular_in_order(draws: np.random.Generator) -> kgrec.Split:
    """The same with times, which say nothing either."""
    taken = _by_taste(draws, users=1500, items=1000, events=12, dim=4, popularity=1.5, taste=0.0)
    times = np.arange(len(taken)) * 100.0
    return _shop(draws, taken, 1000, {"category": 30, "brand": 100}, times).split("leave_last_out")


def tastes(draws: np.random.Generator) -> kgrec.Split:
    """Dense: tastes of 16 dimensions, 500 items."""
    taken = _by_taste(draws, users=1000, items=500, events=40, dim=16, popularity=0.7, taste=2.5)
    return _shop(draws, taken, 500, {"category": 20}).split("random")


def tastes_sparse(draws: np.random.Generator) -> kgrec.Split:
    """Sparse: tastes of 16 dimensions, 2,000 items."""
    taken = _by_taste(draws, users=3000, items=2000, events=9, dim=16, popularity=1.0, taste=4.0)
    return _shop(draws, taken, 2000, {"category": 40, "brand": 200}).split("random")


def tastes_by_time(draws: np.random.Generator) -> kgrec.Split:
    """Tastes of 8 dimensions, split by time."""
    taken = _by_taste(draws, users=1500, items=800, events=20, dim=8, popularity=1.0, taste=3.5)
    times = draws.integers(0, LASTS, len(taken)).astype(float)
    return _shop(draws, taken, 800, {"category": 20}, times).split("temporal")


def categories(draws: np.random.Generator) -> kgrec.Split:
    """Sparse: each user likes two of 60 categories."""
    category, popularity = draws.integers(0, 60, 3000), draws.normal(size=3000)
    taken: Taken = []
    for user in range(2500):
        liked = np.isin(category, draws.choice(60, 2, replace=False))
        taken += _best(draws, user, 4.0 * liked + popularity, max(4, draws.poisson(6)))
    return _shop(draws, taken, 3000, {"category": category}).split("random")


def chains(draws: np.random.Generator) -> kgrec.Split:
    """Seven of ten items are one of the five that follow the item before."""
    following = np.array([draws.choice(800, 5, replace=False) for _ in range(800)])
    taken: Taken = []
    times = []
    for user in range(2000):
        item, seen = draws.integers(800), set()
        for step in range(max(5, draws.poisson(12))):
            item = draws.choice(following[item]) if draws.random() < 0.7 else draws.integers(800)
            if item not in seen:
                seen.add(item)
                taken.append((user, int(item)))
                times.append(step * 3600.0 + user)
    return _shop(draws, taken, 800, {"category": 20}, np.array(times)).split("leave_last_out")


def novelties(draws: np.random.Generator) -> kgrec.Split:
    """Items come one after the other and are taken while they are new, those of three categories more."""
    born, popularity, category = (
        np.sort(draws.random(1500)) * 0.95,
        draws.normal(size=1500),
        draws.integers(0, 15, 1500),
    )
    taken: Taken = []
    times = []
    for user in range(1500):
        liked, seen = np.isin(category, draws.choice(15, 3, replace=False)), set()
        for now in np.sort(draws.random(max(5, draws.poisson(12)))):
            new = np.where(born < now, 4 * np.exp(-(now - born) / 0.1), -99)
            item = int((popularity + new + 1.5 * liked + draws.gumbel(size=1500)).argmax())
            if item not in seen:
                seen.add(item)
                taken.append((user, item))
                times.append(now * LASTS)
    return _shop(draws, taken, 1500, {"category": category}, np.array(times)).split("temporal")


def repeats(draws: np.random.Generator) -> kgrec.Split:
    """Tastes of 8 dimensions; two of three events are of what the user had before, some items again and again."""
    firsts = _by_taste(draws, users=1500, items=800, events=12, dim=8, popularity=1.0, taste=3.5)
    wear = draws.lognormal(sigma=1.5, size=800)  # how often an item is taken again
    taken: Taken = []
    had: list[int] = []
    for place, (user, item) in enumerate(firsts):
        had = [item] if place == 0 or firsts[place - 1][0] != user else [*had, item]
        again = draws.choice(had, draws.poisson(2), p=wear[had] / wear[had].sum())
        taken += [(user, item), *((user, int(old)) for old in again)]
    times = np.empty(len(taken))
    of = np.array([user for user, _ in taken])
    for user in range(1500):
        times[of == user] = np.sort(draws.integers(0, LASTS, int((of == user).sum())))
    return _shop(draws, taken, 800, {"category": 20}, times).split("temporal")


def _by_taste(
    draws: np.random.Generator, *, users: int, items: int, events: int, dim: int, popularity: float, taste: float
) -> Taken:
    """Items drawn without return by a softmax over popularity and the product of a user's and an item's vector."""
    of_users, of_items = draws.normal(size=(users, dim)), draws.normal(size=(items, dim))
    popular = popularity * draws.normal(size=items)
    taken: Taken = []
    for user in range(users):
        score = of_items @ of_users[user] * (taste / np.sqrt(dim)) + popular
        taken += _best(draws, user, score, max(5, draws.poisson(events)))
    return taken


def _best(draws: np.random.Generator, user: int, score: np.ndarray, many: int) -> Taken:
    """So many items by a softmax of the score, in a random order."""
    best = np.argsort(-(score + draws.gumbel(size=len(score))))[:many]
    return [(user, int(item)) for item in draws.permutation(best)]


def _shop(
    draws: np.random.Generator,
    taken: Taken,
    items: int,
    columns: dict[str, int | np.ndarray],
    times: np.ndarray | None = None,
) -> kgrec.Dataset:
    """Where a column is a number it is so many values at random."""
    values = {name: draws.integers(0, of, items) if isinstance(of, int) else of for name, of in columns.items()}
    catalogue = pl.DataFrame(
        {"item_id": [f"i{item}" for item in range(items)]}
        | {name: [f"{name} {value}" for value in column] for name, column in values.items()}
    )
    events = pl.DataFrame({"user_id": [f"u{user}" for user, _ in taken], "item_id": [f"i{item}" for _, item in taken]})
    if times is not None:
        events = events.with_columns(timestamp=pl.Series(BEGIN + times.astype(np.int64))).sort("timestamp")
    return kgrec.Dataset(items=catalogue, events=events)


STRUCTURED: dict[str, Callable[[np.random.Generator], kgrec.Split]] = {
    "popular": popular,
    "popular-in-order": popular_in_order,
    "tastes": tastes,
    "tastes-sparse": tastes_sparse,
    "tastes-by-time": tastes_by_time,
    "categories": categories,
    "chains": chains,
    "novelties": novelties,
    "repeats": repeats,
}
