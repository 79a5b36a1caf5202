"""Before and around an experiment: how many users it takes, what it can find, and whether the arms got their shares."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from scipy import stats
from scipy.optimize import brentq

from kgrec.data import columns as c
from kgrec.data.sources import Frame
from kgrec.errors import ConfigError, DataError, list_first, not_number, raise_faults
from kgrec.experiment.assignment import Arms, arm_shares
from kgrec.experiment.checks import read_table
from kgrec.experiment.rates import Rate, check_one_arm_each

SUSPICIOUS = 0.001  # p-value below which the shares of users are taken to be wrong (Fabijan et al. 2019)


@dataclass(frozen=True, slots=True)
class SampleRatio:
    """Users in each arm beside the shares asked for.

    Attributes
    ----------
    users : mapping of arm to number of users
    expected : mapping of arm to the number that its share asks for
    p_value : float
        Of the chi-square test: how often chance alone is as far off.
    """

    users: Mapping[str, int]
    expected: Mapping[str, float]
    p_value: float

    @property
    def is_suspicious(self) -> bool:
        """Whether the p-value is below .001: then some users are lost or logged twice, and no rate can be trusted."""
        return self.p_value < SUSPICIOUS

    def __str__(self) -> str:
        counts = ", ".join(f"{arm} {self.users[arm]:,} (expected {self.expected[arm]:,.0f})" for arm in self.users)
        verdict = "sample ratio mismatch: the rates can't be trusted" if self.is_suspicious else "as expected"
        return f"users: {counts}; p = {self.p_value:.3g}, {verdict}"


def sample_ratio(rows: Frame, arms: Arms) -> SampleRatio:
    """Whether the arms have the shares of users that were asked for (sample ratio mismatch).

    Parameters
    ----------
    rows : frame, of any library or a dict of columns
        Columns user_id, arm; a user may have many rows. Best the users that were seen, not those that `assign` named:
        what is looked for is an arm that loses users on the way.
    arms : as `assign` takes them

    Raises
    ------
    DataError
        If a column is missing, an arm has no share, or a user is in two arms.

    Examples
    --------
    60 and 40 instead of 50 and 50: chi-square 100/50 + 100/50 = 4, which chance exceeds in 4.55% of cases.

    >>> rows = pl.DataFrame({"user_id": [f"u{user}" for user in range(100)], "arm": ["a"] * 60 + ["b"] * 40})
    >>> print(sample_ratio(rows, ["a", "b"]))
    users: a 60 (expected 50), b 40 (expected 50); p = 0.0455, as expected

    Source: Fabijan et al. 2019, "Diagnosing sample ratio mismatch in online controlled experiments".
    """
    shares = arm_shares(arms)
    table = read_table(rows, [c.USER_ID, c.ARM], "sample ratio")
    check_one_arm_each(table, "sample ratio")
    counted = dict(table.group_by(c.ARM).agg(pl.col(c.USER_ID).n_unique()).iter_rows())
    unknown = sorted(set(counted) - set(shares))
    if unknown:
        raise DataError(
            f"sample ratio: arms without a share: {list_first(unknown)}; shares are of {list_first(shares)}"
        )
    users = {arm: int(counted.get(arm, 0)) for arm in shares}
    expected = {arm: share * sum(users.values()) for arm, share in shares.items()}
    found = stats.chisquare(list(users.values()), list(expected.values()))
    return SampleRatio(users, expected, float(found.pvalue))


def users_needed(
    baseline: Rate | float, lift: float, *, power: float = 0.8, level: float = 0.95, share: float = 0.5
) -> int:
    """How many users with a trial, of both arms together, it takes to find a lift.

    Parameters
    ----------
    baseline : Rate or float
        The rate as it is today: measured (`arm_rates`), which says how much users differ; or the bare number of a share
        with one trial a user.
    lift : float
        The relative change to be found, such as 0.05; of its size alone, so > 0.
    power : float
        How often it is to be found when it is there.
    level : float
        Of the interval that is to leave out 0.
    share : float
        Of the users that the treatment gets.

    Raises
    ------
    ConfigError
        If a setting is out of its range.

    Examples
    --------
    Rates of .1 and .11, one trial a user, so variances of .09 and .0979, and two arms of one half:
    (1.960 + .842)^2 * (.09 + .0979) * 2 / .01^2 = 29,496.2.

    >>> users_needed(0.1, 0.1)
    29497

    Source: the usual two-sided formula of a normal mean. The treatment's variance is the control's, grown with the
    rate: as rate (1 - rate) does for a share, else as the square of the rate.
    """
    _check_plan(power, level, share, {"lift": lift})
    return math.ceil(_users(baseline, lift, power, level, share))


def detectable_lift(
    baseline: Rate | float, num_users: int, *, power: float = 0.8, level: float = 0.95, share: float = 0.5
) -> float:
    """The smallest relative change that so many users, of both arms together, find; the inverse of `users_needed`.

    Raises
    ------
    ConfigError
        If a setting is out of its range.

    >>> round(detectable_lift(0.1, 29497), 4)
    0.1
    """
    _check_plan(power, level, share, {"num_users": num_users})
    largest = _largest_lift(baseline)
    if _users(baseline, largest, power, level, share) > num_users:
        raise ConfigError(f"{num_users:,} users find no lift of {baseline} up to {largest:+.0%}: too few")
    return float(brentq(lambda lift: _users(baseline, lift, power, level, share) - num_users, 1e-9, largest))


def _users(baseline: Rate | float, lift: float, power: float, level: float, share: float) -> float:
    """Users of both arms together, as a number with a fraction."""
    rate, variance = _baseline(baseline)
    if lift > _largest_lift(baseline):
        raise ConfigError(f"lift is {lift!r}, expected at most {_largest_lift(baseline):.3g}: {rate:.3g} is a share")
    if _is_share(baseline):
        of_treatment = variance * (1 + lift) * (1 - rate * (1 + lift)) / (1 - rate)
    else:
        of_treatment = variance * (1 + lift) ** 2
    reach = float(stats.norm.ppf((1 + level) / 2) + stats.norm.ppf(power)) / (rate * lift)
    return reach**2 * (of_treatment / share + variance / (1 - share))


def _baseline(baseline: Rate | float) -> tuple[float, float]:
    """The rate, and the variance of one user's part in it."""
    if isinstance(baseline, Rate):
        rate, variance = baseline.value, baseline.standard_error**2 * baseline.num_users
        if not (rate > 0 and variance > 0):
            raise ConfigError(f"baseline is {baseline}, expected events of some users, and not of all alike")
        return rate, variance
    if not_number(0, 1, baseline=baseline):
        raise ConfigError(f"baseline is {baseline!r}, expected a share between 0 and 1, or a Rate")
    return baseline, baseline * (1 - baseline)


def _is_share(baseline: Rate | float) -> bool:
    return baseline.ratio.is_share if isinstance(baseline, Rate) else True


def _largest_lift(baseline: Rate | float) -> float:
    rate, _ = _baseline(baseline)
    return (1 - rate) / rate if _is_share(baseline) else 100.0


def _check_plan(power: float, level: float, share: float, more: Mapping[str, Any]) -> None:
    faults = [*not_number(0, 1, power=power, level=level, share=share), *not_number(0, **more)]
    if not faults and power <= (1 - level) / 2:
        faults.append(f"power is {power!r}, expected more than chance alone gives: {(1 - level) / 2:g}")
    raise_faults(ConfigError, "plan of an experiment", faults)
