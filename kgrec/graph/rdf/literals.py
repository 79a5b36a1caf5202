"""What RDF literals say, as columns of the types a KnowledgeGraph holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from rdflib import XSD, Literal

from kgrec.graph.rdf.facts import Skipped, Value

Scalar = str | int | float | bool

_INTEGERS = frozenset(
    getattr(XSD, name)
    for name in (
        *("integer", "long", "int", "short", "byte", "nonNegativeInteger", "positiveInteger", "nonPositiveInteger"),
        *("negativeInteger", "unsignedLong", "unsignedInt", "unsignedShort", "unsignedByte"),
    )
)
_FLOATS = frozenset((XSD.double, XSD.float, XSD.decimal))
_BOOLEAN = XSD.boolean
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}
_TYPES: dict[type, pl.DataType] = {str: pl.String(), int: pl.Int64(), float: pl.Float64(), bool: pl.Boolean()}


def value_column(
    name: str, said: Mapping[int, Sequence[Value]], height: int, skipped: Skipped, language: str | None
) -> pl.Series:
    """One property of a table; null where nothing is said.

    Parameters
    ----------
    said : mapping of row to what is said there
    height : int
        Rows of the table.
    """
    chosen = {row: _one_language(values, language, name, skipped) for row, values in said.items()}
    if any(len(values) > 1 or isinstance(values[0], list) for values in chosen.values()):
        return _filled(name, {row: _texts(values) for row, values in chosen.items()}, height, pl.List(pl.String))
    literals: dict[int, Literal] = {row: values[0] for row, values in chosen.items()}  # type: ignore[misc]
    scalars = {row: literal_value(literal) for row, literal in literals.items()}
    kinds = set(map(type, scalars.values()))
    if kinds == {int, float}:
        return _filled(name, {row: float(value) for row, value in scalars.items()}, height, pl.Float64())
    if len(kinds) > 1:
        return _filled(name, {row: str(literal) for row, literal in literals.items()}, height, pl.String())
    return _filled(name, scalars, height, _TYPES[kinds.pop()])


def literal_value(literal: Literal) -> Scalar:
    """The value of a literal; its text when its type is none of a KnowledgeGraph's or it does not fit it.

    >>> literal_value(Literal("12.50", datatype=XSD.decimal)), literal_value(Literal("x", datatype=XSD.integer))
    (12.5, 'x')
    """
    text, datatype = str(literal), literal.datatype
    if datatype is None:
        return text
    if datatype == _BOOLEAN:
        return _BOOLEANS.get(text, text)
    try:
        if datatype in _FLOATS:
            return float(text)
        if datatype in _INTEGERS and -(2**63) <= int(text) < 2**63:
            return int(text)
    except ValueError:  # not what its type says
        pass
    return text


def _filled(name: str, values: Mapping[int, object], height: int, dtype: pl.DataType) -> pl.Series:
    column: list[object] = [None] * height
    for row, value in values.items():
        column[row] = value
    return pl.Series(name, column, dtype=dtype)


def _texts(values: Sequence[Value]) -> list[str | None]:
    """Several literals are a set, so their order is that of the alphabet; a list keeps its own."""
    texts: list[str | None] = []
    texts += sorted({str(value) for value in values if isinstance(value, Literal)})
    for value in values:
        if not isinstance(value, Literal):
            texts += value
    return texts


def _one_language(values: Sequence[Value], language: str | None, name: str, skipped: Skipped) -> Sequence[Value]:
    """Leave out the texts in other languages than the one wanted."""
    languages = [value.language if isinstance(value, Literal) else None for value in values]
    if len(values) == 1 or not any(languages):
        return values
    present = sorted({found for found in languages if found})
    if language in present:
        best: str | None = language
    else:
        best = None if None in languages else present[0]
    kept = [value for value, found in zip(values, languages, strict=True) if found == best]
    for value, found in zip(values, languages, strict=True):
        if found != best:
            skipped.add("texts in other languages", f"{name} @{found or '(none)'} {value}")
    return kept
