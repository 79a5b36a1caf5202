"""Rates of the arms of an experiment, such as clicks per impression, and how they differ."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import polars as pl
from scipy.optimize import brentq

from kgrec.data import columns as c
from kgrec.data.sources import Frame
from kgrec.errors import ConfigError, DataError, list_first
from kgrec.experiment.checks import between, check_level, read_table
from kgrec.experiment.ratios import Ratio

_SMALLEST = 1e-12  # p-values below are not told apart
_ABOVE, _BELOW = "__above__", "__below__"


@dataclass(frozen=True, eq=False)
class Rate:
    """A ratio of two sums over the users of an arm, with an interval.

    Attributes
    ----------
    value : float
        events / trials, NaN without trials.
    low, high : float
        Of the interval at `level`.
    standard_error : float
        By the delta method, a user's rows counting as one observation.
    num_users : int
        Those with a trial.
    """

    metric: str
    arm: str
    ratio: Ratio
    level: float = 0.95

    @property
    def value(self) -> float:
        return self.ratio.value

    @property
    def events(self) -> float:
        return float(self.ratio.numerator.sum())

    @property
    def trials(self) -> float:
        return float(self.ratio.denominator.sum())

    @property
    def num_users(self) -> int:
        return self.ratio.num_units

    @property
    def standard_error(self) -> float:
        return self.ratio.standard_error

    @cached_property
    def interval(self) -> tuple[float, float]:
        return self.ratio.interval(self.level)

    @property
    def low(self) -> float:
        return self.interval[0]

    @property
    def high(self) -> float:
        return self.interval[1]

    def __str__(self) -> str:
        return (
            f"{self.metric} of {self.arm}: {self.value:.4g} ({self.level:.0%} interval {self.low:.4g} to "
            f"{self.high:.4g}; {self.events:,.6g} of {self.trials:,.6g}, {self.num_users:,} users)"
        )


def arm_rates(
    rows: Frame,
    numerator: str = c.LABEL,
    denominator: str | None = None,
    *,
    metric: str | None = None,
    level: float = 0.95,
) -> dict[str, Rate]:
    """The rate of each arm: the sum of `numerator` over the sum of `denominator`.

    Parameters
    ----------
    rows : frame, of any library or a dict of columns
        Columns user_id, arm and those named; as many rows of a user as there are. No user is in two arms.
    numerator : str
        Numbers >= 0, such as label (0/1).
    denominator : str, optional
        Numbers >= 0, such as label where the numerator is converted; None counts the rows.
    metric : str, optional
        What to call it.

    Returns
    -------
    dict
        Arm to `Rate`, the arms in the order of their names. Where no row's numerator is above its denominator the rate
        is a share, with an interval within 0..1 (`Ratio.wilson`); else `Ratio.skew_corrected`.

    Raises
    ------
    DataError
        If a column is missing, a value is no number >= 0, or a user is in two arms.

    Examples
    --------
    Two users of `a` click on 1 of 2 and on 0 of 2: a rate of 1/4. Their residuals are 1 - 2/4 and 0 - 2/4, so the
    standard error is sqrt((.5^2 + .5^2) * 2 / 1) / 4 = 1/4.

    >>> rows = pl.DataFrame({"user_id": ["u", "u", "v", "v", "w"], "arm": [*"aaaab"], "label": [1, 0, 0, 0, 1]})
    >>> rate = arm_rates(rows)["a"]
    >>> rate.value, rate.standard_error
    (0.25, 0.25)

    Source: Deng, Knoblich and Lu 2018, "Applying the delta method in metric analytics".
    """
    check_level(level, "arm rates")
    named = [numerator] if denominator is None else [numerator, denominator]
    ranges = {name: (between(name, 0), "numbers >= 0") for name in named}
    table = read_table(rows, [c.USER_ID, c.ARM], "arm rates", ranges)
    check_one_arm_each(table, "arm rates")
    below = pl.lit(1.0) if denominator is None else pl.col(denominator).cast(pl.Float64)
    each = table.select(c.USER_ID, c.ARM, pl.col(numerator).cast(pl.Float64).alias(_ABOVE), below.alias(_BELOW))
    is_share = bool((each[_ABOVE] <= each[_BELOW]).all())
    users = each.group_by(c.ARM, c.USER_ID).agg(pl.col(_ABOVE, _BELOW).sum()).sort(c.ARM, c.USER_ID)
    name = metric or (numerator if denominator is None else f"{numerator} per {denominator}")
    return {
        str(arm): Rate(name, str(arm), Ratio(of[_ABOVE].to_numpy(), of[_BELOW].to_numpy(), is_share), level)
        for (arm,), of in users.partition_by(c.ARM, as_dict=True).items()
    }


def check_one_arm_each(rows: pl.DataFrame, what: str) -> None:
    """Raise DataError if a user has rows in two arms: what they saw of one arm may act in the other."""
    pairs = rows.select(c.USER_ID, c.ARM).unique()
    twice = pairs.filter(pl.col(c.USER_ID).is_duplicated())[c.USER_ID].unique().sort()
    if len(twice):
        raise DataError(f"{what}: users in more than one arm: {list_first(twice)}; leave them out, or count them apart")


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two arms' rates of one metric, treatment against control.

    Attributes
    ----------
    difference : float
        Treatment - control.
    difference_low, difference_high : float
        Made of the two rates' own intervals.
    lift : float
        Treatment / control - 1; NaN where the control's rate is 0.
    lift_low, lift_high : float
        Likewise; `lift_high` is infinite where the control's rate may be 0.
    p_value : float
        1 - the largest level at which the difference's interval leaves out 0. It holds for one look at the end: whoever
        looks more often reads `sequential_test` instead.

    Source: Zou and Donner 2008 and Donner and Zou 2012 (MOVER: intervals of differences and ratios out of the intervals
    of their parts).
    """

    control: Rate
    treatment: Rate

    @property
    def level(self) -> float:
        return self.control.level

    @property
    def difference(self) -> float:
        return self.treatment.value - self.control.value

    @cached_property
    def difference_interval(self) -> tuple[float, float]:
        return self._difference_at(self.level)

    @property
    def difference_low(self) -> float:
        return self.difference_interval[0]

    @property
    def difference_high(self) -> float:
        return self.difference_interval[1]

    @property
    def lift(self) -> float:
        return self.treatment.value / self.control.value - 1 if self.control.value else math.nan

    @cached_property
    def lift_interval(self) -> tuple[float, float]:
        low, high = _ratio_interval(self.treatment, self.control)
        return low - 1, high - 1

    @property
    def lift_low(self) -> float:
        return self.lift_interval[0]

    @property
    def lift_high(self) -> float:
        return self.lift_interval[1]

    @cached_property
    def p_value(self) -> float:
        sign = math.copysign(1.0, self.difference)

        def near_end(log_error: float) -> float:
            low, high = self._difference_at(1 - math.exp(log_error))
            return low if sign > 0 else -high

        smallest, largest = math.log(_SMALLEST), math.log(1 - 1e-9)
        if math.isnan(self.difference) or near_end(largest) <= 0:
            return 1.0
        if near_end(smallest) >= 0:
            return _SMALLEST
        return float(math.exp(brentq(near_end, smallest, largest, xtol=1e-9)))

    def _difference_at(self, level: float) -> tuple[float, float]:
        if math.isnan(self.difference):
            return (-1.0, 1.0) if self.control.ratio.is_share else (-math.inf, math.inf)
        new, old = self.treatment.value, self.control.value
        (new_low, new_high), (old_low, old_high) = (
            rate.ratio.interval(level) for rate in (self.treatment, self.control)
        )
        return (
            self.difference - math.hypot(new - new_low, old_high - old),
            self.difference + math.hypot(new_high - new, old - old_low),
        )

    def __str__(self) -> str:
        return (
            f"{self.control.metric}: {self.treatment.arm} {self.treatment.value:.4g}, {self.control.arm} "
            f"{self.control.value:.4g}; lift {self.lift:+.2%} ({self.level:.0%} interval {self.lift_low:+.2%} to "
            f"{self.lift_high:+.2%}), difference {self.difference:+.4g} ({self.difference_low:+.4g} to "
            f"{self.difference_high:+.4g}), p = {self.p_value:.3g}"
        )


def compare(control: Rate, treatment: Rate) -> Comparison:
    """Hold one arm's rate against another's.

    Raises
    ------
    ConfigError
        If the two are rates of different metrics, or their intervals of different levels.

    Examples
    --------
    1,000 users an arm with an impression each: 100 clicks against 130.

    >>> labels = [1] * 100 + [0] * 900 + [1] * 130 + [0] * 870
    >>> arms = ["a"] * 1000 + ["b"] * 1000
    >>> rows = pl.DataFrame({"user_id": [f"u{user}" for user in range(2000)], "arm": arms, "label": labels})
    >>> rates = arm_rates(rows, metric="CTR")
    >>> found = compare(rates["a"], rates["b"])
    >>> round(found.lift, 4), [round(end, 4) for end in found.difference_interval], round(found.p_value, 4)
    (0.3, [0.002, 0.0581], 0.0361)
    """
    if (control.metric, control.level) != (treatment.metric, treatment.level):
        found = " and ".join(f"{rate.metric!r} at {rate.level}" for rate in (control, treatment))
        raise ConfigError(f"compare: the rates are of {found}, expected one metric and level")
    return Comparison(control, treatment)


def _ratio_interval(above: Rate, below: Rate) -> tuple[float, float]:
    """Of above.value / below.value, both >= 0."""
    bottom = 0.0 if above.ratio.is_share else -math.inf
    if math.isnan(above.value) or math.isnan(below.value):
        return bottom, math.inf
    (low, high), (base_low, base_high) = above.interval, below.interval
    if base_low < 0 or math.isinf(high) or math.isinf(base_high):
        return bottom, math.inf
    product = above.value * below.value

    def root(end: float, base_end: float) -> float:
        inside = product**2 - end * base_end * (2 * above.value - end) * (2 * below.value - base_end)
        return math.sqrt(max(inside, 0.0))

    low = max(low, 0.0)
    smallest = low * (2 * above.value - low) / (product + root(low, base_high)) if low else 0.0
    largest = (product + root(high, base_low)) / (base_low * (2 * below.value - base_low)) if base_low else math.inf
    return smallest, largest
