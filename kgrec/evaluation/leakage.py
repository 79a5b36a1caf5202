"""The leakage audit: does a relation of the graph know the held-out events?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Split
from kgrec.errors import ConfigError, DataError
from kgrec.evaluation.links import AlikeItems, Links, Pairs, pairs_of, product_links, rows_of
from kgrec.graph.knowledge_graph import KnowledgeGraph

DRAWS = 3  # shuffles, and draws of alike items; their mean is what the table holds
LEAST_SHARE = 0.01  # of the held-out pairs: below it a relation can't move a metric much
LEAST_LIFT = 2.0  # over the shuffled share
LEAST_Z = 5.0  # standard errors above the share of alike items
# Over the share of alike items. Measured with scripts/check_graph.py: co-purchase and co-view in Amazon Beauty 1.7 to
# 2.8, brand 1.2, category 1.0. Shared nodes that a fifth of the pairs go over: 1.2 at most; rarer ones reach 9 and are
# sound (films of an artist, last.fm), so that they need the greater share.
LEAST_BEYOND_DIRECT, LEAST_BEYOND_SHARED = 1.3, 3.0
LEAST_SHARE_SHARED = 0.2
MADE_OF_TRAIN = 1.5  # times the held-out share: the relation knows train better than what was held out
_SHOWN_SHARE, _SHOWN_ROWS = 0.005, 12  # in the text; the table holds all

_SCHEMA = {
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
        alike; `z`: standard errors of linked above alike. `train`: the share for each user's last train interaction
        and those before it. `flagged`: likely leakage, with the reason in `note`.
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
  shuffled: the held-out items dealt out anew; alike: another item of that brand and category; train: the same inside
  train. A relation made from events that hold the held-out ones stands out against the first two, not against the
  third."""
_ASK = "Were they made from events that hold the held-out ones? Then leave them out of the graph."


def _shown(rows: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [rows.filter("flagged"), rows.filter(~pl.col("flagged") & (pl.col("linked") >= _SHOWN_SHARE)).head(_SHOWN_ROWS)]
    )


def leakage_report(split: Split, graph: KnowledgeGraph | None = None, seed: int = 0) -> LeakageReport:
    """Audit every relation of a graph against the held-out interactions of a split.

    A held-out pair counts when its user has train interactions, none of them with that item. A relation is flagged

    - when it is an edge between a user and an item that was held out;
    - when it joins products directly and `linked` is at least 1% of the pairs, twice `shuffled`, 1.3 times `alike` and
      5 standard errors above it;
    - when it goes over a shared node and `linked` is at least 20%, twice `shuffled` and 3 times `alike` (with the same
      5 standard errors): a node for a basket or a session, where a brand or a genre would reach far fewer pairs;

    unless it links train pairs 1.5 times as often as held-out ones: then it was made from train events, which is fair.

    What this can't tell: whether a relation that is not flagged is clean (a relation that knows few held-out pairs
    hides below the thresholds), and whether a flagged one is really made of behaviour. A hand-curated "goes well with"
    can be just as good a guess as a record of what was bought; only where it came from, and when, decides. A catalogue
    without brand and category has nothing that `alike` could hold constant but popularity, so look twice there. Links
    over two nodes or more are not looked at. The audit is for people to read: never choose a model by it.

    Parameters
    ----------
    split : Split
    graph : KnowledgeGraph, optional
        The graph a model would train on; None takes that of the split's items and triples.
    seed : int >= 0
        Of the shuffles and draws.

    Returns
    -------
    LeakageReport
        Rows of validation, then test; within a part the flagged ones first, then by `linked`.

    Raises
    ------
    ConfigError
        If the seed is out of range.
    DataError
        If neither part has a pair to look at.
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ConfigError(f"seed is {seed!r}, expected a whole number >= 0")
    graph = KnowledgeGraph.from_dataset(split.train) if graph is None else graph
    train, item_ids = split.train.interactions, split.train.items[c.ITEM_ID]
    alike = AlikeItems(split.train.items, rows_of(train[c.ITEM_ID], item_ids))
    inside = _last_train_pairs(train, item_ids)
    tables = []
    for part in (c.VALIDATION, c.TEST):
        pairs = pairs_of(split.parts[part].interactions, train, item_ids)
        generator = np.random.default_rng(np.random.SeedSequence([seed, *b"leakage", *part.encode()]))
        if len(pairs):
            tables.append(_audit(part, pairs, inside, graph, split.train.items, _Draws.make(pairs, alike, generator)))
    if not tables:
        raise DataError("leakage_report: no held-out pair of a user with train interactions; use another split")
    return LeakageReport(pl.concat(tables))


@dataclass(frozen=True, slots=True, eq=False)
class _Draws:
    """Items to set in the place of the held-out ones; -1 where there is none."""

    shuffled: list[np.ndarray]
    alike: list[np.ndarray]

    @classmethod
    def make(cls, pairs: Pairs, alike: AlikeItems, generator: np.random.Generator) -> _Draws:
        shuffled = [generator.permutation(pairs.item_index) for _ in range(DRAWS)]
        # an item its user already has can't be held out, and is linked to itself over every node
        shuffled = [np.where(pairs.has(np.arange(len(pairs)), items), -1, items) for items in shuffled]
        return cls(shuffled, [alike.draw(pairs, generator) for _ in range(DRAWS)])


def _last_train_pairs(train: pl.DataFrame, item_ids: pl.Series) -> Pairs:
    ordered = train.sort(c.TIMESTAMP, nulls_last=False, maintain_order=True)
    last = ordered.group_by(c.USER_ID, maintain_order=True).last().select(c.USER_ID, c.ITEM_ID)
    return pairs_of(last, ordered.join(last, on=[c.USER_ID, c.ITEM_ID], how="anti"), item_ids)


def _audit(
    part: str, pairs: Pairs, inside: Pairs, graph: KnowledgeGraph, items: pl.DataFrame, draws: _Draws
) -> pl.DataFrame:
    rows = []
    for links in product_links(graph, items[c.ITEM_ID], pairs.users[c.USER_ID]):
        reach = links.reach(pairs)
        linked = _share(links, reach, pairs, pairs.item_index)
        shuffled = float(np.mean([_share(links, reach, pairs, drawn) for drawn in draws.shuffled]))
        alike = float(np.mean([_share(links, reach, pairs, drawn) for drawn in draws.alike]))
        train = None
        if links.kind != "event" and len(inside):
            train = _share(links, links.reach(inside), inside, inside.item_index)
        flagged, note = _judged(links, len(pairs), (linked, shuffled, alike), train)
        rows.append(
            {
                "part": part,
                "relation": links.relation,
                "ends": links.ends,
                "kind": links.kind,
                "edges": links.num_edges,
                "pairs": len(pairs),
                "linked": linked,
                "shuffled": shuffled,
                "lift": _ratio(linked, shuffled),
                "alike": alike,
                "beyond": _ratio(linked, alike),
                "z": _standard_errors(linked, alike, len(pairs)),
                "train": train,
                "flagged": flagged,
                "note": note,
            }
        )
    table = pl.DataFrame(rows, schema=_SCHEMA)
    return table.sort("flagged", "linked", descending=True, maintain_order=True)


def _share(links: Links, reach: Any, pairs: Pairs, item_index: np.ndarray) -> float:
    kept = item_index >= 0
    return float(links.linked(reach, pairs.user_index[kept], item_index[kept]).mean()) if kept.any() else 0.0


def _ratio(linked: float, other: float) -> float | None:
    return linked / other if other else None


def _standard_errors(linked: float, expected: float, num_pairs: int) -> float:
    expected = min(max(expected, 1 / num_pairs), 1 - 1 / num_pairs) if num_pairs > 1 else 0.5
    return float((linked - expected) / np.sqrt(expected * (1 - expected) / num_pairs))


def _judged(links: Links, num_pairs: int, shares: tuple[float, float, float], train: float | None) -> tuple[bool, str]:
    """Whether the relation is likely leakage, and a word on it."""
    linked, shuffled, alike = shares
    if links.kind == "event":
        return linked > 0, "held-out events are edges of the graph" if linked else ""
    direct = links.kind == "direct"
    least_share, least_beyond = (
        (LEAST_SHARE, LEAST_BEYOND_DIRECT) if direct else (LEAST_SHARE_SHARED, LEAST_BEYOND_SHARED)
    )
    stands_out = (
        linked >= least_share
        and linked >= LEAST_LIFT * shuffled
        and linked >= least_beyond * alike
        and _standard_errors(linked, alike, num_pairs) >= LEAST_Z
    )
    if stands_out and train is not None and train >= MADE_OF_TRAIN * linked:
        return False, "knows train pairs better: made of train events"
    if stands_out:
        return True, "links what users did next, beyond brand, category and popularity"
    if not direct and linked >= LEAST_SHARE and linked >= LEAST_LIFT * shuffled:
        return False, "over a shared node: taste and content do that"
    return False, ""


_HEAD = ("relation", "ends", "edges", "linked", "shuffled", "", "alike", "", "train", "")
_LEFT = (0, 1, 9)  # the columns of text


def _text_rows(rows: pl.DataFrame) -> list[str]:
    cells = [_HEAD]
    for row in rows.iter_rows(named=True):
        linked, shuffled, alike, train = (_percent(row[name]) for name in ("linked", "shuffled", "alike", "train"))
        lift, beyond = _times(row["lift"]), _times(row["beyond"])
        note = "LIKELY LEAKAGE" if row["flagged"] else row["note"]
        name, ends = row["relation"], row["ends"]
        cells.append((name, ends, f"{row['edges']:,}", linked, shuffled, lift, alike, beyond, train, note))
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
