"""KGRecommender: the one object most people use."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl
import torch

from kgrec import saving
from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.errors import ConfigError, NotFittedError
from kgrec.evaluating import part_lists, part_metrics, part_reliability
from kgrec.explain.explaining import Explainer
from kgrec.explain.explanation import Explanation
from kgrec.explain.profile import Interests
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.inputs import (
    OnUnknown,
    allowed_places,
    asked_pairs,
    asked_users,
    id_series,
    item_places,
    user_item_pairs,
    user_place,
)
from kgrec.models.fitted import FittedModel
from kgrec.ranking.complements import Together, complement_lists
from kgrec.ranking.lists import model_lists
from kgrec.ranking.similar import similar_lists
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.device import resolve_device

if TYPE_CHECKING:  # the database driver takes a second to import
    from kgrec.data.sources import Frame
    from kgrec.graph.store import GraphStore
    from kgrec.search.results import SearchResult
    from kgrec.training.engine import Precision
    from kgrec.training.tracking import Tracker, TrackerName
    from kgrec.updating.update import UpdateReport

logger = logging.getLogger(__name__)


class KGRecommender:
    """Ranks a shop's items for its users, predicts clicks, and says why.

    Parameters
    ----------
    config : RecommenderConfig, optional
    device : str or torch.device, optional
        None picks CUDA when there, else the CPU.
    seed : int
        All randomness of `fit` comes from it.

    Attributes
    ----------
    model_ : FittedModel
        After `fit` or `load`.

    Raises
    ------
    ConfigError
        If the device is not to be had.
    """

    def __init__(
        self, config: RecommenderConfig | None = None, device: str | torch.device | None = None, seed: int = 0
    ) -> None:
        if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
            raise ConfigError(f"seed is {seed!r}, expected a whole number >= 0")
        self.config = config or RecommenderConfig()
        self.device = resolve_device(device)
        self.seed = seed
        self._model: FittedModel | None = None
        self._explainer: Explainer | None = None
        self._interests: Interests | None = None
        self._together: Together | None = None

    @property
    def model_(self) -> FittedModel:
        """The trained model; NotFittedError before `fit()`."""
        if self._model is None:
            raise NotFittedError("KGRecommender is not fitted: call fit() first")
        return self._model

    def fit(
        self,
        train: Dataset,
        validation: Dataset | None = None,
        graph: KnowledgeGraph | GraphStore | None = None,
        *,
        warm_start: bool = False,
        checkpoint: str | Path | None = None,
        resume: bool = False,
        tracker: TrackerName | Tracker | None = None,
        precision: Precision = "fp32",
        deterministic: bool = False,
        progress: bool | None = None,
    ) -> KGRecommender:
        """Train on `train`; `validation` only decides when to stop and joins the users' known history.

        The order of events counts unless most of a user's validation events lie before the last one of `train`. Started
        by `torchrun`, the processes share the work of each step and end with the same model.

        Parameters
        ----------
        graph : KnowledgeGraph, GraphStore or None
            None builds it from the catalogue and triples of `train`; a store is read.
        warm_start : bool
            Go on from the model as it is, fitted or loaded, where it knows the same nodes, users and items: for
            `config.warm_epochs` passes at most, by smaller steps, with the settings that were chosen then.
        checkpoint : path, optional
            File to keep the state of the training in: after each look at validation, without one after each epoch.
        resume : bool
            Go on from that file where it is there, to the model that a training without a break would have given.
        tracker : "tensorboard", "mlflow", "wandb" or Tracker, optional
            Told of losses and validation while training (`kgrec.training.tracking`). TensorBoard's files go beside the
            checkpoint, without one to the folder `runs`.
        precision : "fp32" or "bf16"
            bf16 makes the transformer's and the scores' products in 16 bits; it pays on a GPU.
        deterministic : bool
            On a GPU too the same bits each time, or an error; a CPU always gives them.
        progress : bool, optional
            Show a progress bar; None: when stderr is a terminal.

        Returns
        -------
        self

        Raises
        ------
        DataError
            If there is nothing to train on.
        ConfigError
            If the tracker or the precision is not to be had; or the model to go on from has other settings in what its
            weights depend on.
        SavedModelError
            If the checkpoint to go on from is that of another training.
        NotFittedError
            If there is no model to go on from.
        """
        from kgrec.learning import learn  # PyTorch Geometric takes seconds to import, and serving needs none of it
        from kgrec.training.options import fit_options

        with fit_options(
            device=self.device,
            config=self.config,
            checkpoint=checkpoint,
            resume=resume,
            tracker=tracker,
            precision=precision,
            deterministic=deterministic,
            progress=sys.stderr.isatty() if progress is None else progress,
        ) as options:
            previous = self.model_ if warm_start else None
            self._model = learn(
                train, validation, graph, self.config, seed=self.seed, options=options, previous=previous
            )
        self._explainer = self._interests = self._together = None
        return self

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
            None: every known user, or every user of `histories` and `profiles`.
        k : int
            Length of a list, at most; shorter where fewer items are left.
        filter_seen : bool
            Leave out the items of the user's known history.
        candidates : iterable of str, optional
            Only these items may be listed, such as those in stock.
        on_unknown : "raise", "skip" or "cold_start"
            What to do with users of whom nothing is known, neither events nor profile: an error, no list, or the list
            of a newcomer.
        histories : frame, mapping or sequence, optional
            The events to go by instead of the known ones, for sessions and users never seen: a frame with columns
            user_id, item_id and, optionally, event and timestamp; or `{"a session": ["B07", "B01"]}`, oldest first; or
            `[["B07", "B01"], ["B02"]]`, whose users are then "0", "1".
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
            If a user, a candidate or an item to exclude is unknown.
        ConfigError
            If k, diversity or a filter is not to be had.
        DataError
            If histories or profiles can't be read.
        """
        model = self.model_
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise ConfigError(f"k is {k!r}, expected a whole number >= 1")
        if not 0 <= diversity <= 1:
            raise ConfigError(f"diversity is {diversity!r}, expected a number from 0 to 1")
        asked = asked_users(model, user_ids, histories, profiles, on_unknown)
        return model_lists(
            model,
            asked.users,
            asked.histories,
            k,
            filter_seen=filter_seen,
            allowed=allowed_places(model, candidates, exclude, filters),
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
            A frame may say more of the moment: `timestamp` (only what the user did before counts), `session_id`,
            `position` (from 1) and `query`. Pairs of one user and time that have a position or a session are one list.
            What is not said is averaged over: without positions, items are compared as if all stood in the same place.

        Returns
        -------
        polars.DataFrame
            The pairs as given, and click_probability from 0 to 1. Where validation had purchases also
            conversion_probability: of a click and a purchase after it.

        Raises
        ------
        UnknownIdError
            If an item is unknown.
        DataError
            If a column of the moment can't be read.
        """
        from kgrec.scoring.model import probabilities

        model = self.model_
        frame = user_item_pairs(pairs)
        item = item_places(model.items, frame[c.ITEM_ID].cast(pl.String), "predict_click")
        ids = frame[c.USER_ID].cast(pl.String)
        user, histories = model.users.index(ids), model.histories
        if (user < 0).any():
            asked = Vocabulary(ids.unique(maintain_order=True))
            user, histories = asked.index(ids), histories.take(model.users.index(asked.ids))
        found = probabilities(model, asked_pairs(frame, user, item, histories), histories)
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
        """
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
            this one, and their cosine; higher is better).

        Raises
        ------
        UnknownIdError
            If an item is unknown.
        """
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
        """
        from kgrec.search.searcher import search_model

        model = self.model_
        allowed = allowed_places(model, candidates, exclude, filters)
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
        """
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
        """
        user = user_place(self.model_, user_id, "profile")
        if self._interests is None or self._interests.histories is not self.model_.histories:
            self._interests = Interests(self.model_)
        return self._interests.of(user)

    def evaluate(self, part: Dataset, ks: Sequence[int] = (10, 20)) -> dict[str, float]:
        """Full-ranking and click metrics on a part of a split.

        A user's history is what came before the part (`part.history`), else what the model knows. Items of the history
        are left out of the lists; every user with an interaction in the part counts, and only items of the catalogue
        are ranked. Clicks are those of the part's impressions or labels; where it has none, its interactions against
        as many drawn pairs.

        Returns
        -------
        dict
            recall@k, ndcg@k, hit@k, mrr@k, coverage@k for each k; auc, log_loss, ece.
        """
        return part_metrics(self.model_, part, ks, self.seed)

    def reliability(self, part: Dataset) -> pl.DataFrame:
        """How true the click probabilities are on the pairs that `evaluate` measures clicks on.

        Returns
        -------
        polars.DataFrame
            For each of 15 equal bins of the probability that holds a pair: bin_start, bin_end, num_pairs,
            click_probability (mean of those predicted), click_share (of the pairs that were clicked).
        """
        return part_reliability(self.model_, part, self.seed)

    def recommend_part(self, part: Dataset, k: int = 10) -> pl.DataFrame:
        """The lists that `evaluate` scores: for each user of the part, going by what came before it."""
        return part_lists(self.model_, part, k)

    def update(
        self,
        new_events: Frame | str | Path | None = None,
        new_items: Frame | str | Path | None = None,
        store: GraphStore | None = None,
        *,
        on_unknown: Literal["raise", "skip"] = "raise",
    ) -> UpdateReport:
        """Take in new events and new items at once, without training.

        Events join the histories of their users, known and new ones, at their place in time: the next lists follow
        them, and what is popular moves with them. New items get vectors from their text and their place in the graph.
        What training learned stays as it is. If anything is wrong, nothing changes at all.

        Parameters
        ----------
        new_events, new_items : frames or files, optional
            As `Dataset` takes them, or CSV or Parquet files. An event with a time that is known already (same user,
            item, type and second) is the same event come again and counts once, so that an update may be sent twice;
            without a time it has just happened, and each one counts. Items that are known stay as they are.
        store : GraphStore, optional
            The database that holds the graph: the new items with their facts go there too, and the new events as edges
            of their users. Sending the same again changes nothing.
        on_unknown : "raise" or "skip"
            What to do with events on items that are neither known nor new.

        Returns
        -------
        UpdateReport
            How much there was, and what was cleaned.

        Raises
        ------
        DataError
            Listing every fault of both tables.
        GraphError
            If a property of new items is of another type than that of the known ones.
        StoreError
            If the store refuses; send the same update again.
        """
        from kgrec.updating.update import update_model

        self._model, report = update_model(self.model_, new_events, new_items, store, on_unknown=on_unknown)
        return report

    def save(self, folder: str | Path) -> None:
        """Write the model as JSON and safetensors; a kill in the middle leaves the old model loadable."""
        saving.save_model(self.model_, Path(folder))

    @classmethod
    def load(cls, folder: str | Path, device: str | torch.device | None = None) -> KGRecommender:
        """Read a saved model; no training data is needed.

        Raises
        ------
        SavedModelError
            If the folder is not a saved model.
        """
        resolved = resolve_device(device)
        model = saving.load_model(Path(folder), resolved)
        recommender = cls(model.config, resolved, seed=int(model.about.get("seed", 0)))
        recommender._model = model
        return recommender
