"""From a dataset and a graph to a fitted model: features, network, training."""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import torch

from kgrec.config import TEMPERATURES, RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.data.fingerprint import fingerprint
from kgrec.encoders.knowledge import train_knowledge
from kgrec.encoders.text import TextEncoder
from kgrec.errors import DataError
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.models.fitted import FittedModel
from kgrec.models.fusion import KNOWLEDGE
from kgrec.models.network import RecommenderNetwork
from kgrec.models.node_features import add_text
from kgrec.models.serving import UserSide
from kgrec.tensors.clicks import click_examples
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.hetero import hetero_data
from kgrec.tensors.profiles import ProfileColumns
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.arms import Arm, Variant, item_vectors, train
from kgrec.training.engine import Engine
from kgrec.training.loop import Training
from kgrec.training.options import FitOptions
from kgrec.training.plan import TrainingData
from kgrec.training.run import Run, base_rate
from kgrec.training.warm_start import continue_from, warm_config

Validate = Callable[[FittedModel], float]


def fit_model(
    dataset: Dataset,
    graph: KnowledgeGraph,
    config: RecommenderConfig,
    *,
    seed: int,
    options: FitOptions,
    ordered: bool = True,
    validate: Validate | None = None,
    chosen_by: pl.DataFrame | None = None,
    previous: FittedModel | None = None,
) -> tuple[FittedModel, HeteroData]:
    """Train on the events of `dataset` alone; the model, and the graph with the features it was given.

    Parameters
    ----------
    options : FitOptions
    ordered : bool
        Whether the order of a user's events means anything, where they have one.
    validate : callable, optional
        The validation metric of a model, higher is better.
    chosen_by : frame of interactions, optional
        The validation part, by which a checkpoint knows the training that it is of.
    previous : FittedModel, optional
        To go on from (`kgrec.training.warm_start`).

    Raises
    ------
    DataError
        If there is no interaction to train on.
    SavedModelError
        If the checkpoint to go on from is that of another training.
    """
    interactions = dataset.interactions
    if not interactions.height:
        raise DataError(f"fit: no interaction to train on ({dataset.events.height:,} events in all)")
    engine, device = Engine(options.machine), options.machine.device
    given, config = config, config if previous is None else warm_config(config, previous)
    items = Vocabulary(dataset.items[c.ITEM_ID])
    users = Vocabulary(dataset.events[c.USER_ID].unique(maintain_order=True))
    profile_columns = ProfileColumns.fit(dataset.users) if config.use_profiles else ProfileColumns()
    if previous is not None:
        profile_columns = previous.profile_columns
    profile = profile_columns.of(users.ids, dataset.users)
    histories = build_histories(interactions, users, items)
    histories = replace(histories, profile=profile, ordered=histories.ordered and ordered)
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"examples"]))
    examples = click_examples(dataset.events, histories, users, items, draws)
    training = TrainingData.of(histories, examples, config.history_length)
    del examples  # they take memory by the impression
    embed = previous is None  # else the nodes' own vectors take in the embeddings of before
    with engine.first_before_others():
        data = features(graph, items, config, seed=seed, device=device, progress=options.progress, embed=embed)
    titles = (
        dataset.items[c.TITLE] if c.TITLE in dataset.items.columns else pl.Series([None] * len(items), dtype=pl.String)
    )

    def start(variant: Variant) -> Arm:
        settings = replace(config, temperature=variant.temperature)
        user_side = UserSide(len(users), profile_columns.size, variant.reads_order)
        told = replace(training, histories=replace(histories, ordered=variant.reads_order))
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_stream(seed, b"network"))
            network = RecommenderNetwork(settings, data, len(items), user_side, histories.item_counts(len(items)))
        if previous is not None:
            continue_from(network, data, users, items, previous)
        if previous is None or previous.click_basis != training.basis:
            network.serving.scorer.set_base_rate(base_rate(training, settings))
        network.fusion.to_device(device)
        network.to(device).eval()  # but in an epoch nothing is left out
        model = FittedModel(
            config=given,
            users=users,
            items=items,
            titles=titles,
            histories=histories,
            profile_columns=profile_columns,
            network=network.serving,
            vectors=item_vectors(network),
            graph=graph,
            click_basis=training.basis,
        )

        def watch() -> float:
            model.vectors = item_vectors(network)
            return validate(model) if validate else 0.0

        run = Run(network, told, settings, seed, engine)
        if previous is not None:
            run.slow_down()
        return Arm(model, network, Training(run, validate=watch if validate else None, progress=options.progress))

    chose_not_to = previous is not None and previous.histories.ordered and not previous.network.behaviour.reads_order
    reads_order = histories.ordered and not chose_not_to
    variants = _variants(config, reads_order=reads_order, chooses=validate is not None)
    of = {"config": config.to_dict(), "seed": seed, "data": dataset.fingerprint(), "graph": _sizes(graph)}
    if options.checkpoint is not None:
        of["validation"] = None if chosen_by is None else fingerprint({c.VALIDATION: chosen_by}, ordered=frozenset())
        of["model to go on from"] = None if previous is None else _mark(previous)
    with engine.same_bits():
        arm, tried = train(start, variants, options, of, is_first=engine.is_first)
    model = arm.model
    model.vectors = item_vectors(arm.network)
    model.propagation = arm.network.fusion.propagation(data)
    model.network.eval().requires_grad_(requires_grad=False).zero_grad()  # a gradient takes what its weights take
    model.about = {
        "seed": seed,
        "data": dataset.fingerprint(),
        "device": str(device),
        "processes": engine.num_processes,
        "precision": options.machine.precision,
        **about(),
        "temperatures": tried,
        "training": arm.training.log.to_dict(),
    }
    return model, data


def _mark(model: FittedModel) -> str:
    """What tells a model's item vectors from those of others."""
    return hashlib.sha256(model.vectors.source.cpu().numpy().tobytes()).hexdigest()


def _sizes(graph: KnowledgeGraph) -> dict[str, int]:
    """How many nodes and edges of each type."""
    edges = {"-".join(edge_type): table.height for edge_type, table in graph.edges.items()}
    return {label: table.height for label, table in graph.nodes.items()} | edges


def _variants(config: RecommenderConfig, *, reads_order: bool, chooses: bool) -> tuple[Variant, ...]:
    """Those to try, the likely one first: one where the temperature is given or nothing can choose."""
    if config.temperature is not None:
        return (Variant(config.temperature, reads_order),)
    likely = [
        Variant(temperature, reads_order) for temperature in (TEMPERATURES if reads_order else TEMPERATURES[::-1])
    ]
    if reads_order:
        likely.append(Variant(TEMPERATURES[-1], reads_order=False))
    return tuple(likely) if chooses and config.patience is not None else (likely[0],)


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
