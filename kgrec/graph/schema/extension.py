"""A shop's own schema file laid over kgrec's: what it may say, and where the two contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Tables = Mapping[str, Any]

_FORMS: dict[type, str] = {str: "text", list: "a list of text", dict: "a table"}
_LABEL_FORMS: dict[str, type] = {
    "meaning": str,
    "properties": dict,
    "indexes": list,
    "search": list,
    "vectors": dict,
    "rdf": str,
    "also": list,
    "property_rdf": dict,
}
_RELATION_FORMS: dict[str, type] = {
    "meaning": str,
    "from": str,
    "to": str,
    "column": str,
    "triple": str,
    "properties": dict,
    "indexes": list,
    "rdf": str,
    "also": list,
}
_SECTION_FORMS = {"labels": _LABEL_FORMS, "relations": _RELATION_FORMS}


def well_formed(tables: Tables, faults: list[str]) -> dict[str, Any]:
    """The parts of a schema file that have the form they must have; what is wrong with the others goes to `faults`."""
    faults += [
        f"{key!r} is none of prefixes, labels, relations"
        for key in sorted(tables.keys() - {"prefixes", *_SECTION_FORMS})
    ]
    result: dict[str, Any] = {"prefixes": {}}
    if _has_form(tables.get("prefixes", {}), dict, "prefixes", faults):
        result["prefixes"] = dict(tables.get("prefixes", {}))
    for section, forms in _SECTION_FORMS.items():
        result[section] = {}
        if _has_form(tables.get(section, {}), dict, section, faults):
            for name, table in tables.get(section, {}).items():
                if _has_form(table, dict, f"{section}.{name}", faults):
                    result[section][name] = dict(_good_keys(name, table, forms, faults))
    return result


def merge_tables(base: Tables, own: Tables, faults: list[str]) -> dict[str, Any]:
    """Both schema files as one; every contradiction goes to `faults`, and there the first file stands.

    A known label or relation gains properties, indexes and names. The type of a known property, the ends of a known
    relation, and names in RDF can't change.
    """
    result = {"prefixes": _merge_values("prefixes", base["prefixes"], own["prefixes"], faults)}
    for section in _SECTION_FORMS:
        result[section] = dict(base[section])
        for name, table in own[section].items():
            known = base[section].get(name)
            result[section][name] = table if known is None else _merge_table(name, known, table, faults)
    return result


def _good_keys(name: str, table: Tables, forms: Mapping[str, type], faults: list[str]) -> Iterator[tuple[str, Any]]:
    for key, value in table.items():
        if key not in forms:
            faults.append(f"{name}: {key!r} is none of {', '.join(forms)}")
        elif _has_form(value, forms[key], f"{name}: `{key}`", faults):
            yield key, value


def _has_form(value: object, form: type, where: str, faults: list[str]) -> bool:
    good = isinstance(value, form) and (
        not isinstance(value, list) or all(isinstance(element, str) for element in value)
    )
    if not good:
        faults.append(f"{where} is {value!r}, expected {_FORMS[form]}")
    return good


def _merge_table(name: str, base: Tables, own: Tables, faults: list[str]) -> dict[str, Any]:
    result = dict(base)
    for key, value in own.items():
        known = base.get(key)
        if known is None or key == "meaning":
            result[key] = value
        elif key == "vectors":  # the size is a default: a shop's vectors may have another
            result[key] = {**known, **value}
        elif isinstance(known, list):
            result[key] = [*known, *(element for element in value if element not in known)]
        elif isinstance(known, dict):
            result[key] = _merge_values(f"{name}.{key}", known, value, faults)
        elif known != value:
            faults.append(_contradiction(f"{name}.{key}", known, value))
    return result


def _merge_values(where: str, base: Tables, own: Tables, faults: list[str]) -> dict[str, Any]:
    faults += [
        _contradiction(f"{where}.{key}", base[key], value)
        for key, value in own.items()
        if base.get(key, value) != value
    ]
    return {**own, **base}


def _contradiction(where: str, known: object, found: object) -> str:
    return f"{where}: kgrec's schema has {known!r}, this file {found!r}; leave it out or choose another name"
