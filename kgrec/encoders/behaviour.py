"""A user's event history -> a vector, after every event of it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from kgrec.encoders.dropout import Dropout
from kgrec.tensors.sequences import EVENT_NAMES, Batch

OWN_NORM = 0.1  # of a user's own vector at the start, beside a mean of unit length


class BehaviourEncoder(nn.Module):
    """Views of a user, summed: what the history is about by and large, what comes next, the user alone, the profile.

    The first is the mean of the item vectors, weighted by event type and by how many events ago it was; it has few
    parameters and carries the sparse data sets. The second is a causal transformer over the same vectors. The third is
    a free vector of each known user, which carries the dense ones; in training it is left out at random, so that the
    other two can stand alone for users never seen, and the more often the less it has to learn from. The last is a
    vector for each feature of the user's profile, zero at the start; with no event yet it stands beside the newcomer's.

    Parameters
    ----------
    dim : int
        Size of item and user vectors.
    length : int
        Most events of a history.
    layers, heads : int
        Of the transformer; 0 layers leave it out.
    dropout : float
        Of the transformer's inputs and of what its blocks add; attention weights are not dropped (that would keep
        torch from its fused attention).
    recency : float, optional
        Starting weight of an event for each step back, in (0, 1). None: all events count alike, their order is not
        read.
    event_weights : mapping of event name to starting weight
    num_users : int
        Users with a vector of their own; 0 for none.
    user_events : float
        Events at which a user's own vector is left out of half of the steps; of n events, user_events / (n + it).
    num_profile_features : int
        0: no profiles.

    Source: Kang and McAuley 2018 (SASRec) for the causal transformer; Koren 2008 (SVD++), eq. 15, for a free vector
    beside those of the items; Volkovs et al. 2017 (DropoutNet) for leaving it out. Differs: item vectors come from the
    graph and the text, a start token stands for "no events yet".
    """

    def __init__(
        self,
        dim: int,
        *,
        length: int,
        layers: int,
        heads: int,
        dropout: float,
        recency: float | None,
        event_weights: Mapping[str, float],
        num_users: int = 0,
        user_events: float = 0.0,
        num_profile_features: int = 0,
    ) -> None:
        super().__init__()
        self.own = nn.Parameter(torch.randn(num_users, dim) * (OWN_NORM * dim**-0.5))
        self.user_events = user_events
        self.profile = nn.Parameter(torch.zeros(num_profile_features, dim))
        weights = torch.tensor([event_weights.get(name, 1.0) for name in EVENT_NAMES])
        self.event_log_weight = nn.Parameter(weights.log())
        self.recency_logit = None if recency is None else nn.Parameter(torch.logit(torch.tensor(recency)))
        self.interest = nn.Linear(dim, dim, bias=False)
        nn.init.eye_(self.interest.weight)
        self.newcomer = nn.Parameter(torch.randn(dim) * dim**-0.5)
        self.transformer: nn.TransformerEncoder | None = None
        if layers:
            layer = nn.TransformerEncoderLayer(dim, heads, 2 * dim, 0.0, "gelu", batch_first=True, norm_first=True)
            layer.dropout, layer.dropout1, layer.dropout2 = Dropout(dropout), Dropout(dropout), Dropout(dropout)
            self.transformer = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
            self.place = nn.Parameter(torch.randn(length + 1, dim) * 0.02)
            self.event_vector = nn.Parameter(torch.zeros(len(EVENT_NAMES), dim))
            self.start = nn.Parameter(torch.randn(dim) * dim**-0.5)
            self.dropout = Dropout(dropout)
            self.norm = nn.LayerNorm(dim)
            self.following = nn.Linear(dim, dim)
            nn.init.zeros_(self.following.weight)
            nn.init.zeros_(self.following.bias)

    def forward(self, item_emb: Tensor, batch: Batch) -> Tensor:
        """User vectors before the first event and after each.

        Parameters
        ----------
        item_emb : Tensor, shape (num_items, dim)
            Unit length.
        batch : Batch of shape (batch, length)

        Returns
        -------
        Tensor, shape (batch, length + 1, dim), unit length; place t has seen the first t events (but see
        `reads_all_others`).
        """
        inside = batch.item_index >= 0
        index = batch.item_index.clamp(min=0)
        events = item_emb.index_select(0, index.flatten()).view(*index.shape, -1)
        events = events * inside[..., None]  # (batch, length, dim)
        kinds = batch.event_index.clamp(min=0)
        weighted = events * self.event_log_weight.exp()[kinds][..., None]
        liked = self._all_others(weighted, batch.item_index) if self.reads_all_others else self._recent_mean(weighted)
        user, newcomer = functional.normalize(self.interest(liked), dim=-1), functional.normalize(self.newcomer, dim=0)
        if self.reads_all_others:  # of some nothing is left
            user = torch.where(liked.any(dim=-1, keepdim=True), user, newcomer)
        user = torch.cat([newcomer.expand(len(user), 1, -1), user], dim=1)
        if self.transformer is not None:
            user = user + self._following(events, kinds)
        if len(self.own):
            user = user + self._own(batch)[:, None]
        if len(self.profile):
            user = user + self._profile(batch)[:, None]
        return functional.normalize(user, dim=-1)

    @property
    def reads_order(self) -> bool:
        """Whether it goes by the order of the events."""
        return self.recency_logit is not None

    @property
    def reads_all_others(self) -> bool:
        """Whether each place but the last has seen all events that are not of the item of the one after it.

        In training, where the order is not read: what is read later is a whole history too.
        """
        return self.training and not self.reads_order

    def _all_others(self, events: Tensor, item_index: Tensor) -> Tensor:
        """Sum over the events of other items than that of the event after each place; over all where there is none."""
        others = item_index[:, :, None] != item_index[:, None, :]
        rest = others.to(events.dtype) @ events
        return torch.cat([rest[:, 1:], events.sum(dim=1, keepdim=True)], dim=1)

    def _recent_mean(self, events: Tensor) -> Tensor:
        """Sum over the events up to each place, `recency ** steps back` as weight; its length does not matter."""
        if self.recency_logit is None:
            return events.cumsum(dim=1)
        steps = torch.arange(events.shape[1], device=events.device)
        back = steps[:, None] - steps[None, :]
        decay = torch.sigmoid(self.recency_logit) ** back.clamp(min=0)
        return torch.where(back >= 0, decay, 0.0) @ events

    def _own(self, batch: Batch) -> Tensor:
        user = batch.user
        known = (user >= 0) & (user < len(self.own))
        if self.training:
            left_out = self.user_events / (self.user_events + batch.length.clamp(min=1))
            known &= torch.rand(len(user)).to(user.device) >= left_out
        return self.own[user.clamp(0, len(self.own) - 1)] * known[:, None]

    def _profile(self, batch: Batch) -> Tensor:
        known = batch.profile > 0
        return (self.profile[(batch.profile - 1).clamp(min=0)] * known[..., None]).sum(1)

    def _following(self, events: Tensor, kinds: Tensor) -> Tensor:
        assert self.transformer is not None
        start = self.start.expand(len(events), 1, -1)
        inputs = torch.cat([start, events + self.event_vector[kinds]], dim=1)
        inputs = self.dropout(inputs + self.place[: inputs.shape[1]])
        size = inputs.shape[1]
        mask = torch.triu(torch.ones(size, size, dtype=torch.bool, device=inputs.device), 1)
        out: Tensor = self.following(self.norm(self.transformer(inputs, mask=mask, is_causal=True)))
        return out
