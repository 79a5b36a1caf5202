"""kgrec's schema: read, laid under a shop's own file, and turned into the files that are made from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from kgrec.errors import GraphError
from kgrec.graph.schema import types
from kgrec.graph.schema.constraints import constraint_statements, quote
from kgrec.graph.schema.generate import GENERATED, generate, with_picture
from kgrec.graph.schema.picture import schema_picture
from kgrec.graph.schema.types import read_schema, schema_folder
from kgrec.graph.store import GraphStore

STALE = "stale: run python -m kgrec.graph.schema.generate"
SHOP = """
[prefixes]
shop = "https://shop.example/"

[labels.Supplier]
meaning = "Who delivers a product"
properties = { name = "string" }
rdf = "shop:Supplier"

[labels.Country]
meaning = "Where a product is made"

[labels.Product]
properties = { stock = "integer", price = "float" }
indexes = ["stock"]
search = ["title"]
vectors = { embedding = 64 }
also = ["shop:Article"]
property_rdf = { stock = "shop:stock" }

[relations.SUPPLIED_BY]
meaning = "Who delivers the product"
from = "Product"
to = "Supplier"
column = "supplier"

[relations.MADE_IN]
meaning = "Where the product is made"
from = "Product"
to = "Country"
triple = "made_in"

[relations.PURCHASED]
properties = { spent = "float" }
"""


@pytest.fixture
def shop_file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(SHOP, "utf-8")
    return path


def faults_of(tmp_path: Path, text: str) -> list[str]:
    """The faults that reading an extension raises, one a line."""
    path = tmp_path / "shop.toml"
    path.write_text(text, "utf-8")
    with pytest.raises(GraphError) as caught:
        read_schema(path)
    where, *faults = str(caught.value).split("\n  - ")
    count = "1 fault" if len(faults) == 1 else f"{len(faults)} faults"
    assert where == f"{path}: {count}"
    return faults


def test_schema_has_the_labels_and_relations_of_the_catalogue() -> None:
    found = read_schema()
    assert {"Product", "Brand", "Category", "AttributeValue", "Entity", "User"} == set(found.labels)
    assert found.labels["Product"].properties["price"] == "float"
    assert (found.relations["HAS_BRAND"].head, found.relations["HAS_BRAND"].tail) == ("Product", "Brand")


@pytest.mark.parametrize("inside", [True, False], ids=["installed", "checkout"])
def test_schema_folder_is_found_inside_the_package_or_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    folder = (tmp_path / "kgrec" if inside else tmp_path) / "graph_schema"
    folder.mkdir(parents=True)
    (folder / "schema.toml").touch()
    monkeypatch.setattr(types, "__file__", str(tmp_path / "kgrec" / "graph" / "schema" / "types.py"))
    assert schema_folder() == folder


def test_schema_folder_missing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(types, "__file__", str(tmp_path / "kgrec" / "graph" / "schema" / "types.py"))
    with pytest.raises(GraphError, match="graph_schema is missing from the installation"):
        schema_folder()


# ---- a shop's own file


def test_extension_adds_labels_relations_and_properties(shop_file: Path) -> None:
    base, found = read_schema(), read_schema(shop_file)
    assert found.labels.keys() - base.labels.keys() == {"Supplier", "Country"}
    assert found.relations["SUPPLIED_BY"].column == "supplier"
    assert found.relations["MADE_IN"].triple == "made_in"
    product = found.labels["Product"]
    assert product.properties == {**base.labels["Product"].properties, "stock": "integer"}
    assert product.meaning == base.labels["Product"].meaning
    assert (product.indexes, product.search) == (("title", "stock"), ("title", "description"))
    assert product.vectors == {"embedding": 64}
    assert product.also == ("gs1:Product", "shop:Article")
    assert found.relations["PURCHASED"].properties == {**base.relations["PURCHASED"].properties, "spent": "float"}


def test_extension_path_may_be_text(shop_file: Path) -> None:
    assert read_schema(str(shop_file)) == read_schema(shop_file)


def test_extension_that_contradicts_lists_every_contradiction(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        '[prefixes]\nschema = "https://other.example/"\n[labels.Product]\nproperties = { price = "string" }\n'
        'rdf = "gs1:Product"\n[relations.HAS_BRAND]\nto = "Category"\ncolumn = "maker"\n',
    )
    ending = "; leave it out or choose another name"
    assert faults == [
        f"prefixes.schema: kgrec's schema has 'https://schema.org/', this file 'https://other.example/'{ending}",
        f"Product.properties.price: kgrec's schema has 'float', this file 'string'{ending}",
        f"Product.rdf: kgrec's schema has 'schema:Product', this file 'gs1:Product'{ending}",
        f"HAS_BRAND.to: kgrec's schema has 'Brand', this file 'Category'{ending}",
        f"HAS_BRAND.column: kgrec's schema has 'brand', this file 'maker'{ending}",
    ]


def test_extension_with_faults_lists_every_one(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        '[labels.A]\nmeaning = "x"\nproperties = { size = "number", id = "string" }\nindexes = ["other"]\n'
        'vectors = { size = 0 }\nrdf = "nope:A"\n[labels."B C"]\nmeaning = "x"\n'
        '[relations.TO]\nfrom = "A"\nto = "D"\ncolumn = "title"\n'
        '[relations.A]\nmeaning = "y"\nfrom = "Product"\nto = "Product"\ncolumn = "price"\ntriple = "t"\n'
        '[relations.T]\nmeaning = "y"\nfrom = "Product"\nto = "Product"\ntriple = "t"\n',
    )
    assert sorted(faults) == sorted(
        [
            "A: a label and a relation of one name, which the local server can't tell apart",
            "A.size: type 'number' is none of string, integer, float, boolean, string_list",
            "A.id: the name is taken, by the key of every node or edge",
            "A: index on 'other', which is no property",
            "A: vector 'size' has the size 0, expected a whole number >= 1",
            "A: 'size' is a property and a vector",
            "A: 'nope:A' is no prefixed name with one of the prefixes schema, skos, gs1",
            "'B C': names of labels and relations hold letters, digits and _ only",
            "TO: `meaning` is missing",
            "TO: its end 'D' is no label; there are Product, Brand, Category, AttributeValue, Entity, User, A, B C",
            "TO: `from` is 'A'; edges from a column of items start at 'Product'",
            "TO: the column 'title' is a property of Product; it can't be an edge too",
            "A: the column 'price' is a property of Product; it can't be an edge too",
            "T: the triples 't' are A already",
        ]
    )


def test_extension_of_a_wrong_form_lists_every_fault(tmp_path: Path) -> None:
    faults = faults_of(
        tmp_path,
        'relation = 1\nprefixes = 1\n[labels]\nA = 1\n[labels.B]\nmeaning = "x"\nproperty = {}\nindexes = "x"\n'
        '[relations.R]\nmeaning = "x"\nfrom = "B"\nto = "B"\nalso = [1]\nproperties = ["count"]\n',
    )
    assert faults[:4] == [
        "'relation' is none of prefixes, labels, relations",
        "prefixes is 1, expected a table",
        "labels.A is 1, expected a table",
        "B: 'property' is none of meaning, properties, indexes, search, vectors, rdf, also, property_rdf",
    ]
    assert faults[4:] == [
        "B: `indexes` is 'x', expected a list of text",
        "R: `also` is [1], expected a list of text",
        "R: `properties` is ['count'], expected a table",
    ]


@pytest.mark.parametrize("content", [b"labels = [", b"\xff"])
def test_extension_that_is_not_toml_names_the_file(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "own.toml").write_bytes(content)
    with pytest.raises(GraphError, match="own.toml: can't be read as TOML"):
        read_schema(tmp_path / "own.toml")


def test_extension_that_is_missing_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="own.toml: can't be read as TOML"):
        read_schema(tmp_path / "own.toml")


# ---- what is made from it


@pytest.mark.parametrize("name", GENERATED)
def test_committed_file_is_that_of_the_schema(name: str) -> None:
    committed = (schema_folder() / name).read_text("utf-8")
    assert committed == GENERATED[name](read_schema()), STALE


def test_readme_shows_the_picture_of_the_schema() -> None:
    readme = (Path(__file__).parents[3] / "README.md").read_text("utf-8")
    assert readme == with_picture(readme, read_schema()), STALE


def test_generate_writes_every_file_and_the_picture(tmp_path: Path) -> None:
    folder, readme = tmp_path / "graph_schema", tmp_path / "README.md"
    folder.mkdir()
    generate(folder, read_schema())
    assert sorted(path.name for path in folder.iterdir()) == sorted(GENERATED)
    assert not readme.exists()
    readme.write_text("# a\n<!-- schema -->\nold\n<!-- /schema -->\nend\n")
    generate(folder, read_schema())
    assert readme.read_text("utf-8") == f"# a\n<!-- schema -->\n{schema_picture()}<!-- /schema -->\nend\n"


def test_readme_without_the_markers_says_what_is_missing() -> None:
    with pytest.raises(GraphError, match="README.md: no line `<!-- schema -->`"):
        with_picture("# a\n", read_schema())


def test_picture_has_one_arrow_for_all_kinds_of_event(shop_file: Path) -> None:
    picture = schema_picture(read_schema(shop_file)).splitlines()
    assert (picture[0], picture[1], picture[-1]) == ("```mermaid", "graph LR", "```")
    assert '    Brand["<b>Brand</b><br/>id<br/>name"]' in picture
    assert '    Product -->|"SUPPLIED_BY"| Supplier' in picture
    assert '    Product -.->|"facts of triples"| Entity' in picture
    events = [line for line in picture if line.startswith("    User -->")]
    assert len(events) == 1
    assert (
        "VIEWED, CLICKED, FAVOURITED<br/>CARTED, PURCHASED, REVIEWED<br/>count, last_at, sentiment, spent" in events[0]
    )


def index_names(store: GraphStore) -> set[str]:
    return set(store.query("SHOW INDEXES YIELD name RETURN name")["name"])


@pytest.fixture
def bare_neo4j(neo4j_store: GraphStore) -> Iterator[GraphStore]:
    """Neo4j, from which the indexes that a test makes are taken away again."""
    before = index_names(neo4j_store)
    yield neo4j_store
    for name in index_names(neo4j_store) - before:
        kind = "CONSTRAINT" if name.endswith("_id") else "INDEX"
        neo4j_store.query(f"DROP {kind} {quote(name)}", write=True)


def test_constraints_file_runs_on_neo4j_and_makes_what_it_says(bare_neo4j: GraphStore) -> None:
    """Twice, as a person may: every statement says IF NOT EXISTS."""
    _, text = (schema_folder() / "constraints.cypher").read_text("utf-8").split("\n", 1)  # a comment, the statements
    statements = text.split(";\n")[:-1]
    for statement in [*statements, *statements]:
        bare_neo4j.query(statement, write=True)
    assert {statement.split("`")[1] for statement in statements} <= index_names(bare_neo4j)
    kinds = bare_neo4j.query("SHOW INDEXES YIELD type RETURN type")["type"]
    assert {"RANGE", "FULLTEXT", "VECTOR"} <= set(kinds)


def test_constraint_statements_cover_labels_outside_the_schema() -> None:
    assert constraint_statements(["Gadget"]) == [
        "CREATE CONSTRAINT `kgrec_Gadget_id` IF NOT EXISTS FOR (n:`Gadget`) REQUIRE n.id IS UNIQUE"
    ]


def test_constraint_statements_add_the_indexes_of_the_schema(shop_file: Path) -> None:
    assert constraint_statements(["Product"], read_schema(shop_file))[1:] == [
        f"CREATE INDEX `kgrec_Product_{key}` IF NOT EXISTS FOR (n:`Product`) ON (n.`{key}`)"
        for key in ("title", "stock")
    ]


def test_quote_with_a_backtick_doubles_it() -> None:
    assert quote("a`b") == "`a``b`"
