"""What the scripts share: reading a split, one-line errors."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import kgrec
from kgrec.data.splitting import METHODS as SPLITS  # noqa: F401


def add_on_unknown(parser: argparse.ArgumentParser) -> None:
    """The option of what becomes of events of items that a dataset folder doesn't have."""
    what = "events of items that the dataset does not have: an error (default), or left out"
    parser.add_argument("--on-unknown", choices=("raise", "skip"), default="raise", help=what)


def read_split(folder: Path, method: str, seed: int, on_unknown: str) -> tuple[kgrec.Dataset, kgrec.Split]:
    """A dataset folder and its split."""
    dataset = kgrec.read_dataset(folder, on_unknown=on_unknown)  # type: ignore[arg-type]
    return dataset, dataset.split(method, seed=seed)  # type: ignore[arg-type]


def write_json(file: Path, value: object) -> None:
    """Write a file whole or not at all."""
    partial = file.with_name(f"{file.name}.part")
    partial.write_text(json.dumps(value, indent=2), "utf-8")
    partial.replace(file)


def run_script(main: Callable[[], None]) -> None:
    """Call `main`; an error of kgrec's or the system's ends with its message and status 1, without a traceback."""
    try:
        main()
    except kgrec.KgrecError as error:
        sys.exit(f"error: {error}")
    except BrokenPipeError:  # the reader of a pipe left, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:  # a folder that isn't there, a full disk
        sys.exit(f"error: {error}")
