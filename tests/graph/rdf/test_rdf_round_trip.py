"""The law of RDF: what is written is read back as the same graph, in memory and in all three formats."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import from_rdf, read_rdf, to_rdf, write_rdf
from kgrec.graph.schema.types import read_schema
from tests.graph.any_graphs import ODD, any_graphs
from tests.same_graph import assert_same_graph

SUFFIXES = ["ttl", "nt", "jsonld"]
ANY = settings(max_examples=40, suppress_health_check=list(HealthCheck))


@ANY
@given(graph=any_graphs())
def test_rdf_graph_read_after_writing_is_the_same(graph: KnowledgeGraph) -> None:
    assert_same_graph(from_rdf(to_rdf(graph)), graph)


@pytest.mark.parametrize("suffix", SUFFIXES)
@ANY
@given(graph=any_graphs())
def test_rdf_file_read_after_writing_is_the_same(tmp_path: Path, suffix: str, graph: KnowledgeGraph) -> None:
    path = tmp_path / f"graph.{suffix}"
    write_rdf(graph, path)
    assert_same_graph(read_rdf(path), graph)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rdf_file_of_the_store_tests_graph_is_read_back(tmp_path: Path, suffix: str, graph: KnowledgeGraph) -> None:
    path = tmp_path / f"graph.{suffix}"
    write_rdf(graph, path, base="https://shop.example/id/")
    assert_same_graph(read_rdf(path), graph)
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rdf_file_carries_long_and_hostile_texts_anywhere(tmp_path: Path, suffix: str) -> None:
    texts = [*ODD, "x" * 2**20, '"\n\\é' * 2**14]
    nodes = pl.DataFrame({"id": texts, "text": texts, "texts": [[text, text] for text in texts]})
    edges = pl.DataFrame({"head_id": texts, "tail_id": texts[1:] + texts[:1], "how": texts})
    names = pl.DataFrame({"id": ["a"], **{text: [place] for place, text in enumerate(ODD)}})
    hostile = KnowledgeGraph({"Text": nodes, **dict.fromkeys(ODD, names)}, {("Text", "A) //", "Text"): edges})
    path = tmp_path / f"graph.{suffix}"
    write_rdf(hostile, path)
    assert_same_graph(read_rdf(path), hostile)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_rdf_file_keeps_every_digit_and_the_type_of_numbers(tmp_path: Path, suffix: str) -> None:
    floats = [0.1 + 0.2, 5e-324, 1.7976931348623157e308, -0.0, float("nan"), float("-inf"), 3.0]
    wholes = [2**63 - 1, -(2**63), 0, 1, 2, 3, None]
    numbers = KnowledgeGraph({"N": pl.DataFrame({"id": list("abcdefg"), "f": floats, "w": wholes})}, {})
    path = tmp_path / f"graph.{suffix}"
    write_rdf(numbers, path)
    assert_same_graph(read_rdf(path), numbers)
    assert str(read_rdf(path).nodes["N"]["f"].to_list()) == str(floats)  # the sign of zero


def test_rdf_of_one_relation_between_several_labels_keeps_them_apart() -> None:
    pair = pl.DataFrame({"head_id": ["a"], "tail_id": ["a"]})
    node = pl.DataFrame({"id": ["a"]})
    graph = KnowledgeGraph(
        {"Product": node, "Brand": node, "Entity": node},
        {("Product", "HAS_BRAND", "Brand"): pair, ("Product", "HAS_BRAND", "Entity"): pair},
    )
    assert_same_graph(from_rdf(to_rdf(graph)), graph)


def test_rdf_of_two_graphs_put_together_holds_both() -> None:
    one = KnowledgeGraph({"A": pl.DataFrame({"id": ["a"], "tags": [["x", "y"]]})}, {})
    other = KnowledgeGraph({"A": pl.DataFrame({"id": ["b"], "tags": [["z"]]})}, {})
    both = from_rdf(to_rdf(one) + to_rdf(other))
    assert both.nodes["A"].rows() == [("a", ["x", "y"]), ("b", ["z"])]


def test_rdf_uses_the_names_of_the_schema() -> None:
    graph = KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["p1"], "title": ["Cup"], "my own": [1]}),
            "Brand": pl.DataFrame({"id": ["b"]}),
        },
        {("Product", "HAS_BRAND", "Brand"): pl.DataFrame({"head_id": ["p1"], "tail_id": ["b"]})},
    )
    lines = set(to_rdf(graph).serialize(format="nt").splitlines())
    product = "<urn:kgrec:node:Product/p1>"
    assert lines == {
        f"{product} <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Product> .",
        f'{product} <https://schema.org/name> "Cup" .',
        f'{product} <urn:kgrec:vocabulary#my%20own> "1"^^<http://www.w3.org/2001/XMLSchema#integer> .',
        f"{product} <https://schema.org/brand> <urn:kgrec:node:Brand/b> .",
        "<urn:kgrec:node:Brand/b> <http://www.w3.org/1999/02/22-rdf-syntax-ns#type> <https://schema.org/Brand> .",
    }


def test_rdf_turtle_is_written_with_prefixes(tmp_path: Path, graph: KnowledgeGraph) -> None:
    write_rdf(graph, tmp_path / "graph.ttl")
    text = (tmp_path / "graph.ttl").read_text("utf-8")
    assert "<urn:kgrec:node:Product/p1> a schema:Product ;" in text
    assert "schema:brand <urn:kgrec:node:Brand/acme>" in text
    assert "kgrec:ALSO_BOUGHT <urn:kgrec:node:Product/p2>" in text
    assert "ns1:" not in text


def test_rdf_with_a_schema_whose_names_clash_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[prefixes]\nx = "http://x.example/"\n'
        '[labels.A]\nmeaning = "."\nproperties = { one = "string", two = "string" }\nrdf = "x:T"\n'
        'property_rdf = { one = "x:p", two = "x:p" }\n'
        '[labels.B]\nmeaning = "."\nproperties = {}\nrdf = "x:T"\n'
        '[relations.R]\nmeaning = "."\nfrom = "A"\nto = "B"\nrdf = "x:p"\n'
        '[relations.S]\nmeaning = "."\nfrom = "A"\nto = "B"\nrdf = "x:p"\n'
    )
    schema = read_schema(path)
    pair = pl.DataFrame({"head_id": ["a"], "tail_id": ["b"]})
    graph = KnowledgeGraph(
        {"A": pl.DataFrame({"id": ["a"], "one": ["1"], "two": ["2"]}), "B": pl.DataFrame({"id": ["b"]})},
        {("A", "R", "B"): pair, ("A", "S", "B"): pair},
    )
    assert_same_graph(from_rdf(to_rdf(graph, schema), schema), graph)


def test_rdf_with_a_base_that_is_no_iri_raises(graph: KnowledgeGraph) -> None:
    with pytest.raises(GraphError, match="base is 'my shop', expected an absolute IRI"):
        to_rdf(graph, base="my shop")


def test_rdf_file_of_unknown_suffix_says_which_there_are(tmp_path: Path, graph: KnowledgeGraph) -> None:
    with pytest.raises(GraphError, match=r"graph.csv: unknown RDF format '.csv'; expected .ttl \(turtle\)"):
        write_rdf(graph, tmp_path / "graph.csv")


def test_rdf_file_in_a_missing_folder_says_so(tmp_path: Path, graph: KnowledgeGraph) -> None:
    with pytest.raises(GraphError, match="can't be written"):
        write_rdf(graph, tmp_path / "none" / "graph.ttl")
    with pytest.raises(GraphError, match="can't be read"):
        read_rdf(tmp_path / "none.ttl")
