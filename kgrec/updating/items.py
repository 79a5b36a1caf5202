"""New items into a fitted model: their texts and their places in the graph give them vectors, without training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch.nn import functional

from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.errors import SavedModelError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.merging import merge_graphs
from kgrec.graph.texts import node_texts
from kgrec.models.fitted import FittedModel
from kgrec.models.propagation import Propagation
from kgrec.models.serving import ItemVectors, ServingNetwork, serving_network
from kgrec.search.vectors import query_encoder
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.updating.item_weights import grow_item_weights


def grow_items(model: FittedModel, items: pl.DataFrame, facts: KnowledgeGraph) -> FittedModel:
    """The model with more items at the end of its catalogue; nothing else changes.

    Parameters
    ----------
    items : frame
        Cleaned; none of them known.
    facts : KnowledgeGraph
        What is known of them.

    Raises
    ------
    GraphError
        If their properties are of other types than those of the graph.
    """
    if model.propagation is None:
        raise SavedModelError("update: the model keeps nothing that new items get vectors from: fit again")
    graph, ids = merge_graphs(model.graph, facts), items[c.ITEM_ID]
    propagation = model.propagation
    texts = {
        label: (found, _text_vectors(model.config, graph, label, found, propagation))
        for label, found in propagation.missing(graph).items()
    }
    propagation = propagation.with_nodes(texts)
    fused = propagation.vectors(graph, ids).to(model.device)
    fused = torch.where(fused.any(1, keepdim=True), fused, model.vectors.source.mean(0))  # of which nothing is known
    catalogue = Vocabulary(pl.concat([model.items.ids, ids.rename("id")]))
    network = _with_bias(model, len(catalogue))
    source = torch.cat([model.vectors.source, functional.normalize(fused, dim=-1)])
    target = torch.cat([model.vectors.target, network.scorer.targets(fused)])
    weights = model.item_weights
    return replace(
        model,
        items=catalogue,
        titles=pl.concat([model.titles, items[c.TITLE].rename(model.titles.name)]),
        network=network,
        vectors=ItemVectors(source, target, network.scorer.item_bias.detach()),
        graph=graph,
        propagation=propagation,
        item_weights=None if weights is None else grow_item_weights(weights, source),
        repeats=None if model.repeats is None else model.repeats.with_items(len(catalogue)),
        prior=None if model.prior is None else _padded(model.prior, len(catalogue)),
        cold=None if model.cold is None else np.pad(model.cold, (0, len(ids))),
        scoring=None if model.scoring is None else replace(model.scoring, features=None),
    )


def _text_vectors(
    config: RecommenderConfig, graph: KnowledgeGraph, label: str, ids: pl.Series, propagation: Propagation
) -> np.ndarray:
    if propagation.text is None:
        return np.zeros((len(ids), 0), np.float32)
    encoder = query_encoder(config.text_model, "cpu", config.text_max_length)
    return encoder.encode(node_texts(graph, label, ids.to_list()))


def _with_bias(model: FittedModel, num_items: int) -> ServingNetwork:
    """The serving network for more items, which have the bias of items without events (`kgrec.blending.new_items`)."""
    state = model.network.state_dict()
    bias = state["scorer.item_bias"]
    usual = bias.new_tensor(model.about["new_items"]["bias"])
    state["scorer.item_bias"] = torch.cat([bias, usual.expand(num_items - len(bias))])
    return serving_network(model.config, num_items, model.profile_columns.size, state)


def _padded(prior: Tensor, size: int) -> Tensor:
    return functional.pad(prior, (0, size - len(prior)))
