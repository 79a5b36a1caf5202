"""A ratio of two sums over independent units (users, or rows), and an interval around it.

Click rates are clicks / impressions of users, off-policy values are weighted rewards / weights: all are such ratios.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
from scipy.optimize import brentq
from scipy.special import stdtrit  # Student's t quantile: stats.t.ppf says the same in thirty times the time

_STEPS = 60  # doublings of the distance from the estimate before an interval counts as open


@dataclass(frozen=True, eq=False)
class Ratio:
    """Sum of `numerator` / sum of `denominator`, over units that are independent of one another.

    Parameters
    ----------
    numerator, denominator : float64, shape (num_units,)
    is_share : bool
        Whether the numerator is a part of the denominator: the ratio then lies in 0..1.
    """

    numerator: np.ndarray
    denominator: np.ndarray
    is_share: bool

    @property
    def num_units(self) -> int:
        """Units with a denominator other than 0: the others say nothing of the ratio."""
        return int(np.count_nonzero(self.denominator))

    @cached_property
    def value(self) -> float:
        """The ratio; NaN where the denominator is 0."""
        below = float(self.denominator.sum())
        return float(self.numerator.sum()) / below if below else math.nan

    @cached_property
    def effective_units(self) -> float:
        """(sum of denominators)^2 / sum of their squares: so many units of equal weight say as much (Kish)."""
        squares = float((self.denominator**2).sum())
        return float(self.denominator.sum()) ** 2 / squares if squares else 0.0

    @cached_property
    def standard_error(self) -> float:
        """By the delta method, units as clusters; NaN with fewer than two units.

        A unit with a large part of the denominator pulls the ratio towards itself, so what it is off by is divided by
        the part of the others, as the jackknife does; where all parts are equal that is the usual n / (n - 1).

        Source: Deng, Knoblich and Lu 2018; MacKinnon, Nielsen and Webb 2023 (CV3).
        """
        units = self.num_units
        if units < 2:
            return math.nan
        below = float(self.denominator.sum())
        off = (self.numerator - self.value * self.denominator) / (1 - self.denominator / below)
        return math.sqrt(float((off**2).sum()) * (units - 1) / units) / abs(below)

    def interval(self, level: float) -> tuple[float, float]:
        """Low and high end: by Wilson's method for a share, else corrected for skewness; see there."""
        return self.wilson(level) if self.is_share else self.skew_corrected(level)

    def wilson(self, level: float) -> tuple[float, float]:
        """Wilson's score interval of as many independent trials as would have this standard error.

        Its t quantile has effective_units - 1 degrees of freedom. With no event, or nothing but events, the effective
        units stand for the trials, so there is an interval then too. Never leaves 0..1.

        Source: Wilson 1927; Korn and Graubard 1998 (effective trials). Differs: Kish's number for the degrees of
        freedom.
        """
        if math.isnan(self.value) or self.effective_units <= 1:
            return 0.0, 1.0
        rate, error = min(max(self.value, 0.0), 1.0), self.standard_error
        spread = rate * (1 - rate)
        trials = spread / error**2 if error > 0 and spread > 0 else self.effective_units
        quantile = float(stdtrit(self.effective_units - 1, (1 + level) / 2))
        if not math.isfinite(quantile):
            return 0.0, 1.0
        share = quantile**2 / trials
        centre = (rate + share / 2) / (1 + share)
        half = quantile * math.sqrt(spread / trials + share / trials / 4) / (1 + share)
        return (0.0 if rate == 0 else max(0.0, centre - half)), (1.0 if rate == 1 else min(1.0, centre + half))

    def skew_corrected(self, level: float) -> tuple[float, float]:
        """The values v for which the mean of numerator - v * denominator is not far from 0, by Hall's t.

        Rare large weights make that mean skewed and its variance uncertain. Hall's monotone cubic takes the skewness
        out of the t statistic, and with it that part of the variance estimate's error that goes with the mean's. For
        what is left the quantile is that of Student's t with 2 n / (kurtosis - 1 - skewness^2) degrees of freedom. An
        end is infinite where no value is far enough.

        Source: Hall 1992, "On the removal of skewness by transformation"; Fieller 1954 (the ratio);
        Satterthwaite 1946 (degrees of freedom). Differs: those of the variance given the mean (skewness^2).
        """
        if self.num_units < 2 or not self.standard_error > 0:
            return -math.inf, math.inf
        moments = _joint_moments(self.numerator, self.denominator)
        middle = (float(self.numerator.mean()), float(self.denominator.mean()))

        def far_by(value: float, sign: float) -> float:
            statistic, quantile = _hall(value, middle, moments, len(self.numerator), level)
            return sign * statistic - quantile

        step = math.copysign(self.standard_error, middle[1])
        ends = [_crossing(self.value, -sign * step, partial(far_by, sign=sign)) for sign in (1.0, -1.0)]
        return min(ends), max(ends)


def _hall(
    value: float, middle: tuple[float, float], moments: np.ndarray, num_units: int, level: float
) -> tuple[float, float]:
    """Hall's statistic of the units' numerator - value * denominator, and the quantile it is held against."""
    second, third, fourth = (
        sum(math.comb(k, j) * (-value) ** j * moments[k - j, j] for j in range(k + 1)) for k in (2, 3, 4)
    )
    if second <= 0:
        return math.copysign(math.inf, middle[0] - value * middle[1]), 0.0
    skewness, kurtosis = third / second**1.5, fourth / second**2
    t = (middle[0] - value * middle[1]) / math.sqrt(second / (num_units - 1))
    root = math.sqrt(num_units)
    statistic = t + skewness * (t * t / 3 + 1 / 6) / root + (skewness / 3) ** 2 * t**3 / (3 * num_units)
    freedom = max(2 * num_units / max(kurtosis - 1 - skewness**2, 1e-9), 1.0)
    return float(statistic), float(stdtrit(freedom, (1 + level) / 2))


def _joint_moments(above: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Central moments, shape (5, 5): [i, j] the mean of (above - mean)^i (below - mean)^j, for i + j <= 4."""
    left, right = above - above.mean(), below - below.mean()
    return np.array([[float((left**i * right**j).mean()) if i + j <= 4 else 0.0 for j in range(5)] for i in range(5)])


def _crossing(start: float, step: float, excess: Callable[[float], float]) -> float:
    """Where `excess`, negative at `start`, gets to 0 in the direction of `step`; infinite if it does not."""
    near, far = start, start + step
    for _ in range(_STEPS):
        if excess(far) >= 0:
            return float(brentq(excess, near, far, xtol=1e-12, rtol=1e-10))
        near, far = far, far + 2 * (far - start)
    return math.copysign(math.inf, step)
