"""The encoder of queries, tuned to queries and their answers; the items' vectors stay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from kgrec.encoders.adapter import AdaptedBert
from kgrec.encoders.text import TextEncoder
from kgrec.search.gains import Answers

EPOCHS = (4, 8)  # passes over the queries that are tried
BATCH = 32  # queries in a step
TEMPERATURE = 0.1
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-2
DRAWN = 4096  # items of a step beside the answers; all when fewer


def tuned(
    encoder: TextEncoder,
    texts: Sequence[str],
    answers: Sequence[Answers],
    item_emb: Tensor,
    *,
    epochs: Sequence[int],
    seed: int,
) -> Iterator[AdaptedBert]:
    """The encoder's BERT after so many epochs, trained to raise the answers of each query over the other items.

    Parameters
    ----------
    texts : sequence of str
        Of each query, as it is encoded.
    answers : sequence of Answers
        Of each query.
    item_emb : Tensor, shape (num_items, text_dim)
    epochs : ascending
        When to give it out: the same object each time, which the next epochs change.

    Source: the softmax (InfoNCE) loss of van den Oord et al. 2018, over graded answers; low-rank changes of the
    encoder's attention, Hu et al. 2022 (LoRA).
    """
    generator = torch.Generator().manual_seed(seed)
    bert = AdaptedBert(encoder, generator)
    optimizer = torch.optim.AdamW(list(bert.parameters()), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    for epoch in range(1, max(epochs) + 1):
        for rows in torch.split(torch.randperm(len(answers), generator=generator), BATCH):
            items, wanted = _targets([answers[row] for row in rows.tolist()], len(item_emb), generator)
            with torch.enable_grad():
                query_emb = bert([texts[row] for row in rows.tolist()])
                logits = query_emb @ item_emb[items.to(item_emb.device)].T / TEMPERATURE
                loss = -(wanted.to(item_emb.device) * logits.log_softmax(1)).sum(1).mean()
                optimizer.zero_grad()
                torch.autograd.backward(loss)
            optimizer.step()
        if epoch in epochs:
            yield bert


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
