"""Which list is better? Arms by the hash of the user, rates with intervals, interleaving, off-policy estimates.

Tables in (polars, pandas, Arrow, dicts of columns), small results out; no model is seen. Users are the unit that is
randomised, so every interval counts the rows of one user as one observation unless it says otherwise. Each name is
imported on first use: `assign` alone, as a server wants it, loads no statistics.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kgrec.experiment.assignment import assign
    from kgrec.experiment.interleaving import InterleavingResult, interleave, interleaving_test
    from kgrec.experiment.off_policy import PolicyValue, policy_value
    from kgrec.experiment.planning import SampleRatio, detectable_lift, sample_ratio, users_needed
    from kgrec.experiment.rates import Comparison, Rate, arm_rates, compare
    from kgrec.experiment.report import ABReport, ab_report, with_conversions
    from kgrec.experiment.sequential import SequentialTest, sequential_test

__all__ = [
    "ABReport",
    "Comparison",
    "InterleavingResult",
    "PolicyValue",
    "Rate",
    "SampleRatio",
    "SequentialTest",
    "ab_report",
    "arm_rates",
    "assign",
    "compare",
    "detectable_lift",
    "interleave",
    "interleaving_test",
    "policy_value",
    "sample_ratio",
    "sequential_test",
    "users_needed",
    "with_conversions",
]

_HOME = {
    "ABReport": "report",
    "Comparison": "rates",
    "InterleavingResult": "interleaving",
    "PolicyValue": "off_policy",
    "Rate": "rates",
    "SampleRatio": "planning",
    "SequentialTest": "sequential",
    "ab_report": "report",
    "arm_rates": "rates",
    "assign": "assignment",
    "compare": "rates",
    "detectable_lift": "planning",
    "interleave": "interleaving",
    "interleaving_test": "interleaving",
    "policy_value": "off_policy",
    "sample_ratio": "planning",
    "sequential_test": "sequential",
    "users_needed": "planning",
    "with_conversions": "report",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
