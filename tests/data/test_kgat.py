"""KGAT's files: a tiny folder whose tables are worked out by hand, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgrec.data.reading import read_dataset
from kgrec.errors import DataError
from kgrec.graph.knowledge_graph import KnowledgeGraph

# items 0..3 (2 in the graph alone, 3 the largest of all), entities 4 and 5
FILES = {
    "train.txt": "0 1 0\n1 3 3 \n2\n",
    "test.txt": "0 3\n1 1\n",
    "kg_final.txt": "0 0 4\n2 0 4\n4 1 5\n3 1 1\n",
    "item_list.txt": "org_id remap_id freebase_id\nB00 0 m.0\nB01 1 m.1\nB03 3 m.3\n",
    "user_list.txt": "org_id remap_id\nAnn 0\nBob 1\n",
    "relation_list.txt": "org_id remap_id\nfilm.actor.film 0\n",
    "entity_list.txt": "org_id remap_id\nm.0 0\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def message(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_dataset(folder)
    return str(caught.value)


def test_kgat_parts_are_a_fixed_split_with_an_empty_validation(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, FILES))
    split = dataset.split("fixed")
    pairs = {name: part.events.select("user_id", "item_id").rows() for name, part in split.parts.items()}
    assert pairs == {
        "train": [("0", "1"), ("0", "0"), ("1", "3")],
        "validation": [],
        "test": [("0", "3"), ("1", "1")],
    }
    assert split.test.history is not None
    assert split.test.history.height == 3
    assert dataset.report.rows("train.txt", "item named twice for a user") == 1
    assert dataset.report.rows("train.txt", "user without an item") == 1


def test_kgat_valid_file_is_the_validation_part(tmp_path: Path) -> None:
    split = read_dataset(write(tmp_path, {**FILES, "valid.txt": "0 2\n"})).split("fixed")
    assert split.validation.events.select("user_id", "item_id").rows() == [("0", "2")]


def test_kgat_items_are_those_of_parts_list_and_graph(tmp_path: Path) -> None:
    """2 occurs in the graph alone, below the largest item: it is an item; 4 and 5 are entities."""
    items = read_dataset(write(tmp_path, FILES)).items
    assert items.select("item_id", "org_id", "freebase_id").rows() == [
        ("0", "B00", "m.0"),
        ("1", "B01", "m.1"),
        ("2", None, None),
        ("3", "B03", "m.3"),
    ]


def test_kgat_graph_takes_relation_names_from_the_list(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, FILES))
    assert dataset.triples.rows() == [
        ("0", "film.actor.film", "4"),
        ("2", "film.actor.film", "4"),
        ("4", "1", "5"),
        ("3", "1", "1"),
    ]
    assert list(KnowledgeGraph.from_dataset(dataset).edges) == [
        ("Entity", "REL_1", "Entity"),
        ("Product", "FILM_ACTOR_FILM", "Entity"),
        ("Product", "REL_1", "Product"),
    ]


def test_kgat_user_list_gives_the_users(tmp_path: Path) -> None:
    assert read_dataset(write(tmp_path, FILES)).users.rows() == [("0", "Ann"), ("1", "Bob")]


def test_kgat_without_graph_and_lists_is_read_too(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, {name: FILES[name] for name in ("train.txt", "test.txt")}))
    assert dataset.items["item_id"].to_list() == ["0", "1", "3"]
    assert dataset.triples.height == dataset.users.height == 0


def test_kgat_many_faults_raise_one_error_that_lists_all(tmp_path: Path) -> None:
    files = {
        "train.txt": "0 1\nu 2\n1 2.5\n",
        "kg_final.txt": "0 1\n0 1 2\n0 x 2\n",
        "item_list.txt": "org_id remap_id\na 1\nb 1\nc x\nd\n",
        "user_list.txt": "name number\nAnn 0\n",
        "relation_list.txt": "",
    }
    text = message(write(tmp_path, files))
    for fault in (
        "test.txt: the file is missing; a KGAT folder holds train.txt and test.txt",
        "train.txt: 2 lines with something else than whole numbers: a user and its items (line 2: 'u 2', line 3: '1",
        "kg_final.txt: 2 lines with something else than three whole numbers: head, relation, tail (line 1: '0 1', line",
        "item_list.txt: 1 line with another number of fields than 2 (line 5: 'd')",
        "item_list.txt: 1 line with a remap_id that is no whole number (line 4: 'c x')",
        "item_list.txt: 1 remap_id listed twice, such as 1",
        "user_list.txt: the header is 'name number'; expected one like 'org_id remap_id'",
        "relation_list.txt: the file is empty",
    ):
        assert f"\n  - {fault}" in text
    assert "8 faults" in text


def test_kgat_part_without_any_item_is_a_fault(tmp_path: Path) -> None:
    assert "test.txt: the table is empty" in message(write(tmp_path, {"train.txt": "0 1\n", "test.txt": "0\n"}))
