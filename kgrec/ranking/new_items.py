"""How items without events stand beside the others, whether they came before the training or after: their bias."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.data import columns as c
from kgrec.graph.schema.types import PRODUCT
from kgrec.models.fitted import FittedModel

PARTS = 10  # of the catalogue, each of which is taken for new once
MOST_USERS = 2000
BLOCK = 256
FAR = 20.0  # the largest offset


def place_new_items(model: FittedModel, wanted: pl.DataFrame | None) -> None:
    """Give items without events the bias that the others have by and large, and what their scores lack, in place.

    Parameters
    ----------
    wanted : frame of interactions, optional
        Of the validation part, which says what new items' scores lack; None: nothing is added.
    """
    known = torch.from_numpy(model.histories.item_counts(len(model.items)) > 0).to(model.device)
    offset = 0.0 if wanted is None else new_item_offset(model, wanted)
    bias = model.vectors.bias.detach().clone()
    usual = float(bias[known].median()) + offset
    model.about["new_items"] = {"offset": offset, "bias": usual}
    bias[~known] = usual
    model.vectors = replace(model.vectors, bias=bias)
    with torch.no_grad():
        model.network.scorer.item_bias.copy_(bias)


def new_item_offset(model: FittedModel, wanted: pl.DataFrame) -> float:
    """What a new item's score lacks, as the validation part tells.

    A tenth of the items with events at a time is taken for new: its items have the vectors that their texts and
    neighbours give, the usual bias, and nothing of the closed form. The offset is that at which the softmax of the
    scores gives the new tenths, over all tenths and events, as much of the probability as they have of the events.

    Parameters
    ----------
    model : FittedModel
        As `blend` leaves it: its histories end before the validation part.
    wanted : frame of interactions
        Of the validation part.
    """
    if model.propagation is None:
        return 0.0
    chosen = np.flatnonzero(model.histories.item_counts(len(model.items)))
    part = np.full(len(model.items), -1)
    part[chosen] = np.random.default_rng(0).permutation(len(chosen)) % PARTS
    user, item = model.users.index(wanted[c.USER_ID]), model.items.index(wanted[c.ITEM_ID])
    known = (user >= 0) & (item >= 0)
    known[known] = part[item[known]] >= 0
    user, item = user[known], item[known]
    users = np.unique(user)
    users = users[np.linspace(0, len(users) - 1, min(len(users), MOST_USERS)).astype(np.int64)]
    if not len(users) or len(chosen) < PARTS:
        return 0.0
    line = np.searchsorted(users, user[np.isin(user, users)])
    targets, parts = _targets_as_new(model), torch.from_numpy(part).to(model.device)
    gaps = torch.cat([_gaps(model, targets, parts, some) for some in np.split(users, range(BLOCK, len(users), BLOCK))])
    gaps = gaps[torch.from_numpy(line)]  # of each event
    low, high = -FAR, FAR
    for _ in range(50):
        middle = (low + high) / 2
        too_little = float(torch.sigmoid(middle - gaps).sum()) < len(gaps)  # each event is in one of the tenths
        low, high = (middle, high) if too_little else (low, middle)
    return (low + high) / 2


@torch.no_grad()
def _targets_as_new(model: FittedModel) -> Tensor:
    """The vectors that the items would be scored by if they were new, shape (num_items, dim)."""
    propagation = model.propagation
    assert propagation is not None
    entering = propagation.inputs[PRODUCT]
    said = torch.zeros_like(entering) if propagation.said is None else propagation.said
    as_new = replace(propagation, inputs={**propagation.inputs, PRODUCT: said})
    return model.network.scorer.targets(as_new.vectors(model.graph, model.items.ids).to(model.device))


@torch.no_grad()
def _gaps(model: FittedModel, targets: Tensor, part: Tensor, users: np.ndarray) -> Tensor:
    """For some users and each part: how much more the known items of the others weigh than the part's as new ones.

    Shape (num_users, PARTS): logarithms of ratios of sums of exponentials. Items of the histories, and those of no
    part, are left out.
    """
    histories, vectors = model.histories.take(users), model.known_user_vectors(users)
    bias = model.vectors.bias[part >= 0].median().expand(len(targets))
    scores = torch.stack([model.scores(vectors, histories), model.network.scorer.rank(vectors, targets, bias)])
    row, item = (torch.from_numpy(index).to(model.device) for index in (histories.user_index(), histories.item_index))
    scores[:, row, item] = -torch.inf
    scores[:, :, part < 0] = -torch.inf
    scores = (scores - scores.amax(dim=(0, 2), keepdim=True)).double().exp()
    sums = scores.new_zeros(2, len(users), PARTS).index_add_(2, part.clamp(min=0), scores)
    others = sums[0].sum(1, keepdim=True) - sums[0]
    return (others.clamp(min=1e-300).log() - sums[1].clamp(min=1e-300).log()).cpu()
