"""Items that go together: what the same people choose beside an item, of late and in one session."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
import torch

from kgrec.data import columns as c
from kgrec.models.fitted import FittedModel
from kgrec.ranking.together import SESSION_GAP, Pairing, Together
from kgrec.ranking.topk import ranks, sorted_top, top_k
from kgrec.tensors.ranges import evenly
from kgrec.tensors.sequences import Histories

logger = logging.getLogger(__name__)

ALIKE = 20  # items that lend theirs to an item
SUBSTITUTES = 5  # the nearest items, which stand in for an item unless they are bought with it
BLOCK, CELLS = 256, 20_000_000  # items asked about at a time, and those times the catalogue, at the most
FEWEST, MOST = 100, 2_000  # last pairs of sessions that can choose, that do
WORK = 4e7  # items of the catalogue times pairs that choose
MOST_EVENTS = 2_000_000  # whose pairs are counted to choose
AMOUNTS = ((100.0, 200.0), (1000.0, 1000.0))  # `popular` and `lent` of `Pairing`, the usual first
AFFINITIES = (4.0, 0.0, 1.0, 2.0, 6.0)


def complement_lists(
    model: FittedModel, together: Together, item_ids: pl.Series, item_index: np.ndarray, k: int
) -> pl.DataFrame:
    """For each item the k others that go with it best; see `KGRecommender.complements`."""
    tables = []
    for begin, end in _blocks(len(item_index), len(model.items)):
        items = item_index[begin:end]
        cosine, near = _likeness(model, items)
        scores = torch.from_numpy(_chances(together, items, cosine, near) + together.pairing.affinity * cosine)
        line, item, score = top_k(lambda first, last, rows=scores: rows[first:last], len(items), k)  # type: ignore[misc]
        columns = {
            c.ITEM_ID: item_ids[begin:end].gather(line),
            "complement_item_id": model.items.take(item),
            c.RANK: ranks(line),
            c.SCORE: score.astype(np.float64),
        }
        tables.append(pl.DataFrame(columns))
    return pl.concat(tables) if tables else _EMPTY


_EMPTY = pl.DataFrame(
    schema={c.ITEM_ID: pl.String, "complement_item_id": pl.String, c.RANK: pl.Int64, c.SCORE: pl.Float64}
)


def choose_pairing(model: FittedModel) -> Pairing:
    """What foresees best the last item of users from the one before it in the same session.

    By the mean reciprocal rank, with the last event of those users forgotten; the usual where few sessions tell. Of
    many events, those of some users.
    """
    histories = model.histories
    users = evenly(histories.num_users, round(histories.num_users * MOST_EVENTS / max(len(histories.item_index), 1)))
    histories = histories.take(users)
    first, second, last = last_pairs(histories)
    if len(first) < FEWEST:
        return Pairing()
    kept = evenly(len(first), min(MOST, max(FEWEST, round(WORK / len(model.items)))))
    together = Together.of(replace(model, histories=histories.without(last)))
    found = {Pairing(affinity, *amounts): 0.0 for amounts in AMOUNTS for affinity in AFFINITIES}
    for begin, end in _blocks(len(kept), len(model.items)):
        items, following = first[kept[begin:end]], second[kept[begin:end], None]
        cosine, near = _likeness(model, items)
        for popular, lent in AMOUNTS:
            chances = _chances(replace(together, pairing=Pairing(0.0, popular, lent)), items, cosine, near)
            for affinity in AFFINITIES:
                scores = chances + affinity * cosine
                own = np.take_along_axis(scores, following, axis=1)
                above = (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
                gain = float((np.isfinite(own[:, 0]) / (1 + above)).sum())
                found[Pairing(affinity, popular, lent)] += gain / len(kept)
    logger.info("mean reciprocal rank of the last item of %d sessions: %s", len(kept), found)
    return max(found, key=lambda pairing: found[pairing])


def last_pairs(histories: Histories) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of users whose last two events are known to be of one session and two items: both, and the place of the last."""
    last = histories.start[1:][histories.lengths > 1] - 1
    first, second = histories.item_index[last - 1], histories.item_index[last]
    time = histories.timestamp
    known = time[last - 1] > np.iinfo(np.int64).min
    near = known & (time[last] - np.where(known, time[last - 1], 0) <= SESSION_GAP) & (first != second)
    return first[near], second[near], last[near]


def _blocks(num_asked: int, num_items: int) -> Iterator[tuple[int, int]]:
    size = max(1, min(BLOCK, CELLS // num_items))
    yield from ((begin, min(begin + size, num_asked)) for begin in range(0, num_asked, size))


def _likeness(model: FittedModel, items: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosines of items with every item, and the places of those nearest to each, itself left out, nearest first."""
    source = model.vectors.source
    cosine = source[torch.from_numpy(items).to(source.device)] @ source.T
    others = cosine.clone()
    others[torch.arange(len(items)), torch.from_numpy(items)] = -torch.inf
    near = sorted_top(others, min(ALIKE, len(model.items) - 1))[1]
    return cosine.cpu().numpy().astype(np.float64), near


def _chances(together: Together, items: np.ndarray, cosine: np.ndarray, near: np.ndarray) -> np.ndarray:
    """Logarithm of how likely every item goes with those asked about, the least where it is left out."""
    chances: np.ndarray = np.log(together.probabilities(items, near, np.take_along_axis(cosine, near, axis=1)))
    if together.bought is not None:
        never = near[:, :SUBSTITUTES]
        with_it = np.take_along_axis(together.bought[items].toarray(), never, axis=1)
        line, place = np.nonzero(with_it == 0)
        chances[line, never[line, place]] = -np.inf
    chances[np.arange(len(items)), items] = -np.inf
    return chances
