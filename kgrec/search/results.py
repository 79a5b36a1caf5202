"""What a search returns: a frame of items, and what was understood beside it."""

from __future__ import annotations

from typing import Any

import polars as pl

from kgrec.search.understanding import Understood


class SearchResult(pl.DataFrame):
    """The items found, best first: a polars frame that also says how the query was read.

    Columns user_id (where one was given), item_id, title, rank (from 1) and score (higher is better, comparable within
    one query only). What polars makes of it (a filter, a join) is a frame like any other.

    Attributes
    ----------
    query : str
        As it was given.
    understood : tuple of Understood
        Words that were linked to nodes of the graph, and the price.
    corrections : dict
        Words as typed to what they were read as.
    """

    query: str = ""
    understood: tuple[Understood, ...] = ()
    corrections: dict[str, str] = {}  # noqa: RUF012  # of frames that polars makes of it; never written to

    @classmethod
    def of(
        cls, columns: dict[str, pl.Series], query: str, understood: tuple[Understood, ...], corrections: dict[str, str]
    ) -> SearchResult:
        """A frame of these columns, with what was understood."""
        result = cls(columns)
        result.query, result.understood, result.corrections = query, understood, dict(corrections)
        return result

    @property
    def items(self) -> pl.DataFrame:
        """The frame alone."""
        return pl.DataFrame(self.get_columns())

    @property
    def reading(self) -> str:
        """One line: the query, what was read for what was typed, and what the words name."""
        parts = [f"{typed} -> {meant}" for typed, meant in self.corrections.items()]
        parts += [str(found) for found in self.understood]
        return f"{self.query!r}: {'; '.join(parts) or 'nothing but words'}"

    def to_records(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "query": self.query,
            "understood": [found.to_dict() for found in self.understood],
            "corrections": dict(self.corrections),
            "items": self.items.to_dicts(),
        }

    def __str__(self) -> str:
        return f"{self.reading}\n{super().__str__()}"
