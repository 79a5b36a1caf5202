"""The leakage audit: does a relation of the graph know the held-out events?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.dataset import Split
from kgrec.data.splitting import liked
from kgrec.errors import DataError, check_whole
from kgrec.evaluation.leakage_table import SCHEMA, LeakageReport
from kgrec.evaluation.links import AlikeItems, Links, Pairs, pairs_of, product_links, rows_of
from kgrec.graph.knowledge_graph import KnowledgeGraph

DRAWS = 3  # shuffles, and draws of alike items; their mean is what the table holds
LEAST_SHARE = 0.01  # of the held-out pairs: below it a relation can't move a metric much
LEAST_LIFT = 2.0  # over the shuffled share
LEAST_Z = 5.0  # standard errors above the share of alike items
# Over the share of alike items. Measured with scripts/check_graph.py: co-purchase and co-view in Amazon Beauty 1.6 to
# 2.8 (1.4 to 1.6 in a temporal split), brand 1.1 to 1.2, category 1.0. Shared nodes that a fifth of the pairs go over:
# 1.2 at most; rarer ones reach 9 and are sound (films of an artist, last.fm), so that they need the greater share.
LEAST_BEYOND_DIRECT, LEAST_BEYOND_SHARED = 1.3, 2.0
LEAST_SHARE_SHARED = 0.2
# A relation made from train events alone links train pairs more often, and further above alike items. Co-purchase of
# Beauty's train part: 1.6 to 2.4 and 1.7 to 2.4 times; of all its events 0.9 to 1.0 and 1.0 to 1.1 times.
MADE_OF_TRAIN_SHARE, MADE_OF_TRAIN_BEYOND = 1.5, 1.5


def leakage_report(split: Split, graph: KnowledgeGraph | None = None, seed: int = 0) -> LeakageReport:
    """Audit every relation of a graph against the held-out interactions of a split.

    A held-out pair counts when its user has train interactions (what is given where users are left out), none of them
    with that item. A relation is flagged

    - when it is an edge between a user and an item that was held out;
    - when it joins products directly and `linked` is at least 1% of the pairs, twice `shuffled`, 1.3 times `alike` and
      5 standard errors above it;
    - when it goes over a shared node and `linked` is at least 20%, twice `shuffled` and twice `alike` (with the same
      5 standard errors): a node for a basket or a session, where a brand or a genre would reach far fewer pairs;

    unless `train` is 1.5 times `linked` and `train_beyond` 1.5 times `beyond`: it knows train better than what was
    held out, so it was made from train events, which is fair.

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
    check_whole(0, seed=seed)
    graph = KnowledgeGraph.from_dataset(split.train) if graph is None else graph
    train, item_ids = split.train.interactions, split.train.items[c.ITEM_ID]
    alike = AlikeItems(split.train.items, rows_of(train[c.ITEM_ID], item_ids))
    inside = _train_shares(_last_train_pairs(train, item_ids), graph, item_ids, alike, seed)
    tables = []
    for part in (c.VALIDATION, c.TEST):
        given = split.parts[part].history if split.method == "leave_users_out" else None
        pairs = pairs_of(split.parts[part].interactions, train if given is None else given.filter(liked()), item_ids)
        if len(pairs):
            draws = _Draws.make(pairs, alike, _generator(seed, part))
            tables.append(_audit(part, pairs, inside, product_links(graph, item_ids, pairs.users[c.USER_ID]), draws))
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


def _train_shares(
    inside: Pairs, graph: KnowledgeGraph, item_ids: pl.Series, alike: AlikeItems, seed: int
) -> dict[tuple[str, str], tuple[float, float]]:
    """By relation and ends: the share of the last train pairs that are linked, and of alike items in their place."""
    if not len(inside):
        return {}
    draws = _Draws.make(inside, alike, _generator(seed, c.TRAIN))
    shares = {}
    for links in product_links(graph, item_ids, inside.users[c.USER_ID]):
        if links.kind != "event":
            reach = links.reach(inside)
            linked = _share(links, reach, inside, inside.item_index)
            shares[links.relation, links.ends] = linked, _mean_share(links, reach, inside, draws.alike)
    return shares


def _generator(seed: int, part: str) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, *b"leakage", *part.encode()]))


def _audit(
    part: str,
    pairs: Pairs,
    inside: Mapping[tuple[str, str], tuple[float, float]],
    all_links: Iterable[Links],
    draws: _Draws,
) -> pl.DataFrame:
    rows = []
    for links in all_links:
        reach = links.reach(pairs)
        linked = _share(links, reach, pairs, pairs.item_index)
        shuffled = _mean_share(links, reach, pairs, draws.shuffled)
        alike = _mean_share(links, reach, pairs, draws.alike)
        train, train_alike = inside.get((links.relation, links.ends), (None, None))
        flagged, note = _judged(links, len(pairs), (linked, shuffled, alike), (train, train_alike))
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
                "train_beyond": _ratio(train, train_alike),
                "flagged": flagged,
                "note": note,
            }
        )
    table = pl.DataFrame(rows, schema=SCHEMA)
    return table.sort("flagged", "linked", descending=True, maintain_order=True)


def _mean_share(links: Links, reach: Any, pairs: Pairs, draws: Iterable[np.ndarray]) -> float:
    return float(np.mean([_share(links, reach, pairs, drawn) for drawn in draws]))


def _share(links: Links, reach: Any, pairs: Pairs, item_index: np.ndarray) -> float:
    kept = item_index >= 0
    return float(links.linked(reach, pairs.user_index[kept], item_index[kept]).mean()) if kept.any() else 0.0


def _ratio(linked: float | None, other: float | None) -> float | None:
    return linked / other if linked is not None and other else None


def _standard_errors(linked: float, expected: float, num_pairs: int) -> float:
    expected = min(max(expected, 1 / num_pairs), 1 - 1 / num_pairs) if num_pairs > 1 else 0.5
    return float((linked - expected) / np.sqrt(expected * (1 - expected) / num_pairs))


def _judged(
    links: Links, num_pairs: int, shares: tuple[float, float, float], inside: tuple[float | None, float | None]
) -> tuple[bool, str]:
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
    if stands_out and _made_of_train(linked, alike, *inside):
        return False, "stands out more inside train: made of train events"
    if stands_out:
        return True, "links what users did next, beyond brand, category and popularity"
    if not direct and linked >= LEAST_SHARE and linked >= LEAST_LIFT * shuffled:
        return False, "over a shared node: taste and content do that"
    return False, ""


def _made_of_train(linked: float, alike: float, train: float | None, train_alike: float | None) -> bool:
    if train is None or not train_alike or not alike:
        return False
    beyond, train_beyond = linked / alike, train / train_alike
    return train >= MADE_OF_TRAIN_SHARE * linked and train_beyond >= MADE_OF_TRAIN_BEYOND * beyond
