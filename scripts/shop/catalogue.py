"""Draw the products: leaf, brand, theme, attributes, price, popularity and launch date."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop.vocabulary import Leaf, Vocabulary, component_rng

DAY = 86_400
END = 1_751_328_000  # 2025-07-01T00:00:00Z, UTC epoch seconds: no event at or after it
START = END - 365 * DAY
NUM_ITEMS = 1_500
NEW_SHARE = 0.05  # launched in the last two months
RECENT_SHARE = 0.22  # launched earlier in the year
NEUTRAL_SHARE = 0.12  # no theme in the wording
TAIL_SHARE = 0.57  # items few people come across

AttributeValues = dict[str, str | list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """The products as parallel arrays, shape (num_items,); `theme` is -1 for neutral wording."""

    item_ids: list[str]
    leaf: np.ndarray
    group: np.ndarray
    department: np.ndarray
    brand: np.ndarray
    theme: np.ndarray
    noun: list[str]  # what the product is called in its texts
    price: np.ndarray  # euros
    price_z: np.ndarray  # log price, standardised within the leaf
    popularity: np.ndarray  # log scale
    launched_at: np.ndarray  # UTC epoch seconds
    attributes: list[AttributeValues]


def draw_catalogue(vocabulary: Vocabulary, seed: int) -> Catalogue:
    """Draw every product, shuffled so that neighbouring ids say nothing."""
    rng = component_rng(seed, "catalogue")
    leaf = rng.permutation(leaf_sizes(vocabulary, rng))
    group = np.array([vocabulary.leaves[index].group for index in leaf])
    department = np.array([vocabulary.leaves[index].department for index in leaf])
    brand, tier = draw_brands(vocabulary, leaf, rng)
    theme = draw_themes(vocabulary, department, brand, rng)
    price, price_z = draw_prices(vocabulary, leaf, tier[brand], rng)
    countries = vocabulary.shared["countries"]
    home = rng.integers(len(countries), size=len(vocabulary.brands))
    attributes = [
        draw_attributes(vocabulary, vocabulary.leaves[index], countries[home[owner]], rng)
        for index, owner in zip(leaf, brand, strict=True)
    ]
    nouns = [vocabulary.leaves[index].nouns for index in leaf]
    numbers = np.sort(rng.choice(90_000, size=NUM_ITEMS, replace=False)) + 10_000
    return Catalogue(
        item_ids=[f"P{number}" for number in numbers],
        leaf=leaf,
        group=group,
        department=department,
        brand=brand,
        theme=theme,
        noun=[words[rng.integers(len(words))] for words in nouns],
        price=price,
        price_z=price_z,
        popularity=draw_popularity(rng),
        launched_at=draw_launches(rng),
        attributes=attributes,
    )


def leaf_sizes(vocabulary: Vocabulary, rng: np.random.Generator) -> np.ndarray:
    """The leaf of every product: 8 in each leaf, the rest by a skewed weight."""
    num_leaves = len(vocabulary.leaves)
    weights = np.exp(0.5 * rng.standard_normal(num_leaves))
    rest = rng.choice(num_leaves, size=NUM_ITEMS - 8 * num_leaves, p=weights / weights.sum())
    return np.concatenate([np.repeat(np.arange(num_leaves), 8), rest])


def draw_brands(vocabulary: Vocabulary, leaf: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Each group stocks some of its department's brands and some house brands; returns brands and their price tier."""
    tier = 0.7 * rng.standard_normal(len(vocabulary.brands))
    stocked: list[np.ndarray] = []
    for group in vocabulary.groups:
        own = [i for i, brand in enumerate(vocabulary.brands) if brand.departments == [group.department]]
        houses = [i for i, brand in enumerate(vocabulary.brands) if len(brand.departments) > 1]
        kept = rng.permutation(own)[: max(5, round(0.75 * len(own)))]
        stocked.append(np.concatenate([kept, rng.permutation(houses)[:4]]))
    brand = np.empty(len(leaf), dtype=np.int64)
    for item, leaf_index in enumerate(leaf):
        choices = stocked[vocabulary.leaves[leaf_index].group]
        weights = 1.0 / (np.arange(len(choices)) + 3.0)
        brand[item] = rng.choice(choices, p=weights / weights.sum())
    return brand, tier


def draw_themes(
    vocabulary: Vocabulary, department: np.ndarray, brand: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """A theme that suits the department, leaning a little towards the brand's own; -1 for neutral wording."""
    lean = rng.integers(len(vocabulary.themes), size=len(vocabulary.brands))
    theme = np.full(len(department), -1, dtype=np.int64)
    for item in range(len(department)):
        choices = np.array(vocabulary.department_themes[department[item]])
        weights = 1.0 + 0.8 * (choices == lean[brand[item]])
        drawn = rng.choice(choices, p=weights / weights.sum())
        if rng.random() >= NEUTRAL_SHARE:
            theme[item] = drawn
    return theme


def draw_prices(
    vocabulary: Vocabulary, leaf: np.ndarray, tier: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Log-normal prices between the leaf's low and high mark, moved by the brand's tier, with shop-like endings."""
    low, high = np.log(np.array([vocabulary.leaves[index].price for index in leaf])).T
    price_z = (0.8 * rng.standard_normal(len(leaf)) + tier) / np.sqrt(0.8**2 + 0.7**2)
    raw = np.exp((low + high) / 2 + np.clip(price_z, -2.2, 2.2) * (high - low) / 3.6)
    endings = rng.choice([0.99, 0.95, 0.5, 0.0], p=[0.45, 0.2, 0.15, 0.2], size=len(leaf))
    return np.round(np.floor(np.maximum(raw, 2.0)) + endings, 2), price_z


def draw_popularity(rng: np.random.Generator) -> np.ndarray:
    """Log popularity: a body most people come across, and a long tail that few do."""
    body = 0.4 * rng.standard_normal(NUM_ITEMS)
    tail = -1.2 + 0.9 * rng.standard_normal(NUM_ITEMS)
    return np.where(rng.random(NUM_ITEMS) < TAIL_SHARE, tail, np.minimum(body, 1.3))


def draw_launches(rng: np.random.Generator) -> np.ndarray:
    """Launch times: most before the year began, some during it, a few in the last two months."""
    kind = rng.permutation(NUM_ITEMS)
    num_new = round(NEW_SHARE * NUM_ITEMS)
    num_recent = round(RECENT_SHARE * NUM_ITEMS)
    share = rng.random(NUM_ITEMS)
    new = END - 61 * DAY + share * 54 * DAY
    recent = START + 20 * DAY + share * 280 * DAY
    launched = np.where(kind < num_new, new, np.where(kind < num_new + num_recent, recent, START - 30 * DAY))
    return launched.astype(np.int64)


def draw_attributes(vocabulary: Vocabulary, leaf: Leaf, home: str, rng: np.random.Generator) -> AttributeValues:
    """Attribute values of one product; about one value in twelve is not filled in."""
    drawn: AttributeValues = {}
    for name, source in leaf.attributes.items():
        value = draw_value(vocabulary, name, source, home, rng)
        if rng.random() >= 0.08:
            drawn[name] = value
    return drawn


def draw_value(
    vocabulary: Vocabulary, name: str, source: str | list[str], home: str, rng: np.random.Generator
) -> str | list[str]:
    """One value, a run of sizes (`+pool`) or a few values (`*pool`); some products come in two colours."""
    if isinstance(source, list):
        return source[0]
    if name == "made in":
        countries: list[str] = vocabulary.shared["countries"]
        return home if rng.random() < 0.5 else countries[rng.integers(len(countries))]
    pool: list[str] = vocabulary.shared["pools"][source.lstrip("+*")]
    if source.startswith("+"):
        first = int(rng.integers(0, 3))
        return pool[first : len(pool) - int(rng.integers(0, 3))]
    if source.startswith("*"):
        count = int(rng.integers(1, 4))
        return [pool[index] for index in np.sort(rng.permutation(len(pool))[:count])]
    if name == "colour" and rng.random() < 0.12:
        return [pool[index] for index in rng.permutation(len(pool))[:2]]
    return pool[rng.integers(len(pool))]
