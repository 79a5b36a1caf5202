"""The closed-form item-item model, as published and with text and graph as rows of its own."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgrec.baselines.ranker import Ranker, that_tells
from kgrec.config import RecommenderConfig
from kgrec.data.dataset import Dataset
from kgrec.models.closed_form import zero_diagonal_ridge
from kgrec.models.side_information import catalogue_data, graph_products, text_products
from kgrec.ranking.search import coordinate_search
from kgrec.tensors.sequences import Histories
from kgrec.tensors.vocabulary import Vocabulary

START = {"penalty": 300.0, "text": 30.0, "graph": 1.0}
GRID = {"penalty": (30.0, 100.0, 300.0, 1000.0), "text": (1.0, 30.0, 1000.0), "graph": (0.3, 1.0, 3.0)}


class EASE(Ranker):
    """Scores by B, the least |X - X B|^2 + penalty |B|^2 with a zero diagonal.

    Parameters
    ----------
    train : Dataset
    validation : Dataset, optional
        Chooses penalty and weights of the side information, one after the other; None: those of `START`.
    side : RecommenderConfig, optional
        Gives the items' text vectors and their shared neighbours in the graph as further rows of X, read as it says.

    Source: Steck 2019, eq. 8; with side information Jeunen et al. 2020 (CEASE), eq. 4.
    """

    def __init__(
        self, train: Dataset, validation: Dataset | None = None, *, side: RecommenderConfig | None = None
    ) -> None:
        super().__init__(train)
        validation = that_tells(validation)
        events = torch.from_numpy((self.liked.T @ self.liked).toarray())
        products = {} if side is None else _side_products(train, self.items, side)

        def fit(settings: dict[str, float]) -> Tensor:
            rows = events.clone()
            for name, part in products.items():
                rows.add_(part, alpha=settings[name])
            return zero_diagonal_ridge(rows, settings["penalty"])

        def ndcg(settings: dict[str, float]) -> float:
            self.weights = fit(settings)
            return 0.0 if validation is None else self.ndcg(validation)

        self.settings = {name: value for name, value in START.items() if name == "penalty" or name in products}
        if validation is not None:
            order = ["penalty", *products, *(["penalty"] if products else [])]
            self.settings = coordinate_search([self.settings], [(name, GRID[name]) for name in order], ndcg)
        self.weights = fit(self.settings)

    def scores(self, histories: Histories) -> Tensor:
        rows = self.rows(histories)
        return torch.from_numpy(rows @ self.weights.numpy())


def _side_products(train: Dataset, items: Vocabulary, config: RecommenderConfig) -> dict[str, Tensor]:
    """Inner products of the items by text and by graph, where they have any."""
    data, every = catalogue_data(train, items, config), np.arange(len(items))
    products = {"text": text_products(data, every), "graph": graph_products(data, every)}
    return {name: part for name, part in products.items() if part is not None}
