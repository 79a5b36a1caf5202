"""Two outputs for a user and an item: a ranking score and the probability of a click."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

COSINE_SCALE = 5.0  # cosines of users and items spread over a few tenths


class Scorer(nn.Module):
    """Ranking: cosine over a temperature plus the item's popularity. Click: a small network over the same.

    Parameters
    ----------
    dim : int
    num_items : int
    temperature : float
        Of the cosines. It is not learned: the training loss would take it down as far as the items can be told apart,
        at the cost of what was not seen in training.
    """

    def __init__(self, dim: int, num_items: int, *, temperature: float) -> None:
        super().__init__()
        self.target = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.target.weight)
        self.register_buffer("temperature", torch.tensor(temperature))
        self.temperature: Tensor
        self.item_bias = nn.Parameter(torch.zeros(num_items))
        last = nn.Linear(64, 1)
        nn.init.zeros_(last.weight)  # every pair starts at the base rate
        self.click_network = nn.Sequential(nn.Linear(dim + 2, 64), nn.GELU(), last)

    def set_base_rate(self, rate: float) -> None:
        """Start the click probabilities at `rate`, from 0 to 1."""
        last = self.click_network[-1]
        assert isinstance(last, nn.Linear)
        nn.init.constant_(last.bias, torch.logit(torch.tensor(rate), eps=1e-4).item())

    def targets(self, item_emb: Tensor) -> Tensor:
        """Item vectors on the scoring side, unit length, shape (num_items, dim)."""
        return functional.normalize(self.target(item_emb), dim=-1)

    def rank(self, user_emb: Tensor, target_emb: Tensor, item_bias: Tensor) -> Tensor:
        """Ranking scores of every user for every item given.

        Parameters
        ----------
        user_emb : Tensor, shape (batch, dim), unit length
        target_emb : Tensor, shape (num_items, dim), unit length
        item_bias : Tensor, shape (num_items,)

        Returns
        -------
        Tensor, shape (batch, num_items); unitless, higher is better.
        """
        return torch.addmm(item_bias, user_emb / self.temperature, target_emb.T)

    def click(self, user_emb: Tensor, target_emb: Tensor, item_bias: Tensor) -> Tensor:
        """Logit of the click probability of each pair.

        Parameters
        ----------
        user_emb, target_emb : Tensor, shape (num_pairs, dim), unit length
        item_bias : Tensor, shape (num_pairs,)

        Returns
        -------
        Tensor, shape (num_pairs,); the sigmoid of it is the probability.
        """
        product = user_emb * target_emb
        cosine = product.sum(-1, keepdim=True)
        inputs = torch.cat([product * product.shape[-1] ** 0.5, cosine * COSINE_SCALE, item_bias[:, None]], dim=-1)
        logit: Tensor = self.click_network(inputs)[:, 0]
        return logit
