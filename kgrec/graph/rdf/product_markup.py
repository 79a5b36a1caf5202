"""Product markup as shops publish it, JSON-LD of schema.org in web pages, as a KnowledgeGraph.

The markup becomes rows of an items table and triples, and these the same graph as any dataset's. Contexts are never
fetched: a key is known by its last part (`name`, `schema:name`, `https://schema.org/name`) and by the aliases that
the block's own context gives.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from kgrec.data import columns as c
from kgrec.data import schema as tables
from kgrec.data.assembly import Content
from kgrec.data.cleaning import drop_duplicate_rows
from kgrec.data.dataset import Dataset
from kgrec.data.parsing import parse_table
from kgrec.data.report import CleaningReport, Findings
from kgrec.data.schema import Table
from kgrec.data.sources import ROW, Source
from kgrec.errors import GraphError, list_first, raise_faults
from kgrec.graph.build import graph_from_dataset
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf.markup_pages import Block, read_blocks
from kgrec.graph.rdf.markup_values import Item, Node, first_text, read_item

PRODUCT_TYPES = frozenset({"Product", "IndividualProduct", "ProductModel", "ProductGroup", "SomeProducts"})
RELATIONS = {
    "isRelatedTo": "is_related_to",
    "isSimilarTo": "is_similar_to",
    "isAccessoryOrSparePartFor": "is_accessory_for",
    "isConsumableFor": "is_consumable_for",
}
_PAGES = (".html", ".htm", ".xhtml", ".json", ".jsonld")
_WHERE = "the product markup"

logger = logging.getLogger(__name__)


@dataclass(slots=True)
class _Found:
    """What the pages hold: items by id, links between products, and what went wrong."""

    items: dict[str, Item] = field(default_factory=dict)
    ids: dict[str, str] = field(default_factory=dict)  # @id or url of a product -> its id
    links: list[tuple[str, str, str]] = field(default_factory=list)  # id, relation, id or @id or url or name
    problems: list[str] = field(default_factory=list)


def read_product_markup(*sources: str | os.PathLike[str]) -> KnowledgeGraph:
    """Read the products that web pages describe in `<script type="application/ld+json">`.

    Parameters
    ----------
    sources : paths or texts
        HTML pages, JSON-LD files, folders of both, or the text of one: a str that begins with `<`, `{` or `[`.

    Returns
    -------
    KnowledgeGraph
        As that of a dataset: Product, Brand, Category and AttributeValue. A product's id is its sku, else productID,
        gtin, @id or url; its price the lowest of its offers. `color`, `material`, `size`, `pattern` and each
        additionalProperty are attributes; `price_currency`, `rating` and `rating_count` properties. isRelatedTo and
        isSimilarTo are relations to the product meant, or to an Entity when no page describes it. Of a product that
        several pages describe, what the first one says counts.

    Raises
    ------
    GraphError
        If no product could be read, with the page and reason of everything that was wrong.

    Notes
    -----
    Blocks and values that can't be read are left out and logged as a warning, with page and reason.
    """
    found = _Found()
    for page in _pages(sources):
        _take_page(read_blocks(page, found.problems), found)
    if not found.items:
        raise_faults(GraphError, _WHERE, found.problems)
        raise GraphError(f"{_WHERE}: no product in {list_first(map(str, sources))}")
    graph = _graph(found)
    if found.problems:
        logger.warning("%s: %d not read: %s", _WHERE, len(found.problems), "; ".join(found.problems))
    return graph


def _pages(sources: tuple[str | os.PathLike[str], ...]) -> Iterator[Path | str]:
    for source in sources:
        if isinstance(source, str) and source.lstrip("\ufeff \t\r\n")[:1] in ("<", "{", "["):
            yield source
        elif Path(source).is_dir():
            yield from sorted(path for path in Path(source).rglob("*") if path.suffix.lower() in _PAGES)
        else:
            yield Path(source)


def _take_page(blocks: Sequence[Block], found: _Found) -> None:
    nodes = [(block.where, node) for block in blocks for node in _walk(block.data)]
    by_id: dict[str, Node] = {}  # what all the blocks of the page say of one @id
    for _, node in nodes:
        if isinstance(node.get("@id"), str):
            by_id[node["@id"]] = {**node, **by_id.get(node["@id"], {})}
    done = set()
    for where, found_node in nodes:
        node = by_id.get(str(found_node.get("@id")), found_node)
        if id(node) in done or PRODUCT_TYPES.isdisjoint(_types(node)) or "hasVariant" in node:
            continue
        done.add(id(node))
        _take_product(node, by_id, where, found)


def _take_product(node: Node, by_id: Mapping[str, Node], where: str, found: _Found) -> None:
    item = read_item(node, by_id)
    if item is None:
        found.problems.append(f"{where}: the product {first_text(node.get('name'))!r} has no sku, gtin, @id or url")
        return
    found.problems += [f"{where}: {item.item_id}: {problem}" for problem in item.problems]
    found.items[item.item_id] = found.items[item.item_id].plus(item) if item.item_id in found.items else item
    for key in ("@id", "url"):
        if "://" in str(node.get(key)):  # others mean something on their own page only
            found.ids.setdefault(str(node[key]), item.item_id)
    for key, relation in RELATIONS.items():
        found.links += [(item.item_id, relation, target) for target in _targets(node.get(key), by_id)]


def _walk(value: Any) -> Iterator[Node]:
    """Every JSON object, the outer ones first."""
    if isinstance(value, list):
        for member in value:
            yield from _walk(member)
    elif isinstance(value, dict):
        yield value
        for member in value.values():
            yield from _walk(member)


def _types(node: Node) -> set[str]:
    types = node.get("@type", [])
    return {name for name in (types if isinstance(types, list) else [types]) if isinstance(name, str)}


def _targets(value: Any, by_id: Mapping[str, Node]) -> Iterator[str]:
    """What a relation points at: the ids of products, else their @id, url or name."""
    for member in value if isinstance(value, list) else [value]:
        if isinstance(member, dict):
            target = by_id.get(str(member.get("@id")), member)
            item = read_item(target, by_id)
            text = item.item_id if item else first_text(member.get("name"))
        else:
            text = first_text(member)
        if text:
            yield text


# ---- to the graph, as any dataset


def _graph(found: _Found) -> KnowledgeGraph:
    findings = Findings()
    items = _parsed(pl.DataFrame([item.row() for item in found.items.values()], infer_schema_length=None),
                    tables.ITEMS, findings)  # fmt: skip
    triples = [
        (head, relation, found.ids.get(target, target))
        for head, relation, target in found.links
        if found.ids.get(target, target) != head
    ]
    links = pl.DataFrame(triples, schema={c.HEAD: pl.String, c.RELATION: pl.String, c.TAIL: pl.String}, orient="row")
    facts = _parsed(links, tables.TRIPLES, findings) if triples else _empty(tables.TRIPLES)
    findings.raise_faults(_WHERE)
    found.problems += [
        f"{table}: {rows} {check}, {action} ({shown})" for table, check, rows, action, shown in findings.lines
    ]
    content = Content(
        items=items,
        events=_empty(tables.EVENTS),
        users=_empty(tables.USERS),
        queries=_empty(tables.QUERIES),
        triples=facts,
        report=CleaningReport.of(findings.lines),
    )
    return graph_from_dataset(Dataset.from_content(content))


def _parsed(frame: pl.DataFrame, table: Table, findings: Findings) -> pl.DataFrame:
    source = Source.of(frame, table.name)
    parsed = parse_table(source, table, findings)
    return _empty(table) if parsed is None else drop_duplicate_rows(parsed, source, table, Findings()).drop(ROW)


def _empty(table: Table) -> pl.DataFrame:
    return pl.DataFrame(schema=table.dtypes)
