"""Load the word lists in `words/*.toml`: departments, leaves of the category tree, brands, themes, attribute pools."""

from __future__ import annotations

import tomllib
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

WORDS = Path(__file__).parent / "words"
DEPARTMENTS = ("clothing", "home", "electronics", "beauty", "sports", "toys", "garden", "stationery", "pets")


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """One leaf of the category tree and the words its products are described with."""

    path: str
    department: int
    group: int
    nouns: list[str]
    synonyms: list[str]
    features: list[str]
    uses: list[str]
    price: tuple[float, float]
    attributes: dict[str, str | list[str]]

    @property
    def name(self) -> str:
        """The last level of the path."""
        return self.path.split(" > ")[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """A second-level category: what one shopping session is about."""

    path: str
    department: int
    related: list[int]
    months: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Brand:
    """A fictional brand; `departments` holds all of them for a house brand."""

    name: str
    departments: list[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Theme:
    """A mood shown by wording alone."""

    name: str
    adjectives: list[str]
    tails: list[str]
    sentences: list[str]
    typed: list[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Everything in `words/`, indexed by position."""

    departments: list[str]
    department_themes: list[list[int]]
    groups: list[Group]
    leaves: list[Leaf]
    brands: list[Brand]
    themes: list[Theme]
    shared: dict[str, Any]

    def group_leaves(self, group: int) -> list[int]:
        """The leaf indices under a group."""
        return [index for index, leaf in enumerate(self.leaves) if leaf.group == group]


def component_rng(seed: int, component: str) -> np.random.Generator:
    """A generator of its own for each named part, so that changing one part leaves the others as they were."""
    return np.random.default_rng([seed, zlib.crc32(component.encode())])


def read_words(name: str) -> dict[str, Any]:
    """One word list."""
    with (WORDS / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def load_vocabulary() -> Vocabulary:
    """Read every word list and resolve names to indices."""
    shared = read_words("shared")
    themes = [Theme(name=name, **words) for name, words in read_words("themes").items()]
    theme_index = {theme.name: index for index, theme in enumerate(themes)}
    raw = [read_words(name) for name in DEPARTMENTS]
    group_names = [group["name"] for department in raw for group in department["groups"]]
    brands = [
        Brand(name=name, departments=[index]) for index, department in enumerate(raw) for name in department["brands"]
    ]
    brands += [Brand(name=name, departments=list(range(len(raw)))) for name in shared["houses"]]
    groups: list[Group] = []
    leaves: list[Leaf] = []
    for index, department in enumerate(raw):
        for group in department["groups"]:
            path = f"{department['name']} > {group['name']}"
            related = [group_names.index(name) for name in group["related"]]
            leaves += [read_leaf(leaf, path, index, len(groups)) for leaf in group["leaves"]]
            groups.append(Group(path=path, department=index, related=related, months=group["months"]))
    return Vocabulary(
        departments=[department["name"] for department in raw],
        department_themes=[[theme_index[name] for name in department["themes"]] for department in raw],
        groups=groups,
        leaves=leaves,
        brands=brands,
        themes=themes,
        shared=shared,
    )


def read_leaf(words: dict[str, Any], group_path: str, department: int, group: int) -> Leaf:
    """One leaf; each has `made in` besides the attributes listed for it."""
    low, high = words["price"]
    return Leaf(
        path=f"{group_path} > {words['name']}",
        department=department,
        group=group,
        nouns=words["nouns"],
        synonyms=words["synonyms"],
        features=words["features"],
        uses=words["uses"],
        price=(float(low), float(high)),
        attributes={**words["attributes"], "made in": "countries"},
    )
