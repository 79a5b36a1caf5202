"""The closed form beside the network: its settings and its share of the score, chosen on validation."""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.blending.wanted import BLOCK, K, Wanted, ndcg_of_each
from kgrec.models.closed_form import (
    EventProducts,
    ItemWeights,
    event_products,
    fit_item_weights,
    history_scores,
    keep_largest,
)
from kgrec.models.fitted import FittedModel
from kgrec.models.side_information import graph_products, text_products
from kgrec.ranking.search import coordinate_search
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.ranges import evenly, largest
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import places

logger = logging.getLogger(__name__)

WORK = 4e12  # num_items ** 3 of all candidates together, about: two, the fewest, from some 12,000 items on
FEWER_ITEMS = 4_000  # for which there is time for all
SCALE_USERS = 1_000
TRIED_SHARES = (0.1, 0.2, 0.5, 1.0, 3.0)  # beside a setting
SHARES = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)
STEPS: tuple[tuple[str, tuple[float, ...]], ...] = (  # first what most often differs between shops
    ("recency", (0.8, 1.0)),
    ("text", (10.0,)),
    ("among", (1.0,)),
    ("fit_recency", (1.0, 0.8)),
    ("penalty", (100.0, 1000.0)),
    ("graph", (1.0,)),
    ("fit_recency", (0.6, 0.9, 0.98)),
    ("text", (0.0, 30.0, 300.0)),
    ("penalty", (30.0, 3000.0)),
    ("among", (0.0, 0.1, 3.0)),
    ("graph", (0.0, 0.3, 10.0)),
    ("recency", (0.4, 0.5, 0.7, 0.9, 0.95)),
)
FREE = ("recency",)  # changes no weight


@dataclass(frozen=True, slots=True)
class Settings:
    """Of the closed form: `recency` of its scores, `fit_recency` and the others of `fit_item_weights`.

    How far back an event still tells what follows is one thing, how much the latest events of a user count beside the
    others another. `text` and `graph` weigh the two kinds of side information.
    """

    recency: float = 0.9
    fit_recency: float = 0.9
    penalty: float = 300.0
    among: float = 1.0
    text: float = 0.0  # what it is worth differs most between shops: only where validation can tell
    graph: float = 1.0


# where the choice on validation begins
FIRST = Settings(recency=0.6, fit_recency=0.95, penalty=300.0, among=0.3, text=100.0, graph=3.0)


@dataclass(frozen=True, slots=True)
class _Task:
    """Some of the items with their side information, and the histories over them."""

    items: np.ndarray  # places in the catalogue
    histories: Histories
    text: Tensor | None
    graph: Tensor | None

    def with_most_events(self, most: int) -> _Task:
        """The same for the items that have the most events."""
        kept = largest(self.histories.item_counts(len(self.items)), most)
        at = torch.from_numpy(kept)
        text, graph = (None if part is None else part[at][:, at] for part in (self.text, self.graph))
        histories = self.histories.renumber(places(kept, len(self.items)))
        return _Task(self.items[kept], histories, text, graph)

    def ignores(self, name: str) -> bool:
        """Whether a setting changes nothing here."""
        if name in ("recency", "fit_recency", "among"):
            return not self.histories.ordered
        return name in ("text", "graph") and getattr(self, name) is None

    def fit(self, settings: Settings, device: torch.device, events: EventProducts | None = None) -> Tensor:
        """The weights between these items."""
        weighted = (settings.text, self.text), (settings.graph, self.graph)
        sides = [(weight, products) for weight, products in weighted if products is not None and weight]
        return fit_item_weights(
            self.histories,
            len(self.items),
            sides,
            recency=settings.fit_recency,
            penalty=settings.penalty,
            among=settings.among,
            products=events,
            device=device,
        )


def add_closed_form(
    model: FittedModel, data: HeteroData, trained: Histories, wanted: Wanted | None, before: dict[str, Any] | None
) -> None:
    """Fit it to the histories that the model was `trained` on."""
    config = model.config
    items, share = largest(trained.item_counts(len(model.items)), config.item_weights_limit), config.item_share
    settings, task = Settings(), _task(model, data, trained, items)
    if before is not None:
        before = {"fit_recency": before["recency"], **before}  # once they were one setting
        settings = Settings(**{name: before.get(name, value) for name, value in asdict(settings).items()})
        share = before["share"]
    elif wanted is not None:
        settings = _choose(model, task, wanted)
    weights = keep_largest(
        task.fit(settings, model.device),
        items,
        len(model.items),
        keep=config.item_weights_kept,
        recency=settings.recency if trained.ordered else 1.0,
    )
    model.item_weights, model.item_share = _to_unit_scale(weights, trained), share
    if wanted is not None:
        model.item_share = _choose_share(model, wanted)
    model.about["closed_form"] = {
        **asdict(settings),
        "share": model.item_share,
        "items": len(items),
    }


def _task(model: FittedModel, data: HeteroData, trained: Histories, items: np.ndarray) -> _Task:
    text, graph = text_products(data, items), graph_products(data, items) if model.config.use_graph else None
    histories = trained.renumber(places(items, len(model.items)))
    return _Task(items, histories, *(None if part is None else part.to(model.device) for part in (text, graph)))


def _choose(model: FittedModel, task: _Task, wanted: Wanted) -> Settings:
    """The settings whose scores, added to the network's, rank best.

    Where there is time for few candidates, those that win among the items with the most events are one of them.
    """
    if not len(wanted.within(task.items, len(model.items)).users):
        return Settings()
    starts, most = [FIRST], max(2, round(WORK / len(task.items) ** 3))
    if most < 1 + sum(len(values) for name, values in STEPS if name not in FREE):
        starts.append(_search(model, task.with_most_events(FEWER_ITEMS), wanted, starts))
    return _search(model, task, wanted, starts, most)


def _search(
    model: FittedModel, task: _Task, wanted: Wanted, starts: list[Settings], most: int | None = None
) -> Settings:
    """One setting after the other, some once more, `most` candidates at the most."""
    wanted = wanted.within(task.items, len(model.items))
    num_items = len(task.items)
    histories = model.histories.take(wanted.users).renumber(places(task.items, len(model.items)))
    column = torch.from_numpy(task.items).to(model.device)
    blocks = model.known_user_vectors(wanted.users).split(BLOCK)  # type: ignore[no-untyped-call]
    network = torch.cat([model.network_scores(users)[:, column] for users in blocks])
    # most candidates differ in other settings than this one, which alone shapes the products of the events
    products = functools.cache(functools.partial(event_products, task.histories, num_items))

    last: dict[Settings, Tensor] = {}  # one at the most: each takes as much memory as a fit's products

    def fitted(settings: Settings) -> Tensor:
        if settings not in last:
            last.clear()
            last[settings] = task.fit(settings, model.device, products(settings.fit_recency))
        return last[settings]

    def ndcg(values: dict[str, float]) -> float:
        candidate = Settings(**values)
        settings = replace(candidate, recency=1.0)
        scores = history_scores(histories, fitted(settings), candidate.recency if histories.ordered else 1.0)
        scores /= _deviation(scores) or 1.0
        found = {
            share: wanted.ndcg(lambda a, b, share=share: network[a:b] + share * scores[a:b], histories)  # type: ignore[misc]
            for share in TRIED_SHARES
        }
        logger.info("closed form of %d items, %s: validation ndcg@%d by share: %s", num_items, candidate, K, found)
        return max(found.values())

    steps = [step for step in STEPS if not task.ignores(step[0])]
    return Settings(**coordinate_search([asdict(start) for start in starts], steps, ndcg, most, free=FREE))


def _choose_share(model: FittedModel, wanted: Wanted) -> float:
    """The share that ranks best; the scores of the two are made once for all shares."""
    assert model.item_weights is not None
    item_weights = model.item_weights

    def candidates(vectors: Tensor, histories: Histories) -> Iterator[tuple[float, Tensor]]:
        network, closed_form = model.network_scores(vectors), item_weights.scores(histories)
        return ((share, network + share * closed_form) for share in SHARES)

    found = ndcg_of_each(model, wanted, candidates)
    logger.info("validation ndcg@%d by share of the closed form: %s", K, found)
    default = model.config.item_share  # where nothing tells shares apart
    return max(found, key=lambda share: (found[share], -abs(share - default)))


def _to_unit_scale(weights: ItemWeights, histories: Histories) -> ItemWeights:
    """Weights whose scores deviate by 1 over a user's items, on the average of some users with a history."""
    users = np.flatnonzero(histories.lengths)
    scores = weights.scores(histories.take(users[evenly(len(users), SCALE_USERS)]))
    return weights.scaled(1 / (_deviation(scores) or 1.0))


def _deviation(scores: Tensor) -> float:
    """Standard deviation over a user's items, the mean over those users that have one."""
    deviation = scores.std(dim=1, unbiased=False)
    some = deviation > 0
    return float(deviation[some].mean()) if bool(some.any()) else 0.0
