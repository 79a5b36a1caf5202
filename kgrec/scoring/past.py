"""What had happened before the pairs that are asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from torch import Tensor

from kgrec.data import columns as c
from kgrec.data.dataset import Dataset
from kgrec.models.fitted import FittedModel, interactions_of
from kgrec.tensors.sequences import Histories
from kgrec.tensors.shown import Shown, build_shown
from kgrec.tensors.vocabulary import Vocabulary


@dataclass(frozen=True, slots=True)
class Past:
    """What features of pairs may go by.

    Attributes
    ----------
    histories : Histories
        Of the pairs' users, up to the moments of the pairs at least.
    counts : int64, shape (num_items,)
        Events of each item.
    shown : Shown or None
        What the model's users were shown and clicked.
    prior : Tensor or None
        The model's, by the same events.
    """

    histories: Histories
    counts: np.ndarray
    shown: Shown | None
    prior: Tensor | None

    @classmethod
    def of(cls, model: FittedModel) -> Past:
        """All that a model knows."""
        return cls(model.histories, model.histories.item_counts(len(model.items)), model.shown, model.prior)

    @classmethod
    def after(cls, model: FittedModel, events: pl.DataFrame, histories: Histories) -> Past:
        """Some events and no others, beside the histories of the pairs' users.

        Parameters
        ----------
        model : FittedModel
            As it ranks after these events (`FittedModel.as_after`).
        """
        index = model.items.index(interactions_of(events)[c.ITEM_ID])
        counts = np.bincount(index[index >= 0], minlength=len(model.items))
        shown = None if model.shown is None else build_shown(events, model.users, model.items)
        return cls(histories, counts, shown, model.prior)


def histories_through(model: FittedModel, before: pl.DataFrame, part: Dataset, users: Vocabulary) -> Histories:
    """The histories of some users up to the pairs of a part.

    Where the impressions of the part have times, its own events are among them: what a user did earlier in the part
    counts for what is shown later (the place of a pair says how much). Else they are those before the part.

    Parameters
    ----------
    before : frame
        The events before the part.
    """
    is_shown = part.events[c.EVENT] == c.IMPRESSION
    timed = part.events[c.TIMESTAMP].is_not_null()
    if model.histories.ordered and is_shown.any() and (timed | ~is_shown).all():
        before = pl.concat([before, part.events], how="diagonal_relaxed")
    return model.histories_of(before, users)
