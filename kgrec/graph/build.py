"""A dataset's tables to its knowledge graph."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterable

import polars as pl

from kgrec.data import columns as c
from kgrec.data.attributes import ATTRIBUTE_VALUE, NAME, attribute_values
from kgrec.data.dataset import Dataset
from kgrec.data.schema import ITEMS
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph

PRODUCT, BRAND, CATEGORY, ATTRIBUTE, ENTITY, USER = (
    "Product",
    "Brand",
    "Category",
    "AttributeValue",
    "Entity",
    "User",
)
HAS_BRAND, IN_CATEGORY, SUBCATEGORY_OF, HAS_ATTRIBUTE = (
    "HAS_BRAND",
    "IN_CATEGORY",
    "SUBCATEGORY_OF",
    "HAS_ATTRIBUTE",
)
EVENT_RELATIONS = {
    "view": "VIEWED",
    "click": "CLICKED",
    "favourite": "FAVOURITED",
    "cart": "CARTED",
    "purchase": "PURCHASED",
    "review": "REVIEWED",
}
_SCALARS = (pl.String, pl.Int64, pl.Float64, pl.Boolean)
_LAST_LEVEL = r"^.* > "
Nodes = dict[str, pl.DataFrame]
Edges = dict[EdgeType, pl.DataFrame]

logger = logging.getLogger(__name__)


def graph_from_dataset(dataset: Dataset, users: bool = False) -> KnowledgeGraph:
    """Build the graph of a catalogue: products, brands, the category tree, attribute values and the extra facts.

    Parameters
    ----------
    dataset : Dataset
        Its items and triples become the graph; pass the train part of a split when `users` is set.
    users : bool
        Whether the dataset's own interactions become nodes and edges too: one edge per user, product and type of
        event, with how many there were (`count`) and when the last one was (`last_at`, UTC epoch seconds). History,
        impressions and negatives are left out.

    Returns
    -------
    KnowledgeGraph
        Labels and relations as in `graph_schema/schema.toml`. A label without nodes is left out.

    Notes
    -----
    A product has the item's title, description and price and its extra scalar columns as properties. Heads and
    tails of triples that are item_ids are that Product, others an Entity; the name of a relation is made by
    `relation_names`. As triples join only products and entities, a triple relation that bears the name of a built-in
    one (HAS_BRAND) is an edge type of its own, `(Product, HAS_BRAND, Entity)` beside `(Product, HAS_BRAND, Brand)`.
    """
    nodes: Nodes = {PRODUCT: _products(dataset.items)}
    edges: Edges = {}
    _add_brands(dataset.items, nodes, edges)
    _add_categories(dataset.items, nodes, edges)
    _add_attributes(dataset.items, nodes, edges)
    _add_triples(dataset, nodes, edges)
    if users:
        _add_users(dataset.interactions, nodes, edges)
    return KnowledgeGraph({label: frame for label, frame in nodes.items() if frame.height}, edges)


def relation_names(relations: Iterable[str]) -> dict[str, str]:
    """A name in UPPER_SNAKE for each relation: letters A-Z, digits and `_`, never a digit first.

    Names that come out alike are kept apart: the first in the order of their characters keeps the plain name, the
    others get a suffix that depends only on the relation itself.

    >>> relation_names(["music.artist.origin", "also bought", "3d"])
    {'3d': 'REL_3D', 'also bought': 'ALSO_BOUGHT', 'music.artist.origin': 'MUSIC_ARTIST_ORIGIN'}
    """
    names: dict[str, str] = {}
    for relation in sorted(set(relations)):
        name = re.sub(r"[^A-Z0-9]+", "_", relation.upper()).strip("_")
        if not name or name[0].isdigit():
            name = f"REL_{name}".rstrip("_")
        if name in names.values():
            name = f"{name}_{hashlib.sha256(relation.encode()).hexdigest()[:8].upper()}"
        names[relation] = name
    return names


def _products(items: pl.DataFrame) -> pl.DataFrame:
    declared = ITEMS.dtypes
    extra = [name for name, dtype in items.schema.items() if name not in declared and dtype in _SCALARS]
    id_name = ID
    while id_name in (ID, *items.columns) and ID in extra:
        id_name += "_"
    if ID in extra:
        logger.warning("item column %r is kept as the property %r: the name is taken", ID, id_name)
    others = [pl.col(name).alias(id_name if name == ID else name) for name in extra]
    return items.select(pl.col(c.ITEM_ID).alias(ID), c.TITLE, c.DESCRIPTION, c.PRICE, *others)


def _add_brands(items: pl.DataFrame, nodes: Nodes, edges: Edges) -> None:
    pairs = items.select(pl.col(c.ITEM_ID).alias(HEAD_ID), pl.col(c.BRAND).alias(TAIL_ID)).drop_nulls()
    nodes[BRAND] = pairs.select(pl.col(TAIL_ID).alias(ID), pl.col(TAIL_ID).alias("name")).unique()
    edges[PRODUCT, HAS_BRAND, BRAND] = pairs


def _add_categories(items: pl.DataFrame, nodes: Nodes, edges: Edges) -> None:
    pairs = items.select(pl.col(c.ITEM_ID).alias(HEAD_ID), pl.col(c.CATEGORY).alias(TAIL_ID)).drop_nulls()
    level = pairs[TAIL_ID].unique()
    levels = [level]
    while level.len():  # one step up the tree, all paths at once
        level = _parents(level.filter(level.str.contains(c.CATEGORY_SEPARATOR, literal=True))).unique()
        levels.append(level)
    paths = pl.concat(levels).unique().rename(ID)
    depth = paths.str.count_matches(c.CATEGORY_SEPARATOR, literal=True).cast(pl.Int64) + 1
    nodes[CATEGORY] = pl.DataFrame([paths, paths.str.replace(_LAST_LEVEL, "").alias("name"), depth.alias("level")])
    below = paths.filter(depth > 1)
    edges[PRODUCT, IN_CATEGORY, CATEGORY] = pairs
    edges[CATEGORY, SUBCATEGORY_OF, CATEGORY] = pl.DataFrame([below.alias(HEAD_ID), _parents(below).alias(TAIL_ID)])


def _parents(paths: pl.Series) -> pl.Series:
    return paths.str.replace(r" > [^>]*$", "")


def _add_attributes(items: pl.DataFrame, nodes: Nodes, edges: Edges) -> None:
    """An `=` (or a backslash) inside an attribute's name is escaped in the id, so that no two values share one."""
    name = pl.col(NAME).str.replace_all(r"([\\=])", r"\$1")
    values = attribute_values(items).with_columns((name + "=" + pl.col(ATTRIBUTE_VALUE)).alias(ID))
    nodes[ATTRIBUTE] = values.select(ID, "name", pl.col(ATTRIBUTE_VALUE).alias("value")).unique(ID)
    pairs = values.select(pl.col(c.ITEM_ID).alias(HEAD_ID), pl.col(ID).alias(TAIL_ID))
    edges[PRODUCT, HAS_ATTRIBUTE, ATTRIBUTE] = pairs.unique()


def _add_triples(dataset: Dataset, nodes: Nodes, edges: Edges) -> None:
    triples = dataset.triples
    names = relation_names(triples[c.RELATION].unique())
    changed = {relation: name for relation, name in names.items() if relation != name}
    if changed:
        logger.info("relation names: %s", ", ".join(f"{relation} -> {name}" for relation, name in changed.items()))
    item_ids = dataset.items[c.ITEM_ID].implode()
    rows = triples.select(
        pl.col(c.HEAD).alias(HEAD_ID),
        pl.col(c.TAIL).alias(TAIL_ID),
        pl.col(c.RELATION).replace_strict(names, return_dtype=pl.String),
        pl.col(c.HEAD).is_in(item_ids).alias("head_is_item"),
        pl.col(c.TAIL).is_in(item_ids).alias("tail_is_item"),
    ).unique()
    entities = pl.concat([rows.filter(~pl.col(f"{end}_is_item"))[f"{end}_id"].alias(ID) for end in ("head", "tail")])
    nodes[ENTITY] = entities.unique().to_frame()
    for key, facts in rows.partition_by([c.RELATION, "head_is_item", "tail_is_item"], as_dict=True).items():
        rel_type, head_is_item, tail_is_item = key
        edge_type = (PRODUCT if head_is_item else ENTITY, str(rel_type), PRODUCT if tail_is_item else ENTITY)
        edges[edge_type] = facts.select(HEAD_ID, TAIL_ID)


def _add_users(interactions: pl.DataFrame, nodes: Nodes, edges: Edges) -> None:
    nodes[USER] = interactions.select(pl.col(c.USER_ID).alias(ID)).unique()
    summed = interactions.group_by(c.EVENT, c.USER_ID, c.ITEM_ID).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.col(c.TIMESTAMP).max().alias("last_at")
    )
    for (event,), events in summed.partition_by([c.EVENT], as_dict=True).items():
        columns = [pl.col(c.USER_ID).alias(HEAD_ID), pl.col(c.ITEM_ID).alias(TAIL_ID), "count", "last_at"]
        edges[USER, EVENT_RELATIONS[str(event)], PRODUCT] = events.select(columns)
