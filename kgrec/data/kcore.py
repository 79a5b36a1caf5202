"""The k-core of a dataset: only users and items with enough interactions."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from kgrec.data import columns as c
from kgrec.data import splitting
from kgrec.data.assembly import Content
from kgrec.data.report import Findings
from kgrec.errors import DataError, check_whole


def k_core(content: Content, *, users: int, items: int) -> Content:
    """Keep the users and items with at least so many interactions, repeated until all of them have them.

    Raises
    ------
    ConfigError
        If a threshold is not a whole number >= 1.
    DataError
        If nothing is left.
    """
    check_whole(1, users=users, items=items)
    core = content.events.filter(splitting.liked()).select(c.USER_ID, c.ITEM_ID)
    before = -1
    while core.height != before:
        before = core.height
        for column, least in ((c.USER_ID, users), (c.ITEM_ID, items)):
            core = core.filter(pl.len().over(column) >= least)
    if not core.height:
        raise DataError(
            f"k_core: no user with {users} and item with {items} interactions is left; lower the thresholds"
        )
    return _restricted(content, core[c.USER_ID].unique(), core[c.ITEM_ID].unique(), f"not in the {users}/{items}-core")


def _restricted(content: Content, user_ids: pl.Series, item_ids: pl.Series, check: str) -> Content:
    has_user, has_item = pl.col(c.USER_ID).is_in(user_ids.implode()), pl.col(c.ITEM_ID).is_in(item_ids.implode())
    gone = content.items.filter(~has_item)[c.ITEM_ID].implode()
    in_core = content.events.select(has_user & has_item).to_series()
    kept = replace(
        content,
        items=content.items.filter(has_item),
        events=content.kept(in_core),
        users=content.users.filter(has_user),
        queries=content.queries.filter(has_item),
        triples=content.triples.filter(~pl.col(c.HEAD).is_in(gone) & ~pl.col(c.TAIL).is_in(gone)),
        part=None if content.part is None else content.part.filter(in_core),
    )
    findings = Findings()
    findings.line(c.ITEMS, check, content.items.height - kept.items.height, "dropped")
    findings.line(c.EVENTS, check, content.events.height - kept.events.height, "dropped")
    findings.line(c.USERS, check, content.users.height - kept.users.height, "dropped")
    findings.line(c.QUERIES, check, content.queries.height - kept.queries.height, "dropped")
    findings.line(c.TRIPLES, check, content.triples.height - kept.triples.height, "dropped")
    return replace(kept, report=content.report.plus(findings.lines))
