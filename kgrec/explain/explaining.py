"""From a fitted model, a user and an item to an explanation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from kgrec.errors import UnknownIdError, check_whole
from kgrec.explain.explanation import Explanation, Influence, Likeness, TextMatch
from kgrec.explain.item_score import NOTHING, STRANGER, Change, ItemScore
from kgrec.explain.paths import Path, PathFinder
from kgrec.explain.without import Edge, ItemVectorsWithout
from kgrec.explain.words import ItemWords
from kgrec.graph.build import PRODUCT
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import EVENT_NAMES

MEASURED_PATHS = 32  # at most; those chosen from whose ends count most by themselves


@dataclass(frozen=True, slots=True)
class _Seen:
    """An item of the history as it is read: places of all its events in the history, and the latest of them."""

    item: int
    item_id: str
    events: tuple[int, ...]
    event: str


class Explainer:
    """Explains the recommendations of one model.

    Parameters
    ----------
    model : FittedModel
    """

    def __init__(self, model: FittedModel) -> None:
        self.model = model
        self.finder = PathFinder(model.graph)
        self.without = ItemVectorsWithout(model)

    @cached_property
    def words(self) -> ItemWords:
        """Made when first needed: it reads all texts."""
        return ItemWords(self.model.graph, self.model.items.ids)

    def explain(self, user_id: str, item: int, max_paths: int, max_events: int) -> Explanation:
        """See `KGRecommender.explain`.

        Parameters
        ----------
        item : int
            Place in the catalogue.

        Raises
        ------
        UnknownIdError
            If the user is unknown.
        ConfigError
            If a number is below 0.
        """
        check_whole(0, max_paths=max_paths, max_events=max_events)
        asked = self.score_of(user_id, item)
        seen = self._seen(asked)
        score, base = (float(value) for value in asked.of([NOTHING, STRANGER]))
        falls = score - asked.of([Change(left_out=one.events) for one in seen])
        item_id = self.model.items.ids[item]

        def share(drop: float) -> float | None:
            return drop / (score - base) if score > base else None

        paths = self._paths(asked, seen, falls, score, max_paths)
        text = self._text(asked, seen, score)
        return Explanation(
            user_id=user_id,
            item_id=item_id,
            title=self.model.title(item_id),
            score=score,
            base=base,
            influences=tuple(
                replace(one, share=share(one.drop)) for one in self._influences(asked, seen, falls)[:max_events]
            ),
            paths=tuple(replace(path, share=share(path.drop)) for path in paths),
            text_match=None if text is None else replace(text, share=share(text.drop)),
            closest=self._closest(self.model.vectors.source, item, seen),
        )

    def score_of(self, user_id: str, item: int) -> ItemScore:
        """The score of an item for a known user, to be asked under changes.

        Raises
        ------
        UnknownIdError
            If the user is unknown.
        """
        user = self.model.users.index([user_id])
        if user[0] < 0:
            known = len(self.model.users)
            raise UnknownIdError(f"explain: unknown user_id {user_id!r}; the model knows {known:,} users")
        return ItemScore(self.model, self.model.histories.take(user), item)

    def without_edges(self, asked: ItemScore, edges: Sequence[Edge]) -> Change:
        """The vectors of the item and of the history without some edges of the graph."""
        ids = {own for edge in edges for label, own in (edge[0], edge[2]) if label == PRODUCT}
        touched = self.model.items.index(sorted(ids))
        read = {asked.item, *asked.history.item_index.tolist()}
        fused = {one: self.without.fused_without(one, edges) for one in touched.tolist() if one in read}
        return Change(fused=fused)

    def without_texts(self, asked: ItemScore) -> Change:
        """The vectors of the item and of the history without what their texts gave them."""
        read = {asked.item, *asked.history.item_index[-self.model.events_read :].tolist()}
        return Change(fused={one: self.without.fused_without(one, text=True) for one in sorted(read)})

    def _seen(self, asked: ItemScore) -> list[_Seen]:
        """The items among the events that are read, the most recent first; the one asked about whenever it came."""
        history, recent = asked.history, asked.num_events - self.model.events_read
        events: dict[int, list[int]] = {}
        for place in range(asked.num_events - 1, -1, -1):
            one = int(history.item_index[place])
            if one in events or place >= recent or one == asked.item:
                events.setdefault(one, []).append(place)
        ids = self.model.items.take(np.array(list(events), dtype=np.int64))
        return [
            _Seen(one, item_id, tuple(found), EVENT_NAMES[history.event_index[found[0]]])
            for item_id, (one, found) in zip(ids, events.items(), strict=True)
        ]

    def _influences(self, asked: ItemScore, seen: Sequence[_Seen], falls: np.ndarray) -> list[Influence]:
        """The items without which the score falls, furthest first."""
        given = asked.closed_form(np.ones((1, asked.num_events), dtype=bool))[0]
        order = [place for place in np.argsort(-falls, kind="stable") if falls[place] > 0]
        return [
            Influence(
                item_id=(one := seen[place]).item_id,
                title=self.model.title(one.item_id),
                event=one.event,
                times=len(one.events),
                drop=float(falls[place]),
                share=None,
                closed_form=float(given[list(one.events)].sum()),
            )
            for place in order
        ]

    def _paths(self, asked: ItemScore, seen: Sequence[_Seen], falls: np.ndarray, score: float, most: int) -> list[Path]:
        """The paths without whose edges the score falls furthest."""
        if not most:
            return []
        item_id = self.model.items.ids[asked.item]
        order = [seen[place] for place in np.argsort(-falls, kind="stable")]
        found = [path for one in order for path in self.finder.short(one.item_id, one.event, item_id)]
        if not found:  # long ones are far-fetched beside a thing in common
            found = self.finder.cheapest(((one.item_id, one.event) for one in order), item_id)
        found = self._likely(asked, found, {one.item_id: fall for one, fall in zip(seen, falls, strict=True)}, score)
        left = asked.of([self.without_edges(asked, path.edges) for path in found])
        measured = [replace(path, drop=float(score - value)) for path, value in zip(found, left, strict=True)]
        return _varied(sorted(measured, key=lambda path: -round(path.drop, 4)))[:most]  # the rest is rounding

    def _likely(self, asked: ItemScore, paths: list[Path], falls: dict[str, float], score: float) -> list[Path]:
        """Those to measure: by the drop of the item that they come from and that of their last edge alone."""
        if len(paths) <= MEASURED_PATHS:
            return paths
        last = list(dict.fromkeys(path.edges[-1] for path in paths))
        drops = dict(zip(last, score - asked.of([self.without_edges(asked, [edge]) for edge in last]), strict=True))
        return sorted(paths, key=lambda path: -(falls[path.from_id] + drops[path.edges[-1]]))[:MEASURED_PATHS]

    def _text(self, asked: ItemScore, seen: Sequence[_Seen], score: float) -> TextMatch | None:
        texts = self.without.parts.text
        if texts is None:
            return None
        left = float(asked.of([self.without_texts(asked)])[0])
        words = self.words.shared(asked.item, [one.item for one in seen])
        closest = self._closest(functional.normalize(texts - texts.mean(0), dim=-1), asked.item, seen)
        return TextMatch(score - left, None, closest, words)

    def _closest(self, vectors: Tensor, item: int, seen: Iterable[_Seen]) -> Likeness | None:
        """The item of the history whose unit vector is closest to that of the item."""
        others = [one for one in seen if one.item != item]
        if not others:
            return None
        cosine = vectors[torch.tensor([one.item for one in others], device=vectors.device)] @ vectors[item]
        best = others[int(cosine.argmax())]
        return Likeness(best.item_id, self.model.title(best.item_id), best.event, float(cosine.max()))


def _varied(paths: Sequence[Path]) -> list[Path]:
    """The same paths, the first over each last edge before the others: they say something new."""
    first = list({path.edges[-1]: path for path in reversed(paths)}.values())
    first.sort(key=paths.index)
    return first + [path for path in paths if path not in first]
