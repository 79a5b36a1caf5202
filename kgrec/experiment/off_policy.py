"""What another policy would have earned, from what one policy showed and with which probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.sources import Frame
from kgrec.errors import ConfigError, DataError, not_number, raise_faults
from kgrec.experiment.checks import between, check_level, read_table
from kgrec.experiment.ratios import Ratio

Estimator = Literal["ips", "snips", "doubly_robust"]
FEWEST_EFFECTIVE = 100  # effective rows below which an interval is not to be relied on
_WORDS = {"ips": "IPS", "snips": "SNIPS", "doubly_robust": "doubly robust"}


@dataclass(frozen=True, slots=True)
class PolicyValue:
    """The mean reward a row that the target policy would have had.

    Attributes
    ----------
    value, low, high, standard_error : float
        In units of the reward; the interval is `Ratio.skew_corrected`.
    num_rows : int
    num_units : int
        What the interval counts as independent: rows, or the values of `cluster`.
    effective_rows : float
        (sum of weights)^2 / sum of their squares: so many rows of the target policy itself would say as much. Below 100
        an interval may hold the truth less often than it says.
    mean_weight : float
        1 but for chance if the propensities are right; less where clipped, or where the target policy shows what the
        logging policy never does.
    largest_weight : float
    clip : float or None
        The limit that weights were cut to; the value is then biased, downwards for rewards >= 0 with "ips".
    clipped_share : float
        Rows whose weight was cut.
    """

    estimator: Estimator
    value: float
    low: float
    high: float
    standard_error: float
    level: float
    num_rows: int
    num_units: int
    effective_rows: float
    mean_weight: float
    largest_weight: float
    clip: float | None
    clipped_share: float

    @property
    def is_reliable(self) -> bool:
        """Whether there are 100 effective rows or more."""
        return self.effective_rows >= FEWEST_EFFECTIVE

    def __str__(self) -> str:
        cut = "" if self.clip is None else f"; weights cut at {self.clip:g} in {self.clipped_share:.1%} of rows: biased"
        few = "" if self.is_reliable else f"; fewer than {FEWEST_EFFECTIVE} effective rows: don't rely on the interval"
        return (
            f"{_WORDS[self.estimator]}: {self.value:.4g} ({self.level:.0%} interval {self.low:.4g} to {self.high:.4g}; "
            f"{self.num_rows:,} rows worth {self.effective_rows:,.0f}, mean weight {self.mean_weight:.3g}, largest "
            f"{self.largest_weight:.3g}{cut}{few})"
        )


def policy_value(
    impressions: Frame,
    estimator: Estimator = "snips",
    *,
    reward: str = c.LABEL,
    clip: float | None = None,
    cluster: str | None = c.USER_ID,
    level: float = 0.95,
) -> PolicyValue:
    """Estimate the mean reward that a target policy would have had where a logging policy chose.

    With w = target_propensity / propensity of what was shown:

        ips            mean of w reward
        snips          sum of w reward / sum of w
        doubly_robust  mean of target_reward_prediction + w (reward - reward_prediction)

    Parameters
    ----------
    impressions : frame, of any library or a dict of columns
        One row each time something was shown: the reward, propensity (probability that the logging policy showed it, in
        (0, 1]), target_propensity (that the target policy would have, in [0, 1]); for "doubly_robust" also
        reward_prediction (a model's, of what was shown) and target_reward_prediction (its mean under the target
        policy). The model must not have been fitted to these rows.
    reward : str
        Column of numbers, such as label.
    clip : float, optional
        Weights above are cut to it; the result says so.
    cluster : str or None
        Column whose values are independent of one another, while rows of one value may hang together; None: every row
        is independent.

    Raises
    ------
    ConfigError
        If a setting is out of its range.
    DataError
        If a column is missing, a propensity lies outside its range, or all rows say the same, so that there is no
        interval.

    Examples
    --------
    Weights .8/.5 = 1.6 and .2/.5 = .4, twice each; rewards 1 and 0 of the first kind, 1 and 0 of the second:
    IPS (1.6 + .4) / 4 = .5; effective rows 4^2 / (2 * 1.6^2 + 2 * .4^2) = 2.94.

    >>> chances = {"propensity": [0.5] * 4, "target_propensity": [0.8, 0.8, 0.2, 0.2]}
    >>> shown = pl.DataFrame({**chances, "label": [1, 0, 1, 0]})
    >>> found = policy_value(shown, "ips", cluster=None)
    >>> found.value, round(found.effective_rows, 2)
    (0.5, 2.94)

    Source: Horvitz and Thompson 1952 (IPS); Swaminathan and Joachims 2015 (SNIPS); Dudík, Langford and Li 2011 (DR).
    """
    rows = _read(impressions, estimator, reward, clip, cluster, level)
    column = {name: rows[name].cast(pl.Float64).to_numpy() for name in _columns(estimator, reward)}
    raw = column[c.TARGET_PROPENSITY] / column[c.PROPENSITY]
    weight = raw if clip is None else np.minimum(raw, clip)
    if not weight.any():
        raise DataError("policy value: the target policy would have shown none of the rows: there is nothing to go by")
    ratio = _ratio(column, estimator, reward, weight, None if cluster is None else rows[cluster])
    low, high = ratio.interval(level)
    return PolicyValue(
        estimator,
        ratio.value,
        low,
        high,
        ratio.standard_error,
        level,
        num_rows=len(weight),
        num_units=len(ratio.numerator),
        effective_rows=float(weight.sum() ** 2 / (weight**2).sum()),
        mean_weight=float(weight.mean()),
        largest_weight=float(weight.max()),
        clip=clip,
        clipped_share=0.0 if clip is None else float((raw > clip).mean()),
    )


def _ratio(
    column: Mapping[str, np.ndarray], estimator: Estimator, reward: str, weight: np.ndarray, cluster: pl.Series | None
) -> Ratio:
    """The estimate as a ratio of sums over rows, or over the values of `cluster`."""
    rows = np.ones(len(weight))
    match estimator:
        case "ips":
            above, below = weight * column[reward], rows
        case "snips":
            above, below = weight * column[reward], weight
        case "doubly_robust":
            off = column[reward] - column[c.REWARD_PREDICTION]
            above, below = column[c.TARGET_REWARD_PREDICTION] + weight * off, rows
    if cluster is not None:
        unit = cluster.rank("dense").to_numpy().astype(np.int64) - 1
        above, below = (np.bincount(unit, part).astype(np.float64) for part in (above, below))
    ratio = Ratio(above, below, is_share=False)
    if not ratio.standard_error > 1e-12 * max(1.0, abs(ratio.value)):
        raise DataError(
            f"policy value: the {len(above):,} independent rows or clusters all say {ratio.value:.4g}: there is no "
            "interval until some say otherwise"
        )
    return ratio


def _columns(estimator: Estimator, reward: str) -> list[str]:
    model = [c.REWARD_PREDICTION, c.TARGET_REWARD_PREDICTION] if estimator == "doubly_robust" else []
    return [reward, c.PROPENSITY, c.TARGET_PROPENSITY, *model]


def _read(
    frame: Frame, estimator: Estimator, reward: str, clip: float | None, cluster: str | None, level: float
) -> pl.DataFrame:
    what = "policy value"
    check_level(level, what)
    faults = []
    if estimator not in get_args(Estimator):
        faults.append(f"estimator is {estimator!r}, expected one of {', '.join(map(repr, get_args(Estimator)))}")
    if clip is not None and not_number(0, clip=clip):
        faults.append(f"clip is {clip!r}, expected a number > 0 or None")
    raise_faults(ConfigError, what, faults)
    columns = _columns(estimator, reward)
    ranges = {name: (between(name, -math.inf), "finite numbers") for name in columns}
    ranges[c.PROPENSITY] = (
        between(c.PROPENSITY, 0, 1, low_too=False),
        "probabilities in (0, 1]: what was shown had a chance to be shown",
    )
    ranges[c.TARGET_PROPENSITY] = (between(c.TARGET_PROPENSITY, 0, 1), "probabilities in [0, 1]")
    return read_table(frame, [] if cluster is None else [cluster], what, ranges)
