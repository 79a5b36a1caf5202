"""Named queries as files: their parameters, and a shop's own folder of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgrec.errors import GraphError
from kgrec.graph.schema.queries import list_queries, read_query


def write(folder: Path, name: str, text: str) -> None:
    (folder / f"{name}.cypher").write_text(text, "utf-8")


def test_named_query_without_a_value_for_a_parameter_lists_the_faults() -> None:
    with pytest.raises(GraphError) as caught:
        read_query("paths_between_products").bind({"head": "p1", "nope": 1, "limit": "ten"})
    assert "'tail' needs a value: item_id of the other" in str(caught.value)
    assert "'nope' is unknown" in str(caught.value)
    assert "'limit' is 'ten', expected the type integer" in str(caught.value)


def test_named_query_defaults_are_filled_in() -> None:
    query = read_query("products_of_brand")
    assert query.bind({"brand": "acme"}) == {"brand": "acme", "limit": 50}
    assert query.defaults == {"limit": 50}


def test_named_query_texts_become_values_of_the_types_declared() -> None:
    query = read_query("products_of_brand")
    assert query.parse({"brand": "007", "limit": "5"}) == {"brand": "007", "limit": 5}
    assert query.bind(query.parse({"brand": "true"})) == {"brand": "true", "limit": 50}
    with pytest.raises(GraphError, match="'limit' is 'many', expected the type integer"):
        query.bind(query.parse({"brand": "acme", "limit": "many"}))


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [("float", "2", 2.0), ("boolean", "True", True), ("boolean", "false", False), ("integer", "-1", -1)],
)
def test_query_parameter_reads_its_type(tmp_path: Path, kind: str, text: str, value: object) -> None:
    write(tmp_path, "own", f"// Own.\n// $x ({kind}): a value\nRETURN $x AS x\n")
    query = read_query("own", tmp_path)
    assert query.bind(query.parse({"x": text})) == {"x": value}


def test_read_query_of_unknown_name_lists_the_names() -> None:
    with pytest.raises(GraphError, match="no query is named 'nope'; there are: attributes_of_category"):
        read_query("nope")
    with pytest.raises(GraphError, match="no query is named 'orphan'; did you mean 'orphans'?"):
        read_query("orphan")


def test_query_folder_of_a_shop_adds_to_the_queries_and_replaces_one(tmp_path: Path) -> None:
    write(tmp_path, "late_deliveries", "// Late ones.\n// of a supplier\n\nRETURN 1 AS one\n")
    write(tmp_path, "orphans", "// Ours.\nRETURN 2 AS two\n")
    queries = {query.name: query for query in list_queries(tmp_path)}
    assert len(queries) == len(list_queries()) + 1
    assert queries["late_deliveries"].purpose == "Late ones. of a supplier"
    assert queries["late_deliveries"].cypher == "RETURN 1 AS one"
    assert queries["orphans"].purpose == "Ours."


def test_query_folder_that_is_missing_says_so(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="nowhere: no such folder of queries"):
        list_queries(tmp_path / "nowhere")


def test_query_file_with_faults_lists_every_one(tmp_path: Path) -> None:
    write(
        tmp_path,
        "own",
        '// Own.\n// $a (number): x\n// $b (integer) = "5": x\n// $c (string) = x: x\n// $d (string): x\n'
        "RETURN $a, $b, $c\n",
    )
    with pytest.raises(GraphError) as caught:
        read_query("own", tmp_path)
    assert f"{tmp_path / 'own.cypher'}: 4 faults" in str(caught.value)
    for part in ("$a is used and not declared", '$b: the default "5"', "$c: the default x", "$d is declared and not"):
        assert part in str(caught.value)
