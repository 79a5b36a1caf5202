"""The part of a graph that changed since a time."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping

import polars as pl

from kgrec.data import columns as c
from kgrec.data.timestamps import MILLISECONDS_FROM, are_dates, parse_timestamps
from kgrec.errors import StoreError, list_first
from kgrec.graph.knowledge_graph import HEAD_ID, ID, TAIL_ID, EdgeType, KnowledgeGraph

LAST_AT = "last_at"  # when a user's last event on a product was, UTC epoch seconds

Time = float | int | str | dt.datetime | dt.date


def changed_nodes(graph: KnowledgeGraph, since: Time) -> dict[str, pl.Series]:
    """The ids of the nodes that changed, by label: those whose `updated_at` is `since` or later.

    Raises
    ------
    StoreError
        If `since`, or an `updated_at`, is no time, or nothing in the graph has a time.
    """
    moment = _seconds(since)
    timed = {label: frame for label, frame in graph.nodes.items() if c.UPDATED_AT in frame.columns}
    if not timed and not any(LAST_AT in frame.columns for frame in graph.edges.values()):
        raise StoreError(
            f"since={since!r}: nothing in this graph says when it changed: no node has {c.UPDATED_AT!r}, no edge "
            f"{LAST_AT!r}; give the items a column {c.UPDATED_AT!r}, or load without since"
        )
    return {label: frame.filter(_times(label, frame) >= moment)[ID] for label, frame in timed.items()}


def changed_part(graph: KnowledgeGraph, changed: Mapping[str, pl.Series], since: Time) -> KnowledgeGraph:
    """The changed nodes, the edges that touch them, edges whose `last_at` is `since` or later, and all their ends.

    A node without a time of its own (a category, a brand) can't say whether it is new: where it is an end, its own
    outgoing edges come along, and so on up the tree.
    """
    moment = _seconds(since)
    masks = {edge_type: _touched(edge_type, frame, changed, moment) for edge_type, frame in graph.edges.items()}
    wanted = {label: _ids(changed.get(label)) for label in graph.nodes}
    untimed = {label for label, frame in graph.nodes.items() if c.UPDATED_AT not in frame.columns}
    grew = True
    while grew:
        grew = False
        for edge_type, frame in graph.edges.items():
            head, _, tail = edge_type
            if head in untimed and LAST_AT not in frame.columns:
                masks[edge_type] = masks[edge_type] | frame[HEAD_ID].is_in(wanted[head].implode())
            for label, end in ((head, HEAD_ID), (tail, TAIL_ID)):
                more = pl.concat([wanted[label], frame.filter(masks[edge_type])[end]]).unique()
                grew = grew or more.len() > wanted[label].len()
                wanted[label] = more
    return KnowledgeGraph(
        {label: frame.filter(frame[ID].is_in(wanted[label].implode())) for label, frame in graph.nodes.items()},
        {edge_type: frame.filter(masks[edge_type]) for edge_type, frame in graph.edges.items()},
    )


def _touched(edge_type: EdgeType, frame: pl.DataFrame, changed: Mapping[str, pl.Series], moment: float) -> pl.Series:
    head, _, tail = edge_type
    mask = frame[HEAD_ID].is_in(_ids(changed.get(head)).implode())
    mask |= frame[TAIL_ID].is_in(_ids(changed.get(tail)).implode())
    if frame.schema.get(LAST_AT) == pl.Int64:
        mask |= (frame[LAST_AT] >= moment).fill_null(value=False)
    return mask


def _ids(ids: pl.Series | None) -> pl.Series:
    return pl.Series([], dtype=pl.String()) if ids is None else ids


def _seconds(since: Time) -> int:
    expected = "give UTC epoch seconds, ISO 8601 text or a datetime"
    try:
        seconds, _ = parse_timestamps(pl.Series([since]))
    except (pl.exceptions.PolarsError, TypeError, ValueError) as error:
        raise StoreError(f"since={since!r} is no time; {expected}") from error
    if seconds[0] is None or isinstance(since, bool):
        raise StoreError(f"since={since!r} is no time; {expected}")
    if abs(seconds[0]) > MILLISECONDS_FROM:
        raise StoreError(f"since={since!r} looks like milliseconds or finer; {expected}")
    if are_dates(seconds):
        raise StoreError(f"since={since!r} looks like a date; write it as 2014-07-21")
    return math.floor(float(seconds[0]))  # the times of nodes and edges are whole seconds


def _times(label: str, frame: pl.DataFrame) -> pl.Series:
    times, is_bad = parse_timestamps(frame[c.UPDATED_AT])
    if is_bad.any():
        shown = list_first(frame[c.UPDATED_AT].filter(is_bad))
        raise StoreError(f"nodes {label!r}: {is_bad.sum():,} values of {c.UPDATED_AT!r} are no time: {shown}")
    return times.fill_null(float("-inf"))
