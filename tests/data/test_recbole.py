"""RecBole's atomic files: a tiny folder whose tables are worked out by hand, and files that are wrong."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from kgrec.data.dataset import Dataset
from kgrec.data.reading import read_dataset
from kgrec.errors import ConfigError, DataError
from kgrec.graph.knowledge_graph import KnowledgeGraph

FILES = {
    "tiny.inter": (
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\n01\t007\t4.5\t978300760\n01\t8\t3\t978300761.0\n2\t8\t1\t978300762\n"
    ),
    "tiny.item": (
        "item_id:token\tmovie_title:token_seq\tcategories:token_seq\tprice:float\trelease_year:token\tgenre:token_seq"
        "\trank:float\timage:float_seq\n"
        '007\t"Red ""lip"" stick"\tBeauty, Make-up\t9.50\t1999\tmatte long\t3\t0.5 1\n'
        "8\tSoap\tBeauty\t\t\t\t\t\n"
    ),
    "tiny.user": "user_id:token\tage:token\ttags:token_seq\theight:float\n01\t24\ta b\t1.5\n",
    "tiny.kg": (
        "head_id:token\trelation_id:token\ttail_id:token\nm.1\tmade in\tm.9\nm.1\tgoes with\tm.2\nm.9\tpart of\t8\n"
    ),
    "tiny.link": "item_id:token\tentity_id:token\n007\tm.1\n8\tm.2\n99\tm.3\n",
}


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def message(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_dataset(folder)
    return str(caught.value)


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    return read_dataset(write(tmp_path, FILES))


def test_recbole_ratings_are_reviews_that_keep_their_rating(dataset: Dataset) -> None:
    assert dataset.events.select("user_id", "item_id", "event", "timestamp", "rating").rows() == [
        ("01", "007", "review", 978300760, 4.5),
        ("01", "8", "review", 978300761, 3.0),
        ("2", "8", "review", 978300762, 1.0),
    ]
    assert dataset.interactions.height == 3


def test_recbole_item_columns_are_taken_by_name_and_the_rest_by_type(dataset: Dataset) -> None:
    first, second = dataset.items.to_dicts()
    assert first | {"title": 'Red "lip" stick', "brand": None, "description": None} == first
    assert {name: first[name] for name in ("item_id", "category", "price", "attributes", "rank", "image")} == {
        "item_id": "007",
        "category": "Beauty > Make-up",
        "price": 9.5,
        "attributes": '{"genre": ["matte", "long"], "release_year": "1999"}',
        "rank": 3.0,
        "image": [0.5, 1.0],
    }
    assert (second["title"], second["category"], second["price"], second["attributes"]) == (
        "Soap",
        "Beauty",
        None,
        None,
    )
    assert dataset.items.schema["image"] == pl.List(pl.Float32)


def test_recbole_user_columns_keep_their_types(dataset: Dataset) -> None:
    assert dataset.users.to_dicts() == [{"user_id": "01", "age": "24", "tags": ["a", "b"], "height": 1.5}]


def test_recbole_linked_entities_are_the_items(dataset: Dataset) -> None:
    """The entity 8 of the last triple is no item: item 8 is linked to m.2."""
    assert dataset.triples.rows() == [
        ("007", "made in", "m.9"),
        ("007", "goes with", "8"),
        ("m.9", "part of", "entity 8"),
    ]
    assert dataset.report.rows("tiny.link", "item_id not in items") == 1
    graph = KnowledgeGraph.from_dataset(dataset)
    assert graph.edges["Product", "GOES_WITH", "Product"].rows() == [("007", "8")]
    assert graph.nodes["Entity"]["id"].to_list() == ["entity 8", "m.9"]


def test_recbole_entity_of_two_items_gives_both_its_facts(tmp_path: Path) -> None:
    files = {**FILES, "tiny.link": "item_id:token\tentity_id:token\n007\tm.1\n8\tm.1\n"}
    triples = read_dataset(write(tmp_path, files)).triples
    assert triples.filter(pl.col("relation") == "made in")["head"].to_list() == ["007", "8"]


def test_recbole_without_item_file_takes_the_items_of_the_events(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, {"tiny.inter": "user_id:token\titem_id:token\nu\tb\nu\ta\n"}))
    assert dataset.items["item_id"].to_list() == ["b", "a"]
    assert dataset.events["event"].to_list() == ["click", "click"]


def test_recbole_benchmark_files_are_a_fixed_split(tmp_path: Path) -> None:
    header = "user_id:token\titem_id:token\n"
    files = {
        f"tiny.{part}.inter": f"{header}u\t{item}\n"
        for part, item in zip(("train", "valid", "test"), "abc", strict=True)
    }
    split = read_dataset(write(tmp_path, files)).split("fixed")
    assert [part.events["item_id"].to_list() for part in split.parts.values()] == [["a"], ["b"], ["c"]]
    (tmp_path / "tiny.valid.inter").unlink()
    split = read_dataset(tmp_path).split("fixed")
    assert split.validation.events.height == 0
    assert split.test.history is not None
    assert split.test.history["item_id"].to_list() == ["a"]


def test_recbole_files_with_byte_order_mark_crlf_and_blank_lines_read_alike(tmp_path: Path) -> None:
    text = "\ufeff" + FILES["tiny.inter"].replace("\n", "\r\n\r\n")
    write(tmp_path, FILES)
    plain = read_dataset(tmp_path)
    (tmp_path / "tiny.inter").write_bytes(text.encode())
    assert read_dataset(tmp_path).fingerprint() == plain.fingerprint()


def test_recbole_tab_between_quotes_parts_nothing(tmp_path: Path) -> None:
    items = 'item_id:token\ttitle:token\tbrand:token\n007\t"Red \t""lip"""\tAcme\n8\t6" ruler\tB\n9\t"Half\t\n'
    dataset = read_dataset(write(tmp_path, {"tiny.inter": FILES["tiny.inter"], "tiny.item": items}))
    assert dataset.items.select("title", "brand").rows() == [
        ('Red \t"lip"', "Acme"),
        ('6" ruler', "B"),
        ('"Half', None),
    ]


@pytest.mark.parametrize("text", ["x" * 140_000, "foo\rbar"])
def test_recbole_line_that_no_reader_takes_is_a_fault(tmp_path: Path, text: str) -> None:
    write(tmp_path, {"x.inter": "user_id:token\titem_id:token\nu\ta\nu\tb\n"})
    table = f"item_id:token\ttitle:token_seq\tprice:float\na\t{text}\nb\tt\t1\n"
    (tmp_path / "x.item").write_bytes(table.encode())
    assert "another number of fields than 3" in message(tmp_path)


def test_recbole_many_faults_raise_one_error_that_lists_all(tmp_path: Path) -> None:
    files = {
        "tiny.inter": (
            "user_id:token\titem_id:token\trating:float\ttimestamp:float\nu\ta\tgood\t5\nu\ta\nu\tx\t1\tnoon\n"
        ),
        "tiny.item": "item_id:token\tprice:float\timage:float_seq\na\tcheap\t0.5 x\n",
        "tiny.user": "user_id\tage:tokens\nu\t3\n",
        "tiny.kg": "head_id:token\ttail_id:token\na\tb\n",
        "tiny.link": "",
    }
    text = message(write(tmp_path, files))
    for fault in (
        "tiny.inter: 1 line with another number of fields than 4 (line 3: 'u\\ta')",
        "tiny.inter: 1 row with a rating that is not a number (row 2: 'good')",
        "tiny.inter: 1 row with a bad timestamp (row 4: 'noon')",
        "tiny.inter: 1 row (first: 4) with an item_id that is not among the 1 of items: 'x'",
        "tiny.item: 1 row with a price that is not a number (row 2: 'cheap')",
        "tiny.item: 1 row with a image that is not a list of numbers (row 2: '0.5 x')",
        "tiny.user: header fields 'user_id', 'age:tokens'; expected name:type",
        "tiny.kg: missing required column 'relation_id' (found 'head_id', 'tail_id')",
        "tiny.link: the file is empty",
    ):
        assert f"\n  - {fault}" in text
    assert "9 faults" in text


def test_recbole_two_datasets_in_one_folder_are_a_fault(tmp_path: Path) -> None:
    write(tmp_path, {"a.inter": FILES["tiny.inter"], "b.inter": FILES["tiny.inter"]})
    assert "holds the datasets 'a', 'b'; give a folder with the files of one dataset" in message(tmp_path)


def test_recbole_not_text_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "tiny.inter").write_bytes(b"user_id:token\titem_id:token\n\xff\xfe\t1\n")
    assert "tiny.inter: can't be read as UTF-8 text" in message(tmp_path)


def test_recbole_files_that_are_not_read_are_reported(tmp_path: Path) -> None:
    dataset = read_dataset(write(tmp_path, {**FILES, "tiny.net": "source_id:token\ttarget_id:token\n"}))
    assert dataset.report.rows("tiny.net", "not a table of a dataset") == 1


def test_read_dataset_with_files_of_two_layouts_asks_which(tmp_path: Path) -> None:
    write(tmp_path, {**FILES, "items.csv": "item_id\na\n", "events.csv": "user_id,item_id\nu,a\n"})
    assert "holds files of the layouts 'kgrec', 'recbole'; say which: layout=..." in message(tmp_path)
    assert read_dataset(tmp_path, layout="kgrec").items.height == 1
    assert read_dataset(tmp_path, layout="recbole").items.height == 2


def test_read_dataset_with_unknown_layout_is_a_config_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="layout is 'csv', expected one of auto, kgrec, recbole, kgat"):
        read_dataset(tmp_path, layout="csv")  # type: ignore[arg-type]


@pytest.mark.parametrize("layout", ["recbole", "kgat"])
def test_read_dataset_of_no_such_folder_is_a_data_error(layout: str, tmp_path: Path) -> None:
    with pytest.raises(DataError):
        read_dataset(tmp_path / "nowhere", layout=layout)  # type: ignore[arg-type]


def test_recbole_text_with_quotes_of_its_own_keeps_them(tmp_path: Path) -> None:
    text = (
        "item_id:token\tmovie_title:token_seq\tattributes:float\tgenre:token\n"
        '007\t"Weird Al" in "UHF"\t1\tfun\n8\t""\t\t\n'
    )
    items = read_dataset(write(tmp_path, {**FILES, "tiny.item": text})).items
    assert items["title"].to_list() == ['"Weird Al" in "UHF"', None]
    assert items["attributes"].to_list()[0] == '{"genre": "fun"}'
