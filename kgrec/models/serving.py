"""What scores: user vectors from histories, ranking scores and click probabilities; item vectors come from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from kgrec.config import TEMPERATURES, RecommenderConfig
from kgrec.encoders.behaviour import BehaviourEncoder
from kgrec.models.scorer import Scorer
from kgrec.tensors.sequences import Batch


@dataclass(frozen=True, slots=True)
class ItemVectors:
    """Item vectors as read in a history (`source`) and as scored (`target`), unit length, shape (num_items, dim)."""

    source: Tensor
    target: Tensor
    bias: Tensor


@dataclass(frozen=True, slots=True)
class UserSide:
    """What there is to know of users: how many have a vector of their own, features of all profile columns, order."""

    num_users: int
    num_profile_features: int
    ordered: bool  # whether the order of events is read


def behaviour_encoder(config: RecommenderConfig, users: UserSide) -> BehaviourEncoder:
    """The behaviour encoder that a configuration asks for; where the order is not to be read, it has no transformer."""
    return BehaviourEncoder(
        config.embedding_dim,
        length=max(config.history_length, 2),  # the shortest window that a training step reads
        layers=config.sequence_layers if config.use_sequence and users.ordered else 0,
        heads=config.sequence_heads,
        dropout=config.dropout,
        recency=config.recency if users.ordered else None,
        event_weights=config.event_weights,
        num_users=users.num_users if config.use_user_vectors else 0,
        user_events=config.user_events,
        num_profile_features=users.num_profile_features,
    )


def serving_network(
    config: RecommenderConfig, num_items: int, num_profile_features: int, state: Mapping[str, Tensor]
) -> ServingNetwork:
    """The serving network that has these weights, for serving.

    Parameters
    ----------
    state : mapping
        As `ServingNetwork.state_dict` gives it; the tensors are shared.

    Raises
    ------
    RuntimeError
        If the weights are not those of such a network.
    """
    reads_order = "behaviour.recency_logit" in state
    users = UserSide(len(state["behaviour.own"]), num_profile_features, reads_order)
    with torch.device("meta"):
        network = ServingNetwork(config, num_items, users)
    network.load_state_dict(state, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


class ServingNetwork(nn.Module):
    """What is needed to score: the behaviour encoder and the scorer. Item vectors come from outside."""

    def __init__(self, config: RecommenderConfig, num_items: int, users: UserSide) -> None:
        super().__init__()
        self.behaviour = behaviour_encoder(config, users)
        self.scorer = Scorer(config.embedding_dim, num_items, temperature=config.temperature or TEMPERATURES[0])

    def users(self, items: ItemVectors, batch: Batch) -> Tensor:
        """User vectors at the end of each history, shape (batch, dim), unit length."""
        states: Tensor = self.behaviour(items.source, batch)
        return states[torch.arange(len(states), device=states.device), batch.length]
