"""What an update tells a graph store."""

from __future__ import annotations

import polars as pl

from kgrec.data import columns as c
from kgrec.graph.build import EVENT_RELATIONS, USER
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph
from kgrec.graph.schema.types import PRODUCT
from kgrec.graph.store.changes import LAST_AT
from kgrec.models.fitted import FittedModel, interactions_of
from kgrec.tensors.sequences import EVENT_NAMES
from kgrec.updating.events import UNKNOWN

_KIND, _TIME = "kind", "time"


def changed_facts(
    model: FittedModel, events: pl.DataFrame, facts: KnowledgeGraph, changed: pl.Series
) -> KnowledgeGraph:
    """The part of the shop's graph that an update changed, for a store to load with `keep_properties`.

    Products with new events alone, and the users of the events, come without properties.

    Parameters
    ----------
    model : FittedModel
        After the update.
    events : frame
        The new events. Each of their users, products and types becomes an edge with how many such events are known by
        now (`count`) and when the last one was (`last_at`, UTC epoch seconds): to load it twice changes nothing.
    facts : KnowledgeGraph
        What is known of the new items.
    changed : polars.Series
        The known items that have other properties now.
    """
    edges: dict[EdgeType, pl.DataFrame] = {
        edge_type: _rows(model.graph.edges[edge_type], table, [HEAD_ID, TAIL_ID])
        for edge_type, table in facts.edges.items()
    }
    told = {label: table.select(ID) for label, table in facts.nodes.items()}
    if len(changed):
        told[PRODUCT] = _and(told.get(PRODUCT), changed)
    nodes = {label: _with_properties(table, model.graph.nodes.get(label)) for label, table in told.items()}
    counted = _counted(model, interactions_of(events))
    if counted.height:
        nodes[USER] = _and(nodes.get(USER), counted[HEAD_ID])
        nodes[PRODUCT] = _and(nodes.get(PRODUCT), counted[TAIL_ID])
        for (kind,), table in counted.partition_by([_KIND], as_dict=True).items():
            relation = EVENT_RELATIONS[EVENT_NAMES[int(kind)]]
            edges[USER, relation, PRODUCT] = table.drop(_KIND)
    return KnowledgeGraph(nodes, edges)


def _and(nodes: pl.DataFrame | None, ids: pl.Series) -> pl.DataFrame:
    """The nodes and those of the ids that are none of them, which have no properties."""
    added = ids.alias(ID).unique(maintain_order=True).to_frame()
    if nodes is None:
        return added
    return pl.concat([nodes, added.filter(~added[ID].is_in(nodes[ID].implode()))], how="diagonal")


def _rows(table: pl.DataFrame, wanted: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    return table.join(wanted.select(keys), on=keys, how="semi")


def _with_properties(ids: pl.DataFrame, known: pl.DataFrame | None) -> pl.DataFrame:
    """The nodes with the properties that they have, a row for each; they may have none."""
    return ids if known is None else ids.join(known, on=ID, how="left")


def _counted(model: FittedModel, events: pl.DataFrame) -> pl.DataFrame:
    """Of each user, product and type of the events: how many are known, and the time of the last one."""
    named = events[c.USER_ID].unique()
    histories = model.histories.take(model.users.index(named))
    known = pl.DataFrame(
        {
            HEAD_ID: named.gather(histories.user_index()),
            TAIL_ID: model.items.take(histories.item_index),
            _KIND: pl.Series(histories.event_index),
            _TIME: pl.Series(histories.timestamp),
        }
    )
    kinds = {name: place for place, name in enumerate(EVENT_NAMES)}
    wanted = events.select(
        pl.col(c.USER_ID).alias(HEAD_ID),
        pl.col(c.ITEM_ID).alias(TAIL_ID),
        pl.col(c.EVENT).replace_strict(kinds, return_dtype=pl.Int64).alias(_KIND),
    )
    found = known.join(wanted.unique(), on=[HEAD_ID, TAIL_ID, _KIND], how="semi")
    time = pl.col(_TIME).max()
    return found.group_by(HEAD_ID, TAIL_ID, _KIND).agg(
        pl.len().cast(pl.Int64).alias("count"), pl.when(time > UNKNOWN).then(time).alias(LAST_AT)
    )
