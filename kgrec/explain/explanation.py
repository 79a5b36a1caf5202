"""The answer of `KGRecommender.explain`: why this item for this user."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from kgrec.explain.paths import PAST_TENSE, Path


@dataclass(frozen=True, slots=True)
class Likeness:
    """The item of the history whose vector is closest to the item explained; cosine from -1 to 1."""

    item_id: str
    title: str
    event: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Graph paths, the closest item of the history, and the score they stand beside."""

    user_id: str
    item_id: str
    title: str
    score: float
    paths: tuple[Path, ...]
    closest: Likeness | None

    @property
    def reason(self) -> str:
        """One sentence: the best path, else the closest item, else popularity."""
        if self.paths:
            return self.paths[0].reason
        if self.closest is not None:
            did = PAST_TENSE.get(self.closest.event, "chose")
            return f"most like '{self.closest.title}', which you {did}"
        return "popular with everyone: nothing is known of this user"

    @property
    def text(self) -> str:
        """All of it, a line each."""
        lines = [f"'{self.title}' for {self.user_id}: {self.reason}"]
        lines += [f"  path: {path.text}" for path in self.paths]
        if self.closest is not None:
            lines.append(f"  closest in the history: '{self.closest.title}' (cosine {self.closest.cosine:.2f})")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        closest = self.closest
        return {
            "user_id": self.user_id,
            "item_id": self.item_id,
            "title": self.title,
            "score": self.score,
            "reason": self.reason,
            "paths": [path.to_dict() for path in self.paths],
            "closest": None
            if closest is None
            else {"item_id": closest.item_id, "title": closest.title, "event": closest.event, "cosine": closest.cosine},
        }
