"""A trained model with all that it needs to serve: vectors, vocabularies, histories, the graph."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.splitting import liked
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import ID, KnowledgeGraph
from kgrec.models.closed_form import ItemWeights
from kgrec.models.popularity import Popularity, prior_as_chosen
from kgrec.models.propagation import Propagation
from kgrec.models.repeats import RepeatWeights
from kgrec.models.serving import ItemVectors, ServingNetwork
from kgrec.tensors.clicks import ClickBasis
from kgrec.tensors.profiles import ProfileColumns
from kgrec.tensors.sequences import Histories, build_histories, pad, profile_rows
from kgrec.tensors.shown import Shown
from kgrec.tensors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from kgrec.scoring.model import ScoringModule
    from kgrec.search.searcher import Searcher
    from kgrec.search.settings import SearchSettings

BATCH_ON_CPU = 256  # histories: what a layer makes of them stays in the cache
LONG = 64  # events of a history from which on fewer make up a batch


@dataclass(slots=True)
class FittedModel:
    """What `fit` makes, `save` writes and everything else reads.

    Attributes
    ----------
    histories : Histories
        The known events and profile of each user of `users`.
    profile_columns : ProfileColumns
        What profiles are read by.
    titles : polars.Series
        Title of each item, null where it has none.
    item_weights : ItemWeights or None
        The closed form, whose score counts `item_share` times.
    prior : Tensor or None
        What is added to each item's ranking score, shape (num_items,): how popular it is, and for items of `cold`
        where they stand.
    cold : bool array, shape (num_items,), or None
        The items that were in the catalogue it was trained on without an event of theirs; None: there were none.
    popularity : Popularity or None
        What `prior` was made of, where an update needed it.
    repeats : RepeatWeights or None
        What is added to the ranking score of items that the user has had; None: nothing.
    shown : Shown or None
        What the users were shown and clicked; None: nothing is known of that, or nothing reads it.
    scoring : ScoringModule or None
        Predicts clicks and purchases; None: the click network alone does.
    propagation : Propagation or None
        Gives nodes that come later their vectors.
    search : SearchSettings or None
        The items' text vectors and what search learned; None: search goes by words alone.
    about : dict
        How it was made: seed, data fingerprint, versions, training log.
    """

    config: RecommenderConfig
    users: Vocabulary
    items: Vocabulary
    titles: pl.Series
    histories: Histories
    profile_columns: ProfileColumns
    network: ServingNetwork
    vectors: ItemVectors
    graph: KnowledgeGraph
    click_basis: ClickBasis
    item_weights: ItemWeights | None = None
    item_share: float = 0.0
    prior: Tensor | None = None
    cold: np.ndarray | None = None
    popularity: Popularity | None = field(default=None, repr=False)
    repeats: RepeatWeights | None = None
    shown: Shown | None = None
    scoring: ScoringModule | None = None
    propagation: Propagation | None = None
    search: SearchSettings | None = None
    about: dict[str, Any] = field(default_factory=dict)
    searcher: Searcher | None = field(default=None, repr=False, compare=False)  # made when first needed
    _known: tuple[Histories, Tensor, np.ndarray] | None = field(default=None, repr=False)

    @property
    def device(self) -> torch.device:
        return self.vectors.source.device

    def histories_of(self, events: pl.DataFrame, users: Vocabulary) -> Histories:
        """The histories that `events` give some users, known ones and others; with them the profiles of those known."""
        histories = build_histories(interactions_of(events), users, self.items, self.users)
        profile = profile_rows(self.profile, self.users.index(users.ids))
        return replace(histories, ordered=self.histories.ordered, profile=profile)

    def prior_after(self, histories: Histories) -> Tensor | None:
        """The `prior` as it is after the events of these histories, of everyone, and no others."""
        popular = None
        if self.prior is not None and "popularity" in self.about:
            popular = prior_as_chosen(self.about["popularity"], histories, len(self.items), self.device)
        return self.prior_with(popular, histories)

    def prior_with(self, popular: Tensor | None, histories: Histories) -> Tensor | None:
        """The `prior` where items are so `popular`, and the events of these histories, of everyone, have come.

        An item of `cold` stands `unsold` above or below the others while nobody has had it. From then on it stands as
        new items do, by the `offset`, or as before where that is higher (`kgrec.blending.new_items`).
        """
        if self.cold is None:
            return popular
        said = self.about["new_items"]
        first = max(said["offset"], said["unsold"])
        had = histories.item_counts(len(self.items)) > 0
        stands = torch.from_numpy(np.where(self.cold, np.where(had, first, said["unsold"]), 0.0))
        stands = stands.to(self.device, self.vectors.bias.dtype)
        return stands if popular is None else popular + stands

    def as_after(self, events: pl.DataFrame) -> FittedModel:
        """The model as it ranks after these events and no others: what is popular, and unsold, follows from them."""
        if self.prior is None and self.cold is None:
            return self
        everyone = Vocabulary(events[c.USER_ID].unique(maintain_order=True))
        return replace(self, prior=self.prior_after(self.histories_of(events, everyone)))

    @property
    def profile(self) -> np.ndarray:
        """Profile features of `users`, shape (num_users, num_columns)."""
        assert self.histories.profile is not None
        return self.histories.profile

    @property
    def events_read(self) -> int:
        """Events of a history that are read, at most, the most recent ones; all where their order is not read."""
        return self.config.history_length if self.network.behaviour.reads_order else sys.maxsize

    def user_vectors(self, histories: Histories) -> Tensor:
        """The vector of each history, shape (num_users, dim), unit length."""
        return self.vectors_after(histories, np.arange(histories.num_users), histories.lengths)

    def known_user_vectors(self, user_index: np.ndarray) -> Tensor:
        """Vectors of users of `users` by their known histories, shape (num_users, dim); each is made once and kept."""
        if self._known is None or self._known[0] is not self.histories:
            size = self.histories.num_users
            kept = self.vectors.source.new_empty(size, self.config.embedding_dim)
            self._known = self.histories, kept, np.zeros(size, dtype=bool)
        _, vectors, made = self._known
        missing = np.unique(user_index[~made[user_index]])
        if len(missing):
            vectors[torch.from_numpy(missing).to(self.device)] = self.user_vectors(self.histories.take(missing))
            made[missing] = True
        return vectors[torch.from_numpy(user_index).to(self.device)]

    def with_histories(self, users: Vocabulary, histories: Histories, changed: np.ndarray) -> FittedModel:
        """The model with other histories, which keeps the vectors made of users other than those `changed`.

        They go over to it: this model makes its own again when asked.

        Parameters
        ----------
        users : Vocabulary
            Those of this model in their order, then any new ones; `histories` are theirs.
        changed : int64
            Places of the users whose histories differ.
        """
        known = None
        if self._known is not None and self._known[0] is self.histories:
            _, vectors, made = self._known
            if histories.num_users > len(made):  # with room for more, so that not every new user takes a copy
                room = histories.num_users - len(made) + len(made) // 8
                vectors = torch.cat([vectors, vectors.new_empty(room, vectors.shape[1])])
                made = np.concatenate([made, np.zeros(room, dtype=bool)])
            made = made.copy()
            made[changed] = False
            known = histories, vectors, made
        self._known = None
        return replace(self, users=users, histories=histories, _known=known)

    def vectors_at(self, histories: Histories, user_index: np.ndarray, place: np.ndarray) -> Tensor:
        """Vectors of users when `place` events of theirs had come, shape (num_pairs, dim)."""
        keys, back = np.unique(np.stack([user_index, place]), axis=1, return_inverse=True)
        return self.vectors_after(histories, *keys)[torch.from_numpy(back.reshape(-1)).to(self.device)]

    @torch.no_grad()
    def vectors_after(self, histories: Histories, user_index: np.ndarray, seen: np.ndarray) -> Tensor:
        """Vectors of users after `seen` events of theirs; like lengths are read together: little padding."""
        length = np.minimum(seen, self.events_read)
        order = np.argsort(length, kind="stable")
        vectors = self.vectors.source.new_zeros(len(order), self.config.embedding_dim)
        for begin, end in self._batches(length[order]):
            some = order[begin:end]
            user = user_index[some]
            stop = histories.start[user] + seen[some]
            start = stop - length[some]
            batch = pad(histories, user, start, stop).to(self.device)
            vectors[torch.from_numpy(some).to(self.device)] = self.network.users(self.vectors, batch)
        return vectors

    def _batches(self, length: np.ndarray) -> Iterator[tuple[int, int]]:
        """Begin and end of each batch of histories, whose lengths ascend: so many, and fewer of long ones."""
        most = 2048 if self.device.type == "cuda" else BATCH_ON_CPU
        begin = 0
        while begin < len(length):
            longest = int(length[min(begin + most, len(length)) - 1])
            end = begin + max(1, most * LONG // max(longest, LONG))
            yield begin, min(end, len(length))
            begin = end

    @torch.no_grad()
    def network_scores(self, user_emb: Tensor) -> Tensor:
        """The network's ranking scores for every item, shape (num_users, num_items)."""
        bias = self.vectors.bias if self.prior is None else self.vectors.bias + self.prior
        return self.network.scorer.rank(user_emb, self.vectors.target, bias)

    @torch.no_grad()
    def scores(self, user_emb: Tensor, histories: Histories) -> Tensor:
        """Ranking scores for every item: the network's, its share of the closed form's, what repeats are worth.

        Parameters
        ----------
        user_emb : Tensor, shape (num_users, dim)
        histories : Histories
            Of the same users.

        Returns
        -------
        Tensor, shape (num_users, num_items)
        """
        scores = self.network_scores(user_emb)
        if self.item_weights is not None and self.item_share:
            self.item_weights.add_scores(scores, histories, self.item_share)
        if self.repeats is not None:
            self.repeats.add_scores(scores, histories)
        return scores

    @torch.no_grad()
    def click_logits(self, user_emb: Tensor, item_index: np.ndarray) -> np.ndarray:
        """The click network's logit of each (user vector, item), shape (num_pairs,), float64."""
        parts = []
        for begin in range(0, len(item_index), 65536):
            item = torch.from_numpy(item_index[begin : begin + 65536]).to(self.device)
            logit = self.network.scorer.click(
                user_emb[begin : begin + 65536], self.vectors.target[item], self.vectors.bias[item]
            )
            parts.append(logit.double().cpu().numpy())
        return np.concatenate(parts) if parts else np.zeros(0)

    def prices(self) -> np.ndarray:
        """The price of each item by the graph, NaN where it has none, shape (num_items,), float64."""
        prices = np.full(len(self.items), np.nan)
        products = self.graph.nodes.get(PRODUCT)
        if products is not None and c.PRICE in products.columns and products[c.PRICE].dtype.is_numeric():
            place = self.items.index(products[ID])
            known = place >= 0
            prices[place[known]] = products[c.PRICE].cast(pl.Float64).fill_null(np.nan).to_numpy()[known]
        return prices

    def title(self, item_id: str) -> str:
        """Title of an item, its id where it has none."""
        index = int(self.items.index([item_id])[0])
        return (self.titles[index] if index >= 0 else None) or item_id


def interactions_of(events: pl.DataFrame) -> pl.DataFrame:
    """The events that express liking (see `Dataset.interactions`)."""
    return events.filter(liked())
