"""Made-up shops whose true rates and policy values are known exactly, to hold intervals against.

A visitor is of one of two kinds: 30% come often, click more and buy more. Everyone has tastes of their own around the
kind's, so the rows of one user hang together, and the rate over rows is not the mean of the users' rates.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

OFTEN = 0.3
ROWS = np.array([3.0, 9.0])  # mean impressions of a user, by kind
CLICKS, BUYS = np.array([0.05, 0.075]), np.array([0.10, 0.20])
CONTEXTS, ITEMS = 10, 20


@dataclass(frozen=True)
class Shop:
    rows: pl.DataFrame  # user_id, arm, label, converted
    ctr: dict[str, float]
    cvr: dict[str, float]


def shop(rng: np.random.Generator, users_per_arm: int, *, lift: float = 0.2, heavy: bool = False) -> Shop:
    """Two arms; `heavy`: how often a user comes has a Pareto tail without a third moment."""
    parts, ctr, cvr = [], {}, {}
    for arm, factor in (("control", 1.0), ("treatment", 1.0 + lift)):
        kind = (rng.random(users_per_arm) < OFTEN).astype(int)
        visits = ROWS[kind] - 1
        visits = visits * 1.5 * rng.pareto(2.5, users_per_arm) if heavy else visits  # that Pareto has mean 2/3
        user = np.repeat(np.arange(users_per_arm), rng.poisson(visits) + 1)
        click, buy = (beta(rng, rate[kind], 10) for rate in (CLICKS * factor, BUYS))
        label = rng.random(len(user)) < click[user]
        bought = label & (rng.random(len(user)) < buy[user])
        names = pl.Series(user).cast(pl.String)
        parts.append(pl.DataFrame({"user_id": arm[0] + names, "arm": arm, "label": label * 1, "converted": bought * 1}))
        weight = np.array([1 - OFTEN, OFTEN]) * ROWS
        ctr[arm] = float((weight * CLICKS).sum() / weight.sum() * factor)
        cvr[arm] = float((weight * CLICKS * BUYS).sum() / (weight * CLICKS).sum())
    return Shop(pl.concat(parts), ctr, cvr)


def beta(rng: np.random.Generator, mean: np.ndarray, narrow: float) -> np.ndarray:
    """One probability a user around the mean of the kind."""
    return rng.beta(mean * narrow, (1 - mean) * narrow)


def stream(rng: np.random.Generator, users: int, rows: int, *, rate: float, lift: float = 0.0) -> pl.DataFrame:
    """Impressions in order of time: users come back at random, some far more often; arms by a fair coin."""
    activity = rng.pareto(2.5, users) + 0.2
    user = rng.choice(users, size=rows, p=activity / activity.sum())
    treated = rng.random(users) < 0.5
    click = beta(rng, np.full(users, rate), 10) * np.where(treated, 1 + lift, 1)
    return pl.DataFrame(
        {
            "user_id": pl.Series(user).cast(pl.String),
            "arm": np.where(treated, "treatment", "control")[user],
            "label": (rng.random(rows) < click[user]) * 1,
        }
    )


@dataclass(frozen=True)
class Policies:
    """A logging policy, a target policy and the reward probability of each item in each context, (CONTEXTS, ITEMS)."""

    logging: np.ndarray
    target: np.ndarray
    reward: np.ndarray
    predicted: np.ndarray

    @property
    def value(self) -> float:
        return float((self.target * self.reward).sum(1).mean())

    @property
    def effective_share(self) -> float:
        """Effective rows for each row."""
        return float(1 / (self.target**2 / self.logging).sum(1).mean())

    def clipped_value(self, clip: float) -> float:
        """What IPS with clipped weights estimates."""
        weight = np.minimum(self.target / self.logging, clip)
        return float((self.logging * weight * self.reward).sum(1).mean())


def policies(sharpness: float) -> Policies:
    """The target policy prefers what is clicked, the more the sharper; the logging policy knows nothing of it."""
    rng = np.random.default_rng(5)
    logging = softmax(rng.normal(size=(CONTEXTS, ITEMS)))
    reward = 1 / (1 + np.exp(2.5 - rng.normal(size=(CONTEXTS, ITEMS))))
    predicted = 0.7 * reward.mean(0) + 0.3 * reward + 0.02  # a model that is off
    return Policies(logging, softmax(sharpness * np.log(reward)), reward, predicted)


def softmax(scores: np.ndarray) -> np.ndarray:
    exponential = np.exp(scores)
    return exponential / exponential.sum(1, keepdims=True)


def logged(rng: np.random.Generator, world: Policies, users: int, rows_each: float = 5.0) -> pl.DataFrame:
    """What the logging policy showed; a user has one context, and clicks half or one and a half times as often."""
    user = np.repeat(np.arange(users), rng.poisson(rows_each - 1, users) + 1)
    context = rng.integers(0, CONTEXTS, users)[user]
    ends = world.logging.cumsum(1)
    item = np.minimum((ends[context] < rng.random(len(user))[:, None]).sum(1), ITEMS - 1)
    keen = rng.choice([0.5, 1.5], users)[user]
    return pl.DataFrame(
        {
            "user_id": pl.Series(user).cast(pl.String),
            "label": (rng.random(len(user)) < world.reward[context, item] * keen) * 1,
            "propensity": world.logging[context, item],
            "target_propensity": world.target[context, item],
            "reward_prediction": world.predicted[context, item],
            "target_reward_prediction": (world.target * world.predicted).sum(1)[context],
        }
    )
