"""The graph in RDF: Turtle, N-Triples and JSON-LD out and in, SHACL validation, and the markup shops publish.

The only folder that imports rdflib and pyshacl, which the extra `rdf` brings; each name is imported on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from kgrec.errors import GraphError

if TYPE_CHECKING:
    from kgrec.graph.rdf.files import read_rdf, write_rdf
    from kgrec.graph.rdf.product_markup import read_product_markup
    from kgrec.graph.rdf.reading import from_rdf
    from kgrec.graph.rdf.shacl import ShaclReport, validate
    from kgrec.graph.rdf.writing import to_rdf

__all__ = ["ShaclReport", "from_rdf", "read_product_markup", "read_rdf", "to_rdf", "validate", "write_rdf"]

_HOME = {
    "ShaclReport": "shacl",
    "from_rdf": "reading",
    "read_product_markup": "product_markup",
    "read_rdf": "files",
    "to_rdf": "writing",
    "validate": "shacl",
    "write_rdf": "files",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_HOME[name]}")
    except ModuleNotFoundError as error:
        if error.name not in ("rdflib", "pyshacl"):
            raise
        raise GraphError(f'RDF needs the package {error.name}: pip install "kgrec[rdf]"') from error
    return getattr(module, name)
