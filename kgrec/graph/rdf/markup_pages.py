"""The JSON-LD blocks of web pages, with their keys made plain."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from kgrec.data.attributes import whole_letters

_CHARSET = re.compile(rb"""<meta[^>]+charset=["']?([A-Za-z0-9_-]+)""", re.IGNORECASE)
_WRAPPING = re.compile(r"^\s*(?://|/\*)?\s*(?:<!--|<!\[CDATA\[)(?:\*/)?|(?://|/\*)?\s*(?:-->|\]\]>)\s*(?:\*/)?\s*$")
_HALVES = re.compile(r"\\ud[89a-f]", re.IGNORECASE)  # of letters beyond 16 bits, which titles are cut between


@dataclass(frozen=True, slots=True)
class Block:
    """One JSON-LD document; `where` says which of which page, for messages."""

    where: str
    data: Any


def read_blocks(page: Path | str, problems: list[str]) -> list[Block]:
    """The JSON-LD blocks of a page given as a file or as text; what can't be read is noted in `problems`."""
    where = "the page given as text" if isinstance(page, str) else str(page)
    text = page if isinstance(page, str) else _text(page, problems)
    if text is None:
        return []
    text = text.lstrip("\ufeff \t\r\n")
    scripts = _scripts(text) if text.startswith("<") else [text]
    if not scripts:
        problems.append(f'{where}: has no <script type="application/ld+json">')
    blocks = []
    for place, script in enumerate(scripts, 1):
        try:
            data = json.loads(_WRAPPING.sub("", script), strict=False)  # shops leave line breaks inside strings
            if _HALVES.search(script):
                data = json.loads(whole_letters(json.dumps(data, ensure_ascii=False)))
        except (ValueError, RecursionError) as error:
            problems.append(f"{where}, block {place}: is no JSON ({error})")
            continue
        blocks.append(Block(f"{where}, block {place}", _plain(data, {})))
    return blocks


def _text(path: Path, problems: list[str]) -> str | None:
    try:
        data = path.read_bytes()
    except OSError as error:
        problems.append(f"{path}: can't be read ({error.strerror or error})")
        return None
    declared = _CHARSET.search(data[:4096])
    for encoding in ("utf-8-sig", declared[1].decode("ascii") if declared else "utf-8-sig"):
        try:
            return data.decode(encoding)
        except (UnicodeDecodeError, LookupError):
            continue
    problems.append(f"{path}: is neither UTF-8 nor in the charset it declares")
    return None


def _scripts(text: str) -> list[str]:
    parser = _Scripts()
    parser.feed(text)
    parser.close()
    return parser.blocks


class _Scripts(HTMLParser):
    """Collects the contents of the JSON-LD scripts of a page."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.blocks: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        kind = (dict(attrs).get("type") or "").partition(";")[0].strip().lower()
        self._inside = tag == "script" and kind == "application/ld+json"
        if self._inside:
            self.blocks.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._inside = False

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.blocks[-1] += data


def _plain(value: Any, aliases: Mapping[str, str]) -> Any:
    """The same JSON with keys and types by their last part (`schema:name` -> `name`) and without contexts."""
    if isinstance(value, list):
        return [_plain(member, aliases) for member in value]
    if not isinstance(value, dict):
        return value
    aliases = {**aliases, **_aliases(value.get("@context"))}
    plain: dict[str, Any] = {}
    for key, member in value.items():
        if key == "@context":
            continue
        name = _last_part(aliases.get(str(key), str(key)))
        if name == "@type":
            types = member if isinstance(member, list) else [member]
            plain[name] = [_last_part(aliases.get(kind, kind)) for kind in types if isinstance(kind, str)]
        else:
            plain[name] = _plain(member, aliases)
    return plain.get("@value", plain)


def _aliases(context: Any) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in context if isinstance(context, list) else [context]:
        for key, meaning in part.items() if isinstance(part, dict) else ():
            iri = meaning.get("@id") if isinstance(meaning, dict) else meaning
            if isinstance(iri, str) and not key.startswith("@") and not iri.endswith(("/", "#")):
                found[key] = iri
    return found


def _last_part(name: str) -> str:
    return name if name.startswith("@") else re.split(r"[/#:]", name.strip().rstrip("/#"))[-1]
