"""From a trained network to the ranking score: the closed form, popularity, new items, what is taken again."""

from __future__ import annotations

from typing import Any

import polars as pl

from kgrec.blending.closed_form import add_closed_form
from kgrec.blending.new_items import place_new_items
from kgrec.blending.popularity import add_popularity
from kgrec.blending.repeats import add_repeats
from kgrec.blending.wanted import Wanted
from kgrec.models.fitted import FittedModel
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.sequences import Histories

TRIED_USERS = 6_000  # settings are chosen for some users


def blend(
    model: FittedModel,
    data: HeteroData,
    trained: Histories,
    wanted: pl.DataFrame | None,
    untouched: pl.DataFrame | None,
    previous: FittedModel | None = None,
) -> None:
    """Add to the network's ranking score what else it is made of, in place.

    Parameters
    ----------
    data : HeteroData
        The graph with the texts that the network was given.
    trained : Histories
        Those that the network was trained on; the model may know more, of users whom only validation asks about.
    wanted : frame of interactions, optional
        Of the validation part: they say what new items get. None: what held for `previous`, or nothing.
    untouched : frame of interactions, optional
        Those of them that choose all else: not those that said when the training ends, where there are enough. None:
        what held for `previous`, or the defaults of the closed form alone.
    previous : FittedModel, optional
        Went before: its settings of the closed form hold, since choosing them fits it many times.
    """
    chosen = None if untouched is None else Wanted.of(model, untouched, TRIED_USERS, once=True)
    if chosen is not None and not len(chosen.users):
        chosen = None
    before: dict[str, Any] = {} if previous is None else previous.about
    if model.config.use_item_weights:
        add_closed_form(model, data, trained, chosen, before.get("closed_form"))
    add_popularity(model, chosen, before.get("popularity"))
    place_new_items(model, trained, wanted, previous)
    add_repeats(model, chosen, previous)
