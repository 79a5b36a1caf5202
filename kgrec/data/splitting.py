"""How events are divided into train, validation and test. Pure functions: events in, the part of each row out."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
import polars as pl

from kgrec.data import columns as c
from kgrec.data.disk import slices
from kgrec.errors import ConfigError, DataError

SplitMethod = Literal["leave_last_out", "leave_users_out", "temporal", "random", "fixed"]
METHODS: tuple[str, ...] = get_args(SplitMethod)
Ratio = tuple[float, float, float]
TRAIN, VALIDATION, TEST = range(3)  # codes of the parts, in the order of columns.PARTS
VALIDATION_GIVEN, TEST_GIVEN = 3, 4  # what came before, of users whom only this part asks about
_ROW, _PART, _LIKED, _LISTED = "__row__", "__part__", "__liked__", "__listed__"
_PAIR, _LIST = [c.USER_ID, c.ITEM_ID], [c.USER_ID, c.SESSION_ID, c.TIMESTAMP]


def liked() -> pl.Expr:
    """Whether an event expresses liking: no impression, and no negative label (no label is a positive one)."""
    return (pl.col(c.EVENT) != c.IMPRESSION) & (pl.col(c.LABEL).is_null() | (pl.col(c.LABEL) != 0))


def shown_list() -> pl.Expr:
    """The number of the list that a row was shown in, null where nothing is known of a list.

    Rows of one user, session and time are a list where they have a position or a session.
    """
    return pl.when(_is_listed()).then(pl.struct(*_LIST).rank("dense"))


def _is_listed() -> pl.Expr:
    return pl.col(c.TIMESTAMP).is_not_null() & (pl.col(c.POSITION).is_not_null() | pl.col(c.SESSION_ID).is_not_null())


def check_ratio(ratio: Sequence[float]) -> Ratio:
    """Return the three shares of a split.

    Raises
    ------
    ConfigError
        Unless they are three finite numbers >= 0 that sum to 1, the first of them > 0.
    """
    try:
        shares = [float(share) for share in ratio]
    except (TypeError, ValueError):
        shares = []
    if len(shares) != 3 or not all(0 <= share <= 1 for share in shares) or abs(sum(shares) - 1) > 1e-6:
        raise ConfigError(f"ratio is {ratio!r}, expected three shares (train, validation, test) that sum to 1")
    if shares[0] == 0:
        raise ConfigError(f"ratio is {ratio!r}, expected a share of train above 0")
    train, validation, test = shares
    return train, validation, test


def leave_last_out(events: pl.DataFrame) -> pl.Series:
    """Each user's last interaction is test, the one before it validation, the rest train.

    Interactions are in order of time; ties, and events without a time, which count as the earliest, keep the order
    of the rows. A user with one interaction has it in test, one with two has them in validation and test.

    The other rows (impressions, negatives) go by time: from the time of the user's test interaction on to test, from
    that of the validation interaction on to validation, else to train. A row that shows a held-out item to its user
    goes to that item's part where that is a later one, so that train never names a held-out pair in a row of this
    kind; and with it goes the list that it was shown in (of two held-out items to test), so that a part holds whole
    lists, clicked and not as they were. Rows of users without an interaction stay in train.

    Returns
    -------
    polars.Series of int8
        The part of each row, as its place in `columns.PARTS`.
    """
    is_liked = events.select(liked()).to_series()
    likes = events.select(*_PAIR, c.TIMESTAMP).filter(is_liked)
    ranked = (
        likes.with_columns(is_liked.arg_true().alias(_ROW))
        .sort(c.TIMESTAMP, nulls_last=False, maintain_order=True)
        .with_columns(pl.int_range(pl.len(), 0, -1, dtype=pl.Int64).over(c.USER_ID).alias("from_end"))
        .with_columns((3 - pl.col("from_end")).clip(TRAIN, TEST).cast(pl.Int8).alias(_PART))
    )
    part = np.zeros(events.height, np.int8)
    part[ranked[_ROW].to_numpy()] = ranked[_PART].to_numpy()
    held_out = ranked.filter(pl.col(_PART) != TRAIN).group_by(_PAIR).agg(pl.col(_PART).min().alias("pair_part"))
    moved = []
    for rest in _other_rows(events, is_liked):
        placed = _by_time(rest, ranked).join(held_out, on=_PAIR, how="left", maintain_order="left")
        placed = placed.with_columns(pl.max_horizontal("pair_part", _PART).alias(_PART))
        part[placed[_ROW].to_numpy()] = placed[_PART].to_numpy()
        moved.append(placed.filter(_LISTED, pl.col("pair_part").is_not_null()).select(*_LIST, _PART))
    lists = pl.concat(moved).group_by(_LIST).agg(pl.col(_PART).max())
    for rest in _other_rows(events, is_liked) if lists.height else ():
        whole = rest.filter(_LISTED).join(lists, on=_LIST, nulls_equal=True)
        part[whole[_ROW].to_numpy()] = whole[_PART].to_numpy()
    return pl.Series("part", part)


def last_of_some(events: pl.DataFrame, share: float, seed: int) -> pl.Series:
    """The last interaction of some users is validation, the rest train.

    They are drawn of the users with two interactions or more, as many as hold out `share` of the interactions, or all.
    The other rows go as those of `leave_last_out` do.
    """
    is_last = leave_last_out(events) == TEST
    drawn = _shuffled_users(events, np.random.default_rng(np.random.SeedSequence([seed, *b"split"])))
    size = _share_of(share, int(events.select(liked().sum()).item()))
    return (is_last & events[c.USER_ID].is_in(drawn.head(size).implode())).cast(pl.Int8)


def leave_users_out(events: pl.DataFrame, ratio: Ratio, seed: int) -> pl.Series:
    """Some users are in train; of others the last interaction is validation, of others again it is test.

    What these users did before is given when lists are asked for, and nothing is trained on it. The shares of `ratio`
    are of the users with two interactions or more; the others are in train. Where no event has a time, a random
    interaction takes the place of the last. The other rows go as those of `leave_last_out` do, to what is given or
    with the last interaction.

    Returns
    -------
    polars.Series of int8
        The part of each row, or `VALIDATION_GIVEN` or `TEST_GIVEN`.

    Source: Liang et al. 2018 (Mult-VAE), section 4.2, strong generalization; there a fifth of a user's items is held
    out, at random.
    """
    generator = np.random.default_rng(np.random.SeedSequence([seed, *b"split"]))
    if events.height and events[c.TIMESTAMP].is_null().all():
        events = events.with_columns(pl.Series(c.TIMESTAMP, generator.permutation(events.height)))
    is_last = leave_last_out(events) == TEST
    drawn = _shuffled_users(events, generator)
    first, last = (_share_of(share, len(drawn)) for share in (ratio[0], ratio[0] + ratio[1]))
    part = pl.zeros(events.height, dtype=pl.Int8, eager=True)
    for users, asked, given in (
        (drawn[first:last], VALIDATION, VALIDATION_GIVEN),
        (drawn[last:], TEST, TEST_GIVEN),
    ):
        inside = events[c.USER_ID].is_in(users.implode())
        part = part.set(inside, given).set(inside & is_last, asked)
    return part.rename("part")


def _shuffled_users(events: pl.DataFrame, generator: np.random.Generator) -> pl.Series:
    """Those with two interactions or more."""
    counts = events.select(pl.col(c.USER_ID).filter(liked())).group_by(c.USER_ID, maintain_order=True).len()
    users = counts.filter(pl.col("len") > 1)[c.USER_ID]
    return users.gather(generator.permutation(len(users)))


def _other_rows(events: pl.DataFrame, is_liked: pl.Series) -> Iterator[pl.DataFrame]:
    """The rows that are no interactions, slice by slice, and whether each is of a list."""
    listed = (pl.col(c.EVENT) == c.IMPRESSION) & _is_listed()
    for some in slices(events.height):
        rows = events[some].with_row_index(_ROW, some.start).filter(~is_liked[some])
        yield rows.select(_ROW, *_PAIR, c.TIMESTAMP, c.SESSION_ID, listed.alias(_LISTED))


def _by_time(rest: pl.DataFrame, ranked: pl.DataFrame) -> pl.DataFrame:
    cuts = [
        ranked.filter(pl.col(_PART) == part).select(c.USER_ID, pl.col(c.TIMESTAMP).alias(name))
        for part, name in ((VALIDATION, "validation_at"), (TEST, "test_at"))
    ]
    for cut in cuts:
        rest = rest.join(cut, on=c.USER_ID, how="left", maintain_order="left")
    part = (
        pl.when(pl.col(c.TIMESTAMP) >= pl.col("test_at"))
        .then(TEST)
        .when(pl.col(c.TIMESTAMP) >= pl.col("validation_at"))
        .then(VALIDATION)
        .otherwise(TRAIN)
    )
    return rest.with_columns(part.cast(pl.Int8).alias(_PART))


def temporal(events: pl.DataFrame, ratio: Ratio) -> pl.Series:
    """Two moments divide all rows alike, set so that the interactions are shared out by `ratio`.

    Events at a cut go to the later part, so that every event of a part is strictly after those of the part before it.

    Raises
    ------
    DataError
        If an event has no timestamp: its part can't be known.
    """
    gaps = events[c.TIMESTAMP].null_count()
    if gaps:
        raise DataError(
            f"events: {gaps:,} of {events.height:,} rows have no timestamp, and a temporal split needs every one; "
            "drop those rows or split with method='random'"
        )
    times = events.select(pl.col(c.TIMESTAMP).filter(liked())).to_series().sort()
    part = pl.zeros(events.height, dtype=pl.Int8, eager=True)
    for share in (ratio[0], ratio[0] + ratio[1]):
        place = _share_of(share, times.len())
        if place < times.len():
            part += (events[c.TIMESTAMP] >= times[place]).cast(pl.Int8)
    return part.rename("part")


def random(events: pl.DataFrame, ratio: Ratio, seed: int) -> pl.Series:
    """The (user, item) pairs of interactions are shared out by `ratio` at random.

    All rows of a pair go to one part, so that no part repeats a pair of another; impressions and negatives of the pair
    too. Pairs without an interaction are shared out likewise, on their own.
    """
    rows = events.select(*_PAIR, liked().alias(_LIKED))
    pairs = rows.group_by(_PAIR, maintain_order=True).agg(pl.col(_LIKED).any())
    generator = np.random.default_rng(np.random.SeedSequence([seed, *b"split"]))
    part = np.zeros(pairs.height, dtype=np.int8)
    for is_liked in (True, False):
        places = np.flatnonzero(pairs[_LIKED].to_numpy() == is_liked)
        shuffled = generator.permutation(places)
        for share in (ratio[0], ratio[0] + ratio[1]):
            part[shuffled[_share_of(share, places.size) :]] += 1
    joined = rows.join(pairs.select(*_PAIR, pl.Series(_PART, part)), on=_PAIR, how="left", maintain_order="left")
    return joined[_PART].rename("part")


def _share_of(share: float, count: int) -> int:
    return math.floor(share * count + 0.5 + 1e-9)


def comes_after(later: pl.DataFrame, earlier: pl.DataFrame) -> bool:
    """Whether interactions follow those of the same user in another part, as most do unless a split ignores time.

    Of n events and one more in a random order, the one comes last in 1 / (n + 1) of the cases: the answer is yes where
    the share that follows is closer to 1 than to that. Interactions without a time, those at the moment of the last
    one, and those of users that the other part does not have say nothing; where none says anything, the answer is yes
    too.
    """
    timed = earlier.filter(pl.col(c.TIMESTAMP).is_not_null()).group_by(c.USER_ID)
    known = timed.agg(pl.col(c.TIMESTAMP).max().alias("last"), (1 / (pl.len() + 1)).alias("by_chance"))
    both = later.join(known, on=c.USER_ID).filter(pl.col(c.TIMESTAMP) != pl.col("last"))  # nor is a null
    if not both.height:
        return True
    follows, by_chance = (both[c.TIMESTAMP] > both["last"]).to_numpy().mean(), both["by_chance"].to_numpy().mean()
    return bool(1 - follows < follows - by_chance)


def parts_by_user(interactions: pl.DataFrame, most: int = 10_000) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Events of some users and events of others, as many of each, at most so many users.

    For two choices of which the second would else trust what the first made look better than it is. With `most` users
    or fewer, each needs them all: both parts are the whole.
    """
    users = interactions[c.USER_ID].unique(maintain_order=True)
    if len(users) <= most:
        return interactions, interactions
    step = max(2, -(-len(users) // most))
    first, second = users.gather_every(step), users.gather_every(step, 1)
    return (
        interactions.filter(pl.col(c.USER_ID).is_in(first.implode())),
        interactions.filter(pl.col(c.USER_ID).is_in(second.implode())),
    )
