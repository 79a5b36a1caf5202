"""From a fitted model, new events, new items and news of known ones to the model that knows them."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

import polars as pl

from kgrec.data import columns as c
from kgrec.data.additions import File, read_additions
from kgrec.data.cleaning import OnUnknown
from kgrec.data.dataset import Dataset
from kgrec.data.report import CleaningReport, Findings, Line
from kgrec.data.sources import Frame
from kgrec.errors import DataError, check_is
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.graph.schema.check import property_type
from kgrec.graph.schema.types import PRODUCT, GraphSchema, read_schema
from kgrec.models.fitted import FittedModel
from kgrec.models.popularity import Popularity
from kgrec.search.vectors import catalogue_vectors
from kgrec.tensors.shown import build_shown
from kgrec.updating.events import GrownHistories, grow_histories
from kgrec.updating.facts import changed_facts
from kgrec.updating.items import grow_items
from kgrec.updating.properties import ChangedItems, change_items

if TYPE_CHECKING:  # the database driver takes a second to import
    from kgrec.graph.store import GraphStore
    from kgrec.graph.store.load import LoadReport


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateReport:
    """What one update did.

    Attributes
    ----------
    events : int
        That joined the histories; impressions and negatives, which tell of clicks alone, are not among them.
    repeated : int
        Events that were known already (same user, item, type and time), and were left out.
    items, users : int
        That were not known before.
    changed : int
        Known items of which a property changed.
    cleaning : CleaningReport
        What was found in the tables and what was done about it.
    stored : LoadReport or None
        What was sent to the graph store.
    """

    events: int
    repeated: int
    items: int
    changed: int
    users: int
    seconds: float
    cleaning: CleaningReport
    stored: LoadReport | None = None

    def __str__(self) -> str:
        text = f"{self.events:,} events, {self.users:,} new users and {self.items:,} new items in {self.seconds:.2f} s"
        text += f"; {self.repeated:,} events were known already" if self.repeated else ""
        text += f"; {self.changed:,} known items changed" if self.changed else ""
        return f"{text}; graph: {self.stored}" if self.stored else text


def update_model(
    model: FittedModel,
    events: Frame | File | None,
    items: Frame | File | None,
    store: GraphStore | None,
    *,
    schema: GraphSchema | File | None = None,
    on_unknown: OnUnknown = "raise",
) -> tuple[FittedModel, UpdateReport]:
    """The model that knows the events and items too, and what is new of known ones; `model` itself stays as it is.

    See `KGRecommender.update`.
    """
    if events is None and items is None:
        raise DataError("update: nothing was given, neither events nor items")
    if store is not None:
        from kgrec.graph.store import GraphStore

        check_is(GraphStore, "update", store=store)
    begun = time.perf_counter()
    if not isinstance(schema, GraphSchema):
        schema = store.schema if store is not None and schema is None else read_schema(schema)
    schema = _with_known_types(schema, model.graph)
    added, news = read_additions(events, items, model.items.ids, on_unknown=on_unknown)
    updated, facts = model, KnowledgeGraph({}, {})
    changed = ChangedItems.none()
    if news.items.height:
        updated, changed = change_items(updated, KnowledgeGraph.from_dataset(news, schema=_said(schema, news)))
    if added.items.height:
        facts = KnowledgeGraph.from_dataset(added, schema=schema)
        updated = grow_items(updated, added.items, facts)
    if updated.search is not None and (added.items.height or len(changed.retold)):
        updated.search = replace(updated.search, text=catalogue_vectors(updated, changed.retold))
    grown = grow_histories(model.histories, model.users, updated.items, added.events)
    updated = _with_histories(updated, grown)
    if model.shown is not None:
        shown = build_shown(added.events, updated.users, updated.items, updated.click_basis)
        users = updated.users.index(added.events[c.USER_ID].unique(maintain_order=True))
        updated.shown = model.shown.and_later(shown).clicked_by(updated.histories, users)
    stored = None
    if store is not None:
        news_of_graph = changed_facts(updated, added.events, facts, changed.ids)
        stored = store.load(news_of_graph, progress=False, keep_properties=True)
    report = UpdateReport(
        events=len(grown.item_index),
        repeated=grown.repeated,
        items=added.items.height,
        changed=len(changed.ids),
        users=len(grown.users) - len(model.users),
        seconds=time.perf_counter() - begun,
        cleaning=added.report.plus(_lines(news.items[c.ITEM_ID], changed)),
        stored=stored,
    )
    model._known = None  # it shares them with `updated`, which makes those of its users anew
    return updated, report


def _with_known_types(schema: GraphSchema, graph: KnowledgeGraph) -> GraphSchema:
    """The schema, with the types that the graph's products have: a column of numbers today was one of texts before."""
    products = graph.nodes.get(PRODUCT)
    if products is None:
        return schema
    label = schema.labels[PRODUCT]
    known = {name: property_type(kind) for name, kind in products.schema.items() if name != ID}
    properties = MappingProxyType({**known, **label.properties})
    return replace(schema, labels=MappingProxyType({**schema.labels, PRODUCT: replace(label, properties=properties)}))


def _said(schema: GraphSchema, items: Dataset) -> GraphSchema:
    """The schema without the relations of columns that the items don't have: of known ones they may be left out."""
    relations = {
        name: relation
        for name, relation in schema.relations.items()
        if not relation.column or relation.column in items.items.columns
    }
    return replace(schema, relations=relations)


def _lines(known: pl.Series, changed: ChangedItems) -> list[Line]:
    findings = Findings()
    same = known.filter(~known.is_in(changed.ids.implode()))
    findings.line(c.ITEMS, "known already, nothing changed", len(same), "dropped", same)
    action = "kept as in the graph until the next fit"
    findings.line(c.ITEMS, "links of a known item differ", len(changed.relinked), action, changed.relinked)
    return findings.lines


def _with_histories(model: FittedModel, grown: GrownHistories) -> FittedModel:
    """The model with the grown histories, and what follows from them."""
    popularity, prior = model.popularity, model.prior
    settings = model.about.get("popularity", {})
    if prior is not None and len(grown.item_index):
        size, popular = len(model.items), None
        if settings.get("share"):
            if popularity is None:
                popularity = Popularity.of(model.histories, size, settings["half_life"])
            popularity = popularity.after(grown.item_index, grown.timestamp, size)
            popular = popularity.prior(settings["share"], prior.device)
        prior = model.prior_with(popular, grown.histories)
    updated = replace(
        model.with_histories(grown.users, grown.histories, grown.touched), popularity=popularity, prior=prior
    )
    scoring = updated.scoring
    if scoring is not None and scoring.features is not None:
        updated.scoring = replace(scoring, features=replace(scoring.features, model=updated))
    return updated
