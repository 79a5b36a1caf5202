"""From a split's train part to a fitted model: network, blend, scoring module, known histories."""

from __future__ import annotations

import logging
import math
from dataclasses import asdict, dataclass, replace
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
from kgrec.tensors.sequences import Histories, build_histories
from kgrec.tensors.shown import build_shown
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.fitting import fit_model
from kgrec.training.memory import return_freed_memory
from kgrec.training.options import FitOptions

if TYPE_CHECKING:  # the database driver takes a second to import
    from kgrec.graph.store import GraphStore

logger = logging.getLogger(__name__)

HELD, FEWEST_HELD = 0.1, 50  # share of the interactions that choose where no validation part is given; how many can
MANY_HELD = 1_000  # interactions that can choose, be they a small share of a validation part


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

    Without a validation part some of the events are held out to choose, and then learned from too; likewise where it
    holds no interaction, or asks for users of whom hardly any has a history, which tells nothing of what the network
    makes of histories.
    """
    if graph is not None and not isinstance(graph, KnowledgeGraph):
        from kgrec.graph.store import GraphStore  # the database driver takes a second to import

        check_is((KnowledgeGraph, GraphStore), "fit", graph=graph)
        graph = graph.read_graph()
    graph = None if graph is None else with_products(graph, train.items[c.ITEM_ID])
    own = None
    if validation is not None and not validation.events.height:
        validation = None
    before, chooser = _events_before(train, validation), validation
    if validation is not None and config.patience is not None and not _asks_of_histories(train, before, validation):
        chooser = None
    if chooser is None and previous is None and config.patience is not None:
        own = own_validation(train, seed)
    if validation is not None and chooser is None:
        why = "asks for users without a history" if validation.interactions.height else "holds no interaction"
        what = "nothing does" if own is None else "some of the events of train do"
        logger.warning("validation %s, and can't choose: %s", why, what)
    if own is not None:
        model = _learn_twice(train, own, graph, config, seed=seed, options=options)
    elif chooser is not None:
        model = _learn(train, before, chooser, graph, config, seed=seed, options=options, previous=previous)
    else:
        model = _learn(train, train.events, None, graph, config, seed=seed, options=options, previous=previous)
    if validation is not None and chooser is None:
        _remember(model, before, validation, train.users)
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
    first = _learn(own.train, own.train.events, own.validation, graph, config, seed=seed, options=options)
    epochs = math.ceil(first.about["training"]["rows"][-1]["epoch"])
    briefly = replace(options, checkpoint=None, resume=False, first_step=epochs)
    model = _learn(train, train.events, None, graph, config, seed=seed, options=briefly, previous=first)
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
    before: pl.DataFrame,
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
    known = _liked_of(train, before)
    watch, others, chosen_by = None, None, None
    if wanted is not None:
        watch, others = _choosers(wanted, known, train.users if config.use_profiles else train.users.clear())
        chosen_by = wanted if before is train.events else pl.concat([wanted, before[train.events.height :]])
    ordered = _is_ordered(known, wanted, previous)
    del known  # all interactions once more, where some are given
    model, data = fit_model(
        train,
        graph,
        config,
        seed=seed,
        options=options,
        ordered=ordered,
        validate=watch,
        chosen_by=chosen_by,
        previous=previous,
    )
    return_freed_memory()  # the optimizer's too: the closed form takes gigabytes of its own
    trained, chooses = model.histories, config.patience is not None
    if before is not train.events:
        _know(model, before, train.users)
    blend(model, data, trained, *(wanted, others) if chooses else (None, None), previous)
    if config.use_scoring:
        model.shown = build_shown(before, model.users, model.items)
    if validation is not None and config.use_scoring:
        model.scoring = _scoring_module(model, before, validation, seed)
    elif previous is not None and previous.scoring is not None and config.use_scoring:
        model.scoring = replace(previous.scoring, features=None)
    clicks = train.events.clear() if validation is None else validation.events
    held = previous if validation is None else None
    fit_search(model, data, train.queries, clicks, seed=seed, previous=held)
    _remember(model, before, validation, train.users)
    return model


def _events_before(train: Dataset, validation: Dataset | None) -> pl.DataFrame:
    """The events of train, and what is given of users whom only the validation part asks about."""
    if validation is None or validation.history is None:
        return train.events
    strangers = validation.events.join(train.events.select(c.USER_ID), on=c.USER_ID, how="anti")
    given = _of_users(validation.history, strangers[c.USER_ID])
    return pl.concat([train.events, given], how="diagonal_relaxed") if given.height else train.events


def _liked_of(train: Dataset, before: pl.DataFrame) -> pl.DataFrame:
    """The interactions among the events of `_events_before`."""
    return train.interactions if before is train.events else interactions_of(before)


def can_choose(train: Dataset, validation: Dataset) -> bool:
    """Whether a validation part can choose for a model of `train`; else some of the events of train do."""
    return _asks_of_histories(train, _events_before(train, validation), validation)


def _asks_of_histories(train: Dataset, before: pl.DataFrame, validation: Dataset) -> bool:
    """Whether half of the interactions of a validation part, or `MANY_HELD`, are of users with a history."""
    wanted, known = validation.interactions, _liked_of(train, before)
    return wanted.height > 0 and _of_users(wanted, known[c.USER_ID]).height >= min(MANY_HELD, wanted.height / 2)


def _of_users(events: pl.DataFrame, users: pl.Series) -> pl.DataFrame:
    return events.filter(pl.col(c.USER_ID).is_in(users.unique().implode()))


def _is_ordered(known: pl.DataFrame, wanted: pl.DataFrame | None, previous: FittedModel | None) -> bool:
    """Whether the order of events counts: as validation says, without one as it did before."""
    if wanted is None:
        return previous is None or previous.histories.ordered
    return comes_after(wanted, known)


def _scoring_module(model: FittedModel, before: pl.DataFrame, validation: Dataset, seed: int) -> ScoringModule | None:
    draws = np.random.default_rng(np.random.SeedSequence([seed, *b"scoring pairs"]))
    histories = histories_through(model, before, validation, model.users)
    rng = scoring_stream(seed)
    labelled = labelled_pairs(
        validation, histories, model.users, model.items, draws, lambda user: some_pairs(user, rng)
    )
    return fit_scoring(model, labelled, replace(Past.of(model), histories=histories), rng)


def _choosers(wanted: pl.DataFrame, known: pl.DataFrame, profiles: pl.DataFrame) -> tuple[_Watch | None, pl.DataFrame]:
    """What says when the training ends, and the interactions that choose all else.

    Those wanted by users of whom something is known: events, or a profile.
    """
    told = pl.concat([known[c.USER_ID], profiles[c.USER_ID]]) if profiles.width > 1 else known[c.USER_ID]
    watched, others = parts_by_user(_of_users(wanted, told))
    watch = _Watch(watched, _of_users(known, watched[c.USER_ID]), profiles) if watched.height else None
    return watch, others


@dataclass(slots=True)
class _Watch:
    """The validation metric of a model in training.

    Attributes
    ----------
    wanted, before : frames of interactions
        Of the validation part, and of its users before it.
    profiles : frame
    histories : Histories, optional
        Of the users of `wanted`, made at the first look.
    """

    wanted: pl.DataFrame
    before: pl.DataFrame
    profiles: pl.DataFrame
    histories: Histories | None = None

    def __call__(self, model: FittedModel) -> float:
        users = self.wanted[c.USER_ID].unique(maintain_order=True)
        if self.histories is None:
            profile = model.profile_columns.of(users, self.profiles)
            self.histories = replace(model.histories_of(self.before, Vocabulary(users)), profile=profile)
        k = model.config.validation_k
        lists = model_lists(model, users, self.histories, k)
        return ranking_metrics(lists, self.wanted, ks=(k,))[f"{model.config.validation_metric}@{k}"]


def _know(model: FittedModel, events: pl.DataFrame, profiles: pl.DataFrame) -> None:
    """Make events the known history of the users, and know those with a profile alone; no weight changes."""
    named = [events[c.USER_ID].unique(maintain_order=True)]
    if model.profile_columns.size:
        named.append(profiles[c.USER_ID])
    model.users = Vocabulary(pl.concat(named).unique(maintain_order=True))
    histories = build_histories(interactions_of(events), model.users, model.items)
    profile = model.profile_columns.of(model.users.ids, profiles)
    model.histories = replace(histories, ordered=model.histories.ordered, profile=profile)


def _remember(model: FittedModel, before: pl.DataFrame, validation: Dataset | None, profiles: pl.DataFrame) -> None:
    """Make all events known.

    What is popular, and what nobody has had yet, follows from them too.
    """
    events = before if validation is None else pl.concat([before, validation.events], how="diagonal_relaxed")
    _know(model, events, profiles)
    if validation is not None:
        model.prior = model.prior_after(model.histories)
    if model.shown is not None:
        model.shown = None  # the next one takes much memory to make
        if model.scoring is not None and model.scoring.features is not None:
            model.scoring.features.forget_shown()
        model.shown = build_shown(events, model.users, model.items)
