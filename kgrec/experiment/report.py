"""An A/B test in one call: shares, click and conversion rates, lifts, and the test that may be looked at any time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from kgrec.data import columns as c
from kgrec.data.sources import Frame, to_table
from kgrec.errors import ConfigError, DataError, list_first, not_number, raise_faults
from kgrec.experiment.assignment import Arms
from kgrec.experiment.checks import read_table, zero_or_one
from kgrec.experiment.planning import SampleRatio, sample_ratio
from kgrec.experiment.rates import Comparison, Rate, arm_rates, check_one_arm_each, compare
from kgrec.experiment.sequential import SequentialTest, sequential_test

CTR, CVR = "CTR", "CVR"
ATTRIBUTED_WITHIN = 86_400  # seconds from an impression that was clicked to the purchase that counts as its
_ROW = "__row__"


@dataclass(frozen=True, slots=True, eq=False)
class ABReport:
    """What an A/B test says.

    Attributes
    ----------
    sample_ratio : SampleRatio
        Look here first.
    rates : mapping of (metric, arm) to Rate
    comparisons : sequence of Comparison
        Each metric and arm against the control.
    sequential : mapping of arm to SequentialTest
        The click rate of each arm against the control's, row by row.
    rows_left_out : int
        Impressions of users without an arm.
    """

    sample_ratio: SampleRatio
    rates: Mapping[tuple[str, str], Rate]
    comparisons: tuple[Comparison, ...]
    sequential: Mapping[str, SequentialTest]
    rows_left_out: int

    @property
    def table(self) -> pl.DataFrame:
        """Columns metric, arm, num_users, events, trials, rate, low, high, standard_error; one row a rate."""
        names = ("num_users", "events", "trials", "value", "low", "high", "standard_error")
        rows = [
            {"metric": rate.metric, c.ARM: rate.arm}
            | {"rate" if name == "value" else name: getattr(rate, name) for name in names}
            for rate in self.rates.values()
        ]
        return pl.DataFrame(rows)

    def __str__(self) -> str:
        lines = [str(self.sample_ratio), *map(str, self.rates.values()), *map(str, self.comparisons)]
        lines += [f"CTR at any time, {test}" for test in self.sequential.values()]
        if self.rows_left_out:
            lines.append(f"{self.rows_left_out:,} impressions of users without an arm are left out")
        return "\n".join(lines)


def ab_report(
    impressions: Frame,
    assignment: Frame,
    events: Frame | None = None,
    *,
    control: str = "control",
    shares: Arms | None = None,
    level: float = 0.95,
) -> ABReport:
    """Compare the arms of an experiment by what was shown and clicked.

    Parameters
    ----------
    impressions : frame, of any library or a dict of columns
        Columns user_id (text or integers), label (1 = clicked, else 0), and timestamp where the rows are not in order
        of time: UTC epoch seconds, text ISO 8601, or datetimes; item_id and timestamp with `events`, or converted (0/1)
        for the conversion rate without, which counts where the row was clicked.
    assignment : frame
        Columns user_id, arm, as `assign` gives them.
    events : frame, optional
        Columns user_id, item_id, event, timestamp: the purchases make `converted` (`with_conversions`).
    control : str
        The arm that the others are held against.
    shares : mapping of arm to share, optional
        As given to `assign`; None: equal ones.

    Returns
    -------
    ABReport
        CTR: clicks / impressions. CVR: clicks followed by a purchase / clicks. Every arm is held against the control on
        its own: nothing is corrected for there being several.

    Raises
    ------
    DataError
        If a column is missing, a value can't be, the control has no user, or a user is in two arms.

    Examples
    --------
    An A/A test on the sample shop::

        dataset = kgrec.read_dataset("data/shop")
        shown = dataset.events.filter(pl.col("event") == "impression")
        print(ab_report(shown, assign(shown["user_id"], experiment="nothing new"), dataset.events))
    """
    what = "A/B report"
    assigned = read_table(assignment, [c.USER_ID, c.ARM], f"{what}, assignment")
    shown = to_table(impressions, f"{what}, impressions")
    time = [c.TIMESTAMP] if c.TIMESTAMP in shown.columns else []
    flags = [c.LABEL, c.CONVERTED] if events is None and c.CONVERTED in shown.columns else [c.LABEL]
    shown = read_table(shown, [c.USER_ID, *time], f"{what}, impressions", zero_or_one(*flags))
    check_one_arm_each(assigned, what)
    arms = assigned[c.ARM].unique().sort().to_list()
    if control not in arms:
        raise DataError(f"{what}: no user is in the control arm {control!r}; the arms are {list_first(arms)}")
    shown = shown if events is None else with_conversions(shown, events)
    pairs = assigned.select(c.USER_ID, c.ARM).unique()
    rows = shown.drop(c.ARM, strict=False).join(pairs, on=c.USER_ID, how="inner", maintain_order="left")
    if not rows.height:
        raise DataError(f"{what}: no impression is of a user with an arm")
    rates = {(CTR, arm): rate for arm, rate in arm_rates(rows, metric=CTR, level=level).items()}
    if c.CONVERTED in rows.columns:
        after_click = pl.col(c.CONVERTED).cast(pl.Int64) * pl.col(c.LABEL).cast(pl.Int64)
        rows = rows.with_columns(after_click.alias(c.CONVERTED))
        found = arm_rates(rows, c.CONVERTED, c.LABEL, metric=CVR, level=level)
        rates |= {(CVR, arm): rate for arm, rate in found.items()}
    seen = [arm for arm in arms if (CTR, arm) in rates]
    if control not in seen:
        raise DataError(f"{what}: no impression is of a user of the control arm {control!r}")
    others = [arm for arm in seen if arm != control]
    return ABReport(
        sample_ratio(rows, shares or arms),
        rates,
        tuple(compare(rates[metric, control], rate) for (metric, arm), rate in rates.items() if arm != control),
        {arm: sequential_test(rows, control, arm, level=level) for arm in others},
        shown.height - rows.height,
    )


def with_conversions(impressions: Frame, events: Frame, within: int = ATTRIBUTED_WITHIN) -> pl.DataFrame:
    """Add `converted`: whether a purchase of the item by the user followed the click on it.

    A purchase counts for the latest clicked impression of that item before it, so no purchase counts twice.

    Parameters
    ----------
    impressions : frame, of any library or a dict of columns
        Columns user_id, item_id (text or integers), timestamp (UTC epoch seconds, text ISO 8601, or datetimes), label
        (1 = clicked, else 0).
    events : frame
        Columns user_id, item_id, event, timestamp; the two tables may write ids and times in different ways.
    within : int
        Seconds from impression to purchase, at most.

    Returns
    -------
    polars.DataFrame
        The impressions as given, and converted (0/1).

    Raises
    ------
    ConfigError
        If `within` is no number of seconds.
    DataError
        If a column is missing, or a value in one is, or can't be: an event of another type than `Dataset` knows, say.

    Examples
    --------
    >>> shown = {"user_id": ["u"] * 3, "item_id": [*"aab"], "timestamp": [10, 20, 20], "label": [1, 1, 0]}
    >>> bought = {"user_id": ["u"] * 2, "item_id": [*"ab"], "timestamp": [30, 30], "event": ["purchase"] * 2}
    >>> with_conversions(shown, bought)["converted"].to_list()
    [0, 1, 0]
    """
    raise_faults(ConfigError, "conversions", not_number(0, within=within))
    what, pair, seconds = "conversions", [c.USER_ID, c.ITEM_ID], pl.col(c.TIMESTAMP).cast(pl.Float64)
    given = to_table(impressions, f"{what}, impressions")
    shown = read_table(given, [*pair, c.TIMESTAMP], f"{what}, impressions", zero_or_one(c.LABEL))
    log = read_table(events, [*pair, c.EVENT, c.TIMESTAMP], f"{what}, events")
    strange = log[c.EVENT].filter(~log[c.EVENT].is_in(c.EVENT_TYPES)).unique(maintain_order=True)
    if len(strange):
        known = ", ".join(c.EVENT_TYPES)
        raise DataError(f"{what}, events: unknown events {list_first(strange)}, expected one of {known}")
    numbered = shown.select(*pair, seconds, pl.col(c.LABEL).cast(pl.Float64)).with_row_index(_ROW)
    clicks = numbered.filter(pl.col(c.LABEL) == 1).drop(c.LABEL).sort(c.TIMESTAMP)
    bought = log.filter(pl.col(c.EVENT) == "purchase").select(*pair, seconds).sort(c.TIMESTAMP)
    credited = bought.join_asof(
        clicks, on=c.TIMESTAMP, by=pair, strategy="backward", tolerance=within, check_sortedness=False
    )
    followed = numbered[_ROW].is_in(credited[_ROW].drop_nulls().unique().implode())
    return given.with_columns(followed.cast(pl.Int8).alias(c.CONVERTED))
