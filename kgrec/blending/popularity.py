"""How popular items are, beside network and closed form: which popularity and how much, chosen on validation."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from kgrec.blending.wanted import K, Wanted, ndcg_of_each
from kgrec.models.fitted import FittedModel
from kgrec.models.popularity import popularities, prior_as_chosen
from kgrec.tensors.sequences import Histories

logger = logging.getLogger(__name__)

SHARES = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6, 5.0)


def add_popularity(model: FittedModel, wanted: Wanted | None, before: dict[str, Any] | None) -> None:
    """Give `model` its `prior`, in place: where nothing is wanted, by what was chosen before."""
    if wanted is not None:
        model.prior = _choose(model, wanted)
    elif before:
        model.about["popularity"] = before
        model.prior = prior_as_chosen(before, model.histories, len(model.items), model.device)


def _choose(model: FittedModel, wanted: Wanted) -> Tensor | None:
    """The popularity, and its weight, that rank best when added to what the model has; None: better without."""
    found = popularities(model.histories, len(model.items))
    made = {name: one.prior(1.0, model.device) for name, one in found.items()}
    priors = {name: prior for name, prior in made.items() if prior is not None}

    def candidates(vectors: Tensor, histories: Histories) -> Iterator[tuple[tuple[str, float], Tensor]]:
        scores = model.scores(vectors, histories)
        yield ("none", 0.0), scores.clone()
        for name, share in itertools.product(priors, SHARES):
            yield (name, share), scores + share * priors[name]

    ndcg = ndcg_of_each(model, wanted, candidates)
    logger.info("validation ndcg@%d by popularity and its share: %s", K, ndcg)
    name, share = max(ndcg, key=lambda key: ndcg[key])
    model.about["popularity"] = {"of": name, "share": share}
    if share:
        model.about["popularity"]["half_life"] = found[name].half_life  # seconds
    return share * priors[name] if share else None
