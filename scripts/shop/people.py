"""Draw the shoppers: who they are, what they like, and how much each likes every product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop.catalogue import Catalogue
from shop.vocabulary import Vocabulary, component_rng

NUM_USERS = 2_000
MIN_EVENTS, MAX_EVENTS = 5, 200
NUM_CAMPS = 6  # of brands that the same people like
BRAND_WEIGHT = 1.0
ATTRIBUTE_WEIGHT = 1.0
THEME_WEIGHT = 0.8
PRICE_WEIGHT = 0.35
THEME_BY_RANK = (3.0, 2.2, 1.2, *[0.0] * 7, -0.6, -0.8, -1.0, -1.2)  # from the most loved theme to the least
FAMILY_LOVED, FAMILY_DISLIKED = 1.0, -0.8  # families of attribute values
VALUE_TASTE = 0.15  # spread of the personal taste for one value
POPULARITY_WEIGHT = 1.0
AGE_SHARES = np.array([0.16, 0.26, 0.22, 0.16, 0.12, 0.08])
UNKNOWN_AGE_SHARE = 0.03


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """The shoppers as parallel arrays, shape (num_users,) or (num_users, ...)."""

    user_ids: list[str]
    age_band: list[str | None]
    region: list[str]
    member_since: np.ndarray  # year
    num_events: np.ndarray
    group_weights: np.ndarray  # (num_users, num_groups): how often a session is about this group; rows sum to 1
    leaf_weights: np.ndarray  # (num_users, num_leaves), log scale
    brand_taste: np.ndarray  # (num_users, num_brands)
    theme_taste: np.ndarray  # (num_users, num_themes + 1)
    value_taste: np.ndarray  # (num_users, num_values)
    values: np.ndarray  # (num_values, num_items): share of a product's list that is this `name=value`
    wished: np.ndarray  # (num_values,): whether people shop for this value
    affinity: np.ndarray  # (num_users, num_items): lasting taste, without the session's interest
    appeal: np.ndarray  # (num_users, num_items): affinity plus popularity


def draw_people(vocabulary: Vocabulary, catalogue: Catalogue, seed: int) -> People:
    """Draw every shopper and the utilities that steer them."""
    rng = component_rng(seed, "people")
    age = rng.choice(len(AGE_SHARES), size=NUM_USERS, p=AGE_SHARES)
    lean = np.where(rng.random(NUM_USERS) < 0.12, 0.0, np.where(rng.random(NUM_USERS) < 0.5, 1.0, -1.0))
    brands = draw_brand_taste(vocabulary, rng)
    themes = draw_theme_taste(vocabulary, age, rng)
    names, values = index_values(catalogue)
    value_taste = draw_value_taste(vocabulary, names, rng)
    affinity = BRAND_WEIGHT * brands[:, catalogue.brand] + ATTRIBUTE_WEIGHT * value_taste @ values
    affinity += THEME_WEIGHT * themes[:, catalogue.theme]  # theme -1 is the last column: neutral
    affinity += PRICE_WEIGHT * price_fit(catalogue, age, rng)
    affinity += gender_fit(catalogue, lean)
    affinity -= affinity.mean(axis=1, keepdims=True)
    known = rng.random(NUM_USERS) >= UNKNOWN_AGE_SHARE
    bands, regions = vocabulary.shared["age_bands"], vocabulary.shared["regions"]
    return People(
        user_ids=[f"U{number:04d}" for number in range(1, NUM_USERS + 1)],
        age_band=[bands[index] if seen else None for index, seen in zip(age, known, strict=True)],
        region=[regions[index] for index in rng.integers(len(regions), size=NUM_USERS)],
        member_since=2025 - np.minimum(rng.geometric(0.28, size=NUM_USERS) - 1, 9),
        num_events=draw_activity(rng),
        group_weights=draw_group_weights(vocabulary, age, lean, rng),
        leaf_weights=0.8 * rng.standard_normal((NUM_USERS, len(vocabulary.leaves))),
        brand_taste=brands,
        theme_taste=themes,
        value_taste=value_taste,
        values=values,
        wished=np.array([name.split("=")[0] in vocabulary.shared["families"] for name in names]),
        affinity=affinity,
        appeal=affinity + POPULARITY_WEIGHT * catalogue.popularity,
    )


def draw_activity(rng: np.random.Generator) -> np.ndarray:
    """How many products each shopper touches: log-normal, 5 to 200."""
    return np.clip(np.exp(np.log(20.5) + 0.86 * rng.standard_normal(NUM_USERS)), MIN_EVENTS, MAX_EVENTS).astype(int)


def draw_brand_taste(vocabulary: Vocabulary, rng: np.random.Generator) -> np.ndarray:
    """Taste per brand, shape (num_users, num_brands): brands come in camps; each shopper likes one, dislikes one.

    On top come a few personal favourites.
    """
    num_brands = len(vocabulary.brands)
    camp = rng.integers(NUM_CAMPS, size=num_brands)
    order = np.argsort(rng.random((NUM_USERS, NUM_CAMPS)), axis=1)
    by_camp = np.zeros((NUM_USERS, NUM_CAMPS))
    np.put_along_axis(by_camp, order, np.broadcast_to(np.array([1.8, 0.6, 0.0, 0.0, -0.4, -1.0]), order.shape), axis=1)
    favourites = (rng.random((NUM_USERS, num_brands)) < 0.04) * 1.2
    return by_camp[:, camp] + favourites


def draw_value_taste(vocabulary: Vocabulary, names: list[str], rng: np.random.Generator) -> np.ndarray:
    """Taste per attribute value, shape (num_users, num_values).

    A taste is for a value (`colour=teal`, `material=oak`) in every category, so it carries over to new ones. Values
    come in families (dark colours, natural materials): each shopper loves one family and dislikes another.
    """
    taste = VALUE_TASTE * rng.standard_normal((NUM_USERS, len(names)))
    for attribute, families in vocabulary.shared["families"].items():
        weight = vocabulary.shared["weights"][attribute]
        order = rng.permuted(np.tile(np.arange(len(families)), (NUM_USERS, 1)), axis=1)
        for index, values in enumerate(families.values()):
            level = weight * (FAMILY_LOVED * (order[:, 0] == index) + FAMILY_DISLIKED * (order[:, 1] == index))
            columns = [column for column, name in enumerate(names) if name in {f"{attribute}={v}" for v in values}]
            taste[:, columns] += level[:, None]
    taste[:, [name.startswith(("gender=", "size range=")) for name in names]] = 0.0
    return taste


def index_values(catalogue: Catalogue) -> tuple[list[str], np.ndarray]:
    """Every `name=value`, and its share of each product's list of values, shape (num_values, num_items)."""
    names: dict[str, int] = {}
    cells: list[tuple[int, int, float]] = []
    for item, attributes in enumerate(catalogue.attributes):
        for name, value in attributes.items():
            values = value if isinstance(value, list) else [value]
            for single in values:
                cells.append((names.setdefault(f"{name}={single}", len(names)), item, 1.0 / len(values)))
    matrix = np.zeros((len(names), len(catalogue.item_ids)))
    for row, item, share in cells:
        matrix[row, item] = share
    return list(names), matrix


def draw_theme_taste(vocabulary: Vocabulary, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Taste per theme, shape (num_users, num_themes + 1): a few loved, a few not; last column neutral."""
    num_themes = len(vocabulary.themes)
    lean = 0.5 * rng.standard_normal((len(AGE_SHARES), num_themes))
    order = np.argsort(-(lean[age] + rng.gumbel(size=(NUM_USERS, num_themes))), axis=1)
    by_rank = np.array(THEME_BY_RANK)
    taste = np.zeros((NUM_USERS, num_themes + 1))
    np.put_along_axis(taste, order, np.broadcast_to(by_rank, order.shape), axis=1)
    return taste


def price_fit(catalogue: Catalogue, age: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """How close each price is to what the shopper likes to pay in that category, at most 0."""
    budget = 0.8 * rng.standard_normal(NUM_USERS) + np.array([-0.5, -0.2, 0.1, 0.3, 0.3, 0.0])[age]
    return -np.minimum((catalogue.price_z[None, :] - budget[:, None]) ** 2, 6.0)


def gender_fit(catalogue: Catalogue, lean: np.ndarray) -> np.ndarray:
    """A push away from products made for someone else; shape (num_users, num_items)."""
    sides = {"women": 1.0, "men": -1.0}
    side = np.array([sides.get(str(attributes.get("gender")), 0.0) for attributes in catalogue.attributes])
    return 1.2 * lean[:, None] * side[None, :]


def draw_group_weights(
    vocabulary: Vocabulary, age: np.ndarray, lean: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """How often each second-level category is on a shopper's mind: a handful often, the rest hardly."""
    num_groups = len(vocabulary.groups)
    by_age = np.exp(0.35 * rng.standard_normal((len(AGE_SHARES), num_groups)))
    weights = rng.gamma(0.4, size=(NUM_USERS, num_groups)) * by_age[age]
    for index, group in enumerate(vocabulary.groups):
        if group.path.endswith((" > Women", " > Makeup")):
            weights[:, index] *= np.exp(1.2 * lean)
        if group.path.endswith(" > Men"):
            weights[:, index] *= np.exp(-1.2 * lean)
    weights += 0.004
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))
