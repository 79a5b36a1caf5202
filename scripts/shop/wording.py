"""Write titles and descriptions the way people in different shops would."""

from __future__ import annotations

from shop.catalogue import AttributeValues, Catalogue
from shop.vocabulary import Theme, Vocabulary, component_rng

SIZE_NAMES = ("capacity", "size", "pieces", "weight", "blade length", "battery life", "players", "sleeps")
SHORT_FORMS = {"black": "blk", "white": "wht", "women": "W's", "men": "M's", "navy": "nvy", "wireless": "w/less"}
MISSING_DESCRIPTION = 0.04
THEME_IN_TITLE = 0.4
TAIL_IN_TITLE = 0.22


class Writer:
    """Writes one product at a time from the vocabulary."""

    def __init__(self, vocabulary: Vocabulary, catalogue: Catalogue, seed: int) -> None:
        self.vocabulary = vocabulary
        self.catalogue = catalogue
        self.rng = component_rng(seed, "wording")
        tones = list(vocabulary.shared["tones"].values())
        self.tone = [tones[self.rng.integers(len(tones))] for _ in vocabulary.brands]

    def pick(self, choices: list[str]) -> str:
        """One of the choices."""
        return choices[self.rng.integers(len(choices))]

    def chance(self, probability: float) -> bool:
        """True that often."""
        return bool(self.rng.random() < probability)

    def theme_of(self, item: int) -> Theme | None:
        """The item's theme, None for neutral wording."""
        index = self.catalogue.theme[item]
        return self.vocabulary.themes[index] if index >= 0 else None

    def write_title(self, item: int) -> str:
        """Brand, mood, colour, material, noun, size and tail: each only sometimes, in a varying order."""
        attributes = self.catalogue.attributes[item]
        theme = self.theme_of(item)
        colour, material = first_value(attributes, "colour"), first_value(attributes, "material")
        words = (
            [theme.adjectives[self.rng.integers(len(theme.adjectives))]]
            if theme and self.chance(THEME_IN_TITLE)
            else []
        )
        words += [material] if material and self.chance(0.3) else []
        words += [colour] if colour and self.chance(0.22) else []
        gender = first_value(attributes, "gender")
        words += [f"{gender}'s"] if gender in ("women", "men") and self.chance(0.35) else []
        body = title_case(" ".join([*words, self.catalogue.noun[item]]))
        size = next((first_value(attributes, name) for name in SIZE_NAMES if name in attributes), "")
        if size and self.chance(0.5):
            body += self.pick([f", {size}", f" {size}", f" ({size})", f" - {size}"])
        if self.chance(0.6):
            brand = self.vocabulary.brands[self.catalogue.brand[item]].name
            body = self.pick([f"{brand} {body}", f"{brand} {body}", f"{body} by {brand}", f"{brand}: {body}"])
        if colour and self.chance(0.15):
            body += f" / {colour}"
        if theme and self.chance(TAIL_IN_TITLE):
            body += self.pick([" - ", " | ", ", "]) + self.pick(theme.tails)
        return self.roughen(body)

    def roughen(self, title: str) -> str:
        """Typing habits: capitals, lower case, short forms, stray words of praise."""
        draw = self.rng.random()
        if draw < 0.03:
            return title.upper()
        if draw < 0.08:
            return title.lower()
        if draw < 0.14:
            return " ".join(SHORT_FORMS.get(word.lower(), word) for word in title.split(" "))
        if draw < 0.18:
            return title + self.pick([" *NEW*", " (2025)", " - BESTSELLER", " [boxed]"])
        return title

    def write_description(self, item: int) -> str:
        """Two to five sentences; the mood shows in one or two of them."""
        sentences = self.vocabulary.shared["sentences"]
        theme = self.theme_of(item)
        parts = [self.fill(self.pick(sentences["openers"]), item)] if self.chance(0.55) else []
        moods = [theme.sentences[i] for i in self.rng.permutation(len(theme.sentences))[:2]] if theme else []
        if not theme and self.chance(0.6):
            moods = [self.pick(sentences["neutral"])]
        middle = [self.fill(self.pick(sentences["features"]), item)]
        if self.chance(0.4):
            middle.append(self.fill(self.pick(sentences["materials"]), item))
        middle += moods[: 2 if self.chance(0.65) else 1]
        parts += [middle[index] for index in self.rng.permutation(len(middle))]
        if self.chance(0.35):
            parts.append(self.pick(self.tone[self.catalogue.brand[item]]))
        return " ".join(part for part in parts if part)

    def fill(self, template: str, item: int) -> str:
        """Fill a template's blanks; an empty text when the product lacks a value that it names."""
        leaf = self.vocabulary.leaves[self.catalogue.leaf[item]]
        attributes = self.catalogue.attributes[item]
        first, second = self.rng.permutation(len(leaf.features))[:2]
        values = {
            "noun": self.catalogue.noun[item],
            "brand": self.vocabulary.brands[self.catalogue.brand[item]].name,
            "leaf": leaf.name.lower(),
            "f1": leaf.features[first],
            "f2": leaf.features[second],
            "use": self.pick(leaf.uses),
            "colour": first_value(attributes, "colour"),
            "material": first_value(attributes, "material"),
        }
        if any(not value and f"{{{name}}}" in template.lower() for name, value in values.items()):
            return ""
        capitals = {name.capitalize(): value[:1].upper() + value[1:] for name, value in values.items()}
        return template.format(**values, **capitals)


def write_texts(vocabulary: Vocabulary, catalogue: Catalogue, seed: int) -> tuple[list[str], list[str | None]]:
    """Title and description of every product; no title twice; a few descriptions are missing."""
    writer = Writer(vocabulary, catalogue, seed)
    titles: list[str] = []
    seen: set[str] = set()
    for item in range(len(catalogue.item_ids)):
        title = writer.write_title(item)
        while title in seen:
            title = writer.write_title(item)
        seen.add(title)
        titles.append(title)
    missing = writer.rng.random(len(titles)) < MISSING_DESCRIPTION
    return titles, [None if gone else writer.write_description(item) for item, gone in enumerate(missing)]


def first_value(attributes: AttributeValues, name: str) -> str:
    """An attribute's value, the first of several, or an empty text."""
    value = attributes.get(name, "")
    return value[0] if isinstance(value, list) else value


def title_case(text: str) -> str:
    """Capitalise each word's first letter and leave the rest as it is (USB-C, SPF 50).

    >>> title_case("red USB-C hub")
    'Red USB-C Hub'
    """
    return " ".join(word[:1].upper() + word[1:] for word in text.split(" "))
