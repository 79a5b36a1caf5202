"""What the classes of a sentiment classifier are worth, from -1 (bad) to 1 (good)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import numpy as np

from kgrec.errors import ConfigError, list_first, raise_faults

_WORDS = {"negative": -1.0, "neg": -1.0, "neutral": 0.0, "neu": 0.0, "positive": 1.0, "pos": 1.0}
_STRONG = {f"very {word}": value for word, value in _WORDS.items() if value}
_STARS = re.compile(r"(\d+)( stars?)?")


def label_values(names: Sequence[str], given: Mapping[str, float] | None = None, *, where: str = "model") -> np.ndarray:
    """A number for each class of a model, by its name or as `given`.

    Understood are POSITIVE, NEGATIVE and NEUTRAL, also short and with `very` (the plain ones are then worth half), and
    stars: `1 star` to `5 stars`, or `1` to any other number. Upper and lower case, `_` and `-` don't matter.

    Parameters
    ----------
    names : sequence of str
        The model's own names of its classes (`id2label`).
    given : mapping of name to number from -1 to 1, optional
        What some of them are worth; the others must be understood.
    where : str
        The model, for the message.

    Returns
    -------
    ndarray, shape (num_classes,), float64

    Raises
    ------
    ConfigError
        Listing the classes that can't be understood, numbers out of range and given names the model doesn't have.

    >>> label_values(["NEGATIVE", "POSITIVE"]).tolist()
    [-1.0, 1.0]
    >>> label_values(["1 star", "2 stars", "3 stars", "4 stars", "5 stars"]).tolist()
    [-1.0, -0.5, 0.0, 0.5, 1.0]
    >>> label_values(["LABEL_0", "neutral"], {"LABEL_0": -0.8}).tolist()
    [-0.8, 0.0]
    """
    given = {} if given is None else dict(given)
    values = {**_understood(names), **{name: value for name, value in given.items() if name in names}}
    faults = []
    if len(names) < 2 or len(set(names)) < len(names):
        faults.append(f"its classes are {list_first(names, limit=20)}, expected two or more of different names")
    unread = [name for name in names if name not in values]
    if unread:
        faults.append(
            f"classes that say no sentiment: {list_first(unread, limit=20)} (of {list_first(names, limit=20)}); "
            f"say what each is worth: labels={{{unread[0]!r}: -1.0, ...}}"
        )
    unknown = [name for name in given if name not in names]
    if unknown:
        faults.append(f"labels names {list_first(unknown)}, and the model has {list_first(names, limit=20)}")
    faults += [
        f"labels[{name!r}] is {value!r}, expected a number from -1 to 1"
        for name, value in given.items()
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not -1 <= value <= 1
    ]
    raise_faults(ConfigError, f"the sentiment of {where}", faults)
    return np.array([values[name] for name in names], dtype=np.float64)


def _understood(names: Sequence[str]) -> dict[str, float]:
    plain = {name: re.sub(r"[\s_-]+", " ", name).strip().lower() for name in names}
    stars = {name: found for name, text in plain.items() if (found := _STARS.fullmatch(text))}
    counts = {name: int(found[1]) for name, found in stars.items()}
    if len(names) > 1 and sorted(counts.values()) == list(range(1, len(names) + 1)):
        return {name: 2 * (count - 1) / (len(names) - 1) - 1 for name, count in counts.items()}
    share = 0.5 if any(text in _STRONG for text in plain.values()) else 1.0
    worth = {**{word: value * share for word, value in _WORDS.items()}, **_STRONG}
    return {name: worth[text] for name, text in plain.items() if text in worth}
