"""A test of two arms that may be looked at after every row and stopped at any time."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.sources import Frame, to_table
from kgrec.errors import ConfigError, DataError, list_first, not_number, raise_faults
from kgrec.experiment.checks import between, check_level, read_table
from kgrec.experiment.rates import check_one_arm_each

FEWEST_USERS = 50  # of each arm, before the first look: the normal approximation wants some
FEWEST_EVENTS = 20  # of each arm


@dataclass(frozen=True, slots=True, eq=False)
class SequentialTest:
    """What the test said at each look.

    Attributes
    ----------
    looks : polars.DataFrame
        One row a look, in order: `rows` seen so far, `timestamp` (UTC epoch seconds) where the table has it, control,
        treatment (their rates), difference (treatment - control), standard_error, low, high, p_value (the smallest so
        far: always valid). The intervals of all looks hold the true difference together, with probability `level`.
        Looks before each arm has 50 users and 20 events have no interval (-inf to inf).
    decided_after : int or None
        The rows after which the interval first left out 0.
    """

    looks: pl.DataFrame
    level: float
    control: str
    treatment: str
    decided_after: int | None

    @property
    def p_value(self) -> float:
        return float(self.looks["p_value"][-1])

    @property
    def is_decided(self) -> bool:
        return self.decided_after is not None

    def __str__(self) -> str:
        last = self.looks.row(-1, named=True)
        state = "not decided" if self.decided_after is None else f"decided after {self.decided_after:,} rows"
        return (
            f"{self.treatment} - {self.control}: {last['difference']:+.4g} (always-valid {self.level:.0%} interval "
            f"{last['low']:+.4g} to {last['high']:+.4g}), p = {self.p_value:.3g} after {last['rows']:,} rows: {state}"
        )


def sequential_test(
    rows: Frame,
    control: str,
    treatment: str,
    numerator: str = c.LABEL,
    denominator: str | None = None,
    *,
    expected_lift: float = 0.1,
    level: float = 0.95,
) -> SequentialTest:
    """Compare two arms' rates after every row so far: stop when you like, the error stays what it is.

    The mixture sequential probability ratio test: the difference d of the rates, with variance V (users as clusters),
    is held against a normal mixture of differences of deviation tau = expected_lift * (rate so far): the likelihood
    ratio is sqrt(V / (V + tau^2)) exp(d^2 tau^2 / (2 V (V + tau^2))), and 1 over it is the p-value.

    Parameters
    ----------
    rows : frame, of any library or a dict of columns
        Columns user_id, arm and those named; in the order of timestamp (UTC epoch seconds, text ISO 8601, or
        datetimes), if there is such a column, else as they are. Rows of one time are one look. Rows of other arms are
        left out.
    control, treatment : str
        Names of arms.
    numerator, denominator : str
        As `arm_rates` takes them; a denominator of None counts rows.
    expected_lift : float
        Relative size of the effects the test is quickest at, chosen before the data are seen. Any value keeps the
        error.

    Raises
    ------
    ConfigError
        If a setting is out of its range.
    DataError
        If a column is missing, a value is no number >= 0, an arm has no row, or a user is in two arms.

    Source: Johari, Koomen, Pekelis and Walsh 2022, "Always valid inference" (mSPRT); Waudby-Smith et al.
    2024, "Time-uniform central limit theory and asymptotic confidence sequences" (the same boundary with
    estimated variance). Differs: V is cluster-robust, as rows of one user hang together, and may grow by users who
    return.
    """
    check_level(level, "sequential test")
    if faults := not_number(0, expected_lift=expected_lift):
        raise ConfigError(f"sequential test: {faults[0]}")
    ordered = _ordered(rows, (control, treatment), [numerator] if denominator is None else [numerator, denominator])
    above = ordered[numerator].cast(pl.Float64).to_numpy()
    below = np.ones(len(above)) if denominator is None else ordered[denominator].cast(pl.Float64).to_numpy()
    user = ordered[c.USER_ID].rank("dense").to_numpy().astype(np.int64)
    is_new = (ordered[c.ARM] == treatment).to_numpy()
    old, new = (_running_rate(user, above, below, chosen) for chosen in (~is_new, is_new))
    pooled = np.cumsum(above) / np.maximum(np.cumsum(below), 1e-300)
    ready = old.ready & new.ready
    variance = np.where(ready, old.variance + new.variance, np.inf)
    difference = new.rate - old.rate
    log_ratio, margin = _mixture(np.where(ready, difference, 0.0), variance, expected_lift * pooled, level)
    looks = pl.DataFrame(
        {
            "rows": np.arange(1, len(above) + 1),
            **({c.TIMESTAMP: ordered[c.TIMESTAMP]} if c.TIMESTAMP in ordered.columns else {}),
            "control": old.rate,
            "treatment": new.rate,
            "difference": difference,
            "standard_error": np.sqrt(variance),
            "low": np.where(ready, difference - margin, -np.inf),
            "high": np.where(ready, difference + margin, np.inf),
            "p_value": np.minimum(np.exp(-log_ratio), 1.0),
        }
    )
    if c.TIMESTAMP in looks.columns:
        looks = looks.unique(c.TIMESTAMP, keep="last", maintain_order=True)
    looks = looks.with_columns(pl.col("p_value").cum_min())
    decided = looks.filter((pl.col("low") > 0) | (pl.col("high") < 0))["rows"]
    return SequentialTest(looks, level, control, treatment, int(decided[0]) if len(decided) else None)


def _ordered(rows: Frame, arms: tuple[str, str], columns: list[str]) -> pl.DataFrame:
    """The rows of the two arms in order of time, checked."""
    what = "sequential test"
    table = to_table(rows, what)
    time = [c.TIMESTAMP] if c.TIMESTAMP in table.columns else []
    ranges = {name: (between(name, 0), "numbers >= 0") for name in columns}
    table = read_table(table, [c.USER_ID, c.ARM, *time], what, ranges)
    found = table[c.ARM].unique().sort()
    absent = [arm for arm in arms if arm not in found]
    if absent:
        raise DataError(f"{what}: no row of arm {list_first(absent)}; the table has {list_first(found)}")
    raise_faults(ConfigError, what, [f"control and treatment are both {arms[0]!r}"] if arms[0] == arms[1] else [])
    chosen = table.filter(pl.col(c.ARM).is_in(arms))
    check_one_arm_each(chosen, what)
    return chosen.sort(c.TIMESTAMP, maintain_order=True) if time else chosen


@dataclass(frozen=True, slots=True, eq=False)
class _Running:
    """Of one arm after each row of both, each of shape (num_rows,); NaN before its first."""

    rate: np.ndarray
    variance: np.ndarray
    ready: np.ndarray


def _running_rate(user: np.ndarray, above: np.ndarray, below: np.ndarray, chosen: np.ndarray) -> _Running:
    """Rate and cluster-robust variance after each row, in one pass: a user's squared sum grows by 2 old new + new^2."""
    user, a, b = user[chosen], above[chosen], below[chosen]
    a_before, b_before = _sum_before(user, a), _sum_before(user, b)
    a_sum, b_sum = np.cumsum(a), np.cumsum(b)
    aa = np.cumsum(2 * a_before * a + a * a)
    bb = np.cumsum(2 * b_before * b + b * b)
    ab = np.cumsum(a_before * b + b_before * a + a * b)
    users = np.cumsum((b_before == 0) & (b > 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = a_sum / b_sum
        variance = (aa - 2 * rate * ab + rate**2 * bb) / b_sum**2 * users / (users - 1)
    # a share close to 1 is as hard as one near 0
    others = np.maximum(b_sum - a_sum, 0) if bool((a <= b).all()) else a_sum
    ready = (users >= FEWEST_USERS) & (np.minimum(a_sum, others) >= FEWEST_EVENTS) & (variance > 0)
    place = np.cumsum(chosen) - 1
    known, at = place >= 0, np.maximum(place, 0)
    rate, variance = (np.where(known, values[at], np.nan) for values in (rate, variance))
    return _Running(rate, variance, known & ready[at])


def _sum_before(group: np.ndarray, values: np.ndarray) -> np.ndarray:
    """For each row the sum of the earlier rows of its group."""
    order = np.argsort(group, kind="stable")
    running = np.cumsum(values[order]) - values[order]
    _, first, count = np.unique(group[order], return_index=True, return_counts=True)
    before = np.empty_like(values)
    before[order] = running - np.repeat(running[first], count)
    return before


def _mixture(
    difference: np.ndarray, variance: np.ndarray, tau: np.ndarray, level: float
) -> tuple[np.ndarray, np.ndarray]:
    """Log of the mixture likelihood ratio against no difference, and how far from it the interval reaches."""
    known = np.isfinite(variance)
    v = np.where(known, variance, 1.0)
    t = np.where(known, tau, 1.0) ** 2
    shrink = 0.5 * np.log(v / (v + t))
    log_ratio = np.where(known, shrink + difference**2 * t / (2 * v * (v + t)), 0.0)
    margin = np.sqrt(2 * v * (v + t) / t * (-math.log(1 - level) - shrink))
    return log_ratio, np.where(known, margin, np.inf)
