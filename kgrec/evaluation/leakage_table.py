"""What the leakage audit found: its table, and that as text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

_SHOWN_SHARE, _SHOWN_ROWS = 0.005, 12  # in the text; the table holds all

SCHEMA = {
    "part": pl.String(),
    "relation": pl.String(),
    "ends": pl.String(),
    "kind": pl.String(),
    "edges": pl.Int64(),
    "pairs": pl.Int64(),
    "linked": pl.Float64(),
    "shuffled": pl.Float64(),
    "lift": pl.Float64(),
    "alike": pl.Float64(),
    "beyond": pl.Float64(),
    "z": pl.Float64(),
    "train": pl.Float64(),
    "train_beyond": pl.Float64(),
    "flagged": pl.Boolean(),
    "note": pl.String(),
}


@dataclass(frozen=True, slots=True, eq=False)
class LeakageReport:
    """How strongly each relation links held-out items to what their users had before.

    Parameters
    ----------
    table : polars.DataFrame
        One row per part and relation. `kind`: "direct" (an edge between two products, either way), "shared" (both
        products have an edge to one node) or "event" (an edge between the user and the item). `linked`: share of the
        held-out pairs whose item is linked to an item of the user's train history. `shuffled`: the same share when the
        held-out items are dealt out among the users anew. `alike`: the same share when each held-out item is replaced
        by one of the same brand and category, drawn by popularity. `lift` = linked / shuffled, `beyond` = linked /
        alike; `z`: standard errors of linked above alike. `train` and `train_beyond`: linked and beyond inside train,
        of each user's last train interaction and those before it. `flagged`: likely leakage; `note`: why, or why not.
    """

    table: pl.DataFrame

    @property
    def flagged(self) -> pl.DataFrame:
        """The rows that are likely leakage."""
        return self.table.filter("flagged")

    def to_dict(self) -> dict[str, Any]:
        """The rows as plain Python values."""
        return {"leakage": self.table.to_dicts()}

    def __str__(self) -> str:
        lines = [_TITLE]
        for (part,), rows in self.table.partition_by("part", as_dict=True, maintain_order=True).items():
            shown = _shown(rows)
            lines += ["", f"  {part}: {rows['pairs'][0]:,} pairs", *_text_rows(shown)]
            if shown.height < rows.height:
                rest = rows[shown.height :]  # the shown ones come first
                lines.append(f"    ... and {rest.height} more that link {rest['linked'][0]:.1%} or less")
        names = self.flagged["relation"].unique(maintain_order=True).to_list()
        verdict = f"Likely leakage: {', '.join(names)}. {_ASK}" if names else "No relation is flagged."
        return "\n".join([*lines, "", f"  {verdict}"])


_TITLE = """Leakage: how many held-out (user, item) pairs a relation links to what the user had in train
  shuffled: the held-out items dealt out anew; alike: another item of that brand and category, as popular; train: the
  same inside train. A relation made from events that hold the held-out ones stands out, and no less than in train."""
_ASK = "Were they made from events that hold the held-out ones? Then leave them out of the graph."


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [rows.filter("flagged"), rows.filter(~pl.col("flagged") & (pl.col("linked") >= _SHOWN_SHARE)).head(_SHOWN_ROWS)]
    )


_HEAD = ("relation", "ends", "edges", "linked", "shuffled", "", "alike", "", "train", "", "")
_LEFT = (0, 1, 10)  # the columns of text


def _text_rows(rows: pl.DataFrame) -> list[str]:
    cells = [_HEAD]
    for row in rows.iter_rows(named=True):
        linked, shuffled, alike, train = (_percent(row[name]) for name in ("linked", "shuffled", "alike", "train"))
        lift, beyond, in_train = (_times(row[name]) for name in ("lift", "beyond", "train_beyond"))
        note = "LIKELY LEAKAGE" if row["flagged"] else row["note"]
        name, ends = row["relation"], row["ends"]
        cells.append((name, ends, f"{row['edges']:,}", linked, shuffled, lift, alike, beyond, train, in_train, note))
    widths = [max(len(row[column]) for row in cells) for column in range(len(_HEAD))]
    return ["    " + _aligned(row, widths) for row in cells]


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _times(ratio: float | None) -> str:
    return "" if ratio is None else f"{ratio:.1f}x"


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = enumerate(zip(row, widths, strict=True))
    texts = [cell.ljust(width) if place in _LEFT else cell.rjust(width) for place, (cell, width) in cells]
    return "  ".join(texts).rstrip()
