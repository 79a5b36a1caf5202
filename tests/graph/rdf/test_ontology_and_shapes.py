"""The ontology and the shapes made from the schema, and validation against them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from rdflib import OWL, RDF, RDFS, SH, SKOS, Graph, URIRef

import kgrec
from kgrec.errors import GraphError
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.rdf import to_rdf, validate
from kgrec.graph.rdf.names import VOCABULARY
from kgrec.graph.rdf.ontology import ontology_text
from kgrec.graph.rdf.shapes import shapes_text
from kgrec.graph.schema.generate import GENERATED
from kgrec.graph.schema.types import GraphSchema, read_schema, schema_folder

SHOP = Path(__file__).parents[3] / "data" / "shop"
SCHEMA_ORG = "https://schema.org/"


def own(name: str) -> URIRef:
    return URIRef(VOCABULARY + name)


@pytest.fixture(scope="module")
def ontology() -> Graph:
    return Graph().parse(schema_folder() / "ontology.ttl", format="turtle")


@pytest.mark.parametrize(("name", "make"), [("ontology.ttl", ontology_text), ("shapes.ttl", shapes_text)])
def test_committed_file_is_that_of_the_schema(name: str, make: Callable[[GraphSchema], str]) -> None:
    assert GENERATED[name] is make
    committed = (schema_folder() / name).read_text("utf-8")
    assert committed == make(read_schema()), "stale: run python -m kgrec.graph.schema.generate"


def test_ontology_has_every_label_relation_and_property(ontology: Graph) -> None:
    schema = read_schema()
    assert set(ontology.subjects(RDF.type, OWL.Class)) >= {own(label) for label in schema.labels}
    assert set(ontology.subjects(RDF.type, OWL.ObjectProperty)) == {own(name) for name in schema.relations}
    properties = {name for table in (*schema.labels.values(), *schema.relations.values()) for name in table.properties}
    assert set(ontology.subjects(RDF.type, OWL.DatatypeProperty)) == {own(name) for name in properties}


def test_ontology_is_aligned_with_schema_org_gs1_and_skos(ontology: Graph) -> None:
    product, brand = own("Product"), own("HAS_BRAND")
    assert (product, RDFS.subClassOf, URIRef(SCHEMA_ORG + "Product")) in ontology
    assert (product, SKOS.exactMatch, URIRef("https://ref.gs1.org/voc/Product")) in ontology
    assert (own("Category"), RDFS.subClassOf, SKOS.Concept) in ontology
    assert (brand, RDFS.subPropertyOf, URIRef(SCHEMA_ORG + "brand")) in ontology
    assert (brand, RDFS.domain, product) in ontology
    assert (brand, RDFS.range, own("Brand")) in ontology
    assert (own("SUBCATEGORY_OF"), RDFS.subPropertyOf, SKOS.broader) in ontology
    assert (own("price"), RDFS.subPropertyOf, URIRef(SCHEMA_ORG + "price")) in ontology


def test_shapes_have_one_node_shape_per_label() -> None:
    shapes = Graph().parse(schema_folder() / "shapes.ttl", format="turtle")
    assert len(set(shapes.subjects(RDF.type, SH.NodeShape))) == len(read_schema().labels)


def test_ontology_of_an_extended_schema_has_its_names(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[labels.Shelf]\nmeaning = "a \\"shelf\\""\nproperties = { tags = "string_list", width = "integer" }\n'
        '[relations.STANDS_ON]\nmeaning = "."\nfrom = "Product"\nto = "Shelf"\n'
    )
    schema = read_schema(path)
    ontology = Graph().parse(data=ontology_text(schema), format="turtle")
    assert str(ontology.value(own("Shelf"), RDFS.comment)) == 'a "shelf"'
    assert (own("tags"), RDFS.range, RDF.List) in ontology
    shelf = pl.DataFrame({"id": ["s"], "tags": [["a"]], "width": ["wide"]})
    assert "1 x Violation Shelf width: Datatype in 's'" in str(
        validate(KnowledgeGraph({"Shelf": shelf}, {}), schema=schema)
    )


def test_generating_needs_no_rdf_library() -> None:
    code = "import sys, kgrec.graph.schema.generate as g; print('rdflib' in sys.modules, 'pyshacl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


# ---- validation


def test_graph_of_the_shop_conforms() -> None:
    report = validate(KnowledgeGraph.from_dataset(kgrec.read_dataset(SHOP)))
    assert report.conforms
    assert report.table.height == 0
    assert str(report) == "SHACL: the graph conforms"


@pytest.fixture(scope="module")
def broken() -> KnowledgeGraph:
    """a: price -1, two titles, the Entity e as its brand; b: a brand without a name."""
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame({"id": ["a", "c"], "price": [-1.0, 2.0], "title": [["x", "y"], None]}),
            "Brand": pl.DataFrame({"id": ["b"]}),
            "Entity": pl.DataFrame({"id": ["e"]}),
        },
        {("Product", "HAS_BRAND", "Entity"): pl.DataFrame({"head_id": ["a"], "tail_id": ["e"]})},
    )


def test_validation_names_node_property_and_what_is_broken(broken: KnowledgeGraph) -> None:
    report = validate(broken)
    assert not report.conforms
    assert report.table.select("severity", "label", "id", "path", "constraint").rows() == [
        ("Violation", "Brand", "b", "name", "MinCount"),
        ("Violation", "Product", "a", "HAS_BRAND", "Class"),
        ("Violation", "Product", "a", "price", "MinInclusive"),
        ("Violation", "Product", "a", "title", "Datatype"),
    ]
    assert report.table["value"].to_list()[1:3] == ["Entity 'e'", "-1.0"]


def test_validation_report_counts_each_kind_and_shows_the_first_nodes() -> None:
    brands = KnowledgeGraph({"Brand": pl.DataFrame({"id": [f"b{place}" for place in range(7)]})}, {})
    text = str(validate(brands))
    assert text.startswith(
        "SHACL: 7 results; the graph does not conform\n  7 x Violation Brand name: MinCount in 'b0', 'b1'"
    )
    assert "(7 in all)" in text


def test_validation_takes_rdf_and_shapes_of_ones_own(broken: KnowledgeGraph, tmp_path: Path) -> None:
    path = tmp_path / "own.ttl"
    path.write_text(
        "@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix schema: <https://schema.org/> .\n"
        "[] a sh:NodeShape ; sh:targetClass schema:Product ; "
        "sh:property [ sh:path schema:price ; sh:maxInclusive 1 ] .\n"
    )
    report = validate(to_rdf(broken), path)
    assert report.table.select("id", "path", "constraint", "value").rows() == [("c", "price", "MaxInclusive", "2.0")]


def test_validation_with_shapes_that_are_none_raises(broken: KnowledgeGraph, tmp_path: Path) -> None:
    path = tmp_path / "bad.ttl"
    path.write_text(
        "@prefix sh: <http://www.w3.org/ns/shacl#> . @prefix schema: <https://schema.org/> .\n"
        "[] a sh:NodeShape ; sh:targetClass schema:Product ; sh:property [ sh:minCount 1 ] .\n"
    )
    with pytest.raises(GraphError, match="the shapes are no valid SHACL"):
        validate(broken, path)
