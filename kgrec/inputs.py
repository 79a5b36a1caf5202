"""What callers hand to a recommender, checked and made into series and frames."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import DataError, list_first
from kgrec.tensors.vocabulary import Vocabulary


def id_series(values: Iterable[str], what: str) -> pl.Series:
    """External ids as text."""
    if isinstance(values, str):
        raise DataError(f"{what} is the text {values!r}, expected a list of ids: [{values!r}]")
    series = pl.Series(what, list(values))
    return series.cast(pl.String)


def user_item_pairs(pairs: Any) -> pl.DataFrame:
    """Columns user_id and item_id from a frame or from tuples."""
    if isinstance(pairs, Sequence):
        return pl.DataFrame(
            [tuple(pair) for pair in pairs], schema={c.USER_ID: pl.String, c.ITEM_ID: pl.String}, orient="row"
        )
    frame = pairs if isinstance(pairs, pl.DataFrame) else pl.DataFrame(pairs)
    missing = [name for name in (c.USER_ID, c.ITEM_ID) if name not in frame.columns]
    if missing:
        raise DataError(f"pairs: missing columns {list_first(missing)}; found {list_first(frame.columns)}")
    return frame


def session_events(histories: Any, items: Vocabulary) -> pl.DataFrame:
    """The interactions of sessions that come from outside, checked as a dataset's events are."""
    frame = histories if isinstance(histories, pl.DataFrame) else pl.DataFrame(histories)
    optional = {name: frame[name] for name in (c.EVENT, c.TIMESTAMP, c.LABEL) if name in frame.columns}
    catalogue = {c.ITEM_ID: items.ids}
    events = Dataset(items=catalogue, events={c.USER_ID: frame[c.USER_ID], c.ITEM_ID: frame[c.ITEM_ID], **optional})
    return events.interactions
