"""One product of schema.org markup as a row of an items table."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeAlias

from kgrec.data import columns as c

Node: TypeAlias = dict[str, Any]

PRICE_CURRENCY, RATING, RATING_COUNT = "price_currency", "rating", "rating_count"
_IDS = ("sku", "productID", "gtin", "gtin14", "gtin13", "gtin12", "gtin8", "@id", "url")
_ATTRIBUTES = ("color", "material", "size", "pattern")
_LEVELS = re.compile(r"\s*[>›»→]\s*")
_NUMBER = re.compile(r"-?\d[\d.,'’\s\u00a0\u202f]*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One product; `None` where the markup says nothing."""

    item_id: str
    title: str | None = None
    description: str | None = None
    brand: str | None = None
    category: str | None = None
    price: float | None = None  # in price_currency
    price_currency: str | None = None
    rating: float | None = None
    rating_count: int | None = None
    attributes: Mapping[str, list[str]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def plus(self, other: Item) -> Item:
        """This item with what only the other one knows; a price and its currency stay together."""
        missing = {
            name: getattr(other, name)
            for name in (c.TITLE, c.DESCRIPTION, c.BRAND, c.CATEGORY, RATING, RATING_COUNT)
            if getattr(self, name) is None
        }
        if self.price is None:
            missing |= {c.PRICE: other.price, PRICE_CURRENCY: other.price_currency}
        return replace(self, **missing, attributes={**other.attributes, **self.attributes})

    def row(self) -> dict[str, Any]:
        """The columns of an items table."""
        return {
            c.ITEM_ID: self.item_id,
            c.TITLE: self.title,
            c.DESCRIPTION: self.description,
            c.BRAND: self.brand,
            c.CATEGORY: self.category,
            c.PRICE: self.price,
            PRICE_CURRENCY: self.price_currency,
            RATING: self.rating,
            RATING_COUNT: self.rating_count,
            c.ATTRIBUTES: json.dumps(self.attributes, ensure_ascii=False) if self.attributes else None,
        }


def read_item(node: Node, by_id: Mapping[str, Node]) -> Item | None:
    """The item a product describes; None when it has nothing to be known by.

    Parameters
    ----------
    node : dict
        With plain keys.
    by_id : mapping of @id to dict
        The objects that a mere reference (`{"@id": ...}`) may mean.
    """
    texts = [first_text(node.get(key)) for key in _IDS]
    item_id = next((text for text in texts if text and not text.startswith(("#", "_:"))), None)  # those: of one page
    if item_id is None:
        return None
    problems: list[str] = []
    price, currency = _price(node.get("offers"), by_id, problems)
    rating = next(_objects(node.get("aggregateRating"), by_id), {})
    count = _number(rating.get("ratingCount", rating.get("reviewCount")))
    return Item(
        item_id=item_id,
        title=first_text(node.get("name")),
        description=first_text(node.get("description")),
        brand=_named(node.get("brand"), by_id),
        category=_category(node.get("category"), by_id, problems),
        price=price,
        price_currency=currency,
        rating=_number(rating.get("ratingValue")),
        rating_count=None if count is None else int(count),
        attributes=_attributes(node, by_id),
        problems=tuple(problems),
    )


def first_text(value: Any) -> str | None:
    """The first text or number of a value, trimmed; None when there is none."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, (str, int, float)) and not isinstance(member, bool):
            written = format(Decimal(repr(member)), "f") if isinstance(member, float) else str(member)
            text = html.unescape(written).strip()
            if text:
                return text
    return None


def _objects(value: Any, by_id: Mapping[str, Node]) -> Iterator[Node]:
    """The JSON objects of a value, references resolved."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, dict):
            yield by_id.get(str(member.get("@id")), member) if len(member) == 1 else member


def _named(value: Any, by_id: Mapping[str, Node]) -> str | None:
    """A text, or the name of an object."""
    for member in value if isinstance(value, list) else [value]:
        name = first_text(member)
        for found in _objects(member, by_id):
            name = first_text(found.get("name"))
        if name:
            return name
    return None


def _category(value: Any, by_id: Mapping[str, Node], problems: list[str]) -> str | None:
    """The category with the most levels, the first of them; `A > B`, `A › B` and `A/B` are levels."""
    paths = []
    for member in value if isinstance(value, list) else [value]:
        text = _named(member, by_id)
        if text is None:
            continue
        if "://" in text:
            problems.append(f"category {text!r} is an address, no name")
            continue
        levels = _LEVELS.split(text) if _LEVELS.search(text) else text.split("/")
        paths.append(c.CATEGORY_SEPARATOR.join(level.strip() for level in levels if level.strip()))
    if len(set(paths)) > 1:
        problems.append(f"has {len(set(paths))} categories, of which the deepest is taken")
    return max(paths, key=lambda path: path.count(c.CATEGORY_SEPARATOR), default=None) or None


def _price(value: Any, by_id: Mapping[str, Node], problems: list[str]) -> tuple[float | None, str | None]:
    """The lowest price of the offers in the first offer's currency."""
    prices: list[tuple[float, str | None]] = []
    for offer in _offers(value, by_id):
        raw = first_text(offer.get("lowPrice")) or first_text(offer.get("price"))
        number = _number(raw)
        if number is not None:
            prices.append((number, first_text(offer.get("priceCurrency"))))
        elif raw is not None:
            problems.append(f"price {raw!r} is no number")
    if not prices:
        return None, None
    currency = prices[0][1]
    others = sorted({str(other) for _, other in prices if other != currency})
    if others:
        problems.append(f"offers in {', '.join(others)} beside {currency} are left out")
    return min(price for price, own in prices if own == currency), currency


def _offers(value: Any, by_id: Mapping[str, Node]) -> Iterator[Node]:
    """Every offer with a price: of an aggregate offer itself, of its offers and of price specifications."""
    for offer in _objects(value, by_id):
        if "price" in offer or "lowPrice" in offer:
            yield offer
            continue
        yield from _offers(offer.get("offers"), by_id)
        for specification in _objects(offer.get("priceSpecification"), by_id):
            yield {"priceCurrency": offer.get("priceCurrency"), **specification}


def _number(value: Any) -> float | None:
    """A number as people write it: `1299.00`, `$1,299.00`, `1.299,00 €`, `1 299`.

    >>> [_number(text) for text in ("1299.00", "$1,299.00", "1.299,00 €", "12,5", "1,299", "free")]
    [1299.0, 1299.0, 1299.0, 12.5, 1299.0, None]
    """
    found = _NUMBER.search(first_text(value) or "")
    if found is None:
        return None
    digits = re.sub(r"[^\d.,-]", "", found[0]).rstrip(".,")
    point = max(digits.rfind("."), digits.rfind(","))
    once = point >= 0 and digits.count(digits[point]) == 1
    both = "." in digits and "," in digits
    # A lone comma before three digits parts thousands, a lone point is a decimal one: JSON-LD asks for points.
    decimal = once and (both or digits[point] == "." or len(digits) - point != 4)
    whole, part = (digits[:point], digits[point + 1 :]) if decimal else (digits, "")
    return float(f"{re.sub(r'[.,]', '', whole) or '0'}.{part or '0'}")


def _attributes(node: Node, by_id: Mapping[str, Node]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name in _ATTRIBUTES:
        for member in _members(node.get(name)):
            _add(found, name, _named(member, by_id))
    for one in _objects(node.get("additionalProperty"), by_id):
        property_name = first_text(one.get("name")) or first_text(one.get("propertyID"))
        unit = first_text(one.get("unitText"))
        for member in _members(one.get("value")):
            value = json.dumps(member) if isinstance(member, bool) else _named(member, by_id)
            _add(found, property_name, f"{value} {unit}" if value and unit else value)
    return found


def _members(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _add(found: dict[str, list[str]], name: str | None, text: str | None) -> None:
    if name and text and text not in found.setdefault(name, []):
        found[name].append(text)
