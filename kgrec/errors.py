"""Every error the library raises on purpose. Catch `KgrecError` to catch them all."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from types import NoneType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class KgrecError(Exception):
    """Base class of every error kgrec raises on purpose."""


class DataError(KgrecError):
    """The input tables break the dataset contract; the message lists every fault found."""


class ConfigError(KgrecError, ValueError):
    """A setting is out of its range; the message lists every fault found."""


class GraphError(KgrecError):
    """A knowledge graph breaks its own rules (dangling edges, duplicate node ids, bad names)."""


class StoreError(KgrecError):
    """A graph server can't be reached, refuses the login, or refuses a query. Never holds a secret.

    Attributes
    ----------
    code : str
        The server's own code of the fault, such as `Neo.ClientError.Statement.SyntaxError`; "" where it gave none.
    """

    def __init__(self, message: str, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class UnknownIdError(KgrecError, KeyError):
    """A user or item id the model does not know."""

    def __str__(self) -> str:  # KeyError would show the repr of the message
        return str(self.args[0])


class NotFittedError(KgrecError, RuntimeError):
    """A fitted attribute was used before `fit()`."""


class SavedModelError(KgrecError):
    """A folder is not a saved model, or was made by an incompatible version."""


class ComparisonError(KgrecError):
    """Some trainings of a comparison failed.

    Attributes
    ----------
    rows : polars.DataFrame
        What the others gave; empty where none got to its end.
    """

    def __init__(self, message: str, rows: pl.DataFrame) -> None:
        super().__init__(message)
        self.rows = rows


class ShapeError(KgrecError, ValueError):
    """Two arrays that belong together have shapes that do not fit."""


def list_first(values: Iterable[object], limit: int = 5) -> str:
    """The first few values as text: `'a', 'b', ... (7 in all)`.

    >>> list_first(["a", "b", "c"], limit=2)
    "'a', 'b', ... (3 in all)"
    """
    items: Sequence[object] = list(values)
    shown = ", ".join(repr(value) for value in items[:limit])
    return shown if len(items) <= limit else f"{shown}, ... ({len(items):,} in all)"


def not_whole(least: int, **numbers: object) -> list[str]:
    """A fault for each argument that is no whole number, or below the least allowed.

    >>> not_whole(1, k=0, size=3)
    ['k is 0, expected a whole number >= 1']
    """
    return [
        f"{name} is {number!r}, expected a whole number >= {least}"
        for name, number in numbers.items()
        if isinstance(number, bool) or not isinstance(number, Integral) or number < least
    ]


def not_number(low: float, high: float = math.inf, /, *, ends: bool = False, **numbers: object) -> list[str]:
    """A fault for each argument that is no finite number between two, themselves left out unless `ends`.

    >>> not_number(0, share=0.0)
    ['share is 0.0, expected a number > 0']
    >>> not_number(0, 1, ends=True, share="x")
    ["share is 'x', expected a number from 0 to 1"]
    """
    if math.isinf(high):
        expected = f"{'>=' if ends else '>'} {low:g}"
    else:
        expected = f"from {low:g} to {high:g}" if ends else f"between {low:g} and {high:g}"
    faults = []
    for name, number in numbers.items():
        fits = isinstance(number, Real) and not isinstance(number, bool) and math.isfinite(number)
        if not fits or not (low < number < high or (ends and number in (low, high))):  # type: ignore[operator]
            faults.append(f"{name} is {number!r}, expected a number {expected}")
    return faults


def check_whole(least: int, **numbers: object) -> None:
    """Raise ConfigError where `not_whole` finds a fault."""
    faults = not_whole(least, **numbers)
    if faults:
        raise ConfigError("; ".join(faults))


def check_is(kind: type | tuple[type, ...], where: str, **values: object) -> None:
    """Raise ConfigError unless each argument is of the kind, or one of the kinds.

    >>> check_is((int, str), "count", what=1.5)
    Traceback (most recent call last):
        ...
    kgrec.errors.ConfigError: count: what is of type float, expected int or str
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    expected = " or ".join("None" if one is NoneType else one.__name__ for one in kinds)
    for name, value in values.items():
        if not isinstance(value, kinds):
            raise ConfigError(f"{where}: {name} is of type {type(value).__name__}, expected {expected}")


def raise_faults(error: type[KgrecError], where: str, faults: Sequence[str]) -> None:
    """Raise `error` once with all `faults`, one a line; do nothing when there are none."""
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
        raise error("\n  - ".join([f"{where}: {count}", *faults]))
