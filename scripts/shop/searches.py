"""Write the queries shoppers type and grade which products answer them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from shop.catalogue import Catalogue
from shop.vocabulary import Vocabulary, component_rng

NUM_QUERIES = 300
MIN_RELEVANT, MAX_RELEVANT = 5, 30
TYPO_SHARE = 0.07
KINDS = ("noun", "synonym", "colour", "material", "brand", "price", "theme", "colour price", "theme colour")
# who the gift is for: the leaves to look in
PERSONAS = {
    "gardener": ["Hand Tools", "Seeds & Bulbs"],
    "coffee lover": ["Coffee Makers", "Mugs"],
    "runner": ["Running Shoes", "Fitness Trackers"],
    "new dog owner": ["Dog Beds", "Leads & Toys"],
    "cat person": ["Scratchers & Trees", "Bowls & Feeders"],
    "keen cook": ["Frying Pans", "Knives"],
    "writer": ["Notebooks", "Pens"],
    "music fan": ["Over-Ear", "Speakers"],
    "new parents": ["Soft Toys", "Throws & Blankets"],
    "teenager who games": ["Keyboards", "Mice"],
    "yoga teacher": ["Yoga Mats", "Bands & Rollers"],
    "housewarming": ["Vases", "Candles"],
    "student moving out": ["Storage Jars", "Duvet Covers"],
    "camper": ["Flasks & Bottles", "Sleeping Bags & Mats"],
    "cyclist": ["Helmets", "Bike Lights & Locks"],
    "crafty friend": ["Craft Kits", "Puzzles"],
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A query with its graded products (3 answers it fully, 2 in part, 1 is near) and the group it is about."""

    text: str
    group: int
    items: np.ndarray
    grades: np.ndarray


def draw_queries(vocabulary: Vocabulary, catalogue: Catalogue, seed: int) -> list[Query]:
    """Gift queries, then queries over every leaf in turn until there are enough."""
    rng = component_rng(seed, "searches")
    queries = {query.text: query for query in gift_queries(vocabulary, catalogue)}
    leaf = 0
    while len(queries) < NUM_QUERIES:
        query = draw_leaf_query(vocabulary, catalogue, leaf % len(vocabulary.leaves), rng)
        if query is not None and query.text not in queries:
            queries[query.text] = query
        leaf += 1
    return list(queries.values())


def gift_queries(vocabulary: Vocabulary, catalogue: Catalogue) -> list[Query]:
    """One query per persona: its first leaf counts more, dear products less."""
    names = [leaf.name for leaf in vocabulary.leaves]
    found = []
    for persona, leaf_names in PERSONAS.items():
        leaves = [names.index(name) for name in leaf_names]
        main, other = (catalogue.leaf == leaves[0], catalogue.leaf == leaves[1])
        cheap = catalogue.price_z < 0.6
        grades = np.where(main, 2, np.where(other, 1, 0)) + (cheap & (main | other))
        text = f"{persona} gift" if persona == "housewarming" else f"gift for {persona}"
        items, kept = keep_best(grades, catalogue.popularity)
        found.append(Query(text=text, group=vocabulary.leaves[leaves[0]].group, items=items, grades=kept))
    return found


def draw_leaf_query(
    vocabulary: Vocabulary, catalogue: Catalogue, leaf_index: int, rng: np.random.Generator
) -> Query | None:
    """A query about one leaf with zero to two wishes; None when too few products answer it."""
    leaf = vocabulary.leaves[leaf_index]
    inside = catalogue.leaf == leaf_index
    kind = KINDS[rng.integers(len(KINDS))]
    model = int(rng.choice(np.flatnonzero(inside)))  # the product the shopper has in mind
    before, after, wishes = draw_wishes(vocabulary, catalogue, kind, model, rng)
    if kind == "synonym" or rng.random() < 0.2:
        word = leaf.synonyms[rng.integers(len(leaf.synonyms))]
    elif rng.random() < 0.4:
        word = leaf.name.lower().replace(" & ", " ")
    else:
        word = catalogue.noun[model].lower()
        wishes.append(np.array([noun == catalogue.noun[model] for noun in catalogue.noun]))
    text = " ".join([*before, word, *after])
    grades = grade(inside, catalogue.group == leaf.group, wishes)
    if rng.random() < TYPO_SHARE:
        text = mistype(text, rng)
    items, kept = keep_best(grades, catalogue.popularity)
    return Query(text=text, group=leaf.group, items=items, grades=kept) if len(items) >= MIN_RELEVANT else None


def draw_wishes(
    vocabulary: Vocabulary, catalogue: Catalogue, kind: str, model: int, rng: np.random.Generator
) -> tuple[list[str], list[str], list[np.ndarray]]:
    """The words typed before and after the product's name, and which products grant each wish."""
    before: list[str] = []
    after: list[str] = []
    wishes: list[np.ndarray] = []
    for wish in kind.split(" "):
        match wish:
            case "theme" if catalogue.theme[model] >= 0:
                typed = vocabulary.themes[catalogue.theme[model]].typed
                before.append(typed[rng.integers(len(typed))])
                wishes.append(catalogue.theme == catalogue.theme[model])
            case "colour" | "material" if wish in catalogue.attributes[model]:
                value = as_list(catalogue.attributes[model][wish])[0]
                before.append(value)
                wishes.append(np.array([value in as_list(found.get(wish, [])) for found in catalogue.attributes]))
            case "brand":
                before.append(vocabulary.brands[catalogue.brand[model]].name.lower())
                wishes.append(catalogue.brand == catalogue.brand[model])
            case "price":
                same_leaf = catalogue.leaf == catalogue.leaf[model]
                limit = round_limit(float(np.quantile(catalogue.price[same_leaf], 0.5)))
                after.append(f"under {limit}")
                wishes.append(catalogue.price < limit)
    return before, after, wishes


def grade(inside: np.ndarray, near: np.ndarray, wishes: list[np.ndarray]) -> np.ndarray:
    """3: right leaf and every wish; 2: right leaf and some wish, 1: right leaf, or near it with every wish; else 0."""
    every = np.logical_and.reduce(wishes) if wishes else np.ones(len(inside), dtype=bool)
    some = np.logical_or.reduce(wishes) if wishes else every
    near_grade = (near & every & bool(wishes)).astype(int)
    return np.where(inside & every, 3, np.where(inside & some, 2, np.where(inside, 1, near_grade)))


def keep_best(grades: np.ndarray, popularity: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The products to judge: by grade, best first, then by popularity, at most `MAX_RELEVANT`."""
    order = np.lexsort((-popularity, -grades))[:MAX_RELEVANT]
    order = order[grades[order] > 0]
    return order, grades[order]


def as_list(value: str | list[str]) -> list[str]:
    """A value or several, as a list."""
    return value if isinstance(value, list) else [value]


def round_limit(price: float) -> int:
    """A price limit as people type it.

    >>> round_limit(47.3)
    50
    """
    step = 5 if price < 60 else 25
    return max(step, round(price / step) * step)


def mistype(text: str, rng: np.random.Generator) -> str:
    """Drop, double or swap one letter."""
    at = int(rng.integers(1, len(text) - 1))
    match int(rng.integers(3)):
        case 0:
            return text[:at] + text[at + 1 :]
        case 1:
            return text[:at] + text[at] + text[at:]
        case _:
            return text[:at] + text[at + 1] + text[at] + text[at + 2 :]
