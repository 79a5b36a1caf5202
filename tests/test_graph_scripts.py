"""load_graph.py with a shop's schema, and inspect_graph.py, run as a person runs them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from tests.running import run
from tests.tiny import SUPPLIER_SCHEMA

QUERY = """// The products of a supplier.
// $supplier (string): the supplier's id
MATCH (p:Product)-[:SUPPLIED_BY]->(:Supplier {id: $supplier})
RETURN p.id AS id
ORDER BY id
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A shop of three products, its schema and a query of its own, and its graph in `graph`.

    p1 --SUPPLIED_BY--> 007 <--SUPPLIED_BY-- p2 --SUPPLIED_BY--> 008     p1, p2 --HAS_BRAND--> Acme     p3: orphan
    """
    folder = tmp_path_factory.mktemp("own")
    (folder / "items.csv").write_text(
        'item_id,title,brand,supplier\np1,Red lamp,Acme,007\np2,Blue lamp,Acme,"[""007"", ""008""]"\np3,Mat,,\n',
        "utf-8",
    )
    (folder / "events.csv").write_text("user_id,item_id\nu,p1\n", "utf-8")
    (folder / "shop.toml").write_text(SUPPLIER_SCHEMA, "utf-8")
    (folder / "queries").mkdir()
    (folder / "queries" / "products_of_supplier.cypher").write_text(QUERY, "utf-8")
    printed = run("load_graph.py", folder, "--path", folder / "graph", "--schema", folder / "shop.toml")
    assert "Supplier" in printed
    return folder


def test_inspect_own_query_takes_text_that_looks_like_a_number_as_text(folder: Path) -> None:
    own = ["--queries", folder / "queries", "products_of_supplier", "--set", "supplier=007"]
    answer = run("inspect_graph.py", "--path", folder / "graph", *own, "--format", "json")
    assert json.loads(answer) == [{"id": "p1"}, {"id": "p2"}]


def test_inspect_csv_writes_lists_as_json(folder: Path) -> None:
    asked = ["paths_between_products", "--set", "head=p1", "--set", "tail=p2", "limit=1"]
    answer = run("inspect_graph.py", "--path", folder / "graph", *asked, "--format", "csv")
    (row,) = csv.DictReader(answer.splitlines())
    assert row["steps"] == "2"
    assert json.loads(row["relations"]) == ["HAS_BRAND", "HAS_BRAND"]


def test_inspect_table_shows_every_row_and_their_number(folder: Path) -> None:
    printed = run("inspect_graph.py", "--path", folder / "graph", "--query", "similar_products", "--set", "id=p1")
    assert "Acme, 007" in printed
    assert printed.endswith("1 row\n")


def test_inspect_list_shows_what_each_query_needs(folder: Path) -> None:
    printed = run("inspect_graph.py", "--list", "--queries", folder / "queries")
    assert "products_of_supplier\n    The products of a supplier.\n" in printed
    assert "    --set supplier=...   the supplier's id (string, needed)\n" in printed
    assert "    --set limit=...   most rows to return (integer, default 50)\n" in printed


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nope"], "error: no query is named 'nope'; there are: "),
        (["products_of_brand"], "parameter 'brand' needs a value: the brand's id"),
        (["orphans", "--set", "limit=many"], "parameter 'limit' is 'many', expected the type integer"),
        (["orphans", "--set", "limit"], "error: --set 'limit': expected NAME=VALUE"),
        (["orphans", "--cypher", "RETURN 1"], "error: ask one thing"),
        (["--set", "a=1"], "error: --set gives values to a named query"),
        (["orphans"], "error: name a store"),
        (["orphans", "--path", "nowhere"], "error: nowhere: no such folder"),
        (["orphans", "--queries", "nowhere"], "error: nowhere: no such folder of queries"),
    ],
)
def test_inspect_on_bad_arguments_ends_with_one_clear_error(arguments: list[str], message: str) -> None:
    assert message in run("inspect_graph.py", *arguments, status=1)


def test_load_with_a_bad_schema_lists_its_faults_before_it_reads_anything(tmp_path: Path) -> None:
    (tmp_path / "shop.toml").write_text('[labels.A]\nmeaning = 1\nproperties = { x = "number" }\n', "utf-8")
    arguments = ["nowhere", "--path", tmp_path / "graph", "--schema", tmp_path / "shop.toml"]
    printed = run("load_graph.py", *arguments, status=1)
    assert "A: `meaning` is 1, expected text" in printed
    assert "A.x: type 'number' is none of string" in printed
    assert not (tmp_path / "graph").exists()
