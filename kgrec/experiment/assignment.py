"""Who is in which arm: by a hash of experiment, arm and user, so that every machine at any time says the same."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from numbers import Integral

import polars as pl

from kgrec.data import columns as c
from kgrec.errors import ConfigError, DataError, list_first, not_number, raise_faults

_HASHES = 2**64
Arms = Mapping[str, float] | Sequence[str]


def assign(user_ids: Iterable[str | int], arms: Arms = ("control", "treatment"), *, experiment: str) -> pl.DataFrame:
    """Put each user in an arm.

    Each arm draws a number for the user from a keyed hash, and the arm with the smallest -log(number) / share wins. So
    the arm depends on nothing but the names and the shares, two experiments are independent, and where an arm's share
    grows (or an arm is added) users move to that arm only: nobody moves between the others.

    Parameters
    ----------
    user_ids : iterable of str or int
        A list, or a column of polars, pandas or numpy. An integer is taken as its text; a repeated id counts once.
    arms : mapping of name to share, or sequence of names
        Shares are > 0 and relative to their sum; names alone get equal shares.
    experiment : str
        The name that the hash is keyed with: another name, another draw.

    Returns
    -------
    polars.DataFrame
        Columns user_id, arm; one row a user, in the order given.

    Raises
    ------
    ConfigError
        If there are fewer than two arms, one twice, a share that is no number > 0, or no name of the experiment.
    DataError
        If a user_id is missing or neither text nor integer, or user_ids is a table.

    Examples
    --------
    >>> assign(["ann", "bob", "cem"], {"old": 0.5, "new": 0.5}, experiment="blue button")["arm"].to_list()
    ['new', 'new', 'new']

    Source: Schindelhauer and Schomaker 2005 (weighted rendezvous hashing).
    """
    shares = arm_shares(arms)
    if not isinstance(experiment, str) or not experiment:
        raise ConfigError(f"assign: experiment is {experiment!r}, expected a name")
    if isinstance(user_ids, str):
        raise DataError(f"assign: user_ids is the text {user_ids!r}, expected a list of ids: [{user_ids!r}]")
    if isinstance(user_ids, (Mapping, pl.LazyFrame)) or hasattr(user_ids, "columns"):
        raise DataError(f"assign: user_ids is a table ({type(user_ids).__name__}); pass its column: table['user_id']")
    ids = list(user_ids)
    wrong = [user for user in ids if not isinstance(user, (str, Integral)) or isinstance(user, bool) or user == ""]
    if wrong:
        raise DataError(f"assign: user_ids that are missing, or neither text nor integers: {list_first(wrong)}")
    users = list(dict.fromkeys(map(str, ids)))
    keyed = {arm: (blake2b(key=_key(experiment, arm), digest_size=8), share) for arm, share in shares.items()}
    chosen = []
    for user in users:
        name, times = user.encode("utf-8", "surrogatepass"), {}
        for arm, (empty, share) in keyed.items():
            hasher = empty.copy()
            hasher.update(name)
            times[arm] = -math.log((int.from_bytes(hasher.digest(), "big") + 0.5) / _HASHES) / share
        chosen.append(min(times, key=times.__getitem__))
    return pl.DataFrame({c.USER_ID: users, c.ARM: chosen}, schema={c.USER_ID: pl.String, c.ARM: pl.String})


def arm_shares(arms: Arms) -> dict[str, float]:
    """The shares of the arms, which sum to 1.

    Raises
    ------
    ConfigError
        If there are fewer than two arms, one twice, or a share that is no number > 0.
    """
    names = list(arms)
    shares = [arms[name] for name in names] if isinstance(arms, Mapping) else [1.0] * len(names)
    faults = [] if len(names) >= 2 else [f"there are {len(names)} arms, expected at least two"]
    faults += [f"arm {name!r} is no name" for name in names if not isinstance(name, str) or not name]
    faults += [f"arm {name!r} is given twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    faults += [
        f"the share of arm {name!r} is {share}, expected a number > 0"
        for name, share in zip(names, shares, strict=True)
        if not_number(0, share=share)
    ]
    raise_faults(ConfigError, "arms", faults)
    most = max(shares)  # the sum of large ones may be infinite
    total = sum(share / most for share in shares)
    return {name: share / most / total for name, share in zip(names, shares, strict=True)}


def _key(experiment: str, arm: str) -> bytes:
    return blake2b(json.dumps([experiment, arm]).encode()).digest()
