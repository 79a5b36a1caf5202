"""From a split's train part to a fitted model: network, blend, scoring module, known histories."""

from __future__ import annotations

import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from kgrec.blending.blend import blend
from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset, Split, hold_out_last
from kgrec.data.splitting import SplitMethod, comes_after, parts_by_user
from kgrec.errors import DataError, check_is
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.merging import with_products
from kgrec.models.fitted import FittedModel, interactions_of
from kgrec.ranking.complements import choose_pairing
from kgrec.ranking.lists import model_lists
from kgrec.scoring.fitting import fit_scoring, scoring_stream, some_pairs
from kgrec.scoring.model import ScoringModule
from kgrec.scoring.pairs import labelled_pairs
from kgrec.scoring.past import Past, histories_through
from kgrec.search.fitting import fit_search
from kgrec.tensors.sequences import build_histories
from kgrec.tensors.shown import build_shown
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.fitting import fit_model
from kgrec.training.memory import return_freed_memory
from kgrec.training.options import FitOptions

if TYPE_CHECKING:  # the database driver takes a second to import
    from kgrec.graph.store import GraphStore


HELD, FEWEST_HELD = 0.1, 50  # share of the interactions that choose where no validation part is given; how many can


def learn(
    train: Dataset,
    validation: Dataset | None,
    graph: KnowledgeGraph | GraphStore | None,
    config: RecommenderConfig,
    *,
    seed: int,
    options: FitOptions,
    previous: FittedModel | None = None,
) -> FittedModel:
    """Everything that `KGRecommender.fit` learns; where there is a `previous` model, by going on from it.

    Without a validation part some of the events are held out to choose, and then learned from too.
    """
    if graph is not None and not isinstance(graph, KnowledgeGraph):
        from kgrec.graph.store import GraphStore  # the database driver takes a second to import

        check_is((KnowledgeGraph, GraphStore), "fit", graph=graph)
        graph = graph.read_graph()
    graph = None if graph is None else with_products(graph, train.items[c.ITEM_ID])
    own = None
    if validation is not None and not validation.events.height:
        validation = None
    if validation is None and previous is None and config.patience is not None:
        own = own_validation(train, seed)
    if own is None:
        model = _learn(train, validation, graph, config, seed=seed, options=options, previous=previous)
    else:
        model = _learn_twice(train, own, graph, config, seed=seed, options=options)
    model.about["complements"] = asdict(choose_pairing(model))
    return model


def _learn_twice(
    train: Dataset,
    own: Split,
    graph: KnowledgeGraph | None,
    config: RecommenderConfig,
    *,
    seed: int,
    options: FitOptions,
) -> FittedModel:
    """From a part of `train`, the rest of which chooses; then, going on from that, from all of it."""
    first = _learn(own.train, own.validation, graph, config, seed=seed, options=options)
    epochs = math.ceil(first.about["training"]["rows"][-1]["epoch"])
    briefly = replace(options, checkpoint=None, resume=False, first_step=epochs)
    model = _learn(train, None, graph, config, seed=seed, options=briefly, previous=first)
    last = {"method": own.method, "events": own.validation.events.height, "last_training": model.about["training"]}
    chosen = {name: first.about[name] for name in ("temperatures", "training")}
    model.about |= {**chosen, "own_validation": last}
    return model


def own_validation(train: Dataset, seed: int) -> Split | None:
    """A split that holds out a tenth of the interactions.

    The last of all; else, as where the users of these are new ones, the last of some users; random ones where too few
    events have a time. None where fewer than `FEWEST_HELD` of them are of users and items that are left.
    """
    stamps = train.events[c.TIMESTAMP]
    has_times = len(stamps) and stamps.null_count() <= HELD * len(stamps) and stamps.drop_nulls().n_unique() > 1
    in_time: tuple[SplitMethod, ...] = ("temporal", "leave_last_out") if has_times else ()
    for method in (*in_time, "random"):
        try:
            split = _held_out(train, method, seed)
        except DataError:
            continue  # all events in one moment, say
        held, left = split.validation.interactions, split.train.interactions
        known = held.join(left, on=c.USER_ID, how="semi").join(left, on=c.ITEM_ID, how="semi")
        if known.height >= FEWEST_HELD and held.height <= left.height:
            return split
    return None


def _held_out(train: Dataset, method: SplitMethod, seed: int) -> Split:
    """A split with a tenth held out; of a temporal one, the events without a time are taken for the oldest."""
    if method == "leave_last_out":
        return hold_out_last(train, HELD, seed)
    if method == "temporal":
        oldest = pl.col(c.TIMESTAMP).min()
        train = train.map_events(lambda events: events.with_columns(pl.col(c.TIMESTAMP).fill_null(oldest)))
    return train.split(method, ratio=(1 - HELD, HELD, 0.0), seed=seed)


def _learn(
    train: Dataset,
    validation: Dataset | None,
    graph: KnowledgeGraph | None,
    config: RecommenderConfig,
    *,
    seed: int,
    options: FitOptions,
    previous: FittedModel | None = None,
) -> FittedModel:
    if graph is None:
        graph = KnowledgeGraph.from_dataset(train)
    wanted = None if validation is None or not validation.interactions.height else validation.interactions
    watched, others = (None, None) if wanted is None else parts_by_user(wanted)
    model, data = fit_model(
        train,
        graph,
        config,
        seed=seed,
        options=options,
        ordered=_is_ordered(train, wanted, previous),
        validate=None if watched is None else lambda candidate: _validation_metric(candidate, watched),
        chosen_by=wanted,
        previous=previous,
    )
    return_freed_memory()  # the optimizer's too: the closed form takes gigabytes of its own
    chooses = config.patience is not None
    blend(model, data, *(wanted, others) if chooses else (None, None), previous)
    if config.use_scoring:
        model.shown = build_shown(train.events, model.users, model.items)
    if validation is not None and config.use_scoring:
        model.scoring = _scoring_module(model, train, validation, seed)
    elif previous is not None and previous.scoring is not None and config.use_scoring:
        model.scoring = replace(previous.scoring, features=None)
    clicks = train.events.clear() if validation is None else validation.events
    held = previous if validation is None else None
    fit_search(model, data, train.queries, clicks, seed=seed, previous=held)
    _remember(model, train, validation)
    return model


def _is_ordered(train: Dataset, wanted: pl.DataFrame | None, previous: FittedModel | None) -> bool:
    """Whether the order of events counts: as validation says, without one as it did before."""
    if wanted is None:
        return previous is None or previous.histories.ordered
    return comes_after(wanted, train.interactions)


def _scoring_module(model: FittedModel, train: Dataset, validation: Dataset, seed: int) -> ScoringModule | None:
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"scoring pairs"]))
    histories = histories_through(model, train.events, validation, model.users)
    rng = scoring_stream(seed)
    labelled = labelled_pairs(
        validation, histories, model.users, model.items, draws, lambda user: some_pairs(user, rng)
    )
    return fit_scoring(model, labelled, replace(Past.of(model), histories=histories), rng)


def _validation_metric(model: FittedModel, wanted: pl.DataFrame) -> float:
    users = wanted[c.USER_ID].unique(maintain_order=True)
    k = model.config.validation_k
    lists = model_lists(model, users, model.histories.take(model.users.index(users)), k)
    return ranking_metrics(lists, wanted, ks=(k,))[f"{model.config.validation_metric}@{k}"]


def _remember(model: FittedModel, train: Dataset, validation: Dataset | None) -> None:
    """Make all events the known history of the users, and know those with a profile alone; no weight changes.

    What is popular, and what nobody has had yet, follows from the known events too.
    """
    events = train.events
    if validation is not None:
        events = pl.concat([events, validation.events], how="diagonal_relaxed")
    named = [events[c.USER_ID].unique(maintain_order=True)]
    if model.profile_columns.size:
        named.append(train.users[c.USER_ID])
    model.users = Vocabulary(pl.concat(named).unique(maintain_order=True))
    histories = build_histories(interactions_of(events), model.users, model.items)
    profile = model.profile_columns.of(model.users.ids, train.users)
    model.histories = replace(histories, ordered=model.histories.ordered, profile=profile)
    if validation is not None:
        model.prior = model.prior_after(model.histories)
    if model.shown is not None:
        model.shown = None  # the next one takes much memory to make
        if model.scoring is not None and model.scoring.features is not None:
            model.scoring.features.forget_shown()
        model.shown = build_shown(events, model.users, model.items)
