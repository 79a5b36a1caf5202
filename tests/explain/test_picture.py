"""The picture shows the user, what counted and the paths."""

from __future__ import annotations

from pathlib import Path

import pytest

import kgrec
from kgrec.errors import ConfigError
from kgrec.explain.explanation import Explanation, Influence
from kgrec.explain.paths import Path as GraphPath
from kgrec.explain.paths import Step


@pytest.fixture
def explanation() -> Explanation:
    """
    u --CLICKED--> p1 --HAS_BRAND--> Acme <--HAS_BRAND-- p2 (explained)        u --PURCHASED--> p3
    """
    steps = Step("HAS_BRAND", True, "Brand", "Acme", "Acme"), Step("HAS_BRAND", False, "Product", "p2", "Two")
    path = GraphPath("click", "p1", "One", steps, 0.5, 0.25)
    counted = Influence("p3", "Three", "purchase", 1, 1.0, 0.5, 0.0)
    return Explanation("u", "p2", "Two", 3.0, 1.0, (counted,), (path,), None, None)


def test_graph_of_an_explanation_holds_user_events_and_paths(explanation: Explanation) -> None:
    graph = explanation.graph
    assert graph.nodes["Product"].select("id", "title").rows() == [("p1", "One"), ("p2", "Two"), ("p3", "Three")]
    assert graph.nodes["Product"]["share"].to_list() == [None, None, 0.5]
    assert graph.nodes["Brand"]["name"].to_list() == ["Acme"]
    assert {key: frame.rows() for key, frame in graph.edges.items()} == {
        ("Product", "HAS_BRAND", "Brand"): [("p1", "Acme"), ("p2", "Acme")],
        ("User", "CLICKED", "Product"): [("u", "p1")],
        ("User", "PURCHASED", "Product"): [("u", "p3")],
    }


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_drawing_of_an_explanation_shows_all_of_its_graph(
    explanation: Explanation, tmp_path: Path, suffix: str
) -> None:
    drawn = explanation.draw(tmp_path / f"why{suffix}")
    assert (drawn.num_nodes, drawn.num_edges, drawn.left_out) == (5, 4, 0)
    written = drawn.path.read_text("utf-8")
    assert all(name in written for name in ("One", "Two", "Three", "Acme", "HAS_BRAND"))


def test_drawing_of_a_real_explanation_is_written(fitted: kgrec.KGRecommender, tmp_path: Path) -> None:
    found = fitted.explain("u00", fitted.recommend(["u00"], k=1)["item_id"][0])
    drawn = found.draw(tmp_path / "why.svg", theme="dark")
    assert drawn.num_nodes == found.graph.num_nodes
    with pytest.raises(ConfigError, match="theme"):
        found.draw(tmp_path / "why.svg", theme="pink")
