"""The answer of `KGRecommender.explain`: why this item for this user."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from kgrec.explain.cypher import path_statement, together
from kgrec.explain.paths import PAST_TENSE, Path
from kgrec.explain.picture import draw_explanation, explanation_graph
from kgrec.graph.build import PRODUCT
from kgrec.graph.knowledge_graph import KnowledgeGraph

if TYPE_CHECKING:
    from kgrec.graph.drawing import Drawing


LEAST_ALIKE = 0.05  # cosine; below it two vectors have nothing to do with each other


@dataclass(frozen=True, slots=True)
class Likeness:
    """The item of the history whose vector is closest to the item explained; cosine from -1 to 1."""

    item_id: str
    title: str
    event: str
    cosine: float


@dataclass(frozen=True, slots=True)
class Influence:
    """An item of the history, and what the score owes to it.

    Attributes
    ----------
    event : str
        The latest of what the user did with it.
    times : int
        Events that the user had with it.
    drop : float
        How far the score falls when these events are left out, as if they had not happened.
    share : float or None
        `drop` as a share of `Explanation.personal`; None where that is not above 0.
    closed_form : float
        What the closed form's weights give for these events; a part of the score, to the last digit.
    """

    item_id: str
    title: str
    event: str
    times: int
    drop: float
    share: float | None
    closed_form: float


@dataclass(frozen=True, slots=True)
class TextMatch:
    """What the score owes to the texts of the item and of the history.

    Attributes
    ----------
    drop : float
        How far the score falls when the vectors of both lose what their texts gave them.
    share : float or None
    closest : Likeness or None
        The item of the history whose text is closest (cosine of what the texts give to the vectors, the mean of the
        shop taken away).
    words : tuple of str
        That the item's text has in common with texts of the history, the rarest first; named, not measured.
    """

    drop: float
    share: float | None
    closest: Likeness | None
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """What moved the score of an item for a user, measured by taking it away and asking the model again.

    Shares are of `personal`. Each is measured alone, so they need not sum to 1: where several things say the same,
    each of them can be spared, and all shares are small.

    Attributes
    ----------
    score : float
        As `recommend` gives it.
    base : float
        What the score would be if nothing were known of the user.
    influences : tuple of Influence
        The items of the history without which the score falls furthest.
    paths : tuple of Path
        Those whose edges the score falls furthest without, furthest first, but first one for each last edge: more over
        the same one say little new. An edge counts by what the item vectors
        hear over it in the last round of propagation (`ItemVectorsWithout`); the closed form's part goes to the
        events, as its weights are fitted to graph, texts and events at once.
    text_match : TextMatch or None
        None: the model has no texts.
    closest : Likeness or None
    """

    user_id: str
    item_id: str
    title: str
    score: float
    base: float
    influences: tuple[Influence, ...]
    paths: tuple[Path, ...]
    text_match: TextMatch | None
    closest: Likeness | None

    @property
    def personal(self) -> float:
        """The part of the score that what is known of the user makes: the score less `base`."""
        return self.score - self.base

    @property
    def reason(self) -> str:
        """One sentence: the strongest path and the item of the history that counted most; else the closest item.

        An item that is recommended again, for that above all, says so.

        Paths and items that do not raise the score are not named while others do.
        """
        path = next((path for path in self.paths if path.drop > 0), None)
        mattered = next(iter(self.influences), None)
        if mattered is not None and mattered.item_id == self.item_id:
            often = f", the last of {mattered.times} times that you chose it" if mattered.times > 1 else ""
            return f"because you {_did(mattered.event)} it before{often}"
        if path is not None:
            other = mattered is not None and mattered.item_id != path.from_id
            more = f"; what counted most is that you {_did(mattered.event)} '{mattered.title}'" if other else ""  # type: ignore[union-attr]
            return path.reason + more
        if mattered is not None:
            return f"because you {_did(mattered.event)} '{mattered.title}'"
        if self.paths:
            return self.paths[0].reason
        if self.closest is not None and self.closest.cosine >= LEAST_ALIKE:
            return f"most like '{self.closest.title}', which you {_did(self.closest.event)}"
        if self.closest is not None:
            return "for everyone alike: nothing ties it to what you did"
        return "popular with everyone: nothing is known of this user"

    @property
    def text(self) -> str:
        """All of it, a line each."""
        lines = [f"'{self.title}' for {self.user_id}: {self.reason}"]
        lines.append(f"  score {self.score:.2f}, {self.personal:.2f} of it for what is known of {self.user_id}")
        lines += [f"  you {_did(one.event)} '{one.title}': {_amount(one.drop, one.share)}" for one in self.influences]
        lines += [f"  path: {path.text}: {_amount(path.drop, path.share)}" for path in self.paths]
        if self.text_match is not None:
            match = self.text_match
            near = f", closest '{match.closest.title}' (cosine {match.closest.cosine:.2f})" if match.closest else ""
            words = f", words in common: {', '.join(match.words)}" if match.words else ""
            lines.append(f"  texts: {_amount(match.drop, match.share)}{near}{words}")
        if self.closest is not None:
            lines.append(f"  closest in the history: '{self.closest.title}' (cosine {self.closest.cosine:.2f})")
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text

    @property
    def cypher(self) -> str:
        """One statement that returns all the paths from a store that holds the graph, else the item alone.

        To be pasted into Neo4j Browser: ids are literals, made safe. Users are not matched, as a store need not hold
        them.
        """
        return together(path.cypher for path in self.paths) or path_statement([(PRODUCT, self.item_id)], [])

    @property
    def graph(self) -> KnowledgeGraph:
        """The user, the items that counted, and the paths, as a graph of their own."""
        return explanation_graph(self)

    def draw(self, path: str | os.PathLike[str], *, theme: str = "light") -> Drawing:
        """Draw `graph`; `.svg`, `.png` or `.html`, as in `kgrec.graph.drawing.draw`.

        Raises
        ------
        ConfigError
            If the file or the theme is not to be had, or matplotlib is not installed (not needed for `.html`).
        """
        return draw_explanation(self, path, theme)

    def to_dict(self) -> dict[str, Any]:
        """All of it as plain values, for JSON."""
        return {
            "user_id": self.user_id,
            "item_id": self.item_id,
            "title": self.title,
            "score": self.score,
            "base": self.base,
            "personal": self.personal,
            "reason": self.reason,
            "influences": [asdict(one) for one in self.influences],
            "paths": [path.to_dict() for path in self.paths],
            "text_match": None if self.text_match is None else _plain(self.text_match),
            "closest": None if self.closest is None else asdict(self.closest),
            "cypher": self.cypher,
        }


def _plain(match: TextMatch) -> dict[str, Any]:
    return {**asdict(match), "words": list(match.words)}


def _did(event: str) -> str:
    return PAST_TENSE.get(event, "chose")


def _amount(drop: float, share: float | None) -> str:
    """A measured drop in words: `0.82 of the score (31%)`."""
    return f"{drop:.2f} of the score" + ("" if share is None else f" ({share:.0%})")
