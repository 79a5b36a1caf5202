"""The quality report: every measure and finding on graphs small enough to count by hand."""

from __future__ import annotations

import json

import polars as pl
import pytest

from kgrec.graph import quality
from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph
from kgrec.graph.quality import QualityReport
from kgrec.graph.schema.types import GraphSchema, Label, Relation

IN_CATEGORY: EdgeType = ("Product", "IN_CATEGORY", "Category")
HAS_BRAND: EdgeType = ("Product", "HAS_BRAND", "Brand")
ALSO_BOUGHT: EdgeType = ("Product", "ALSO_BOUGHT", "Product")


# the part of kgrec's own schema that these graphs use, fixed here
PROPERTIES = {
    "Product": {"title": "string", "description": "string", "price": "float"},
    "Brand": {"name": "string"},
    "Category": {"name": "string", "level": "integer"},
    "AttributeValue": {"name": "string", "value": "string"},
}
ENDS = {"HAS_BRAND": "Brand", "IN_CATEGORY": "Category", "HAS_ATTRIBUTE": "AttributeValue"}
SCHEMA = GraphSchema(
    labels={name: Label(name=name, meaning="", properties=known) for name, known in PROPERTIES.items()},  # type: ignore[arg-type]
    relations={
        name: Relation(name=name, meaning="", head="Product", tail=tail, properties={}) for name, tail in ENDS.items()
    },
)


def quality_report(graph: KnowledgeGraph) -> QualityReport:
    return quality.quality_report(graph, SCHEMA)


def edges(*pairs: str) -> pl.DataFrame:
    """`"p1 acme"` is the edge from p1 to acme."""
    heads, tails = [pair.split()[0] for pair in pairs], [pair.split()[1] for pair in pairs]
    return pl.DataFrame({"head_id": heads, "tail_id": tails})


@pytest.fixture
def graph() -> KnowledgeGraph:
    """
    p1 --HAS_BRAND--> Acme <--HAS_BRAND-- p2      p3 --HAS_BRAND--> ACME     p4: nothing     Bolt: nothing
    p1, p2 --IN_CATEGORY--> Beauty                p3 --ALSO_BOUGHT--> p3
    u --VIEWED--> p4
    """
    return KnowledgeGraph(
        {
            "Product": pl.DataFrame(
                {
                    "id": ["p1", "p2", "p3", "p4"],
                    "title": ["Red  Lamp", "red lamp", "Red lamp!", " "],
                    "description": ["a", "b", "c", "d"],
                    "price": [1.0, float("nan"), 3.0, 4.0],
                    "stock": [1, None, None, None],
                }
            ),
            "Brand": pl.DataFrame({"id": ["Acme", "ACME", "Bolt"], "name": ["Acme", "ACME", "Bolt"]}),
            "Category": pl.DataFrame({"id": ["Beauty"], "name": ["Beauty"], "level": [1]}),
            "User": pl.DataFrame({"id": ["u"]}),
        },
        {
            HAS_BRAND: edges("p1 Acme", "p2 Acme", "p3 ACME"),
            IN_CATEGORY: edges("p1 Beauty", "p2 Beauty"),
            ALSO_BOUGHT: edges("p3 p3"),
            ("User", "VIEWED", "Product"): edges("u p4"),
        },
    )


def found(report: QualityReport, check: str) -> list[tuple[object, ...]]:
    """(severity, where, count, examples) of each finding of a check."""
    rows = report.findings.filter(pl.col("check") == check)
    return rows.select("severity", "where", "count", "examples").rows()


def test_quality_counts_nodes_and_those_without_edges(graph: KnowledgeGraph) -> None:
    """p4 is only viewed, and events do not count for it."""
    assert quality_report(graph).nodes.rows() == [
        ("Brand", 3, 1),
        ("Category", 1, 0),
        ("Product", 4, 1),
        ("User", 1, 0),
    ]


def test_quality_counts_relations_by_hand(graph: KnowledgeGraph) -> None:
    """Brands have 2 and 1 heads: median 1.5; Gini 2(1*1 + 2*2)/(2*3) - 3/2 = 1/6. Of the two, ACME is a dead end."""
    table = quality_report(graph).relations
    brand = table.row(by_predicate=pl.col("relation") == "HAS_BRAND", named=True)
    assert brand == {
        "relation": "HAS_BRAND",
        "ends": "Product-Brand",
        "head_label": "Product",
        "tail_label": "Brand",
        "edges": 3,
        "heads": 3,
        "head_share": 0.75,
        "tails": 2,
        "median": 1.5,
        "most": 2,
        "gini": pytest.approx(1 / 6),
        "dead_ends": 0.5,
        "top_tail": "Acme",
        "top_share": 0.5,
        "loops": 0,
    }


def test_quality_missing_properties_list_the_schemas_first(graph: KnowledgeGraph) -> None:
    """A blank title and a price that is NaN are missing; the schema does not know `stock`."""
    report = quality_report(graph)
    products = report.properties.filter(pl.col("label") == "Product")
    assert products.select("property", "declared", "missing", "share").rows() == [
        ("title", True, 1, 0.25),
        ("description", True, 0, 0.0),
        ("price", True, 1, 0.25),
        ("stock", False, 3, 0.75),
    ]
    assert found(report, "missing property") == [
        ("warning", "Product.title", 1, ["p4"]),
        ("warning", "Product.price", 1, ["p2"]),
    ]


def test_quality_properties_that_no_node_has_are_one_note() -> None:
    report = quality_report(KnowledgeGraph({"Brand": pl.DataFrame({"id": ["x", "y"]})}, {}))
    assert found(report, "unused property") == [("info", "Brand", 1, ["name"])]
    assert not found(report, "missing property")


def test_quality_products_without_brand_or_category_are_found(graph: KnowledgeGraph) -> None:
    assert found(quality_report(graph), "missing relation") == [
        ("warning", "Product without HAS_BRAND", 1, ["p4"]),
        ("warning", "Product without IN_CATEGORY", 2, ["p3", "p4"]),
        ("info", "Product without HAS_ATTRIBUTE", 4, []),
    ]


def test_quality_nodes_without_edges_are_found(graph: KnowledgeGraph) -> None:
    assert found(quality_report(graph), "no edge") == [
        ("warning", "Brand", 1, ["Bolt"]),
        ("warning", "Product", 1, ["p4"]),
    ]


def test_quality_duplicates_differ_in_case_spaces_and_punctuation(graph: KnowledgeGraph) -> None:
    """All three lamps have one title, and their brands are one brand once normalised."""
    assert found(quality_report(graph), "duplicate") == [
        ("warning", "Brand", 1, ["'ACME' = 'Acme'"]),
        ("info", "Product", 1, ["'p1' = 'p2' = 'p3'"]),
    ]


def test_quality_parts_leave_users_out(graph: KnowledgeGraph) -> None:
    """p1, p2, Acme, Beauty | p3, ACME | p4 | Bolt"""
    report = quality_report(graph)
    assert report.parts.rows() == [(4, 2, "p1"), (2, 1, "p3"), (1, 1, "p4"), (1, 0, "Bolt")]
    assert found(report, "separate parts") == [("warning", "beside the largest", 1, ["p3"])]


def test_quality_self_loops_are_found(graph: KnowledgeGraph) -> None:
    assert found(quality_report(graph), "self loop") == [("warning", "ALSO_BOUGHT (Product-Product)", 1, [])]


@pytest.mark.parametrize(
    ("names", "groups"),
    [
        (["L'Oréal", "LOREAL"], 1),
        (["ＡＢＣ", "abc"], 1),
        (["Dr. Oetker", "Dr Oetker"], 1),
        (["1.5 l", "15 l"], 0),
        (["1.2.3", "12.3"], 0),
        ([".5 oz", "5 oz"], 0),
        (["-5", "5"], 0),
        (["C", "C++"], 0),
        (["!", "?"], 0),
        (["हिंदी", "हद"], 0),
    ],
)
def test_quality_names_are_compared_as_people_read_them(names: list[str], groups: int) -> None:
    brands = KnowledgeGraph({"Brand": pl.DataFrame({"id": ["1", "2"], "name": names})}, {})
    assert quality_report(brands).duplicates.height == groups


def test_quality_categories_of_one_name_in_other_places_are_no_duplicates() -> None:
    nodes = pl.DataFrame({"id": ["Shoes > Kids", "Toys > Kids", "toys > kids"], "name": ["Kids", "Kids", "kids"]})
    assert quality_report(KnowledgeGraph({"Category": nodes}, {})).duplicates["ids"].to_list() == [
        ["Toys > Kids", "toys > kids"]
    ]


def test_quality_entities_that_look_like_products_are_dangling_ends() -> None:
    """B3 and B4 are of the products' shape; `France` is not, and MADE_IN joins no two products."""
    nodes = {"Product": pl.DataFrame({"id": ["B1", "B2"]}), "Entity": pl.DataFrame({"id": ["B3", "B4", "France"]})}
    graph = KnowledgeGraph(
        nodes,
        {
            ALSO_BOUGHT: edges("B1 B2"),
            ("Product", "ALSO_BOUGHT", "Entity"): edges("B1 B3", "B2 B3", "B1 France"),
            ("Product", "MADE_IN", "Entity"): edges("B1 B4"),
        },
    )
    assert found(quality_report(graph), "dangling end") == [("warning", "ALSO_BOUGHT to Entity", 2, ["B3"])]


def shop_of(values: list[str]) -> KnowledgeGraph:
    """One product for each value of the attribute `code`."""
    ids = [f"p{index}" for index in range(len(values))]
    distinct = sorted(set(values))
    attributes = pl.DataFrame({"id": [f"code={value}" for value in distinct], "name": "code", "value": distinct})
    pairs = [f"{item} code={value}" for item, value in zip(ids, values, strict=True)]
    return KnowledgeGraph(
        {"Product": pl.DataFrame({"id": ids}), "AttributeValue": attributes},
        {("Product", "HAS_ATTRIBUTE", "AttributeValue"): edges(*pairs)},
    )


def test_quality_value_of_nearly_all_products_says_nothing() -> None:
    where = "HAS_ATTRIBUTE code (Product-AttributeValue)"
    assert found(quality_report(shop_of(["x"] * 9 + ["y"])), "says nothing") == [("warning", where, 9, ["code=x"])]
    assert not found(quality_report(shop_of(["x"] * 8 + ["y"] * 2)), "says nothing")


def test_quality_value_of_its_own_for_each_product_links_nothing() -> None:
    codes = [f"v{index:02}" for index in range(20)]
    where = "HAS_ATTRIBUTE code (Product-AttributeValue)"
    assert found(quality_report(shop_of(codes)), "nearly unique") == [("warning", where, 20, [])]
    assert not found(quality_report(shop_of(codes * 2)), "nearly unique")


def test_quality_of_a_clean_graph_says_so() -> None:
    products = {"id": ["p1", "p2"], "title": ["A", "B"], "description": ["a", "b"], "price": [1.0, 2.0]}
    colours = {"id": ["color=red", "color=blue"], "name": ["color", "color"], "value": ["red", "blue"]}
    graph = KnowledgeGraph(
        {
            "Product": pl.DataFrame(products),
            "Brand": pl.DataFrame({"id": ["x", "y"], "name": ["x", "y"]}),
            "Category": pl.DataFrame({"id": ["R", "R > C", "R > D"], "name": ["R", "C", "D"], "level": [1, 2, 2]}),
            "AttributeValue": pl.DataFrame(colours),
        },
        {
            HAS_BRAND: edges("p1 x", "p2 y"),
            IN_CATEGORY: pl.DataFrame({"head_id": ["p1", "p2"], "tail_id": ["R > C", "R > D"]}),
            ("Category", "SUBCATEGORY_OF", "Category"): pl.DataFrame(
                {"head_id": ["R > C", "R > D"], "tail_id": ["R", "R"]}
            ),
            ("Product", "HAS_ATTRIBUTE", "AttributeValue"): edges("p1 color=red", "p2 color=blue"),
        },
    )
    report = quality_report(graph)
    assert report.findings.rows() == []
    assert "Nothing to report: the graph is clean." in str(report)


def test_quality_of_an_empty_graph_is_a_report_too() -> None:
    report = quality_report(KnowledgeGraph({}, {}))
    assert report.nodes.height == report.parts.height == report.findings.height == 0
    assert "0 nodes, 0 edges" in str(report)


def test_quality_text_shows_warnings_first_and_dict_is_json(graph: KnowledgeGraph) -> None:
    report = quality.quality_report(graph)  # by kgrec's own schema
    text = str(report)
    assert text.index("WARNING") < text.index("note  ")
    assert f"{report.warnings.height} warnings" in text
    tables = json.loads(json.dumps(report.to_dict()))
    assert list(tables) == ["nodes", "relations", "properties", "parts", "duplicates", "findings"]
