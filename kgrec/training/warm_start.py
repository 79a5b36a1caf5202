"""A network that begins with what an earlier model learned, where the two know the same nodes, users and items."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.errors import ConfigError, raise_faults
from kgrec.graph.schema.types import PRODUCT
from kgrec.models.fitted import FittedModel
from kgrec.models.fusion import TEXT, FusionNetwork, RelationConv
from kgrec.models.network import RecommenderNetwork
from kgrec.models.propagation import Propagation, PropagationLayer
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.vocabulary import Vocabulary

ALIKE = ("embedding_dim", "num_layers", "use_graph", "use_text", "text_model", "history_length", "use_sequence")


def warm_config(config: RecommenderConfig, previous: FittedModel) -> RecommenderConfig:
    """The settings to train on with: those given, at the temperature of before, for `warm_epochs`.

    Raises
    ------
    ConfigError
        Listing the settings that must be alike and are not, or if the model keeps nothing to go on from.
    """
    faults = [
        f"{name} is {getattr(config, name)!r}, and {getattr(previous.config, name)!r} in the model to go on from"
        for name in ALIKE
        if getattr(config, name) != getattr(previous.config, name)
    ]
    if previous.propagation is None:
        faults.append("the model keeps nothing to go on from; fit it without warm_start")
    raise_faults(ConfigError, "warm_start", faults)
    temperature = float(previous.network.scorer.temperature)
    return replace(config, temperature=temperature, epochs=min(config.epochs, config.warm_epochs))


@torch.no_grad()
def continue_from(
    network: RecommenderNetwork, data: HeteroData, users: Vocabulary, items: Vocabulary, previous: FittedModel
) -> None:
    """Set the weights of a new network to those learned before; what is new keeps its start.

    Parameters
    ----------
    data : HeteroData
        That the network was made from, without graph embeddings: those of before go into the nodes' own vectors.
    users, items : Vocabulary
        Those with a vector of their own, and the catalogue.
    """
    assert previous.propagation is not None
    _continue_fusion(network.fusion, data, previous.propagation)
    before, state = previous.network.state_dict(), network.serving.state_dict()
    by_id = {
        "behaviour.own": previous.users.index(users.ids),
        "scorer.item_bias": previous.items.index(items.ids),
    }
    for name, value in state.items():
        if name in by_id:
            _take_rows(value, before[name].to(value.device), by_id[name])
        elif name in before and before[name].shape == value.shape:
            value.copy_(before[name])


def _continue_fusion(fusion: FusionNetwork, data: HeteroData, before: Propagation) -> None:
    if before.text is not None and TEXT in fusion.project:
        weight = fusion.project[TEXT].get_parameter("weight")
        if weight.shape == before.text.shape:
            weight.copy_(before.text)
    for label, own in zip(fusion.labels, fusion.own, strict=True):
        if label not in before.inputs:
            continue
        entering = before.inputs[label].clone()
        index = before.ids[label].index(data[label].node_id)
        if label == PRODUCT and before.said is not None:
            entering -= before.said  # their texts may have changed since
        elif (label, TEXT) in fusion.features:
            known = torch.from_numpy(np.flatnonzero(index >= 0))
            said = fusion.project[TEXT](fusion.features[label, TEXT][known])
            entering[torch.from_numpy(index[index >= 0])] -= said
        _take_rows(own, entering, index)
    for edges, layer, learned in zip(fusion.edges, fusion.layers, before.layers, strict=False):
        places = {direction: place for place, direction in enumerate(learned.directions)}
        for edge, convolution in zip(edges, layer.children(), strict=True):
            assert isinstance(convolution, RelationConv)
            if edge.direction in places:
                _continue_convolution(convolution, learned, places[edge.direction])


def _continue_convolution(convolution: RelationConv, learned: PropagationLayer, place: int) -> None:
    convolution.weight.weight.copy_(learned.weight[place])
    convolution.gate.copy_(learned.gate[place])


def _take_rows(value: Tensor, before: Tensor, index: np.ndarray) -> None:
    """Rows `index` of `before`, where they are there."""
    if not len(value) or not len(before):
        return
    known = (index >= 0) & (index < len(before))
    value[torch.from_numpy(np.flatnonzero(known))] = before[torch.from_numpy(index[known])]
