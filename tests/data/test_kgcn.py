"""KGCN's files: a tiny folder whose tables are worked out by hand, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgrec.data.reading import read_dataset
from kgrec.errors import DataError

# items 0..3 (2 in the graph alone), entities 4 and 5
FILES = {
    "ratings_final.txt": "0\t1\t1\n0\t3\t0\n1\t0\t1\n1 1 0\n",
    "kg_final.txt": "0\t0\t4\n2\t1\t4\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def test_kgcn_ratings_are_events_with_labels(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, FILES))
    rows = dataset.events.select("user_id", "item_id", "label").rows()
    assert rows == [("0", "1", 1), ("0", "3", 0), ("1", "0", 1), ("1", "1", 0)]
    assert dataset.interactions.select("user_id", "item_id").rows() == [("0", "1"), ("1", "0")]


def test_kgcn_items_are_those_of_ratings_and_graph(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, FILES))
    assert dataset.items["item_id"].to_list() == ["0", "1", "2", "3"]
    assert dataset.triples.select("head", "relation", "tail").rows() == [("0", "0", "4"), ("2", "1", "4")]


def test_kgcn_ratings_without_a_graph_are_read(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, {"ratings_final.txt": FILES["ratings_final.txt"]}))
    assert dataset.items["item_id"].to_list() == ["0", "1", "3"]


@pytest.mark.parametrize("layout", ["auto", "kgcn"])
def test_kgcn_bad_lines_are_one_fault_each_file(tmp_path: Path, layout: str) -> None:
    files = {"ratings_final.txt": "0 1 1\n0 1\n0 x 1\n", "kg_final.txt": "0 0\n"}
    with pytest.raises(DataError) as caught:
        read_dataset(write(tmp_path, files), layout=layout)  # type: ignore[arg-type]
    assert (
        "ratings_final.txt: 2 lines with something else than three whole numbers: user, item, label (line 2: '0 1', "
        "line 3: '0 x 1')"
    ) in str(caught.value)
    assert "kg_final.txt: 1 line with" in str(caught.value)


def test_kgcn_label_that_is_none_is_a_fault(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="label"):
        read_dataset(write(tmp_path, {"ratings_final.txt": "0 1 2\n"}))


def test_kgcn_folder_without_ratings_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ratings_final.txt"):
        read_dataset(write(tmp_path, {"kg_final.txt": "0 0 1\n"}), layout="kgcn")
