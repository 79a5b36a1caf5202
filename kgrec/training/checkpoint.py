"""The state of a training as one file: tensors and plain values, no pickle."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgrec.errors import SavedModelError

PLAIN = "training"


@dataclass(frozen=True, slots=True)
class TrainingState:
    """All that a training needs to go on.

    Attributes
    ----------
    tensors : mapping of name to Tensor
    plain : mapping
        Values that JSON can hold.
    """

    tensors: Mapping[str, Tensor]
    plain: Mapping[str, Any]

    def under(self, name: str) -> dict[str, Tensor]:
        """The tensors named `name/...`, by the rest of their names."""
        return {key[len(name) + 1 :]: value for key, value in self.tensors.items() if key.startswith(f"{name}/")}


def write_state(file: Path, state: TrainingState) -> None:
    """Write the file anew; a kill in the middle leaves the old one."""
    part = file.with_name(f"{file.name}.{os.getpid()}.part")
    tensors = {name: value.detach().contiguous().cpu() for name, value in state.tensors.items()}
    save_file(tensors, part, metadata={PLAIN: json.dumps(dict(state.plain))})
    part.replace(file)


def read_state(file: Path) -> TrainingState:
    """Read what `write_state` wrote; the tensors are on the CPU.

    Raises
    ------
    SavedModelError
        If the file is something else, or cut short.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            plain = json.loads((opened.metadata() or {})[PLAIN])
            return TrainingState({name: opened.get_tensor(name) for name in opened.keys()}, plain)  # noqa: SIM118
    except (SafetensorError, KeyError, ValueError, OSError) as error:
        raise SavedModelError(f"{file} is not the checkpoint of a training, or is cut short: {error}") from error
