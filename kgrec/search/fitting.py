"""What search learns: from queries with answers, and from the clicks that followed queries."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
import torch

from kgrec.data import columns as c
from kgrec.data.splitting import liked
from kgrec.encoders.adapter import AdaptedBert
from kgrec.models.fitted import FittedModel
from kgrec.models.fusion import TEXT
from kgrec.ranking.search import coordinate_search
from kgrec.search.gains import Answers, ndcg
from kgrec.search.query_tuning import EPOCHS, tuned
from kgrec.search.searcher import Scored, Searcher, combine, personal_part
from kgrec.search.settings import DEFAULT_WEIGHTS, FACETS, LEXICAL, PERSONAL, VECTORS, SearchSettings
from kgrec.search.vectors import item_text_vectors
from kgrec.tensors.geometric import HeteroData

logger = logging.getLogger(__name__)

FEWEST, MOST = 20, 2000  # queries to learn from; of more, this many are drawn
FOLDS, HELD_OUT = (
    4,
    250,
)  # parts of the queries, and how many queries at least are asked without having been learned from
ENCODED = 64  # queries at a time
K = 10  # cutoff of the NDCG that settings are chosen by
POOL = 200  # best items of each part of a score that are kept of a query
FACTORS = (0.25, 0.5, 2.0, 4.0)  # tried on each weight
PERSONAL_WEIGHTS = (0.0, 0.05, 0.1, 0.2, 0.4)
MOST_CLICKS = 500


@dataclass(frozen=True, slots=True)
class _Pool:
    """The items of a query that may come into its list: parts of their scores, gains; the gains of all answers."""

    parts: dict[str, np.ndarray]
    gain: np.ndarray
    ideal: np.ndarray

    def ndcg(self, weights: dict[str, float]) -> float:
        return ndcg(combine(self.parts, weights), self.gain, self.ideal, K)


def text_settings(model: FittedModel, data: HeteroData) -> SearchSettings:
    """Search with default weights, over the text vectors that the nodes were given for training."""

    def text_of(label: str, rows: np.ndarray) -> np.ndarray | None:
        store = data[label] if label in data.node_types else {}
        found: np.ndarray | None = store[TEXT].cpu().numpy()[rows] if TEXT in store else None
        return found

    vectors = item_text_vectors(model.graph, model.items, text_of)
    return SearchSettings(None if vectors is None else torch.from_numpy(vectors).half().to(model.device))


def fit_search(
    model: FittedModel,
    data: HeteroData,
    queries: pl.DataFrame,
    clicks: pl.DataFrame,
    *,
    seed: int,
    previous: FittedModel | None = None,
) -> None:
    """Give the model its search: text vectors, and what queries and clicks can teach.

    The weights of a score's parts and the encoder of queries are learned from `queries`, each chosen by queries that it
    was not trained on; the weight of the user's taste from events that followed a query.

    Parameters
    ----------
    data : HeteroData
        With the text vectors of the nodes.
    queries : frame with columns query, item_id, relevance
    clicks : frame with columns user_id, item_id, query
        Of a part that the ranker was not trained on.
    previous : FittedModel, optional
        What it learned, if anything, holds.
    """
    model.search = text_settings(model, data)
    if previous is not None and previous.search is not None and "search" in previous.about:
        model.search = replace(model.search, weights=previous.search.weights, adapter=previous.search.adapter)
        model.about["search"] = previous.about["search"]
        return
    answers = answers_of(model, queries, np.random.default_rng(np.random.SeedSequence([seed, *b"queries"])))
    asked = _clicks(model, clicks, seed)
    if len(answers) < FEWEST and len(asked) < FEWEST:
        return
    searcher = Searcher(model)
    if len(answers) >= FEWEST:
        model.search = _learn(searcher, answers, seed)
        searcher.use(model.search)
    if len(asked) >= FEWEST:
        weights = model.search.weights | {PERSONAL: personal_weight(model, searcher, asked)}
        model.search = replace(model.search, weights=weights)
    model.about["search"] = dict(model.search.weights) | {"queries_encoder_tuned": model.search.adapter is not None}
    logger.info("search: %s", model.about["search"])


def answers_of(model: FittedModel, queries: pl.DataFrame, draws: np.random.Generator) -> list[Answers]:
    """The queries that have an answer in the catalogue, at most `MOST`, drawn."""
    known = queries.with_columns(pl.Series("place", model.items.index(queries[c.ITEM_ID])))
    known = known.filter(pl.col("place") >= 0, pl.col(c.QUERY).str.strip_chars() != "")
    gain = pl.col(c.RELEVANCE).fill_null(1).cast(pl.Float64).clip(0)
    grouped = known.group_by(c.QUERY, maintain_order=True).agg("place", gain.alias("gain"))
    grouped = grouped.filter(pl.col("gain").list.max() > 0)
    rows = np.sort(draws.permutation(grouped.height)[:MOST])
    return [
        Answers(query, np.array(place, dtype=np.int64), np.array(gain))
        for query, place, gain in grouped[rows].select(c.QUERY, "place", "gain").iter_rows()
    ]


def _learn(searcher: Searcher, answers: list[Answers], seed: int) -> SearchSettings:
    """The encoder, tuned where that helps queries that it did not see, and the weights that suit those best."""
    searcher.prepare([one.query for one in answers])
    found = [searcher.scored(one.query) for one in answers]
    pools, adapter = [_pool(one, scored.parts) for one, scored in zip(answers, found, strict=True)], None
    if searcher.cosines is not None:
        tuning = _Tuning(searcher, answers, found, seed)
        pools, epochs = tuning.held_out(pools)
        if epochs:
            adapter = next(tuning.train(np.arange(len(answers)), (epochs,))).adapter()
    steps = [(name, [DEFAULT_WEIGHTS[name] * factor for factor in FACTORS]) for name in (VECTORS, *FACETS)]
    weights = coordinate_search([DEFAULT_WEIGHTS], steps * 2, lambda tried: _mean(pools, tried))
    return SearchSettings(searcher.settings.text, weights, adapter)


@dataclass(frozen=True, slots=True)
class _Tuning:
    """The encoder of queries trained on some of them."""

    searcher: Searcher
    answers: list[Answers]
    found: list[Scored]
    seed: int

    def train(self, rows: np.ndarray, epochs: tuple[int, ...]) -> Iterator[AdaptedBert]:
        """See `tuned`."""
        assert self.searcher.cosines is not None
        return tuned(
            self.searcher.encoder_of_texts(),
            [self.found[row].read.text for row in rows],
            [self.answers[row] for row in rows],
            self.searcher.cosines.vectors.float(),
            epochs=epochs,
            seed=self.seed,
        )

    def held_out(self, plain: list[_Pool]) -> tuple[list[_Pool], int]:
        """Pools of queries that the encoder was not tuned to, for the best number of epochs.

        Returns
        -------
        (pools, epochs)
            The plain ones of all queries and 0 where no tuning gains more than its standard error.
        """
        fold = np.random.default_rng(np.random.SeedSequence([self.seed, *b"folds"])).permutation(len(plain)) % FOLDS
        asked: list[int] = []
        pools: dict[int, list[_Pool]] = {epochs: [] for epochs in EPOCHS}
        for own in range(FOLDS):
            if len(asked) >= HELD_OUT:
                break
            rows = np.flatnonzero(fold == own)
            asked += rows.tolist()
            for epochs, bert in zip(EPOCHS, self.train(np.flatnonzero(fold != own), EPOCHS), strict=True):
                pools[epochs] += self._tuned_pools(bert, rows)
        before = np.array([plain[row].ndcg(DEFAULT_WEIGHTS) for row in asked])
        best, epochs, highest = plain, 0, 0.0
        for tried, some in pools.items():
            gain = np.array([pool.ndcg(DEFAULT_WEIGHTS) for pool in some]) - before
            if gain.mean() > max(highest, gain.std() / np.sqrt(len(gain))):
                best, epochs, highest = some, tried, float(gain.mean())
        return best, epochs

    @torch.no_grad()
    def _tuned_pools(self, bert: AdaptedBert, rows: np.ndarray) -> list[_Pool]:
        made = []
        for some in np.split(rows, range(ENCODED, len(rows), ENCODED)):
            vectors = bert([self.found[row].read.text for row in some])
            for row, vector in zip(some, vectors, strict=True):
                found = self.found[row]
                parts = dict(found.parts)
                if VECTORS in parts:
                    parts[VECTORS] = self.searcher.vector_part(vector, found.allowed, parts[LEXICAL])
                made.append(_pool(self.answers[row], parts, found.allowed))
        return made


def _pool(one: Answers, parts: dict[str, np.ndarray], allowed: np.ndarray | None = None) -> _Pool:
    """The items that are good in any part, and all of the answers."""
    masked = {name: part if allowed is None else np.where(allowed, part, -1) for name, part in parts.items()}
    masked["all"] = combine(parts, DEFAULT_WEIGHTS)
    size = len(parts[LEXICAL])
    best = [np.argpartition(-part, POOL)[:POOL] if size > POOL else np.arange(size) for part in masked.values()]
    item = np.unique(np.concatenate([*best, one.item]))
    if allowed is not None:
        item = item[allowed[item]]
    gain = np.zeros(size)
    gain[one.item] = one.gain
    return _Pool({name: part[item] for name, part in parts.items()}, gain[item], one.gain)


def _mean(pools: Sequence[_Pool], weights: dict[str, float]) -> float:
    return float(np.mean([pool.ndcg(weights) for pool in pools]))


def _clicks(model: FittedModel, events: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Events that followed a query, of users and items that are known; at most `MOST_CLICKS`, drawn."""
    if c.QUERY not in events.columns:
        return events.clear()
    chosen = events.filter(liked() | (pl.col(c.LABEL) == 1), pl.col(c.QUERY).str.strip_chars() != "")
    chosen = chosen.select(c.USER_ID, c.ITEM_ID, c.QUERY).unique(maintain_order=True)
    known = (model.users.index(chosen[c.USER_ID]) >= 0) & (model.items.index(chosen[c.ITEM_ID]) >= 0)
    chosen = chosen.filter(pl.Series(known))
    return chosen.sample(min(MOST_CLICKS, chosen.height), seed=seed)


def personal_weight(model: FittedModel, searcher: Searcher, asked: pl.DataFrame) -> float:
    """The weight at which the items chosen stand highest (mean reciprocal rank); ties go to the smaller one."""
    searcher.prepare(asked[c.QUERY].unique().to_list())
    users, items = model.users.index(asked[c.USER_ID]), model.items.index(asked[c.ITEM_ID])
    ranks: dict[float, list[float]] = {weight: [] for weight in PERSONAL_WEIGHTS}
    for user, item, query in zip(users, items, asked[c.QUERY], strict=True):
        scored = searcher.scored(query)
        score = combine(scored.parts, searcher.settings.weights)
        pool = np.argsort(-np.where(scored.allowed, score, -np.inf), kind="stable")[: 10 * K]
        if item not in pool:
            continue
        taste = personal_part(model, np.array([user]), pool)
        for weight, found in ranks.items():
            total = score[pool] + weight * taste
            found.append(1 / (1 + float((total > total[pool == item][0]).sum())))
    return max(ranks, key=lambda weight: (np.mean(ranks[weight]) if ranks[weight] else 0.0, -weight))
