"""A fitted scoring module: features, network, calibration."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from kgrec.data import columns as c
from kgrec.models.fitted import FittedModel
from kgrec.scoring.click_rates import ClickRates
from kgrec.scoring.features import POSITION, Columns, PairFeatures
from kgrec.scoring.network import ScoringNetwork
from kgrec.scoring.pairs import Pairs
from kgrec.scoring.past import Past

BATCH = 4096


@dataclass(slots=True)
class ScoringModule:
    """Probabilities of a click, and of a purchase, for pairs.

    Attributes
    ----------
    names : tuple of str
        The features that are read, in order.
    slope, shift : float
        Of the calibration: the click's logit times `slope` plus `shift`.
    converts : bool
        Whether purchases were learned.
    rates : ClickRates or None
        By which what was shown and clicked before is read; None: it is not.
    """

    names: tuple[str, ...]
    network: ScoringNetwork
    slope: float = 1.0
    shift: float = 0.0
    converts: bool = False
    rates: ClickRates | None = None
    features: PairFeatures | None = field(default=None, repr=False)  # made when first needed

    def settings(self) -> dict[str, Any]:
        """All but the weights, as plain values."""
        rates = None if self.rates is None else self.rates.to_dict()
        return {
            "names": list(self.names),
            "slope": self.slope,
            "shift": self.shift,
            "converts": self.converts,
            "rates": rates,
        }

    def matrix(self, columns: Columns, num_pairs: int) -> np.ndarray:
        """The features read, shape (num_pairs, num_features), float32; NaN for those not given."""
        absent = np.full(num_pairs, np.nan, dtype=np.float32)
        return np.stack([columns.get(name, absent) for name in self.names], axis=1)

    @torch.no_grad()
    def logits(self, columns: Columns, num_pairs: int) -> np.ndarray:
        """Calibrated logits of a click, and of a purchase given a click, float64, shape (num_pairs, 2)."""
        device = self.network.mean.device
        absent = np.full(num_pairs, np.nan, dtype=np.float32)
        tables = [torch.from_numpy(part) for part in (self.matrix(columns, num_pairs), columns.get(POSITION, absent))]
        parts = [
            self.network(*(part.to(device) for part in some)).double().cpu()
            for some in zip(*(torch.split(table, BATCH) for table in tables), strict=True)
        ]
        found = torch.cat(parts).numpy()
        return np.stack([self.slope * found[:, 0] + self.shift, found[:, 1]], axis=1)


def probabilities(model: FittedModel, pairs: Pairs, past: Past) -> Columns:
    """The probability of a click and, where purchases were learned, of a click and a purchase.

    Parameters
    ----------
    past : Past
        Its histories are those of the pairs' users.

    Where only a share of the impressions without a click was kept (`config.negative_rate`), the probability is that
    among all of them.

    Returns
    -------
    dict
        `click_probability` and perhaps `conversion_probability`, each float64 of shape (num_pairs,).
    """
    scoring, shift = model.scoring, np.log(model.config.negative_rate)  # He et al. 2014, section 6.3
    if scoring is None:
        users = model.vectors_at(past.histories, pairs.user_index, pairs.place)
        return {c.CLICK_PROBABILITY: expit(model.click_logits(users, pairs.item_index) + shift)}
    if scoring.features is None:
        scoring.features = PairFeatures.of(model, scoring.rates)
    logits = scoring.logits(scoring.features.columns(pairs, past), len(pairs))
    click, purchase = expit(logits[:, 0] + shift), expit(logits[:, 1])
    return {c.CLICK_PROBABILITY: click} | ({c.CONVERSION_PROBABILITY: click * purchase} if scoring.converts else {})
