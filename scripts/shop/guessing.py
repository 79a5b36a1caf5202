"""How well the click probabilities of data/shop can be guessed by one who knows how they were drawn.

The tastes of a shopper are drawn by `shop.people`; here they are inferred from what the shopper did before the test
part, with the true mean and covariance of the tastes as a normal prior and the generator's own laws of choice and of
clicks: a recommender, which has to learn all these, can hardly do better. What is not known is each session's interest.
"""

from __future__ import annotations

import numpy as np
import polars as pl
import torch
from torch import Tensor

from shop import SEED
from shop.behaviour import CLICK_BIAS, CLICK_SLOPE, EXAMINATION_DECAY
from shop.catalogue import draw_catalogue
from shop.people import draw_people
from shop.vocabulary import load_vocabulary

KEPT = 250  # directions of taste, which hold 99.8 % of the variance
STEPS, STEP_SIZE, BLOCK = 60, 0.1, 15_000


def guess_probabilities(events: pl.DataFrame, shown: pl.DataFrame, is_test: pl.Series) -> np.ndarray:
    """Click probabilities of the impressions `shown.filter(is_test)`, float64, by the likeliest tastes.

    Parameters
    ----------
    events, shown : frame
        The tables `events` and `impressions` of the shop.
    """
    vocabulary = load_vocabulary()
    catalogue = draw_catalogue(vocabulary, SEED)
    people = draw_people(vocabulary, catalogue, SEED)
    before = events.filter(pl.col("timestamp") < shown.filter(is_test)["timestamp"].min())
    mean = torch.from_numpy(people.affinity.mean(axis=0)).float()
    spread, direction = np.linalg.eigh(np.cov(people.affinity.T))
    basis = torch.from_numpy(direction[:, -KEPT:] * np.sqrt(spread[-KEPT:])).float()  # (num_items, KEPT)
    popularity = torch.from_numpy(catalogue.popularity).float()
    user_of = {name: place for place, name in enumerate(people.user_ids)}
    item_of = {name: place for place, name in enumerate(catalogue.item_ids)}

    def index(table: pl.DataFrame) -> tuple[Tensor, Tensor]:
        user = torch.tensor([user_of[name] for name in table["user_id"]])
        return user, torch.tensor([item_of[name] for name in table["item_id"]])

    chooser, chosen = index(before)
    group = torch.from_numpy(np.asarray(catalogue.group))
    same_group = group[:, None] == group  # a choice is among the products of one group
    seen = shown.filter(~is_test)
    viewer, viewed = index(seen)
    label, position = (torch.from_numpy(seen[name].to_numpy().copy()).float() for name in ("label", "position"))
    place = torch.zeros(len(user_of), KEPT, requires_grad=True)
    optimizer = torch.optim.Adam([place], lr=STEP_SIZE)
    for _ in range(STEPS):
        affinity = mean + place @ basis.T
        loss = 0.5 * place.square().sum()
        for some in torch.arange(len(chosen)).split(BLOCK):
            utility = (affinity + popularity)[chooser[some]]
            among = utility.masked_fill(~same_group[chosen[some]], -torch.inf).logsumexp(dim=1)
            loss = loss + (among - utility[torch.arange(len(some)), chosen[some]]).sum()
        probability = _click(affinity[viewer, viewed], popularity[viewed], position)
        loss = loss + torch.nn.functional.binary_cross_entropy(probability, label, reduction="sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    asked = shown.filter(is_test)
    user, item = index(asked)
    with torch.no_grad():
        affinity = mean + place @ basis.T
        position = torch.from_numpy(asked["position"].to_numpy().copy()).float()
        return _click(affinity[user, item], popularity[item], position).double().numpy()


def _click(affinity: Tensor, popularity: Tensor, position: Tensor) -> Tensor:
    """The law of `Simulator.show_list`, where the interest of the session is unknown."""
    liking = 0.55 * affinity + 0.15 * popularity
    return torch.sigmoid(CLICK_BIAS + CLICK_SLOPE * 1.6 * liking) * position**-EXAMINATION_DECAY
