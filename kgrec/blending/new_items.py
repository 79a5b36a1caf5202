"""How items without events stand beside the others, whether they came before the training or after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.blending.wanted import Wanted, ndcg_of_each
from kgrec.graph.schema.types import PRODUCT
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import Histories

PARTS = 10  # of the items with events, each of which is taken for new once
MOST_USERS = 2_000
MANY_USERS = 20_000  # where there is less to do, and less to see
BLOCK = 256
FAR = 20.0  # the largest offset, of logits
TEMPERATURES = tuple(2 ** (step / 2) for step in range(-2, 11))  # 0.5 to 32: of scores as logits


def place_new_items(
    model: FittedModel, trained: Histories, wanted: pl.DataFrame | None, previous: FittedModel | None = None
) -> None:
    """Say which bias new items get, and where the items that have no events in `trained` stand, in place.

    Both have the bias that items have by and large. Where there is a validation part, it says what is added: for items
    that are still to come as much as items taken for new lack (`new_item_offset`), for the items that nobody has had
    yet as much as gives them their share of the validation events (`unsold_offset`; a part of the prior, for it ends
    with their first event). Both go by probabilities, which the scores over their `score_temperature` are logits of:
    blended scores are far too sure by themselves, and an offset that outdoes what they are sure of puts items at the
    top that nobody has heard of. Where there is no validation part, what it said of a `previous` model holds. The items
    of the catalogue have lists that can be seen: of the offsets with and without that temperature the one that ranks
    better is taken.
    """
    known = torch.from_numpy(trained.item_counts(len(model.items)) > 0).to(model.device)
    usual = float(model.vectors.bias[known].median())
    _set_bias(model, ~known, usual)
    if wanted is not None:
        temperature = score_temperature(model, wanted)
        offset = new_item_offset(model, wanted, temperature)
        offsets = [unsold_offset(model, wanted, one) for one in (temperature, 1.0)]
        nobodys = torch.from_numpy(model.histories.item_counts(len(model.items)) == 0).to(model.device)
        unsold = _ranking_best(model, wanted, nobodys, offsets)
    else:
        before = {} if previous is None else previous.about["new_items"]
        offset, unsold = before.get("offset", 0.0), before.get("unsold", 0.0)
    model.about["new_items"] = {"offset": offset, "bias": usual + offset, "unsold": unsold}
    model.cold = None if bool(known.all()) else (~known).cpu().numpy()
    model.prior = model.prior_with(model.prior, model.histories)


def _ranking_best(model: FittedModel, wanted: pl.DataFrame, items: Tensor, offsets: list[float]) -> float:
    """The offset of some items' scores with which the validation events rank best, the first of those that tie."""
    events = Wanted.of(model, wanted, MANY_USERS, once=True)
    if len(set(offsets)) == 1 or not len(events.users):
        return offsets[0]

    def candidates(vectors: Tensor, histories: Histories) -> Iterator[tuple[float, Tensor]]:
        scores = model.scores(vectors, histories)
        return ((offset, scores + offset * items) for offset in offsets)

    found = ndcg_of_each(model, events, candidates)
    return max(found, key=lambda offset: found[offset])


def _set_bias(model: FittedModel, items: Tensor, value: float) -> None:
    model.vectors = replace(model.vectors, bias=model.vectors.bias.detach().masked_fill(items, value))
    with torch.no_grad():
        model.network.scorer.item_bias.copy_(model.vectors.bias)


def score_temperature(model: FittedModel, wanted: pl.DataFrame) -> float:
    """The one of `TEMPERATURES` over which the scores, as logits, make the validation events likeliest.

    Of a softmax over the items that somebody has had and the user hasn't. 1 where no event tells.

    Parameters
    ----------
    model : FittedModel
        As `blend` leaves it: its histories end before the validation part.
    wanted : frame of interactions
        Of the validation part.

    Source: Guo et al. 2017 (temperature scaling), section 4.2.
    """
    sold = model.histories.item_counts(len(model.items)) > 0
    events = Wanted.of(model, wanted, MOST_USERS, items=np.flatnonzero(sold))
    total = torch.zeros(len(TEMPERATURES), dtype=torch.float64)
    for begin in range(0, len(events.users), BLOCK):
        some = events.block(begin, begin + BLOCK)
        scores = _scores_of_others(model, some.users, [])[0]
        scores[:, torch.from_numpy(~sold).to(model.device)] = -torch.inf
        line, item = (torch.from_numpy(index).to(model.device) for index in (some.line, some.item))
        own = scores[line, item]
        tells = own.isfinite()  # of what the user has had the others say nothing
        for place, temperature in enumerate(TEMPERATURES):
            likelihood = own / temperature - (scores / temperature).logsumexp(1)[line]
            total[place] += likelihood[tells].double().sum().cpu()
    return TEMPERATURES[int(total.argmax())] if bool(total.any()) else 1.0


def new_item_offset(model: FittedModel, wanted: pl.DataFrame, temperature: float) -> float:
    """What a new item's score lacks, as the validation part tells.

    A tenth of the items with events at a time is taken for new: its items have the vectors that their texts and
    neighbours give, the usual bias, and nothing of the closed form. The offset is that at which the softmax of the
    scores over `temperature` gives the new tenths, over all tenths and events, as much of the probability as they have
    of the events.

    Parameters
    ----------
    model, wanted
        As `score_temperature` takes them.
    temperature : float
        > 0: that of the scores as logits.
    """
    chosen = np.flatnonzero(model.histories.item_counts(len(model.items)))
    part = np.full(len(model.items), -1)
    part[chosen] = np.random.default_rng(0).permutation(len(chosen)) % PARTS
    events = Wanted.of(model, wanted, MOST_USERS, items=np.flatnonzero(part >= 0))
    if model.propagation is None or not len(events.users) or len(chosen) < PARTS:
        return 0.0
    targets, parts = _targets_as_new(model), torch.from_numpy(part).to(model.device)
    gaps = torch.cat([_gaps(model, targets, parts, some, temperature) for some in _blocks(events.users)])
    gaps = gaps[torch.from_numpy(events.line)]
    gaps = gaps[gaps.isfinite().all(1)]  # users who have had everything tell nothing
    return temperature * _offset(gaps, len(gaps))  # each event is in one of the tenths


def unsold_offset(model: FittedModel, wanted: pl.DataFrame, temperature: float) -> float:
    """What the scores of items without events lack, as the validation part tells.

    The offset is that at which the softmax of the scores over `temperature` gives them, over all validation events, as
    much of the probability as they have of the events, once half an event more is on them and half a one on the others:
    where there is none they come last, not never. Events on what the user has had say nothing: the softmax is over the
    other items.
    """
    unsold = model.histories.item_counts(len(model.items)) == 0
    events = Wanted.of(model, wanted, MANY_USERS)
    if not len(events.users) or not unsold.any():
        return 0.0
    chosen = torch.from_numpy(unsold).to(model.device)
    gaps = []
    for some in _blocks(events.users):
        scores = _scores_of_others(model, some, [])[0] / temperature
        others, own = (scores.masked_fill(hidden, -torch.inf).logsumexp(1) for hidden in (chosen, ~chosen))
        gaps.append((others - own).cpu())
    gap = torch.cat(gaps)[torch.from_numpy(events.line)]
    histories = model.histories.take(events.users)
    seen = np.isin(
        events.line * len(model.items) + events.item, histories.user_index() * len(model.items) + histories.item_index
    )
    tells = gap.isfinite() & torch.from_numpy(~seen)  # not of users who have had everything that was sold
    many, num_events = float(unsold[events.item][tells.numpy()].sum()), int(tells.sum())
    return temperature * _offset(gap[tells], num_events * (many + 0.5) / (num_events + 1))


def _blocks(users: np.ndarray) -> list[np.ndarray]:
    return np.split(users, range(BLOCK, len(users), BLOCK))


def _offset(gaps: Tensor, share: float) -> float:
    """The offset at which the probabilities of events, whose logits lack `gaps`, sum to `share`; 0 of no event."""
    if not len(gaps):
        return 0.0
    low, high = -FAR, FAR
    for _ in range(50):
        middle = (low + high) / 2
        too_little = float(torch.sigmoid(middle - gaps).sum()) < share
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
def _gaps(model: FittedModel, targets: Tensor, part: Tensor, users: np.ndarray, temperature: float) -> Tensor:
    """For some users and each part: how much more the known items of the others weigh than the part's as new ones.

    Shape (num_users, PARTS): logarithms of ratios of sums of exponentials. Items of the histories, and those of no
    part, are left out.
    """
    vectors = model.known_user_vectors(users)
    bias = model.vectors.bias[part >= 0].median().expand(len(targets))
    scores = _scores_of_others(model, users, [model.network.scorer.rank(vectors, targets, bias)]) / temperature
    scores[:, :, part < 0] = -torch.inf
    scores = (scores - scores.amax(dim=(0, 2), keepdim=True)).double().exp()
    sums = scores.new_zeros(2, len(users), PARTS).index_add_(2, part.clamp(min=0), scores)
    others = sums[0].sum(1, keepdim=True) - sums[0]
    return (others.clamp(min=1e-300).log() - sums[1].clamp(min=1e-300).log()).cpu()


@torch.no_grad()
def _scores_of_others(model: FittedModel, users: np.ndarray, beside: list[Tensor]) -> Tensor:
    """The model's scores, and others beside them, of the items that are not in the histories; -inf of those.

    Shape (1 + len(beside), num_users, num_items).
    """
    histories = model.histories.take(users)
    scores = torch.stack([model.scores(model.known_user_vectors(users), histories), *beside])
    row, item = (torch.from_numpy(index).to(model.device) for index in (histories.user_index(), histories.item_index))
    scores[:, row, item] = -torch.inf
    return scores
