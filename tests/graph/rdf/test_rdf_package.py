"""The folder's way in: the missing extra, and the script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import kgrec.graph.rdf
from kgrec.errors import GraphError
from kgrec.graph.rdf import read_rdf
from tests.tiny import tiny_items

ROOT = Path(__file__).parents[3]


def convert(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / "convert_graph.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("name", "package"), [("read_rdf", "rdflib"), ("validate", "pyshacl")])
def test_rdf_without_its_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch, name: str, package: str) -> None:
    for module in [module for module in sys.modules if module.startswith("kgrec.graph.rdf.")]:
        monkeypatch.delitem(sys.modules, module)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(GraphError, match=rf'RDF needs the package {package}: pip install "kgrec\[rdf\]"'):
        getattr(kgrec.graph.rdf, name)


def test_rdf_package_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        kgrec.graph.rdf.nope  # noqa: B018
    for name in kgrec.graph.rdf.__all__:
        assert getattr(kgrec.graph.rdf, name).__module__.startswith("kgrec.graph.rdf.")


def test_convert_script_takes_a_dataset_an_rdf_file_and_pages(tmp_path: Path) -> None:
    shop, pages = tmp_path / "shop", tmp_path / "pages"
    shop.mkdir()
    pages.mkdir()
    tiny_items().write_csv(shop / "items.csv")
    (shop / "events.csv").write_text("user_id,item_id\nu,i00\n")
    (pages / "a.html").write_text('<script type="application/ld+json">{"@type": "Product", "sku": "a"}</script>')
    printed = convert(shop, tmp_path / "shop.ttl", "--validate").stdout
    assert "SHACL: the graph conforms" in printed
    assert convert(tmp_path / "shop.ttl", tmp_path / "out" / "shop.jsonld").returncode == 0
    assert read_rdf(tmp_path / "out" / "shop.jsonld") == read_rdf(tmp_path / "shop.ttl")
    assert convert(pages, tmp_path / "pages.nt").returncode == 0
    assert read_rdf(tmp_path / "pages.nt").nodes["Product"]["id"].to_list() == ["a"]
    (tmp_path / "others").mkdir()
    (tmp_path / "others" / "x.inter").write_text("user_id:token\titem_id:token\nu\tb\n")
    assert convert(tmp_path / "others", tmp_path / "others.nt").returncode == 0
    assert read_rdf(tmp_path / "others.nt").nodes["Product"]["id"].to_list() == ["b"]
    failed = convert(tmp_path / "shop.ttl", tmp_path / "shop.csv")
    assert failed.returncode == 1
    assert "unknown RDF format '.csv'" in failed.stderr
