"""Two rankers in one list: team-draft interleaving, and whose items are clicked more."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

import polars as pl
from scipy import stats

from kgrec.data import columns as c
from kgrec.data.sources import Frame, to_table
from kgrec.errors import ConfigError, DataError, list_first, not_whole, raise_faults
from kgrec.experiment.checks import between, check_level, read_table, zero_or_one

_SIDES = ("first", "second")


def team_draft(first: Sequence[str], second: Sequence[str], k: int, draw: random.Random) -> list[tuple[str, int]]:
    """Let two rankers choose in turn, a coin saying who of a pair goes first.

    Parameters
    ----------
    first, second : sequence of item_ids, best first
    k : int
        Length of the list at most.
    draw : random.Random
        The coin.

    Returns
    -------
    list of (item_id, side)
        Side 0 or 1: who chose it. Each side takes its best item not yet taken; one that has none left leaves the rest
        to the other.

    Examples
    --------
    >>> team_draft(["a", "b"], ["b", "c"], 3, random.Random(0))
    [('b', 1), ('a', 0), ('c', 1)]

    Source: Radlinski, Kurup and Joachims 2008, algorithm 2.
    """
    lists, place, size = (first, second), [0, 0], [0, 0]
    taken: dict[str, int] = {}
    while len(taken) < k:
        for side in (0, 1):
            while place[side] < len(lists[side]) and lists[side][place[side]] in taken:
                place[side] += 1
        able = [side for side in (0, 1) if place[side] < len(lists[side])]
        if not able:
            break
        behind = draw.randrange(2) if size[0] == size[1] else int(size[1] < size[0])
        side = behind if behind in able else able[0]
        taken[lists[side][place[side]]] = side
        size[side] += 1
    return list(taken.items())


def interleave(
    first: Frame,
    second: Frame,
    k: int = 10,
    *,
    names: tuple[str, str] = _SIDES,
    experiment: str,
) -> pl.DataFrame:
    """Mix two rankers' lists by team draft, a list a user.

    Parameters
    ----------
    first, second : frame, of any library or a dict of columns
        Columns user_id, item_id, rank, as `recommend` gives them.
    k : int
        Length of a list at most.
    names : (str, str)
        What to call the two.
    experiment : str
        Seeds each user's coin together with the user_id: the same name gives the same lists on any machine. A fresh
        name for each time lists are made (such as "mixed 2026-11-26") tosses anew.

    Returns
    -------
    polars.DataFrame
        Columns user_id, item_id, rank (from 1), arm (who chose the item). For a user with a list of one ranker only
        that is the list and arm is null: it compares nothing, and `interleaving_test` leaves it out.

    Raises
    ------
    ConfigError
        If k is not a whole number >= 1, the names are alike, or there is no name of the experiment.
    DataError
        If a column is missing, a value can't be, or a list has an item twice.
    """
    faults = not_whole(1, k=k)
    faults += _names_faults(names)
    faults += [] if isinstance(experiment, str) and experiment else [f"experiment is {experiment!r}, expected a name"]
    raise_faults(ConfigError, "interleave", faults)
    lists = [_lists(frame, side) for frame, side in zip((first, second), _SIDES, strict=True)]
    rows = []
    for user in dict.fromkeys([*lists[0], *lists[1]]):
        seed = blake2b(json.dumps([experiment, user]).encode(), digest_size=8).digest()
        coin = random.Random(int.from_bytes(seed, "big"))
        drafted = team_draft(lists[0].get(user, []), lists[1].get(user, []), k, coin)
        arms = names if user in lists[0] and user in lists[1] else (None, None)
        rows += [(user, item, rank, arms[side]) for rank, (item, side) in enumerate(drafted, 1)]
    schema = {c.USER_ID: pl.String, c.ITEM_ID: pl.String, c.RANK: pl.Int64, c.ARM: pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _names_faults(names: object) -> list[str]:
    if not isinstance(names, (tuple, list)) or len(names) != 2 or not all(isinstance(name, str) for name in names):
        return [f"names is {names!r}, expected two names"]
    return [f"names are both {names[0]!r}"] if names[0] == names[1] else []


def _lists(frame: Frame, side: str) -> dict[str, list[str]]:
    what = f"interleave, {side} lists"
    ranks = {c.RANK: (between(c.RANK, -math.inf), "finite numbers")}
    table = read_table(frame, [c.USER_ID, c.ITEM_ID], what, ranks)
    pairs = table.select(c.USER_ID, c.ITEM_ID)
    twice = pairs.filter(pairs.is_duplicated()).unique(maintain_order=True)
    if twice.height:
        raise DataError(f"{what}: more than one row for {list_first(twice.rows())}")
    ranked = table.sort(c.USER_ID, c.RANK).group_by(c.USER_ID, maintain_order=True).agg(c.ITEM_ID)
    return dict(ranked.iter_rows())


@dataclass(frozen=True, slots=True)
class InterleavingResult:
    """Whose items were clicked more.

    Attributes
    ----------
    first, second : str
    wins, losses, ties : int
        Users with more, fewer and as many clicks on items of `first` as on those of `second`; users without a click are
        ties.
    share : float
        wins / (wins + losses): above .5 `first` is the better one; NaN without either.
    low, high : float
        Wilson's interval of the share.
    p_value : float
        Of the exact sign test.
    """

    first: str
    second: str
    wins: int
    losses: int
    ties: int
    share: float
    low: float
    high: float
    p_value: float
    level: float

    def __str__(self) -> str:
        return (
            f"{self.first} beats {self.second} for {self.share:.1%} of the users with a preference ({self.level:.0%}"
            f" interval {self.low:.1%} to {self.high:.1%}; {self.wins:,} wins, {self.losses:,} losses, {self.ties:,} "
            f"ties), p = {self.p_value:.3g}"
        )


def interleaving_test(shown: Frame, *, names: tuple[str, str] = _SIDES, level: float = 0.95) -> InterleavingResult:
    """Credit each click to who chose the item, and hold the users' preferences against a fair coin.

    Parameters
    ----------
    shown : frame, of any library or a dict of columns
        Columns user_id, arm (as `interleave` gives it) and label (1 = clicked); a user's lists count together, rows
        without an arm not at all.
    names : (str, str)
        As given to `interleave`.

    Raises
    ------
    DataError
        If a column is missing, a label is neither 0 nor 1, or an arm is neither of the names.

    Examples
    --------
    Three users prefer `first`, one `second`: 3 of 4, which a fair coin exceeds either way in 10 of 16 cases.

    >>> shown = pl.DataFrame({"user_id": [*"uvwx"], "arm": ["first"] * 3 + ["second"], "label": [1] * 4})
    >>> result = interleaving_test(shown)
    >>> result.share, result.p_value
    (0.75, 0.625)

    Source: Radlinski, Kurup and Joachims 2008 (credit and sign test); Chapelle et al. 2012 (by user).
    """
    what = "interleaving test"
    check_level(level, what)
    raise_faults(ConfigError, what, _names_faults(names))
    table = to_table(shown, what)
    if c.ARM in table.columns:
        table = table.filter(pl.col(c.ARM).is_not_null())
    rows = read_table(table, [c.USER_ID, c.ARM], what, zero_or_one(c.LABEL))
    strange = rows.filter(~pl.col(c.ARM).is_in(names))[c.ARM].unique().sort()
    if len(strange):
        raise DataError(f"{what}: arms {list_first(strange)}, expected {names[0]!r} or {names[1]!r}")
    sign = pl.when(pl.col(c.ARM) == names[0]).then(1).otherwise(-1)
    balance = rows.group_by(c.USER_ID).agg((sign * pl.col(c.LABEL).cast(pl.Int64)).sum().alias("balance"))["balance"]
    wins, losses = int((balance > 0).sum()), int((balance < 0).sum())
    ties = len(balance) - wins - losses
    if not wins + losses:
        return InterleavingResult(*names, 0, 0, ties, float("nan"), 0.0, 1.0, 1.0, level)
    test = stats.binomtest(wins, wins + losses)
    share, ends = wins / (wins + losses), test.proportion_ci(level, method="wilson")
    return InterleavingResult(
        *names, wins, losses, ties, share, float(ends.low), float(ends.high), float(test.pvalue), level
    )
