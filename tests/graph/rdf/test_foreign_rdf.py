"""RDF that others wrote, read as a property graph; expected tables worked out by hand."""

from __future__ import annotations

import json
import logging
import socket
from pathlib import Path

import pytest
from rdflib import Graph

from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import from_rdf, read_rdf, to_rdf
from kgrec.graph.rdf.names import distinct_names
from tests.same_graph import assert_same_graph

PREFIXES = """
@prefix ex: <http://ex.org/> . @prefix s: <http://schema.org/> . @prefix gs1: <https://ref.gs1.org/voc/> .
@prefix xsd: <http://www.w3.org/2001/XMLSchema#> . @prefix rdf: <http://www.w3.org/1999/02/22-rdf-syntax-ns#> .
"""


def read(turtle: str, **options: str | None) -> KnowledgeGraph:
    return from_rdf(Graph().parse(data=PREFIXES + turtle, format="turtle"), **options)  # type: ignore[arg-type]


def test_foreign_rdf_with_known_names_has_the_labels_and_relations_of_the_schema() -> None:
    graph = read('ex:p a gs1:Product ; s:name "Cup" ; s:price 3.5 ; gs1:brand ex:b . ex:b a s:Brand ; s:name "Acme" .')
    assert graph.nodes["Product"].to_dicts() == [{"id": "http://ex.org/p", "price": 3.5, "title": "Cup"}]
    assert graph.nodes["Brand"].to_dicts() == [{"id": "http://ex.org/b", "name": "Acme"}]
    assert graph.edges["Product", "HAS_BRAND", "Brand"].rows() == [("http://ex.org/p", "http://ex.org/b")]


def test_foreign_rdf_with_unknown_names_is_named_after_the_last_parts() -> None:
    graph = read("ex:f a <http://ex.org/onto#Feature-Film> ; ex:directedBy ex:d ; ex:running-time 90 .")
    film = graph.nodes["Feature_Film"]
    assert film.to_dicts() == [{"id": "http://ex.org/f", "running-time": 90}]
    assert graph.nodes["Entity"]["id"].to_list() == ["http://ex.org/d"]  # of no class
    assert list(graph.edges) == [("Feature_Film", "DIRECTED_BY", "Entity")]


def test_foreign_rdf_with_several_types_takes_the_one_the_schema_knows_else_the_first() -> None:
    graph = read("ex:p a ex:Aardvark, s:Product . ex:q a ex:Zebra, ex:Aardvark .")
    assert {label: table["id"].to_list() for label, table in graph.nodes.items()} == {
        "Aardvark": ["http://ex.org/q"],
        "Product": ["http://ex.org/p"],
    }


def test_foreign_rdf_values_get_the_plainest_type_that_holds_them() -> None:
    graph = read(
        """ex:a a ex:T ; ex:int "5"^^xsd:int ; ex:mixed 1 ; ex:odd true ; ex:decimal 1.5 ;
             ex:date "2024-01-31"^^xsd:date ;
             ex:huge 99999999999999999999 ; ex:bad "x"^^xsd:integer ; ex:several "b", "a", "b"@fr ;
             ex:list ( "z" 1 "z" ) .
           ex:b a ex:T ; ex:mixed 2.5 ; ex:odd "maybe" ; ex:several "c" ."""
    )
    first, second = graph.nodes["T"].to_dicts()
    assert first == {
        "id": "http://ex.org/a",
        "int": 5,
        "mixed": 1.0,
        "odd": "true",
        "decimal": 1.5,
        "date": "2024-01-31",
        "huge": "99999999999999999999",
        "bad": "x",
        "several": ["a", "b"],
        "list": ["z", "1", "z"],
    }
    assert (second["mixed"], second["odd"], second["several"]) == (2.5, "maybe", ["c"])


@pytest.mark.parametrize(("language", "expected"), [("en", "red"), ("de", "rot"), ("fr", "plain"), (None, "plain")])
def test_foreign_rdf_texts_in_several_languages_give_the_one_wanted(language: str | None, expected: str) -> None:
    graph = read('ex:a a ex:T ; ex:color "red"@en, "rot"@de, "plain" .', language=language)
    assert graph.nodes["T"]["color"].to_list() == [expected]


def test_foreign_rdf_texts_without_the_wanted_language_give_the_first() -> None:
    graph = read('ex:a a ex:T ; ex:color "rouge"@fr, "rot"@de .')
    assert graph.nodes["T"]["color"].to_list() == ["rot"]


def test_foreign_rdf_properties_of_one_last_part_are_kept_apart() -> None:
    graph = read('@prefix o: <http://other.org/> . ex:a a ex:T ; ex:size 1 ; o:size 2 ; ex:id "own" .')
    suffixed = distinct_names(["http://ex.org/id"], ["id"])["http://ex.org/id"]
    other = distinct_names(["http://ex.org/size", "http://other.org/size"], [])["http://other.org/size"]
    assert other != "size"
    assert graph.nodes["T"].to_dicts() == [{"id": "http://ex.org/a", "size": 1, other: 2, suffixed: "own"}]


def test_foreign_rdf_blank_nodes_have_the_same_ids_in_every_reading() -> None:
    turtle = """ex:p s:offers [ a s:Offer ; s:price 3 ; ex:by [ ex:name "A" ] ],
                         [ a s:Offer ; s:price 4 ; ex:by [ ex:name "B" ] ] .
                ex:q s:offers [ a s:Offer ; s:price 3 ] ."""
    one, other = read(turtle), read(turtle)
    assert_same_graph(one, other)
    offers = one.nodes["Offer"]
    assert offers["price"].to_list().count(3) == 2  # told apart by whose they are
    assert all(node_id.startswith("_:") for node_id in offers["id"])


def test_foreign_rdf_blank_nodes_that_say_the_same_are_one_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    graph = read("ex:p s:offers [ a s:Offer ; s:price 3 ], [ a s:Offer ; s:price 3 ] .")
    assert graph.nodes["Offer"].height == 1
    assert "blank nodes of which nothing else is said" in caplog.text


def test_foreign_rdf_list_of_resources_is_several_edges() -> None:
    graph = read('ex:a a ex:T ; ex:part ( ex:b ex:c "text" ) .')
    assert graph.edges["T", "PART", "Entity"]["tail_id"].to_list() == ["http://ex.org/b", "http://ex.org/c"]
    assert graph.nodes["T"]["part"].to_list() == [["text"]]


def test_foreign_rdf_statement_gives_the_properties_of_its_edge() -> None:
    graph = read(
        """ex:a ex:knows ex:b . [] a rdf:Statement ; rdf:subject ex:a ; rdf:predicate ex:knows ; rdf:object ex:b ;
           ex:since 2001 ."""
    )
    assert graph.edges["Entity", "KNOWS", "Entity"].to_dicts() == [
        {"head_id": "http://ex.org/a", "tail_id": "http://ex.org/b", "since": 2001}
    ]


def test_foreign_rdf_that_has_no_place_in_a_graph_is_counted(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read(
            """ex:a a ex:T ; ex:nested ( ( 1 ) ) ; ex:color "a"@de, "b"@en .
               [] rdf:subject ex:a ; rdf:predicate ex:no ; rdf:object ex:a ; ex:x 1 .
               [] rdf:subject ex:a ; ex:y ex:a ."""
        )
    for part in (
        "1 broken or nested lists: 'http://ex.org/a http://ex.org/nested'",
        "1 texts in other languages: 'color @de a'",
        "1 statements about an edge that is not there",
        "1 statements that are not about an edge",
    ):
        assert part in caplog.text


def test_foreign_rdf_of_two_bases_with_one_node_twice_lists_it() -> None:
    graph = read("<urn:kgrec:node:Product/p1> a s:Product .")
    with pytest.raises(GraphError, match="2 resources are the Product 'p1'"):
        from_rdf(to_rdf(graph) + to_rdf(graph, base="http://my.shop/"))


def test_rdf_empty_is_an_empty_graph() -> None:
    assert_same_graph(from_rdf(Graph()), KnowledgeGraph({}, {}))


# ---- files


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("x.ttl", "@prefix ex: <http://ex.org/> .\nex:a ex:b ex:c .\nex:a ex:b oops .\n", 3),
        ("x.nt", "<http://a/> <http://b/> <http://c/> .\n<http://a/> nonsense .\n", 2),
        ("x.jsonld", '{\n"@id": "http://a/",\n"b": ,\n}', 3),
    ],
)
def test_rdf_file_with_an_error_names_file_and_line(tmp_path: Path, name: str, text: str, line: int) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(GraphError, match=rf"{name}, line {line}: is no"):
        read_rdf(tmp_path / name)


@pytest.mark.parametrize("name", ["x.ttl", "x.nt", "x.jsonld"])
def test_rdf_file_that_is_no_text_names_the_file(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b'<http://a/> <http://b/> "\xff\xfe" .')
    with pytest.raises(GraphError, match=name):
        read_rdf(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.ttl", "@prefix x: <http://x/> .\nx:a x:b"), ("x.ttl", "@@@"), ("x.jsonld", "null"), ("x.jsonld", "7")],
)
def test_rdf_file_that_is_cut_off_or_holds_no_document_names_the_file(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, "utf-8")
    with pytest.raises(GraphError, match=name):
        read_rdf(tmp_path / name)


@pytest.mark.parametrize(
    "context", ["http://schema.org", "https://schema.org/", ["https://schema.org", {"x": "http://x/"}]]
)
def test_jsonld_file_with_schema_org_context_is_read_without_a_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, context: object
) -> None:
    monkeypatch.setattr(socket, "socket", lambda *_: pytest.fail("the network was used"))
    document = {"@context": context, "@id": "http://ex.org/p", "@type": "Product", "name": "Cup", "x:own": 1}
    (tmp_path / "x.jsonld").write_text(json.dumps(document), "utf-8")
    assert read_rdf(tmp_path / "x.jsonld").nodes["Product"]["title"].to_list() == ["Cup"]


def test_jsonld_file_that_needs_another_context_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.jsonld").write_text('{"@context": "https://other.org/context", "@id": "http://a/"}', "utf-8")
    with pytest.raises(GraphError, match="needs the JSON-LD context https://other.org/context, which kgrec does not"):
        read_rdf(tmp_path / "x.jsonld")


def test_jsonld_file_with_named_graphs_is_read_whole(tmp_path: Path) -> None:
    document = {"@id": "http://g/", "@graph": [{"@id": "http://a/", "http://x/b": {"@id": "http://c/"}}]}
    (tmp_path / "x.jsonld").write_text(json.dumps(document), "utf-8")
    assert read_rdf(tmp_path / "x.jsonld").num_edges == 1
