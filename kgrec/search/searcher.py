"""Search over a fitted model: words, meaning and names in one score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
import torch
from torch import Tensor

from kgrec.data import columns as c
from kgrec.data.attributes import whole_letters
from kgrec.encoders.text import TextEncoder
from kgrec.errors import ConfigError, UnknownIdError, not_whole
from kgrec.models.fitted import FittedModel
from kgrec.search.lexical import LexicalIndex
from kgrec.search.nearest import ItemCosines
from kgrec.search.reading import QueryReader, ReadQuery, in_price
from kgrec.search.results import SearchResult
from kgrec.search.settings import FACETS, LEXICAL, OTHER, PERSONAL, VECTORS, SearchSettings
from kgrec.search.texts import item_fields, reads_alike
from kgrec.search.understanding import Linker
from kgrec.search.vectors import catalogue_vectors, query_encoder
from kgrec.search.words import Stems

KEPT_QUERIES = 4096  # vectors of the latest queries
POOL, LEAST_POOL = 10, 100  # items, for each place of a list, that the user's taste orders anew
TIE = 1e-6  # of the popularity beside the score: it decides between equals alone
Parts = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Scored:
    """A query read, the items that may be listed (bool), and each part of their score, 0 to about 1 (num_items,)."""

    read: ReadQuery
    allowed: np.ndarray
    parts: Parts


class Searcher:
    """A catalogue indexed for search. Made from a fitted model alone; what takes long is saved with that.

    Parameters
    ----------
    model : FittedModel
    """

    def __init__(self, model: FittedModel) -> None:
        self._model, self._graph, self._items = model, model.graph, model.items
        self.settings = model.search or SearchSettings()
        stems = Stems(model.config.search_language)
        self._lexical = LexicalIndex(item_fields(model.graph, model.items), stems)
        vectors = catalogue_vectors(model)
        self.cosines = None if vectors is None else ItemCosines(vectors, model.config.search_exact_limit)
        self._prices = model.prices()
        linker = Linker(model.graph, model.items, stems)
        self.reader = QueryReader(self._lexical, linker, self._prices, self._is_word)
        popularity = model.histories.item_counts(len(model.items)).astype(np.float32)
        self._popularity = popularity / max(popularity.max(initial=0), 1)
        self._query_vectors: dict[str, Tensor] = {}
        self._tuned: TextEncoder | None = None

    def follow(self, model: FittedModel) -> None:
        """Go by the users and prices of a model that it `fits`: they may have changed since."""
        self._model = model
        if self._graph is not model.graph:
            self._graph = model.graph
            self._prices = self.reader.prices = model.prices()

    def use(self, settings: SearchSettings) -> None:
        """Go on with other settings over the same items' vectors."""
        self.settings = settings
        self._query_vectors.clear()

    def fits(self, model: FittedModel) -> bool:
        """Whether it was made of the catalogue, texts and settings that the model holds."""
        same = self._items is model.items and self._model.config is model.config
        return same and self.settings is (model.search or self.settings) and reads_alike(self._graph, model.graph)

    def query_vector(self, text: str) -> Tensor:
        """The unit vector of a query's text, shape (text_dim,), as encoded; kept for the next time."""
        if text not in self._query_vectors:
            self._encode([text])
        return self._query_vectors[text]

    def prepare(self, queries: Sequence[str]) -> None:
        """Encode many queries together, which is faster than one by one."""
        if self.cosines is not None:
            self._encode(list(dict.fromkeys(self.reader.read(query).text for query in queries)))

    def scored(self, query: str, allowed: np.ndarray | None = None, *, strict: bool = False) -> Scored:
        """Every part of every item's score for a query, but that of the user."""
        read = self.reader.read(query)
        may = np.ones(len(self._items), dtype=bool) if allowed is None else allowed.copy()
        if read.price is not None:
            may &= in_price(self._prices, read.price)
        for understood, matching in read.named:
            if strict and understood.sure:
                may &= matching
        lexical = self._lexical.scores(read.words)
        parts = {LEXICAL: _scaled(lexical, may, 0.0)}
        if self.cosines is not None and read.text.strip():
            parts[VECTORS] = self.vector_part(self.query_vector(read.text), may, lexical)
        return Scored(read, may, parts | _facet_parts(read))

    def vector_part(self, vector: Tensor, allowed: np.ndarray, lexical: np.ndarray) -> np.ndarray:
        """The cosines of the items with a query, 0 their mean over the catalogue, 1 the highest allowed."""
        assert self.cosines is not None
        wanted = None if self.cosines.is_exact else np.flatnonzero(lexical > 0)
        cosine, mean = self.cosines.scores(vector, wanted)
        return _scaled(cosine, allowed, mean)

    def search(
        self, query: str, k: int, user_id: str | None, allowed: np.ndarray | None, *, strict: bool
    ) -> SearchResult:
        """See `KGRecommender.search`."""
        model = self._model
        user = None if user_id is None else model.users.index([user_id])
        if user is not None and user[0] < 0:
            raise UnknownIdError(f"search: unknown user_id {user_id!r}; the model knows {len(model.users):,} users")
        found = self.scored(query, allowed, strict=strict)
        score = combine(found.parts, self.settings.weights)
        item = _best(score + TIE * self._popularity, self._listable(found, score), max(POOL * k, LEAST_POOL))
        total = score[item]
        if user is not None:
            total = total + self.settings.weights[PERSONAL] * personal_part(model, user, item)
            order = np.argsort(-total, kind="stable")
            item, total = item[order], total[order]
        item, total = item[:k], total[:k]
        columns = {} if user_id is None else {c.USER_ID: pl.Series([user_id] * len(item), dtype=pl.String)}
        columns |= {c.ITEM_ID: model.items.take(item), c.TITLE: model.titles.gather(item)}
        columns |= {
            c.RANK: pl.Series(np.arange(1, len(item) + 1)),
            c.SCORE: pl.Series(total.astype(np.float64)),
        }
        return SearchResult.of(columns, query, found.read.understood, found.read.corrections)

    def _listable(self, found: Scored, score: np.ndarray) -> np.ndarray:
        """With vectors every item is an answer of a kind; without, one that the query touches."""
        asks_words = bool(found.read.words)
        return found.allowed if VECTORS in found.parts or not asks_words else found.allowed & (score > 0)

    def _is_word(self, word: str) -> bool:
        return self.cosines is not None and self._encoder().is_token(word)

    def _encode(self, texts: list[str]) -> None:
        vectors = torch.from_numpy(self._encoder().encode_now(texts)).to(self._model.device)
        if len(self._query_vectors) + len(texts) > KEPT_QUERIES:
            self._query_vectors.clear()
        self._query_vectors |= dict(zip(texts, vectors, strict=True))

    def encoder_of_texts(self) -> TextEncoder:
        """That of the items' texts: of queries too, unless one was tuned."""
        config = self._model.config
        return query_encoder(config.text_model, str(self._model.device), config.text_max_length)

    def _encoder(self) -> TextEncoder:
        plain = self.encoder_of_texts()
        if self.settings.adapter is None:
            return plain
        if self._tuned is None or self._tuned.adapter is not self.settings.adapter:
            self._tuned = TextEncoder(
                plain.model, device=plain.device, max_length=plain.max_length, adapter=self.settings.adapter
            )
        return self._tuned


def searcher_of(model: FittedModel) -> Searcher:
    """The searcher of a model, made once for each catalogue, graph and settings."""
    found = model.searcher
    if found is None or not found.fits(model):
        found = model.searcher = Searcher(model)
    found.follow(model)
    return found


def search_model(
    model: FittedModel, query: str, k: int, user_id: str | None, allowed: np.ndarray | None, *, strict: bool = False
) -> SearchResult:
    """See `KGRecommender.search`."""
    faults = not_whole(1, k=k)
    if not isinstance(query, str) or not query.strip():
        faults.append(f"the query is {query!r}, expected some words: what is to be found?")
    if faults:
        raise ConfigError(f"search: {'; '.join(faults)}")
    query = whole_letters(query)
    return searcher_of(model).search(query, k, user_id, allowed, strict=strict)


def combine(parts: Parts, weights: dict[str, float]) -> np.ndarray:
    """The weighted sum of the parts of a score, shape (num_items,), float32."""
    total = np.zeros_like(parts[LEXICAL])
    for name, part in parts.items():
        total += np.float32(weights[name]) * part
    return total


def personal_part(model: FittedModel, user: np.ndarray, item: np.ndarray) -> np.ndarray:
    """The network's ranking scores of a known user for some items, 0 the lowest of them, 1 the highest."""
    if not len(item):
        return np.zeros(0, np.float32)
    rows = torch.from_numpy(item).to(model.device)
    score = model.network_scores(model.known_user_vectors(user))[0][rows].cpu().numpy()
    spread = score.max() - score.min()
    return (score - score.min()) / spread if spread > 0 else np.zeros_like(score)


def _facet_parts(read: ReadQuery) -> Parts:
    """For each kind of name in the query, the share of those that an item matches."""
    found: dict[str, list[np.ndarray]] = {}
    for understood, matching in read.named:
        found.setdefault(understood.kind if understood.kind in FACETS else OTHER, []).append(matching)
    return {kind: np.stack(matches).mean(axis=0, dtype=np.float32) for kind, matches in found.items()}


def _scaled(score: np.ndarray, allowed: np.ndarray, low: float) -> np.ndarray:
    """Scores with 0 at `low` and 1 at the highest of those allowed; all 0 where none is above `low`."""
    spread = float(np.max(score, where=allowed, initial=low)) - low
    return (score - np.float32(low)) / np.float32(spread) if spread > 0 else np.zeros_like(score)


def _best(score: np.ndarray, allowed: np.ndarray, count: int) -> np.ndarray:
    """Places of the best items allowed, best first; ties go to the one that comes first."""
    open_ = np.where(allowed, score, -np.inf)
    some = np.argpartition(-open_, count)[: count + 1] if count + 1 < len(open_) else np.arange(len(open_))
    some = some[np.isfinite(open_[some])]
    return some[np.lexsort((some, -open_[some]))][:count]
