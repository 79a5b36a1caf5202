"""The closed-form item-item model, as published and with text and graph as rows of its own."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from kgrec.baselines.ranker import Ranker, that_tells
from kgrec.config import RecommenderConfig
from kgrec.data.dataset import Dataset
from kgrec.models.closed_form import zero_diagonal_ridge
from kgrec.models.side_information import catalogue_data, graph_products, text_products
from kgrec.ranking.search import coordinate_search
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.ranges import largest
from kgrec.tensors.sequences import Histories

START = {"penalty": 300.0, "text": 30.0, "graph": 1.0}
GRID = {
    "penalty": (30.0, 100.0, 300.0, 1000.0, 3000.0),
    "text": (0.0, 1.0, 30.0, 1000.0),
    "graph": (0.0, 0.3, 1.0, 3.0),
}
MOST_ITEMS = 30_000  # a matrix of all pairs is 3.6 GB, and there are two or more
SEARCHED_ITEMS = 12_500  # a fit takes half a minute on two cores, and a search up to seventeen


class EASE(Ranker):
    """Scores by B, the least |X - X B|^2 + penalty |B|^2 with a zero diagonal, of the items that have the most events.

    Parameters
    ----------
    train : Dataset
    validation : Dataset, optional
        Chooses penalty and weights of the side information, one after the other, at most `SEARCHED_ITEMS` items being
        listed.
    settings : mapping, optional
        These where there is no validation part, as of `settings` of another; None: those of `START`.
    side : RecommenderConfig, optional
        Gives the items' text vectors and their shared neighbours in the graph as further rows of X, read as it says.

    Attributes
    ----------
    kept : int64, shape (num_kept,)
        Places of the items listed, ascending: `MOST_ITEMS` at the most.
    weights : Tensor, shape (num_kept, num_kept)
    settings : dict
        Chosen, or as given.

    Source: Steck 2019, eq. 8; with side information Jeunen et al. 2020 (CEASE), eq. 4.
    """

    def __init__(
        self,
        train: Dataset,
        validation: Dataset | None = None,
        *,
        settings: Mapping[str, float] = START,
        side: RecommenderConfig | None = None,
    ) -> None:
        super().__init__(train)
        validation = that_tells(validation)
        data = None if side is None else catalogue_data(train, self.items, side)
        self.settings = dict(settings)
        events, products = self._take(MOST_ITEMS if validation is None else SEARCHED_ITEMS, data)
        if validation is not None:

            def ndcg(settings: dict[str, float]) -> float:
                self.weights = torch.empty(0)  # those of before make room
                self.weights = _fit(events.clone(), products, settings)
                return self.ndcg(validation)

            order = ["penalty", *products, *(["penalty"] if products else [])]
            start = {name: START[name] for name in dict.fromkeys(order)}
            plain = start | dict.fromkeys(products, 0.0)
            self.settings = coordinate_search([start, plain], [(name, GRID[name]) for name in order], ndcg)
            self.weights = torch.empty(0)
            if len(self.kept) < len(self.items):
                del events, products
                events, products = self._take(MOST_ITEMS, data)
        self.settings = {name: {**START, **self.settings}[name] for name in ("penalty", *products)}
        self.weights = _fit(events, products, self.settings)

    def _take(self, most: int, data: HeteroData | None) -> tuple[Tensor, dict[str, Tensor]]:
        """Keep so many items: their inner products by events, and by text and graph where they have any."""
        self.kept = largest(self.liked.getnnz(axis=0), most)
        liked = self.liked[:, self.kept]
        events = torch.from_numpy((liked.T @ liked).toarray())
        found = (
            {} if data is None else {"text": text_products(data, self.kept), "graph": graph_products(data, self.kept)}
        )
        return events, {name: part for name, part in found.items() if part is not None}

    def scores(self, histories: Histories) -> Tensor:
        rows = self.rows(histories)
        known = torch.from_numpy(rows[:, self.kept] @ self.weights.numpy())
        if len(self.kept) == len(self.items):
            return known
        scores = torch.full(rows.shape, -torch.inf)
        scores[:, torch.from_numpy(self.kept)] = known
        return scores


def _fit(events: Tensor, products: dict[str, Tensor], settings: dict[str, float]) -> Tensor:
    """The weights; `events` is lost."""
    for name, part in products.items():
        events.add_(part, alpha=settings[name])
    return zero_diagonal_ridge(events, settings["penalty"])
