"""A map of query vectors, learned from queries and their answers with the encoder frozen."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from kgrec.search.gains import Answers
from kgrec.search.settings import QueryMap

RANK = 64
EPOCHS = (5, 10, 20)  # passes over the queries that are tried
BATCH = 32  # queries in a step
TEMPERATURE = 0.1
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
DRAWN = 4096  # items of a step beside the answers; all when fewer


def train_map(
    query_emb: Tensor, item_emb: Tensor, answers: Sequence[Answers], *, epochs: Sequence[int], seed: int
) -> list[QueryMap]:
    """Maps after so many epochs, trained to raise the answers of each query over the other items.

    Parameters
    ----------
    query_emb : Tensor, shape (num_queries, text_dim)
    item_emb : Tensor, shape (num_items, text_dim)
    answers : sequence of Answers
        Of each query.
    epochs : ascending
        When to take a copy.

    Returns
    -------
    list of QueryMap, one for each of `epochs`.

    Source: the softmax (InfoNCE) loss of van den Oord et al. 2018, over graded answers; the low-rank step is that of
    Hu et al. 2022 (LoRA), behind the encoder and not within.
    """
    generator = torch.Generator().manual_seed(seed)
    device, dim = item_emb.device, item_emb.shape[1]
    down = (torch.randn(dim, RANK, generator=generator) / dim**0.5).to(device).requires_grad_()
    up = torch.zeros(RANK, dim, device=device).requires_grad_()
    optimizer = torch.optim.AdamW([down, up], lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    made = []
    with torch.enable_grad():
        for epoch in range(1, max(epochs) + 1):
            for rows in torch.split(torch.randperm(len(answers), generator=generator), BATCH):
                items, wanted = _targets([answers[row] for row in rows.tolist()], len(item_emb), generator)
                logits = QueryMap(down, up)(query_emb[rows.to(device)]) @ item_emb[items.to(device)].T / TEMPERATURE
                loss = -(wanted.to(device) * logits.log_softmax(1)).sum(1).mean()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
                optimizer.step()
            if epoch in epochs:
                made.append(QueryMap(down.detach().clone(), up.detach().clone()))
    return made


def _targets(answers: Sequence[Answers], num_items: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Items of a step, and of each query the share of its gain that each of them has."""
    judged = np.unique(np.concatenate([one.item for one in answers]))
    drawn = (
        torch.randint(num_items, (DRAWN,), generator=generator).numpy() if num_items > DRAWN else np.arange(num_items)
    )
    items = np.union1d(judged, drawn)
    wanted = np.zeros((len(answers), len(items)), np.float32)
    for row, one in enumerate(answers):
        wanted[row, np.searchsorted(items, one.item)] = one.gain / one.gain.sum()
    return torch.from_numpy(items), torch.from_numpy(wanted)
