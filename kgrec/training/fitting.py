"""From a dataset and a graph to a fitted model: features, network, training."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from safetensors.torch import save_file

from kgrec.config import TEMPERATURES, RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.encoders.knowledge import train_knowledge
from kgrec.encoders.text import TextEncoder
from kgrec.errors import DataError
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.models.fitted import FittedModel
from kgrec.models.fusion import KNOWLEDGE
from kgrec.models.network import RecommenderNetwork
from kgrec.models.node_features import add_text
from kgrec.models.serving import ItemVectors, UserSide
from kgrec.tensors.clicks import click_examples
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.profiles import ProfileColumns
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.loop import Run, Training, TrainingData
from kgrec.training.warm_start import continue_from, warm_config

logger = logging.getLogger(__name__)
Validate = Callable[[FittedModel], float]

PILOT = 320  # steps, about, after which the temperature is chosen
NEAR = 0.9  # of the best validation metric so far: a temperature that is below it half way is given up


def fit_model(
    dataset: Dataset,
    graph: KnowledgeGraph,
    config: RecommenderConfig,
    *,
    seed: int,
    device: torch.device,
    ordered: bool = True,
    validate: Validate | None = None,
    checkpoint: Path | None = None,
    progress: bool = False,
    previous: FittedModel | None = None,
) -> tuple[FittedModel, HeteroData]:
    """Train on the events of `dataset` alone; the model, and the graph with the features it was given.

    Parameters
    ----------
    ordered : bool
        Whether the order of a user's events means anything, where they have one.
    validate : callable, optional
        The validation metric of a model, higher is better.
    checkpoint : Path, optional
        File that always holds the weights of the best epoch so far (safetensors).
    previous : FittedModel, optional
        To go on from (`kgrec.training.warm_start`).

    Raises
    ------
    DataError
        If there is no interaction to train on.
    """
    interactions = dataset.interactions
    if not interactions.height:
        raise DataError(f"fit: no interaction to train on ({dataset.events.height:,} events in all)")
    given, config = config, config if previous is None else warm_config(config, previous)
    items = Vocabulary(dataset.items[c.ITEM_ID])
    users = Vocabulary(dataset.events[c.USER_ID].unique(maintain_order=True))
    profile_columns = ProfileColumns.fit(dataset.users) if config.use_profiles else ProfileColumns()
    if previous is not None:
        profile_columns = previous.profile_columns
    profile = profile_columns.of(users.ids, dataset.users)
    histories = build_histories(interactions, users, items)
    histories = replace(histories, profile=profile, ordered=histories.ordered and ordered)
    user_side = UserSide(len(users), profile_columns.size, histories.ordered)
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"examples"]))
    examples = click_examples(dataset.events, histories, users, items, draws)
    embed = previous is None  # else the nodes' own vectors take in the embeddings of before
    data = features(graph, items, config, seed=seed, device=device, progress=progress, embed=embed)
    titles = (
        dataset.items[c.TITLE] if c.TITLE in dataset.items.columns else pl.Series([None] * len(items), dtype=pl.String)
    )

    def start(temperature: float) -> tuple[FittedModel, RecommenderNetwork, Training]:
        """A model, its network and the training of both, not begun."""
        settings = replace(config, temperature=temperature)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_stream(seed, b"network"))
            network = RecommenderNetwork(settings, data, len(items), user_side)
        if previous is not None:
            continue_from(network, data, users, items, previous)
        network.fusion.to_device(device)
        network.to(device)
        model = FittedModel(
            config=given,
            users=users,
            items=items,
            titles=titles,
            histories=histories,
            profile_columns=profile_columns,
            network=network.serving,
            vectors=_vectors(network),
            graph=graph,
            click_basis=examples.basis,
        )

        def watch() -> float:
            model.vectors = _vectors(network)
            return validate(model) if validate else 0.0

        training = Training(
            Run(network, TrainingData(histories, examples), settings, seed, device),
            validate=watch if validate else None,
            on_best=(lambda: _checkpoint(network, checkpoint)) if checkpoint else None,
            progress=progress,
        )
        if previous is not None:
            training.run.slow_down()
        return model, network, training

    temperatures = _temperatures(config, ordered=histories.ordered, chooses=validate is not None)
    arms = {temperature: start(temperature) for temperature in temperatures}
    tried: dict[float, float] = {}
    for _ in range(2 if len(arms) > 1 else 0):
        tried |= {temperature: arm[2].advance(PILOT // 2).best for temperature, arm in arms.items()}
        least = NEAR * max(tried[temperature] for temperature in arms)
        arms = {temperature: arm for temperature, arm in arms.items() if tried[temperature] >= least}
        if len(arms) == 1:
            break
    best = arms.pop(max(arms, key=lambda temperature: arms[temperature][2].best))
    arms.clear()  # the others' weights
    model, network, training = best
    log = training.finish()
    model.vectors = _vectors(network)
    model.propagation = network.fusion.propagation(data)
    model.network.eval().requires_grad_(requires_grad=False)
    model.about = {
        "seed": seed,
        "data": dataset.fingerprint(),
        "device": str(device),
        **about(),
        "temperatures": {f"{temperature:g}": found for temperature, found in tried.items()},
        "training": log.to_dict(),
    }
    return model, data


def _temperatures(config: RecommenderConfig, *, ordered: bool, chooses: bool) -> tuple[float, ...]:
    """Those to try, the likely one first: one where it is given or nothing can choose."""
    if config.temperature is not None:
        return (config.temperature,)
    likely = TEMPERATURES if ordered else TEMPERATURES[::-1]
    return likely if chooses and config.patience is not None else likely[:1]


def features(
    graph: KnowledgeGraph,
    items: Vocabulary,
    config: RecommenderConfig,
    *,
    seed: int,
    device: torch.device,
    progress: bool = False,
    embed: bool = True,
) -> HeteroData:
    """The graph as HeteroData with the fixed features `text` and, unless told not to, `knowledge` of its nodes."""
    data = hetero_data(graph, items)
    if config.use_text:
        encoder = TextEncoder(config.text_model, device=device, max_length=config.text_max_length)
        labels = data.node_types if config.use_graph else [PRODUCT]
        add_text(data, graph, labels, encoder, progress=progress)
    if embed and config.use_graph and data.edge_types:
        generator = torch.Generator().manual_seed(_stream(seed, b"knowledge"))
        embedded = train_knowledge(
            data,
            model=config.knowledge_model,
            dim=config.knowledge_dim,
            epochs=config.knowledge_epochs,
            generator=generator,
            device=device,
            progress=progress,
        )
        for label, vector in embedded.items():
            data[label][KNOWLEDGE] = vector
    return data


def about() -> dict[str, Any]:
    """Versions of what took part."""
    names = ("kgrec", "torch", "torch-geometric", "transformers", "polars", "numpy")
    versions = {}
    for name in names:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {"versions": {"python": platform.python_version(), **versions}}


def _stream(seed: int, name: bytes) -> int:
    return int(np.random.SeedSequence([seed, *name]).generate_state(1, np.uint64)[0] >> np.uint64(2))


@torch.no_grad()
def _vectors(network: RecommenderNetwork) -> ItemVectors:
    vectors = network.item_vectors()
    return ItemVectors(*(part.detach().clone() for part in (vectors.source, vectors.target, vectors.bias)))


def _checkpoint(network: RecommenderNetwork, file: Path) -> None:
    part = file.with_suffix(".part")
    save_file({name: value.contiguous().cpu() for name, value in network.state_dict().items()}, part)
    part.replace(file)
