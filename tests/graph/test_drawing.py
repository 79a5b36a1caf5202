from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import matplotlib
import polars as pl
import pytest

from kgrec.errors import ConfigError, GraphError
from kgrec.graph import draw
from kgrec.graph.drawing.layout import arrange, caption, label_colors
from kgrec.graph.drawing.neighbourhood import GraphSource, Neighbourhood, Node, StoreSource, find_neighbourhood
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.store import GraphStore

ROOT = Path(__file__).parents[2]
SUFFIXES = [".svg", ".png", ".html"]
P1 = ("Product", "p1")
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    r"$\frac{1}{$ and $5",
    "a\x00b\x0bc\ufffe\u202e",
    "]]><!-- & \"quotes' -->",
    "🦊 灯 מנורה مصباح दीपक",
]


def near(graph: KnowledgeGraph, hops: int, max_nodes: int = 60) -> Neighbourhood:
    return find_neighbourhood(GraphSource(graph), [P1], hops, max_nodes)


def ids(neighbourhood: Neighbourhood) -> list[str]:
    return [node.id for node in neighbourhood.nodes]


def texts(file: Path) -> str:
    return " ".join(element.text or "" for element in ElementTree.parse(file).iter("{http://www.w3.org/2000/svg}text"))


def page_data(file: Path) -> dict[str, object]:
    block = re.search(r'<script type="application/json" id="data">(.*?)</script>', file.read_text("utf-8"), re.DOTALL)
    assert block is not None
    return json.loads(block.group(1))


# ---- what is shown


def test_neighbourhood_of_one_hop_holds_what_touches_the_centre(product_graph: KnowledgeGraph) -> None:
    found = near(product_graph, 1)
    assert ids(found) == ["p1", "colour=red", "Acme", "Home > Lamps", "p3"]
    named = {(found.nodes[edge.head].id, *edge.rel_types, found.nodes[edge.tail].id) for edge in found.edges}
    assert named == {
        ("p1", "HAS_BRAND", "Acme"),
        ("p1", "IN_CATEGORY", "Home > Lamps"),
        ("p1", "HAS_ATTRIBUTE", "colour=red"),
        ("p1", "ALSO_BOUGHT", "p3"),
        ("p3", "HAS_ATTRIBUTE", "colour=red"),
    }
    assert found.left_out == 0


def test_neighbourhood_of_two_hops_says_how_far_each_node_is(product_graph: KnowledgeGraph) -> None:
    found = near(product_graph, 2)
    assert {node.id for node in found.nodes if node.hops == 2} == {"p2", "Home", "Bolt"}
    assert (len(found.nodes), len(found.edges)) == (8, 10)  # all but blue, which is three hops away


def test_neighbourhood_with_too_many_nodes_keeps_the_nearest_and_counts_the_rest(product_graph: KnowledgeGraph) -> None:
    found = near(product_graph, 3, max_nodes=6)
    assert ids(found)[:5] == ids(near(product_graph, 1))
    assert ids(found)[5:] == ["Bolt"]
    assert found.left_out == 3


def test_neighbourhood_keeps_first_what_shares_more_and_rarer_nodes() -> None:
    """
    p1 --> rare <-- x, z         x: one rare link, z: both, y and w: one common link
    p1 --> common <-- y, z, w
    """
    links = [("p1", "rare"), ("x", "rare"), ("z", "rare")] + [(one, "common") for one in ("p1", "y", "z", "w")]
    graph = KnowledgeGraph(
        {"Product": pl.DataFrame({"id": ["p1", "w", "x", "y", "z"]}), "Tag": pl.DataFrame({"id": ["rare", "common"]})},
        {("Product", "HAS", "Tag"): pl.DataFrame(links, schema=["head_id", "tail_id"], orient="row")},
    )
    assert ids(near(graph, 2)) == ["p1", "common", "rare", "z", "x", "w", "y"]


def test_neighbourhood_of_a_store_is_that_of_its_graph(graph_store: GraphStore, product_graph: KnowledgeGraph) -> None:
    graph_store.load(product_graph)
    assert find_neighbourhood(StoreSource(graph_store), [P1], 2, 7) == near(product_graph, 2, 7)


def test_neighbourhood_of_a_store_leaves_vectors_out(graph_store: GraphStore) -> None:
    graph_store.query(
        "CREATE (:Product {id: 'p1', embedding: [0.5, 1.5], title: 'Lamp', sizes: ['S', 'L']})", write=True
    )
    found = find_neighbourhood(StoreSource(graph_store), [P1], 1, 7)
    assert dict(found.nodes[0].properties) == {"sizes": ["S", "L"], "title": "Lamp"}


def test_layout_of_many_nodes_has_no_two_captions_over_each_other() -> None:
    star = KnowledgeGraph(
        {"Product": pl.DataFrame({"id": ["p1", *(f"a product with a name {place}" for place in range(59))]})},
        {
            ("Product", "TO", "Product"): pl.DataFrame(
                {"head_id": ["p1"] * 59, "tail_id": [f"a product with a name {place}" for place in range(59)]}
            )
        },
    )
    layout = arrange(near(star, 1), seed=0)
    places = layout.places
    for one in range(60):
        for other in range(one):
            x, y = abs(places[one] - places[other])
            assert x > 100 or y > 30, (one, other)
    assert (places > 0).all()
    assert (places < [layout.width, layout.height]).all()


def test_caption_of_a_long_name_is_cut() -> None:
    lines = caption(Node("Product", "p", 0, {"title": "A very long title " * 1000}))
    assert len(lines) == 2
    assert max(map(len, lines)) <= 20
    assert lines[1].endswith("…")


def test_colours_of_many_labels_are_distinct_until_they_run_out() -> None:
    labels = ["Product", "Brand", *(f"L{place}" for place in range(8))]
    colors = label_colors(Neighbourhood(tuple(Node(label, "a", 0, {}) for label in labels), (), 0))
    assert colors["Product"] == "#0072B2"
    assert len(set(colors.values())) == 8  # seven and grey


# ---- the files


@pytest.mark.parametrize(("suffix", "magic"), [(".svg", b"<?xml"), (".png", b"\x89PNG"), (".html", b"<!DOCTYPE html>")])
def test_draw_writes_the_format_of_the_suffix(
    suffix: str, magic: bytes, product_graph: KnowledgeGraph, tmp_path: Path
) -> None:
    drawing = draw(product_graph, "p1", tmp_path / f"x{suffix}")
    assert drawing.path.read_bytes().startswith(magic)
    assert (drawing.num_nodes, drawing.num_edges, drawing.left_out) == (5, 5, 0)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_draw_svg_shows_names_relations_legend_and_what_was_left_out(
    theme: str, product_graph: KnowledgeGraph, tmp_path: Path
) -> None:
    drawing = draw(product_graph, "p1", tmp_path / "x.svg", hops=2, max_nodes=6, theme=theme)
    shown = texts(drawing.path)
    for text in ("Red lamp", "Acme", "colour: red", "HAS_BRAND", "ALSO_BOUGHT", "Brand (2)", "2 more nodes left out"):
        assert text in shown
    assert "Home > Lamps" not in shown  # people read the category's name
    assert str(drawing).endswith("x.svg: 6 nodes, 6 edges (2 more nodes left out)")


def test_draw_html_holds_nodes_edges_properties_and_what_was_left_out(
    product_graph: KnowledgeGraph, tmp_path: Path
) -> None:
    file = draw(product_graph, [P1, ("Brand", "Bolt")], tmp_path / "x.html", title="Lamps & more").path
    data = page_data(file)
    (p1,) = (node for node in data["nodes"] if node["id"] == "p1")
    assert p1["properties"] == [["price", "20.0"], ["title", "Red lamp"]]
    assert [node["id"] for node in data["nodes"] if node["hops"] == 0] == ["Bolt", "p1"]
    assert {edge["name"] for edge in data["edges"]} >= {"HAS_BRAND", "ALSO_BOUGHT"}
    assert "<title>Lamps &amp; more</title>" in file.read_text("utf-8")


def test_draw_html_asks_the_network_for_nothing(product_graph: KnowledgeGraph, tmp_path: Path) -> None:
    text = draw(product_graph, "p1", tmp_path / "x.html").path.read_text("utf-8")
    assert set(re.findall(r"https?://[^\"' ]*", text)) == {"http://www.w3.org/2000/svg"}  # the name of a namespace
    assert "default-src 'none'" in text
    assert "src=" not in text.replace("default-src=", "")


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_draw_hostile_text_is_shown_as_text(suffix: str, tmp_path: Path) -> None:
    """p1 --TO A--> h0, h1 ...; every id, title and property is hostile."""
    names = pl.DataFrame({"id": ["p1", *HOSTILE], "title": ["p1", *HOSTILE], "<b>": ["x", *HOSTILE]})
    edges = pl.DataFrame({"head_id": ["p1"] * len(HOSTILE), "tail_id": HOSTILE})
    graph = KnowledgeGraph({"Product": names}, {("Product", "TO", "Product"): edges})
    file = draw(graph, "p1", tmp_path / f"x{suffix}", title="</script>\0").path
    if suffix == ".html":
        text = file.read_text("utf-8")
        assert text.count("<script") == text.count("</script>") == 2  # the data and the program
        assert "<img" not in text
        assert {node["id"] for node in page_data(file)["nodes"]} == {"p1", *HOSTILE}
    if suffix == ".svg":
        assert {element.tag.rpartition("}")[2] for element in ElementTree.parse(file).iter()}.isdisjoint(
            {"script", "img"}
        )
        assert "</script>" in texts(file)


def test_draw_in_another_process_gives_the_same_bytes_and_loads_no_more_than_it_needs(tmp_path: Path) -> None:
    code = """
import sys, kgrec.graph
assert not {"polars", "networkx", "matplotlib"} & set(sys.modules)
from kgrec.testing.graphs import make_product_graph
kgrec.graph.draw(make_product_graph(), "p1", sys.argv[1] + ".html", hops=3)
assert "matplotlib" not in sys.modules
for suffix in (".svg", ".png"):
    kgrec.graph.draw(make_product_graph(), "p1", sys.argv[1] + suffix, hops=3)
assert "matplotlib.pyplot" not in sys.modules
"""
    for name, seed in (("one", "1"), ("two", "2")):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run([sys.executable, "-W", "error", "-c", code, str(tmp_path / name)], check=True, env=environment)
    for suffix in SUFFIXES:
        assert (tmp_path / f"one{suffix}").read_bytes() == (tmp_path / f"two{suffix}").read_bytes()


def test_draw_of_a_node_with_an_edge_to_itself_works(tmp_path: Path) -> None:
    edges = pl.DataFrame({"head_id": ["p1"], "tail_id": ["p1"]})
    graph = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1"]})}, {("Product", "LIKE", "Product"): edges})
    assert "LIKE" in texts(draw(graph, "p1", tmp_path / "x.svg").path)


def test_draw_of_a_node_without_edges_shows_it_alone(tmp_path: Path) -> None:
    graph = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1"]})}, {})
    assert draw(graph, "p1", tmp_path / "x.svg", hops=3).num_nodes == 1


def test_draw_ignores_the_style_that_its_caller_has_set(
    product_graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = draw(product_graph, "p1", tmp_path / "plain.svg").path.read_bytes()
    monkeypatch.setitem(matplotlib.rcParams, "font.size", 30.0)
    monkeypatch.setitem(matplotlib.rcParams, "lines.linewidth", 9.0)
    assert draw(product_graph, "p1", tmp_path / "styled.svg").path.read_bytes() == plain
    assert matplotlib.rcParams["font.size"] == 30.0


# ---- errors


def test_draw_of_an_unknown_centre_names_it(product_graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="center of the picture: 2 faults\n.*no Product 'p9'\n.*no Shop 'a'"):
        draw(product_graph, ["p1", "p9", ("Shop", "a")], tmp_path / "x.svg")
    assert not (tmp_path / "x.svg").exists()


def test_draw_of_a_centre_unknown_to_a_store_names_it(graph_store: GraphStore, tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="there is no Product 'p9'"):
        draw(graph_store, "p9", tmp_path / "x.svg")


def test_draw_with_bad_arguments_lists_them_all(product_graph: KnowledgeGraph, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        draw(product_graph, "p1", tmp_path / "no" / "x.gif", hops=0, max_nodes=0, theme="pink")
    for part in ("5 faults", "'.gif'", ".svg, .png, .html", "there is no folder", "hops", "max_nodes", "'pink'"):
        assert part in str(caught.value)


def test_draw_without_matplotlib_says_how_to_get_it_and_still_writes_pages(
    product_graph: KnowledgeGraph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ConfigError, match=r'pip install "kgrec\[draw\]"'):
        draw(product_graph, "p1", tmp_path / "x.png")
    assert draw(product_graph, "p1", tmp_path / "x.html").num_nodes == 5


# ---- the script


def test_draw_script_writes_a_page_of_a_dataset(tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("item_id,title,brand\na,Lamp,Acme\nb,Mat,Acme\n")
    (tmp_path / "events.csv").write_text("user_id,item_id,event,timestamp\nu,a,view,1600000000\n")
    script = [sys.executable, ROOT / "scripts" / "draw_graph.py", tmp_path, "--product", "a", "--hops", "2"]
    done = subprocess.run([*script, "--out", tmp_path / "x.html"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "3 nodes, 2 edges" in done.stdout
    done = subprocess.run([*script, "--out", tmp_path / "x.gif"], capture_output=True, text=True, check=False)
    assert done.stderr.startswith("error: draw: 1 fault")
