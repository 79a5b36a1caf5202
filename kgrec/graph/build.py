"""A dataset's tables to its knowledge graph."""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Collection, Iterable, Mapping

import polars as pl

from kgrec.data import columns as c
from kgrec.data.attributes import ATTRIBUTE_VALUE, NAME, attribute_values
from kgrec.data.dataset import Dataset
from kgrec.data.schema import ITEMS
from kgrec.data.sentiment import NUM_REVIEWS, item_sentiment
from kgrec.errors import GraphError, check_is, list_first, raise_faults
from kgrec.graph.item_columns import as_declared, text_lists
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.types import PRODUCT as PRODUCT  # here too, beside the other labels' names
from kgrec.graph.schema.types import GraphSchema, Relation, read_schema

BRAND, CATEGORY, ATTRIBUTE, ENTITY, USER = "Brand", "Category", "AttributeValue", "Entity", "User"
HAS_BRAND, IN_CATEGORY, SUBCATEGORY_OF, HAS_ATTRIBUTE = "HAS_BRAND", "IN_CATEGORY", "SUBCATEGORY_OF", "HAS_ATTRIBUTE"
EVENT_RELATIONS = {
    "view": "VIEWED",
    "click": "CLICKED",
    "favourite": "FAVOURITED",
    "cart": "CARTED",
    "purchase": "PURCHASED",
    "review": "REVIEWED",
}
_EVENT_KEY = [c.EVENT, c.USER_ID, c.ITEM_ID]
_LAST_LEVEL = r"(?s)^.* > "  # a name may have line breaks
Nodes = dict[str, pl.DataFrame]
Edges = dict[EdgeType, pl.DataFrame]

logger = logging.getLogger(__name__)


def graph_from_dataset(
    dataset: Dataset, users: bool = False, schema: GraphSchema | str | os.PathLike[str] | None = None
) -> KnowledgeGraph:
    """Build the graph of a catalogue: products, brands, the category tree, attribute values and the extra facts.

    Parameters
    ----------
    dataset : Dataset
        Its items and triples become the graph; pass the train part of a split when `users` is set or events have a
        sentiment.
    users : bool
        Whether the dataset's own interactions become nodes and edges too: one edge per user, product and type of
        event, with how many there were (`count`), when the last one was (`last_at`, UTC epoch seconds) and the mean of
        their `sentiment`, where they have one. History, impressions and negatives are left out.
    schema : GraphSchema or path, optional
        The labels and relations of your shop: a schema, or the TOML file that extends kgrec's. None: kgrec's own.

    Returns
    -------
    KnowledgeGraph
        Labels and relations as in the schema. A label without nodes is left out.

    Raises
    ------
    GraphError
        If the items lack a column that a relation of the schema is taken from, or it holds lists of numbers, or the
        schema's file has faults.

    Notes
    -----
    A product has the item's title, description and price and its extra scalar columns as properties, in the types the
    schema declares for them. A column that a relation is taken from is no property: each of its values is a node.
    Where the dataset's own events have a sentiment, its products also have `sentiment` and `num_reviews`
    (`kgrec.data.sentiment.item_sentiment`), unless the items have columns of these names.
    Heads and tails of triples that are item_ids are that Product; of the others, those of a relation that the schema
    declares are nodes of the label at that end, and the rest are Entities. The name of an undeclared relation is made
    by `relation_names`. One that bears the name of a built-in relation (HAS_BRAND) is an edge type of its own,
    `(Product, HAS_BRAND, Entity)` beside `(Product, HAS_BRAND, Brand)`.
    """
    check_is(Dataset, "graph of a dataset", dataset=dataset)
    schema = schema if isinstance(schema, GraphSchema) else read_schema(schema)
    _check_columns(dataset.items, schema)
    nodes: Nodes = {PRODUCT: _with_reviews(_products(dataset.items, schema), dataset.events)}
    edges: Edges = {}
    _add_categories(dataset.items, nodes, edges)
    _add_attributes(dataset.items, nodes, edges)
    for relation in _column_relations(schema):
        _add_column(dataset.items, relation, schema, nodes, edges)
    _add_triples(dataset, schema, nodes, edges)
    if users:
        _add_users(dataset.interactions, nodes, edges)
    return KnowledgeGraph(nodes, edges)


def relation_names(relations: Iterable[str], taken: Collection[str] = ()) -> dict[str, str]:
    """A name in UPPER_SNAKE for each relation: letters A-Z, digits and `_`, never a digit first.

    Names that come out alike are kept apart: the first in the order of their characters keeps the plain name unless it
    is `taken`, the others get a suffix that depends only on the relation itself.

    >>> relation_names(["music.artist.origin", "also bought", "3d"])
    {'3d': 'REL_3D', 'also bought': 'ALSO_BOUGHT', 'music.artist.origin': 'MUSIC_ARTIST_ORIGIN'}
    """
    names: dict[str, str] = {}
    for relation in sorted(set(relations)):
        name = re.sub(r"[^A-Z0-9]+", "_", relation.upper()).strip("_")
        if not name or name[0].isdigit():
            name = f"REL_{name}".rstrip("_")
        if name in names.values() or name in taken:
            name = f"{name}_{hashlib.sha256(relation.encode()).hexdigest()[:8].upper()}"
        names[relation] = name
    return names


def _column_relations(schema: GraphSchema) -> list[Relation]:
    return [relation for relation in schema.relations.values() if relation.column]


def _check_columns(items: pl.DataFrame, schema: GraphSchema) -> None:
    faults = []
    for relation in _column_relations(schema):
        if relation.column not in items.columns:
            found = list_first(items.columns, limit=20)
            faults.append(f"{relation.name} is taken from the column {relation.column!r}, which is missing ({found})")
        elif text_lists(items[relation.column].head(0)) is None:
            dtype = items.schema[relation.column]
            expected = "text, numbers or lists of text"
            faults.append(f"{relation.name}: the column {relation.column!r} holds {dtype}, expected {expected}")
    raise_faults(GraphError, "items, by the schema of the graph", faults)


def _products(items: pl.DataFrame, schema: GraphSchema) -> pl.DataFrame:
    declared = schema.labels[PRODUCT].properties
    others = {*ITEMS.dtypes, *(relation.column for relation in _column_relations(schema))}
    extra = {}
    for name in items.columns:
        column = None if name in others else as_declared(items[name], declared.get(name))
        if column is not None:
            extra[name] = column
        elif name not in others:
            kind = items.schema[name]
            logger.warning("item column %r (%s) is no property: a schema that declares it may make it one", name, kind)
    if ID in extra:
        id_name = ID
        while id_name in items.columns:
            id_name += "_"
        logger.warning("item column %r is kept as the property %r: the name is taken", ID, id_name)
        extra[id_name] = extra.pop(ID)
    products = items.select(pl.col(c.ITEM_ID).alias(ID), c.TITLE, c.DESCRIPTION, c.PRICE, c.UPDATED_AT)
    return products.with_columns(column.alias(name) for name, column in extra.items())


def _with_reviews(products: pl.DataFrame, events: pl.DataFrame) -> pl.DataFrame:
    """The products with their `sentiment` and `num_reviews`; what the shop itself says under these names stays."""
    reviews = item_sentiment(events).rename({c.ITEM_ID: ID})
    taken = [name for name in (c.SENTIMENT, NUM_REVIEWS) if name in products.columns]
    if not reviews.height or taken:
        if reviews.height:
            logger.warning("the items' own %s is kept: nothing is taken from the reviews", list_first(taken))
        return products
    return products.join(reviews, on=ID, how="left", maintain_order="left")


def _add_column(items: pl.DataFrame, relation: Relation, schema: GraphSchema, nodes: Nodes, edges: Edges) -> None:
    """One edge per product and value of the relation's column; of a relation between products, the values are ids."""
    values = text_lists(items[relation.column])
    assert values is not None  # _check_columns has looked
    pairs = pl.DataFrame([items[c.ITEM_ID].alias(HEAD_ID), values.alias(TAIL_ID)]).explode(TAIL_ID).drop_nulls()
    if relation.tail != PRODUCT:
        _add_nodes(nodes, relation.tail, pairs[TAIL_ID], schema)
    _add_edges(edges, (PRODUCT, relation.name, relation.tail), pairs)


def _add_nodes(nodes: Nodes, label: str, ids: pl.Series, schema: GraphSchema) -> None:
    """Nodes with these ids, beside those the label has; the id is the name too where the label has one."""
    known = schema.labels[label].properties
    keys = [ID, "name"] if known.get("name") == "string" else [ID]
    unique = ids.unique()
    added = pl.DataFrame(dict.fromkeys(keys, unique), schema=dict.fromkeys(keys, pl.String))
    tables = [nodes[label], added] if label in nodes else [added]
    nodes[label] = pl.concat(tables, how="diagonal").unique(ID, keep="first", maintain_order=True)


def _add_edges(edges: Edges, edge_type: EdgeType, pairs: pl.DataFrame) -> None:
    tables = [edges[edge_type], pairs] if edge_type in edges else [pairs]
    edges[edge_type] = pl.concat(tables).unique()


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


def _add_triples(dataset: Dataset, schema: GraphSchema, nodes: Nodes, edges: Edges) -> None:
    triples = dataset.triples
    found = triples[c.RELATION].unique().to_list()
    declared = {relation.triple: relation for relation in schema.relations.values() if relation.triple}
    names = {triple: relation.name for triple, relation in declared.items()}
    made = relation_names((relation for relation in found if relation not in declared), taken=names.values())
    changed = {relation: name for relation, name in made.items() if relation != name}
    if changed:
        logger.info("relation names: %s", ", ".join(f"{relation} -> {name}" for relation, name in changed.items()))
    item_ids = dataset.items[c.ITEM_ID].implode()
    heads = {triple: relation.head for triple, relation in declared.items()}
    tails = {triple: relation.tail for triple, relation in declared.items()}
    rows = triples.select(
        pl.col(c.HEAD).alias(HEAD_ID),
        pl.col(c.TAIL).alias(TAIL_ID),
        _end_label(c.HEAD, heads, item_ids).alias("head_label"),
        pl.col(c.RELATION).replace_strict(names | made, return_dtype=pl.String),
        _end_label(c.TAIL, tails, item_ids).alias("tail_label"),
    ).unique()
    for end in (c.HEAD, c.TAIL):
        ends = rows.filter(pl.col(f"{end}_label") != PRODUCT)
        for (label,), part in ends.partition_by([f"{end}_label"], as_dict=True).items():
            _add_nodes(nodes, str(label), part[f"{end}_id"], schema)
    for key, facts in rows.partition_by(["head_label", c.RELATION, "tail_label"], as_dict=True).items():
        head_label, rel_type, tail_label = map(str, key)
        _add_edges(edges, (head_label, rel_type, tail_label), facts.select(HEAD_ID, TAIL_ID))


def _end_label(end: str, declared: Mapping[str, str], item_ids: pl.Series) -> pl.Expr:
    """Product for an item_id, else the label declared for this end of the relation, else Entity."""
    others = {triple: label for triple, label in declared.items() if label != PRODUCT}  # no item: it can't be a Product
    label = pl.col(c.RELATION).replace_strict(others, default=ENTITY, return_dtype=pl.String)
    return pl.when(pl.col(end).is_in(item_ids)).then(pl.lit(PRODUCT)).otherwise(label)


def _add_users(interactions: pl.DataFrame, nodes: Nodes, edges: Edges) -> None:
    users = interactions.select(pl.col(c.USER_ID).alias(ID)).unique()
    nodes[USER] = pl.concat([nodes[USER], users], how="diagonal").unique(ID) if USER in nodes else users
    kept = [pl.len().cast(pl.Int64).alias("count"), pl.col(c.TIMESTAMP).max().alias("last_at")]
    if interactions[c.SENTIMENT].null_count() < interactions.height:
        kept.append(pl.col(c.SENTIMENT).sort().mean())  # sorted: the same to the last bit in any order of the rows
    summed = interactions.group_by(_EVENT_KEY).agg(kept)
    for (event,), events in summed.partition_by([c.EVENT], as_dict=True).items():
        ends = [pl.col(c.USER_ID).alias(HEAD_ID), pl.col(c.ITEM_ID).alias(TAIL_ID)]
        edges[USER, EVENT_RELATIONS[str(event)], PRODUCT] = events.select(*ends, pl.exclude(_EVENT_KEY))
