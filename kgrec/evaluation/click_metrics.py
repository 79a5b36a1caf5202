"""Metrics of click probabilities: how well they order clicks before non-clicks, and how true they are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from kgrec.errors import ConfigError, DataError, ShapeError, not_number

_BINS = 15
_SMALLEST = 1e-7  # probabilities are kept this far from 0 and 1, so that one sure mistake is not an infinite loss
Values = Sequence[float] | np.ndarray | pl.Series


def click_metrics(labels: Values, probabilities: Values, negative_rate: float = 1.0) -> dict[str, float]:
    """Area under the ROC curve, log loss and calibration error.

    Parameters
    ----------
    labels : numbers, shape (num_pairs,)
        1 for a click, 0 for none.
    probabilities : numbers, shape (num_pairs,)
        The predicted click probabilities, in 0..1.
    negative_rate : float
        Share of the non-clicks that the pairs hold, where they are a sample: each stands for as many as were left out.

    Returns
    -------
    dict
        `auc`: how often a click has a higher probability than a non-click, a tie counting half; NaN when all labels
        are alike. `log_loss`: mean of -log(probability of what happened), in nats, probabilities clipped to 1e-7.
        `ece`: over 15 equal bins of the probability, how far its mean lies from the share of clicks, weighted by the
        pairs of the bin (Guo et al. 2017, eq. 3).

    Raises
    ------
    ShapeError
        If the two differ in length.
    DataError
        If there is no pair, a label is neither 0 nor 1, or a probability lies outside 0..1.

    Examples
    --------
    Of the 2 x 2 pairs (click, non-click) .9 beats .5 and .1, .5 ties with .5 and beats .1: AUC 3.5/4. The loss is
    -(ln .9 + ln .5 + ln(1 - .5) + ln(1 - .1)) / 4 = (.1054 + .6931 + .6931 + .1054) / 4 = .3993. Of the three bins
    with a pair in them two are off by .1, each with one of the four pairs: .05.

    >>> {name: round(value, 4) for name, value in click_metrics([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1]).items()}
    {'auc': 0.875, 'log_loss': 0.3993, 'ece': 0.05}
    """
    clicked, probability = _checked(labels, probabilities, negative_rate)
    weight = np.where(clicked == 1, 1.0, 1.0 / negative_rate)
    return {
        "auc": _auc(clicked == 1, probability),
        "log_loss": _log_loss(clicked == 1, probability, weight),
        "ece": _calibration_error(reliability_curve(clicked, probability, negative_rate)),
    }


def reliability_curve(labels: Values, probabilities: Values, negative_rate: float = 1.0) -> pl.DataFrame:
    """What was predicted beside what happened, by bins of the probability; parameters as of `click_metrics`.

    Returns
    -------
    polars.DataFrame
        For each of 15 equal bins with a pair in it: bin_start, bin_end, num_pairs (weighted where non-clicks are a
        sample), click_probability (mean), click_share.

    Examples
    --------
    >>> reliability_curve([1, 1, 0, 0], [0.9, 0.5, 0.5, 0.1]).select("click_probability", "click_share").rows()
    [(0.1, 0.0), (0.5, 0.5), (0.9, 1.0)]
    """
    clicked, probability = _checked(labels, probabilities, negative_rate)
    weight = np.where(clicked == 1, 1.0, 1.0 / negative_rate)
    place = np.minimum((probability * _BINS).astype(np.int64), _BINS - 1)
    num_pairs, predicted, happened = (
        np.bincount(place, values, minlength=_BINS) for values in (weight, weight * probability, weight * clicked)
    )
    held = np.flatnonzero(num_pairs)
    return pl.DataFrame(
        {
            "bin_start": held / _BINS,
            "bin_end": (held + 1) / _BINS,
            "num_pairs": num_pairs[held],
            "click_probability": predicted[held] / num_pairs[held],
            "click_share": happened[held] / num_pairs[held],
        }
    )


def _checked(labels: Values, probabilities: Values, negative_rate: float) -> tuple[np.ndarray, np.ndarray]:
    if not_number(0, 1, ends=True, rate=negative_rate) or not negative_rate:
        raise ConfigError(f"negative_rate is {negative_rate!r}, expected a share above 0, at most 1")
    try:
        clicked, probability = np.asarray(labels, dtype=np.float64), np.asarray(probabilities, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"click metrics: labels and probabilities must be numbers ({error})") from error
    if clicked.ndim != 1 or clicked.shape != probability.shape:
        raise ShapeError(
            f"labels have shape {clicked.shape} and probabilities {probability.shape}, expected one of each per pair"
        )
    if not clicked.size:
        raise DataError("click metrics: there is no pair to score")
    if not np.isin(clicked, (0.0, 1.0)).all():
        raise DataError("click metrics: a label is neither 0 nor 1")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise DataError("click metrics: a probability lies outside 0..1")
    return clicked, probability


def _auc(clicked: np.ndarray, probability: np.ndarray) -> float:
    """By ranks (Mann-Whitney U): ties share their mean rank."""
    num_clicks = int(clicked.sum())
    num_others = clicked.size - num_clicks
    if not num_clicks or not num_others:
        return float("nan")
    _, place, count = np.unique(probability, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(count) - (count - 1) / 2
    rank_sum = float(mean_rank[place][clicked].sum())
    return (rank_sum - num_clicks * (num_clicks + 1) / 2) / (num_clicks * num_others)


def _log_loss(clicked: np.ndarray, probability: np.ndarray, weight: np.ndarray) -> float:
    happened = np.where(clicked, probability, 1 - probability)
    return float(-np.average(np.log(np.clip(happened, _SMALLEST, 1 - _SMALLEST)), weights=weight))


def _calibration_error(curve: pl.DataFrame) -> float:
    off = (curve["click_probability"] - curve["click_share"]).abs()
    return float(np.average(off, weights=curve["num_pairs"]))
