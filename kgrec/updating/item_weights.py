"""The closed form for items that came later: what it says of the items most like them."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from kgrec.models.closed_form import ItemWeights

LIKE = 20  # items that stand in for a new one, at most
BLOCK = 128  # new items at a time


def grow_item_weights(weights: ItemWeights, source: Tensor) -> ItemWeights:
    """Rows and columns for the items at the end of the catalogue that the weights do not have yet.

    A new item speaks for the others as those most like it do, and they for it as for these, on an average weighted by
    their cosines. Of each row the largest weights stay, as many as there were.

    Parameters
    ----------
    source : Tensor, shape (num_items, dim)
        Unit vectors of all items, the new ones last.

    Source: Sarwar et al. 2001, eq. 3 (a mean weighted by likeness). Differs: of rows of a regression, not of ratings.
    """
    for begin in range(weights.num_items, len(source), BLOCK):
        weights = _with_block(weights, source[: begin + BLOCK])
    return weights


def _with_block(weights: ItemWeights, source: Tensor) -> ItemWeights:
    fresh = torch.arange(weights.num_items, len(source), device=source.device)
    cosine = functional.relu(source[fresh] @ source[weights.item].T)  # (num_new, num_fitted)
    share, near = torch.topk(cosine, min(LIKE, len(weights.item)))
    share = share / share.sum(1, keepdim=True).clamp(min=1e-9) * share[:, :1]  # less for what nothing is much like
    kept = weights.value.shape[1]
    alike = torch.zeros(weights.num_items, len(fresh), device=source.device)
    alike[weights.item[near].T, torch.arange(len(fresh), device=source.device)] = share.T
    columns = _sums(weights, alike)
    rows = torch.zeros(len(fresh), weights.num_items, device=source.device)
    rows.scatter_add_(1, weights.column[near].flatten(1), (weights.value[near] * share[..., None]).flatten(1))
    item = torch.cat([weights.item, fresh])
    old_value, old_column = _largest(
        torch.cat([weights.value, columns], 1),
        torch.cat([weights.column, fresh.expand(len(weights.item), -1)], 1),
        kept,
    )
    every = torch.arange(weights.num_items, device=source.device).expand(len(fresh), -1)
    new_value, new_column = _largest(rows, every, kept)
    return replace(
        weights,
        item=item,
        column=torch.cat([old_column, new_column]),
        value=torch.cat([old_value, new_value]),
        num_items=len(source),
    )


def _sums(weights: ItemWeights, alike: Tensor) -> Tensor:
    """Of each fitted item the sum over its weights times `alike` of their columns, shape (num_fitted, num_new)."""
    start = torch.arange(0, weights.column.numel(), weights.column.shape[1], device=alike.device)
    return functional.embedding_bag(
        weights.column.flatten(), alike, start, mode="sum", per_sample_weights=weights.value.flatten()
    )


def _largest(value: Tensor, column: Tensor, kept: int) -> tuple[Tensor, Tensor]:
    """The `kept` largest of each row by magnitude, columns ascending; rows that are too short are filled with zeros."""
    missing = kept - value.shape[1]
    if missing > 0:
        value, column = functional.pad(value, (0, missing)), functional.pad(column, (0, missing))
    place = torch.topk(value.abs(), kept, dim=1, sorted=False).indices
    chosen = column.gather(1, place)
    order = chosen.argsort(1)
    return value.gather(1, place.gather(1, order)), chosen.gather(1, order)
