"""From a fitted model, a user and an item to an explanation."""

from __future__ import annotations

import numpy as np
import torch

from kgrec.errors import UnknownIdError
from kgrec.explain.explanation import Explanation, Likeness
from kgrec.explain.paths import PathFinder
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import EVENT_NAMES


def explain_item(model: FittedModel, finder: PathFinder, user_id: str, item: int, max_paths: int) -> Explanation:
    """Paths from the user's most recent events to an item, and the event whose item is closest.

    Parameters
    ----------
    item : int
        Place in the catalogue.

    Raises
    ------
    UnknownIdError
        If the user is unknown.
    """
    user = model.users.index([user_id])
    if user[0] < 0:
        raise UnknownIdError(f"explain: unknown user_id {user_id!r}; the model knows {len(model.users):,} users")
    history = model.histories.take(user)
    length = model.config.history_length
    recent = history.item_index[::-1][:length]
    events = [EVENT_NAMES[index] for index in history.event_index[::-1][:length]]
    ids = model.items.take(recent).to_list()
    item_id = model.items.ids[item]
    return Explanation(
        user_id=user_id,
        item_id=item_id,
        title=model.title(item_id),
        score=float(model.scores(model.user_vectors(history), history)[0, item]),
        paths=tuple(finder.find(list(zip(ids, events, strict=True)), item_id, max_paths)),
        closest=_closest(model, item, recent, ids, events),
    )


def _closest(model: FittedModel, item: int, recent: np.ndarray, ids: list[str], events: list[str]) -> Likeness | None:
    others = np.flatnonzero(recent != item)
    if not len(others):
        return None
    source = model.vectors.source
    cosine = (source[torch.from_numpy(recent[others].copy())] @ source[item]).cpu().numpy()
    best = int(others[cosine.argmax()])
    return Likeness(ids[best], model.title(ids[best]), events[best], float(cosine.max()))
