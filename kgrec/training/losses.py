"""The two losses, as pure functions."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional


def draw_candidates(targets: Tensor, num_items: int, extra: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """The items of a softmax that stands for one over all items: the batch's own targets and `extra` drawn ones.

    Parameters
    ----------
    targets : Tensor of int64, shape (num_targets,)
    generator : torch.Generator, on CPU

    Returns
    -------
    candidates : Tensor of int64, shape (num_candidates,)
        The distinct targets first.
    correction : Tensor, shape (num_candidates,)
        To add to the scores: log(how many items each drawn one stands for), so that the sum of the exponentials is an
        unbiased estimate of that over all items.
    """
    own = torch.unique(targets.cpu())
    if len(own) + extra >= num_items:
        return torch.arange(num_items), torch.zeros(num_items)
    other = torch.ones(num_items, dtype=torch.bool)
    other[own] = False
    rest = torch.nonzero(other)[:, 0]
    drawn = rest[torch.randperm(len(rest), generator=generator)[:extra]]
    stands_for = math.log(len(rest) / len(drawn))
    return torch.cat([own, drawn]), torch.cat([torch.zeros(len(own)), torch.full((len(drawn),), stands_for)])


def ranking_loss(scores: Tensor, target_place: Tensor) -> Tensor:
    """Softmax cross-entropy over the candidates.

    Parameters
    ----------
    scores : Tensor, shape (num_targets, num_candidates)
        Corrected ranking scores.
    target_place : Tensor of int64, shape (num_targets,)
        Column of each row's target.

    Source: Klenitskiy and Vasilev 2023, cross-entropy for SASRec; Jean et al. 2015, sampled softmax.
    """
    return functional.cross_entropy(scores, target_place)


def click_loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy of click logits, shape (num_pairs,), and 0/1 labels."""
    return functional.binary_cross_entropy_with_logits(logits, labels)
