"""Fit the scoring module to pairs that the ranker did not see."""

from __future__ import annotations

import logging
import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from kgrec.config import RecommenderConfig
from kgrec.models.fitted import FittedModel
from kgrec.scoring.features import POSITION, PairFeatures, is_of_the_moment
from kgrec.scoring.model import ScoringModule
from kgrec.scoring.network import ScoringNetwork, scoring_loss
from kgrec.scoring.pairs import LabelledPairs
from kgrec.scoring.past import Past
from kgrec.training.averaging import RunningMean

logger = logging.getLogger(__name__)

FOLDS = 4
BINS = 8
EPOCHS, PATIENCE = 40, 4
STEPS, LEAST, MOST = 64, 256, 8192  # of an epoch, about; pairs of a step, at least and at most
LEARNING_RATE, WEIGHT_DECAY = 1e-3, 1e-2
EXAMINATION_PACE = 30.0  # times the learning rate
AVERAGING = 0.99  # decay of the running mean of the weights
BLANKED = 0.2  # share of the pairs that are learned from without what is known of the moment
MOST_PAIRS = 500_000
FEWEST = 50  # clicks, and pairs without one, to learn from; purchases too


@dataclass(frozen=True, slots=True)
class _Table:
    """Features and labels as tensors; `lists` is -1 where a pair was shown in none, `log_place` NaN where unknown."""

    features: Tensor
    log_place: Tensor
    clicked: Tensor
    bought: Tensor
    lists: Tensor

    def take(self, rows: np.ndarray) -> _Table:
        index = torch.from_numpy(rows)
        return _Table(*(getattr(self, part.name)[index] for part in fields(self)))


def scoring_stream(seed: int) -> np.random.Generator:
    """The random stream of a scoring module, which first chooses pairs."""
    return np.random.default_rng(np.random.SeedSequence([seed, *b"scoring"]))


def fit_scoring(model: FittedModel, found: LabelledPairs, past: Past, rng: np.random.Generator) -> ScoringModule | None:
    """Learn from labelled pairs of a part that the ranker was not trained on.

    The users are dealt out to folds. Each fold is predicted by a network fitted to the others; the number of epochs is
    the best over all folds, and those predictions calibrate the module, whose network is then fitted to all pairs.

    Parameters
    ----------
    found : LabelledPairs
        No more than `some_pairs` takes.
    rng : Generator
        The `scoring_stream` that chose them.

    Returns
    -------
    ScoringModule or None
        None where there is too little to learn from.
    """
    clicks = int(found.clicked.sum())
    if min(clicks, len(found.clicked) - clicks) < FEWEST:
        logger.info("no scoring module: %d clicks among %d pairs are too few", clicks, len(found.clicked))
        return None
    features = PairFeatures.of(model)
    columns = features.columns(found.pairs, past)
    names = tuple(name for name, values in columns.items() if _tells(values))
    log_place = torch.from_numpy(columns[POSITION])
    if model.config.position_bias and POSITION in names:
        names = tuple(name for name in names if name != POSITION)
    else:
        log_place = torch.full_like(log_place, torch.nan)
    purchases = int(np.nansum(found.bought))
    bought = found.bought if purchases >= FEWEST else np.full_like(found.bought, np.nan)
    if 0 < purchases < FEWEST:
        logger.warning("no conversion_probability: %d purchases are too few, %d it takes", purchases, FEWEST)
    table = _Table(
        torch.from_numpy(np.stack([columns[name] for name in names], axis=1)),
        log_place,
        torch.tensor(found.clicked),
        torch.tensor(bought),
        torch.tensor(found.pairs.shown_with),
    )
    fold = _deal(found.pairs.user_index, rng)
    trainer = _Trainer(names, model.config, model.device)
    runs = [
        trainer.run(table.take(np.flatnonzero(fold != at)), EPOCHS, rng, table.take(np.flatnonzero(fold == at)))
        for at in range(FOLDS)
    ]
    epochs = 1 + int(np.argmin(np.nanmean(_padded([run.losses for run in runs]), axis=0)))
    held_out = np.zeros(len(fold))
    for at, run in enumerate(runs):
        held_out[fold == at] = run.logits[min(epochs, len(run.logits)) - 1]
    slope, shift = _calibrate(held_out, found.clicked)
    network = trainer.run(table, epochs, rng).network
    logger.info("scoring module: %d pairs, %d epochs, slope %.3f, shift %.3f", len(fold), epochs, slope, shift)
    return ScoringModule(names, network, slope, shift, bool(np.isfinite(bought).any()), features.rates, features)


@dataclass(slots=True)
class _Run:
    """A trained network; the loss of the pairs held out and their click logits after each epoch."""

    network: ScoringNetwork
    losses: list[float]
    logits: list[np.ndarray]


@dataclass(frozen=True, slots=True)
class _Trainer:
    names: tuple[str, ...]
    config: RecommenderConfig
    device: torch.device

    def run(self, table: _Table, epochs: int, rng: np.random.Generator, held_out: _Table | None = None) -> _Run:
        """Train for so many epochs, or until `held_out` has not been predicted better for some."""
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**62)))
            network = _start(table)
            network.to(self.device).train()
            optimizer = torch.optim.AdamW(_groups(network), lr=LEARNING_RATE, weight_decay=WEIGHT_DECAY)
            run, mean = _Run(network, [], []), RunningMean(network, AVERAGING)
            moment = torch.tensor([is_of_the_moment(name) for name in self.names])
            for _ in range(epochs):
                for rows in _batches(table, generator):
                    features = table.features[rows]
                    blank = (torch.rand(len(rows), 1, generator=generator) < BLANKED) & moment
                    loss = self._loss(network, features.masked_fill(blank, torch.nan), table, rows)
                    optimizer.zero_grad()
                    loss.backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
                    mean.update()
                if held_out is not None:
                    with mean.in_place():
                        self._look(run, held_out)
                    if len(run.losses) - int(np.argmin(run.losses)) > PATIENCE:
                        break
        mean.settle()
        if network.examination is not None:
            network.examination.settle(table.log_place.to(self.device))
        network.eval().requires_grad_(requires_grad=False)
        return run

    def _loss(self, network: ScoringNetwork, features: Tensor, table: _Table, rows: Tensor) -> Tensor:
        return scoring_loss(
            network(features.to(self.device), table.log_place[rows].to(self.device)),
            table.clicked[rows].to(self.device),
            table.bought[rows].to(self.device),
            table.lists[rows].to(self.device),
            click_weight=1.0,
            ranking_weight=self.config.list_weight,
            conversion_weight=self.config.conversion_weight,
            list_loss=self.config.list_loss,
        )

    @torch.no_grad()
    def _look(self, run: _Run, held_out: _Table) -> None:
        network = run.network.eval()
        parts = (torch.split(part, 65536) for part in (held_out.features, held_out.log_place))
        logits = torch.cat(
            [network(*(part.to(self.device) for part in some))[:, 0].cpu() for some in zip(*parts, strict=True)]
        )
        network.train()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, held_out.clicked)
        run.losses.append(float(loss))
        run.logits.append(logits.double().numpy())


def some_pairs(user: np.ndarray, rng: np.random.Generator) -> np.ndarray | slice:
    """The places of some users' pairs, where those of all are more than `MOST_PAIRS`.

    Parameters
    ----------
    user : int, shape (num_pairs,)
        The user of each pair.
    """
    if len(user) <= MOST_PAIRS:
        return slice(None)
    counts = np.bincount(user)
    known = np.flatnonzero(counts)
    order = known[rng.permutation(len(known))]
    taken = np.zeros(len(counts), dtype=bool)
    taken[order[np.cumsum(counts[order]) <= MOST_PAIRS]] = True
    return np.flatnonzero(taken[user])


def _deal(user: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A fold for each pair: those of a user are in one, where there are users enough."""
    known, place = np.unique(user, return_inverse=True)
    if len(known) < FOLDS:
        known = place = np.arange(len(user))
    return (rng.permutation(len(known)) % FOLDS)[place]


def _tells(values: np.ndarray) -> bool:
    """Whether a feature has more than one value."""
    known = values[~np.isnan(values)]
    return bool(known.size) and bool(known.max() > known.min())


def _start(table: _Table) -> ScoringNetwork:
    """A network that predicts the base rate; a feature that is known of none of the pairs is 0 to it, of others too."""
    features = table.features.double().numpy()
    unknown = np.isnan(features).all(axis=0)
    features[:, unknown] = 0.0
    mean, deviation = np.nanmean(features, axis=0), np.nanstd(features, axis=0)
    deviation = np.where(deviation > 0, deviation, np.where(unknown, np.inf, 1.0))
    edges = np.nanquantile(features, np.linspace(0, 1, BINS + 1), axis=0).T
    mean, deviation, edges = (torch.from_numpy(part).float() for part in (mean, deviation, edges))
    place = table.log_place[~torch.isnan(table.log_place)].double().numpy()
    places = np.quantile(place, np.linspace(0, 1, BINS + 1)) if place.size else None
    place_edges = None if places is None else torch.from_numpy(places[None]).float()
    network = ScoringNetwork(mean, deviation, edges, place_edges)
    rates = [float(table.clicked.mean()), float(table.bought.nansum() / table.clicked.sum().clamp(min=1))]
    with torch.no_grad():
        network.heads.bias.copy_(torch.logit(torch.tensor(rates), eps=1e-4))
    return network


def _groups(network: ScoringNetwork) -> list[dict[str, Any]]:
    """The few weights of the examination at a pace of their own."""
    few = {name for name, _ in network.named_parameters() if name.startswith("examination")}
    rest = [weight for name, weight in network.named_parameters() if name not in few]
    own = [weight for name, weight in network.named_parameters() if name in few]
    return [{"params": rest}, {"params": own, "lr": EXAMINATION_PACE * LEARNING_RATE, "weight_decay": 0.0}]


def _batches(table: _Table, generator: torch.Generator) -> list[Tensor]:
    """Rows in a random order, those of a list together."""
    _, number = torch.unique(table.lists, return_inverse=True)
    alone = table.lists < 0
    key = torch.rand(int(number.max()) + 1, generator=generator)[number]
    key = torch.where(alone, torch.rand(len(key), generator=generator), key)
    size = min(max(LEAST, math.ceil(len(key) / STEPS)), MOST)
    return list(torch.split(torch.argsort(key, stable=True), size))


def _calibrate(logit: np.ndarray, label: np.ndarray) -> tuple[float, float]:
    """Slope and shift after which the logits fit the labels best (Platt 1999)."""
    fitted = LogisticRegression(C=1e6).fit(logit[:, None], label)
    slope = float(fitted.coef_[0, 0])
    return (slope, float(fitted.intercept_[0])) if slope > 0 else (1.0, 0.0)


def _padded(rows: list[list[float]]) -> np.ndarray:
    """Rows to one length, each continued with its worst value: an epoch after the stop was not better."""
    longest = max(map(len, rows))
    return np.array([row + [max(row)] * (longest - len(row)) for row in rows])
