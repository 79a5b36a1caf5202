"""What a fitted model is asked: lists, clicks, what is alike, what goes together, searches, reasons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.errors import NotFittedError, check_whole
from kgrec.explain.explaining import Explainer
from kgrec.explain.explanation import Explanation
from kgrec.explain.profile import Interests
from kgrec.inputs import (
    OnUnknown,
    allowed_places,
    asked_pairs,
    asked_users,
    id_series,
    item_places,
    one_id,
    user_item_pairs,
    user_place,
)
from kgrec.models.fitted import FittedModel
from kgrec.ranking.complements import complement_lists
from kgrec.ranking.diversity import check_diversity
from kgrec.ranking.lists import model_lists
from kgrec.ranking.similar import similar_lists
from kgrec.ranking.together import Together
from kgrec.tensors.vocabulary import Vocabulary

if TYPE_CHECKING:
    from kgrec.search.results import SearchResult


class Answers:
    """The questions that a `KGRecommender` answers, fitted or loaded; none of them changes the model."""

    def __init__(self) -> None:
        self._model: FittedModel | None = None
        self._explainer: Explainer | None = None  # these three are made when first needed
        self._interests: Interests | None = None
        self._together: Together | None = None

    @property
    def model_(self) -> FittedModel:
        """The trained model; NotFittedError before `fit()`."""
        if self._model is None:
            raise NotFittedError("KGRecommender is not fitted: call fit() first")
        return self._model

    def recommend(
        self,
        user_ids: Sequence[str] | None = None,
        k: int = 10,
        filter_seen: bool = True,
        candidates: Iterable[str] | None = None,
        on_unknown: OnUnknown = "raise",
        *,
        histories: Any = None,
        profiles: Any = None,
        exclude: Iterable[str] | None = None,
        filters: Mapping[str, Any] | None = None,
        diversity: float = 0.0,
    ) -> pl.DataFrame:
        """The k best items of each user.

        Parameters
        ----------
        user_ids : sequence of str, optional
            None: every known user, or every user of `histories` and `profiles`. Ids may be integers, here and
            everywhere else; numbers with a fraction are refused, as in a `Dataset`.
        k : int
            Length of a list, at most; shorter where fewer items are left.
        filter_seen : bool
            Leave out the items of the user's known history. Where they stay, and the validation part told how people
            take things again, they stand by that (`kgrec.models.repeats`).
        candidates : iterable of str, optional
            Only these items may be listed, such as those in stock.
        on_unknown : "raise", "skip" or "cold_start"
            What to do with users of whom nothing is known, neither events nor profile: an error, no list, or the list
            of a newcomer. Items that the model does not know, in `histories`, `candidates` and `exclude`, are an error
            with "raise", and left out otherwise. Of a session of none but such items nothing is known, unless its user
            is; one that is given empty is a newcomer's, whatever is said here.
        histories : frame, mapping or sequence, optional
            The events to go by instead of the known ones, for sessions and users never seen: a frame (any that
            `Dataset` takes) with columns user_id, item_id and, optionally, event and timestamp; or
            `{"a session": ["B07", "B01"]}` or a pandas Series of such lists, oldest first; or `[["B07", "B01"],
            ["B02"]]`, whose users are then called "0", "1", and are nobody that the model knows. Users asked for whom
            it does not name go by the known ones.
        profiles : frame, optional
            Column user_id and some of the profile columns of the users that the model was trained on: what to go by
            for users without events, and instead of what is known of the others.
        exclude : iterable of str, optional
            These items may not be listed.
        filters : mapping, optional
            What the items must be, such as `{"price": (None, 50), "brand": ["Nike"], "category": "Shoes"}`; see
            `kgrec.ranking.filters.allowed_items`.
        diversity : float
            From 0 (the best items) to 1: how much unlikeness to the items further up counts beside the score
            (`kgrec.ranking.diversity`). The order is then that of choice, not that of the scores.

        Returns
        -------
        polars.DataFrame
            Columns user_id, item_id, rank (from 1), score (higher is better).

        Raises
        ------
        UnknownIdError
            If a user, a candidate, an item to exclude or one of the histories is unknown, and on_unknown is "raise".
        ConfigError
            If k, diversity, on_unknown or a filter is not to be had.
        DataError
            If ids, histories or profiles can't be read.
        """
        model = self.model_
        check_whole(1, k=k)
        check_diversity("recommend", diversity)
        asked = asked_users(model, user_ids, histories, profiles, on_unknown)
        return model_lists(
            model,
            asked.users,
            asked.histories,
            k,
            filter_seen=filter_seen,
            allowed=allowed_places(model, candidates, exclude, filters, on_unknown),
            diversity=diversity,
            vectors=None if asked.known is None else model.known_user_vectors(asked.known),
        )

    def predict_click(self, pairs: Any) -> pl.DataFrame:
        """The probability that the user clicks on the item when it is shown, and that it is then bought.

        Where the training data held impressions, the probability is theirs; else it is relative to the negatives
        given or drawn (`model_.click_basis` says which). Users never seen count as newcomers.

        Parameters
        ----------
        pairs : frame with columns user_id and item_id, or sequence of (user_id, item_id)
            A frame (any that `Dataset` takes) may say more of the moment: `timestamp` (only what the user did before
            counts; UTC epoch seconds, ISO 8601 text or datetimes), `session_id`, `position` (from 1) and `query`. Pairs
            of one user and time that have a position or a session are one list. What is not said is averaged over:
            without positions, items are compared as if all stood in the same place.

        Returns
        -------
        polars.DataFrame
            The pairs as given, and click_probability from 0 to 1. Where the model saw 50 purchases or more in what it
            was chosen by also conversion_probability: of a click and a purchase after it.

        Raises
        ------
        UnknownIdError
            If an item is unknown.
        DataError
            If the pairs, an id or a column of the moment can't be read.
        """
        from kgrec.scoring.model import probabilities
        from kgrec.scoring.past import Past

        model = self.model_
        frame, asked_ids = user_item_pairs(pairs)
        item, ids = item_places(model.items, asked_ids[c.ITEM_ID], "predict_click"), asked_ids[c.USER_ID]
        user, histories = model.users.index(ids), model.histories
        if (user < 0).any():
            asked = Vocabulary(ids.unique(maintain_order=True))
            user, histories = asked.index(ids), histories.take(model.users.index(asked.ids))
        past = replace(Past.of(model), histories=histories)
        found = probabilities(model, asked_pairs(frame, ids, user, item, histories), past)
        return frame.with_columns(pl.Series(name, values) for name, values in found.items())

    def similar_items(self, item_ids: Sequence[str], k: int = 10) -> pl.DataFrame:
        """The items whose fused vectors are closest.

        Returns
        -------
        polars.DataFrame
            Columns item_id, similar_item_id, rank (from 1), score (cosine, -1 to 1).

        Raises
        ------
        UnknownIdError
            If an item is unknown.
        ConfigError
            If k is no whole number above 0.
        DataError
            If an id is neither text nor an integer.
        """
        check_whole(1, k=k)
        model = self.model_
        wanted = id_series(item_ids, "item_ids")
        return similar_lists(model, wanted, item_places(model.items, wanted, "similar_items"), k)

    def complements(self, item_ids: Sequence[str], k: int = 10) -> pl.DataFrame:
        """The items that go with these: chosen by the same people, of late and in one session.

        An item with few events borrows from those most like it. Its nearest items would do instead of it, not with it:
        where anything is ever bought, those never bought with it are left out (`kgrec.ranking.complements`).

        Returns
        -------
        polars.DataFrame
            Columns item_id, complement_item_id, rank (from 1), score (the logarithm of how likely the item is beside
            this one, and their cosine as far as it foresaw sessions in `fit`; higher is better).

        Raises
        ------
        UnknownIdError
            If an item is unknown.
        ConfigError
            If k is no whole number above 0.
        DataError
            If an id is neither text nor an integer.
        """
        check_whole(1, k=k)
        model = self.model_
        wanted = id_series(item_ids, "item_ids")
        index = item_places(model.items, wanted, "complements")
        if self._together is None or self._together.histories is not model.histories:
            self._together = Together.of(model)
        return complement_lists(model, self._together, wanted, index, k)

    def search(
        self,
        query: str,
        k: int = 10,
        user_id: str | None = None,
        filters: Mapping[str, Any] | None = None,
        *,
        candidates: Iterable[str] | None = None,
        exclude: Iterable[str] | None = None,
        strict: bool = False,
    ) -> SearchResult:
        """The k items that answer a query best: by its words (BM25), its meaning (BERT) and what it names in the graph.

        Brands, categories and attribute values that the query names count in an item's favour, and a price ("under
        50", "between 20 and 40") must be kept. Words that the catalogue does not hold are read as the nearest that it
        does.

        Parameters
        ----------
        user_id : str, optional
            Whose taste has a say in the order.
        filters, candidates, exclude
            As in `recommend`.
        strict : bool
            Whether the items must match every brand, category and attribute that the query names.

        Returns
        -------
        SearchResult
            A polars frame with columns item_id, title, rank (from 1), score (higher is better, within one query), and
            user_id where one was given; it also has `understood`, `corrections` and `reading`.

        Raises
        ------
        UnknownIdError
            If the user, a candidate or an item to exclude is unknown.
        ConfigError
            If the query is empty, or k or a filter is not to be had.
        DataError
            If an id is neither text nor an integer.
        """
        from kgrec.search.searcher import search_model

        model = self.model_
        allowed = allowed_places(model, candidates, exclude, filters)
        user_id = None if user_id is None else one_id(user_id, "user_id")
        return search_model(model, query, k, user_id, allowed, strict=strict)

    def item_vectors(self) -> tuple[pl.Series, np.ndarray]:
        """Ids and fused vectors of the catalogue, for a vector index: `store.write_vectors(*rec.item_vectors())`.

        Returns
        -------
        (item_ids, vectors)
            Vectors of shape (num_items, embedding_dim), float32, unit length; the cosine is that of `similar_items`.
        """
        return self.model_.items.ids, self.model_.vectors.source.cpu().numpy()

    def explain(self, user_id: str, item_id: str, max_paths: int = 3, max_events: int = 3) -> Explanation:
        """Why this item for this user: what the score falls without, measured by asking the model again.

        Parameters
        ----------
        max_paths : int
            Graph paths named, at most: those whose edges the score falls furthest without.
        max_events : int
            Items of the history named, at most: those without whose events the score falls furthest.

        Returns
        -------
        Explanation
            Paths, events and texts, each with its share; `text`, `to_dict()`, `cypher`, `draw(file)`.

        Raises
        ------
        UnknownIdError
            If the user or the item is unknown.
        ConfigError
            If a number is below 0.
        DataError
            If an id is neither text nor an integer.
        """
        user_id = one_id(user_id, "user_id")
        item = int(item_places(self.model_.items, id_series([item_id], "item_id"), "explain")[0])
        if self._explainer is None or self._explainer.model is not self.model_:
            self._explainer = Explainer(self.model_)
        return self._explainer.explain(user_id, item, max_paths, max_events)

    def profile(self, user_id: str) -> pl.DataFrame:
        """What the user is interested in: brands, categories, attributes, price bands, as probabilities.

        Returns
        -------
        polars.DataFrame
            Columns kind, value, long_term, short_term, shop and lift. The probabilities of a kind ("brand", "category",
            "attribute colour", "price band") sum to 1; `shop` is what all users together are interested in, `lift` is
            long_term / shop; the short term is that of the last few events. Few events weigh little beside the shop
            (`kgrec.explain.profile.Interests`): a user with none has its distribution.

        Raises
        ------
        UnknownIdError
            If the user is unknown.
        DataError
            If the id is neither text nor an integer.
        """
        user = user_place(self.model_, user_id, "profile")
        if self._interests is None or not self._interests.fits(self.model_):
            self._interests = Interests(self.model_)
        return self._interests.of(user)
