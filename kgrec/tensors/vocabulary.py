"""External ids (str) to contiguous rows (int64) and back."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import polars as pl

FEW = 10  # times as many ids than are asked for


def places(index: np.ndarray, size: int) -> np.ndarray:
    """The inverse of a choice: where each of `size` rows stands in `index`, shape (size,), int64; -1 if it does not."""
    place = np.full(size, -1)
    place[index] = np.arange(len(index))
    return place


class Vocabulary:
    """An ordered set of ids; the place of an id is its index.

    >>> items = Vocabulary(["b", "a"])
    >>> items.index(["a", "z"]).tolist()
    [1, -1]
    """

    __slots__ = ("_table", "ids")

    def __init__(self, ids: Iterable[str]) -> None:
        self.ids = ids if isinstance(ids, pl.Series) else pl.Series("id", list(ids), dtype=pl.String)
        self.ids = self.ids.rename("id")
        if self.ids.n_unique() != self.ids.len():
            raise ValueError("a vocabulary's ids must be unique")
        self._table = pl.DataFrame({"id": self.ids}).with_row_index("row")

    def __len__(self) -> int:
        return self.ids.len()

    def index(self, ids: Iterable[str] | pl.Series) -> np.ndarray:
        """Row of each id, shape (num_ids,), int64; -1 where unknown."""
        asked = ids if isinstance(ids, pl.Series) else pl.Series("id", list(ids), dtype=pl.String)
        table = self._table
        if FEW * asked.len() < table.height:  # a join would hash the whole table for them
            table = table.filter(pl.col("id").is_in(asked.implode()))
        found = pl.DataFrame({"id": asked}).join(table, on="id", how="left", maintain_order="left")
        return found["row"].cast(pl.Int64).fill_null(-1).to_numpy(writable=True)

    def take(self, index: np.ndarray) -> pl.Series:
        """Ids at the given rows."""
        return self.ids.gather(index)
