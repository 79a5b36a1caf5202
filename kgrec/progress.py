"""One look for every progress bar."""

from __future__ import annotations

from typing import Any

from tqdm import tqdm


def progress_bar(what: str, total: int, show: bool, unit: str = "") -> tqdm[Any]:
    """A bar on stderr when `show`, else a silent stand-in with the same methods; use it as a context manager."""
    return tqdm(total=total, desc=what, unit=unit or "it", disable=not show, leave=False, dynamic_ncols=True)
