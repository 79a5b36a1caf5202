"""Arrays kept on disk under the hash of what they were made from."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

logger = logging.getLogger(__name__)

_NAME = "vectors"


def cache_folder(kind: str) -> Path:
    """Where arrays of a kind are kept: in the folder that KGREC_CACHE names, else in the user's cache folder."""
    return Path(os.environ.get("KGREC_CACHE") or user_cache_path("kgrec")) / kind


def cache_key(parts: Iterable[str]) -> str:
    """SHA-256 of some texts as 64 hex digits; lengths go before texts, so that no two lists give the same."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part.encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def read_array(file: Path) -> np.ndarray | None:
    """The array of a file; None where there is none or it can't be read, which is a warning."""
    if not file.is_file():
        return None
    try:
        array: np.ndarray = load_file(file)[_NAME]
    except (SafetensorError, KeyError, OSError) as error:
        logger.warning("the cached vectors %s can't be read (%s): made again", file.name, error)
        return None
    return array


def write_array(file: Path, array: np.ndarray) -> None:
    """Keep an array for next time; a cache that can't be written is only a warning."""
    part = file.with_suffix(f".{os.getpid()}.part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        save_file({_NAME: array}, part)
        part.replace(file)
    except OSError as error:
        logger.warning("the vectors can't be cached at %s (%s)", file.parent, error)
