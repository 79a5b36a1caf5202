"""Coordinate search: which candidates are scored, in which order."""

from __future__ import annotations

from kgrec.ranking.search import coordinate_search

STEPS = [("x", (1.0, 2.0)), ("y", (5.0,)), ("x", (1.0, 3.0))]


def test_coordinate_search_changes_one_setting_after_the_other_and_scores_none_twice() -> None:
    scored: list[tuple[float, float]] = []

    def score(settings: dict[str, float]) -> float:
        scored.append((settings["x"], settings["y"]))
        return -((settings["x"] - 2) ** 2) - (settings["y"] - 5) ** 2

    assert coordinate_search([{"x": 0.0, "y": 0.0}], STEPS, score) == {"x": 2.0, "y": 5.0}
    assert scored == [(0, 0), (1, 0), (2, 0), (2, 5), (1, 5), (3, 5)]


def test_coordinate_search_goes_on_from_the_best_start_and_ties_go_to_the_earlier() -> None:
    starts = [{"x": 0.0}, {"x": 9.0}, {"x": 8.0}]
    assert coordinate_search(starts, [("x", (1.0,))], lambda settings: float(settings["x"] > 5)) == {"x": 9.0}


def test_coordinate_search_stops_at_the_number_of_candidates_asked() -> None:
    scored: list[float] = []

    def score(settings: dict[str, float]) -> float:
        scored.append(settings["x"])
        return settings["x"]

    assert coordinate_search([{"x": 0.0}], [("x", (1.0, 2.0, 3.0))], score, 3) == {"x": 2.0}
    assert scored == [0, 1, 2]
    assert coordinate_search([{"x": 0.0}, {"x": 4.0}], [("x", (5.0,))], score, 1) == {"x": 0.0}


def test_coordinate_search_does_not_count_what_is_free() -> None:
    scored: list[tuple[float, float]] = []

    def score(settings: dict[str, float]) -> float:
        scored.append((settings["x"], settings["y"]))
        return settings["x"] + settings["y"]

    steps = [("x", (1.0, 2.0)), ("y", (1.0, 2.0)), ("x", (3.0,)), ("y", (3.0,))]
    assert coordinate_search([{"x": 0.0, "y": 0.0}], steps, score, 2, free=("y",)) == {"x": 1.0, "y": 3.0}
    assert scored == [(0, 0), (1, 0), (1, 1), (1, 2), (1, 3)]
