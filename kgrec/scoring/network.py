"""The network of the scoring module: features crossed with one another, a head for clicks and one for purchases."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgrec.config import ListLoss

CROSSES, RANK, HIDDEN, DROPOUT = 2, 16, 64, 0.2
FAR = 4.0  # standard deviations at which a feature is cut off


class PiecewiseLinear(nn.Module):
    """How far each feature has come through each of its bins, from 0 to 1.

    Parameters
    ----------
    edges : Tensor, shape (num_features, num_bins + 1)
        Ascending; a bin without width stays 0.

    Source: Gorishniy et al. 2022, On Embeddings for Numerical Features, eq. 1 (PLE), without its last open bins.
    """

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        width = edges[:, 1:] - edges[:, :-1]
        per_width = torch.where(width > 0, 1 / width.clamp(min=1e-30), torch.zeros_like(width))
        self.register_buffer("per_width", per_width)
        self.register_buffer("at_zero", -edges[:, :-1] * per_width)
        self.per_width: Tensor
        self.at_zero: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """Shape (num_pairs, num_features) to (num_pairs, num_features * num_bins)."""
        return torch.addcmul(self.at_zero, features[:, :, None], self.per_width).clamp_(0, 1).flatten(1)


class CrossLayer(nn.Module):
    """Products of the inputs with maps of the layer before.

    Source: Wang et al. 2021 (DCN-v2), eq. 2, with a low-rank matrix. Starts as the identity.
    """

    def __init__(self, width: int, rank: int) -> None:
        super().__init__()
        self.down = nn.Linear(width, rank, bias=False)
        self.up = nn.Linear(rank, width)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, inputs: Tensor, crossed: Tensor) -> Tensor:
        """Both of shape (num_pairs, width), and what comes of them."""
        mapped: Tensor = self.up(self.down(crossed))
        return torch.addcmul(crossed, inputs, mapped)


class Examination(nn.Module):
    """The log of the probability that a place in a list is looked at at all: 0 at the first, falling from there.

    Parameters
    ----------
    edges : Tensor, shape (1, num_bins + 1)
        Bins of the log of the place.

    Attributes
    ----------
    usual : Parameter
        What stands for a place that is not known: learned where some are, else that of the mean probability.

    Source: Craswell et al. 2008, the position-based model; Guo et al. 2019 (PAL), eq. 2.
    """

    def __init__(self, edges: Tensor) -> None:
        super().__init__()
        self.bins = PiecewiseLinear(edges)
        self.falls = nn.Parameter(torch.full((edges.shape[1] - 1,), -2.0))
        self.usual = nn.Parameter(torch.zeros(()))

    def forward(self, log_place: Tensor) -> Tensor:
        """Shape (num_pairs,), NaN where unknown, to the same."""
        known = ~torch.isnan(log_place)
        found = -self.bins(log_place.nan_to_num()[:, None]) @ functional.softplus(self.falls)
        return torch.where(known, found, self.usual)

    @torch.no_grad()
    def settle(self, log_place: Tensor) -> None:
        """Take the mean over these places for `usual`, where all of them are known: nothing was learned of it then."""
        if not torch.isnan(log_place).any():
            self.usual.copy_(self(log_place).exp().mean().log())


class ScoringNetwork(nn.Module):
    """Logits of a click and, given a click, of a purchase.

    Parameters
    ----------
    mean, deviation : Tensor, shape (num_features,)
        Of the features as they come.
    edges : Tensor, shape (num_features, num_bins + 1)
        Of the bins.
    place_edges : Tensor, shape (1, num_bins + 1), optional
        Of the log of the place in a list, where what it does to clicks is a factor of its own.

    Source: Wang et al. 2021 (DCN-v2), the parallel form; Ma et al. 2018 (ESMM) for the two heads. Differs: features in
    bins, cross layers that start as the identity, one body for both heads.
    """

    def __init__(self, mean: Tensor, deviation: Tensor, edges: Tensor, place_edges: Tensor | None = None) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)
        self.mean: Tensor
        self.deviation: Tensor
        self.bins = PiecewiseLinear(edges)
        width = edges.numel()  # of each feature its value and its bins
        self.crosses = nn.ModuleList(CrossLayer(width, RANK) for _ in range(CROSSES))
        self.deep = nn.Sequential(nn.Linear(width, HIDDEN), nn.GELU(), nn.Dropout(DROPOUT))
        self.heads = nn.Linear(width, 2)
        self.deep_heads = nn.Linear(HIDDEN, 2, bias=False)
        for weight in (self.heads.weight, self.heads.bias, self.deep_heads.weight):
            nn.init.zeros_(weight)
        self.examination = None if place_edges is None else Examination(place_edges)

    @classmethod
    def like(cls, state: Mapping[str, Tensor]) -> ScoringNetwork:
        """The network that a state dict was taken from."""
        mean = state["mean"]
        num_bins = state["bins.per_width"].shape[1]
        falls = state.get("examination.falls")
        place_edges = None if falls is None else torch.zeros(1, len(falls) + 1)
        network = cls(mean, state["deviation"], torch.zeros(len(mean), num_bins + 1), place_edges)
        network.load_state_dict(state)
        return network.eval().requires_grad_(requires_grad=False)

    def forward(self, features: Tensor, log_place: Tensor | None = None) -> Tensor:
        """Shape (num_pairs, num_features), NaN where unknown, to logits, shape (num_pairs, 2).

        Parameters
        ----------
        log_place : Tensor, shape (num_pairs,), optional
            Of the place in a list, NaN where unknown; read where the network has an examination.
        """
        known = torch.where(torch.isnan(features), self.mean, features)
        scaled = ((known - self.mean) / self.deviation).clamp(-FAR, FAR)
        inputs = torch.cat([scaled, self.bins(known)], dim=1)
        crossed = inputs
        for cross in self.crosses:
            crossed = cross(inputs, crossed)
        crossed = functional.dropout(crossed, DROPOUT, self.training)
        logits: Tensor = self.heads(crossed) + self.deep_heads(self.deep(inputs))
        if self.examination is None or log_place is None:
            return logits
        log_click = functional.logsigmoid(logits[:, 0]) + self.examination(log_place)
        click = log_click - torch.log1p(-log_click.exp().clamp(max=1 - 1e-6))  # the logit of the product
        return torch.stack([click, logits[:, 1]], dim=1)


def scoring_loss(
    logits: Tensor,
    clicked: Tensor,
    bought: Tensor,
    shown_with: Tensor,
    *,
    click_weight: float,
    ranking_weight: float,
    conversion_weight: float,
    list_loss: ListLoss = "listwise",
) -> Tensor:
    """alpha * click + beta * ranking + gamma * conversion, each a mean over the pairs.

    Parameters
    ----------
    logits : Tensor, shape (num_pairs, 2)
    clicked, bought : Tensor of 0 and 1, shape (num_pairs,)
        `bought` is NaN where unknown.
    shown_with : Tensor of int64, shape (num_pairs,)
        The list of each pair, -1 for none.
    list_loss : "listwise", "pairwise" or "rmspe"
        The ranking loss, over the lists.

    Source: Ma et al. 2018 (ESMM), eq. 3: the purchase is predicted over all that was shown, as the product of the two
    probabilities; Cao et al. 2007 (ListNet), eq. 3, top one, over the clicked pairs of a list; Burges et al. 2005
    (RankNet), eq. 3, over the pairs of a clicked and an unclicked one.
    """
    loss = click_weight * functional.binary_cross_entropy_with_logits(logits[:, 0], clicked)
    said = ~torch.isnan(bought)
    if conversion_weight and bool(said.any()):
        both = functional.logsigmoid(logits[said]).sum(dim=1)
        nothing = torch.log1p(-both.exp().clamp(max=1 - 1e-6))
        loss = loss - conversion_weight * (bought[said] * both + (1 - bought[said]) * nothing).mean()
    if ranking_weight:
        loss = loss + ranking_weight * _list_loss(logits[:, 0], clicked, shown_with, list_loss)
    return loss


def _list_loss(score: Tensor, clicked: Tensor, shown_with: Tensor, kind: ListLoss) -> Tensor:
    """The ranking loss of the pairs that were shown in a list."""
    listed = shown_with >= 0
    _, row = torch.unique(shown_with[listed], return_inverse=True)
    score, clicked = score[listed], clicked[listed]
    if not float(clicked.sum()):
        return score.sum() * 0.0
    match kind:
        case "listwise":
            return _listwise(score, clicked, row)
        case "pairwise":
            return _pairwise(score, clicked, row)
        case "rmspe":
            squares = (torch.sigmoid(score) - clicked).square()
            sums = score.new_zeros(2, int(row.max()) + 1)
            sums = sums.index_add(1, row, torch.stack([squares, torch.ones_like(squares)]))
            return (sums[0] / sums[1]).clamp(min=1e-12).sqrt().mean()


def _pairwise(score: Tensor, clicked: Tensor, row: Tensor) -> Tensor:
    """Mean over all (clicked, unclicked) of one list of -log of the sigmoid of how much higher the clicked one is."""
    above, below = torch.nonzero(clicked > 0)[:, 0], torch.nonzero(clicked == 0)[:, 0]
    below = below[torch.argsort(row[below])]
    keys = row[below].contiguous()
    left, right = (torch.searchsorted(keys, row[above], right=side) for side in (False, True))
    count = right - left
    if not int(count.sum()):
        return score.sum() * 0.0
    line = torch.repeat_interleave(torch.arange(len(above), device=score.device), count)
    place = torch.arange(len(line), device=score.device) - (count.cumsum(0) - count)[line] + left[line]
    return -functional.logsigmoid(score[above[line]] - score[below[place]]).mean()


def _listwise(score: Tensor, clicked: Tensor, row: Tensor) -> Tensor:
    """Mean over the clicked pairs of -log(share of the list's exponentials)."""
    top = score.new_full((int(row.max()) + 1,), -torch.inf).scatter_reduce(0, row, score.detach(), "amax")
    total = score.new_zeros(len(top)).index_add(0, row, (score - top[row]).exp())
    return (clicked * (total.log()[row] + top[row] - score)).sum() / clicked.sum()
