"""Where to compute."""

from __future__ import annotations

import os

import torch

from kgrec.errors import ConfigError


def resolve_device(device: str | torch.device | None) -> torch.device:
    """None: CUDA when there, else the CPU; of several GPUs the one that `torchrun` gave this process.

    Raises
    ------
    ConfigError
        If a device is asked for that this machine or this torch does not have.
    """
    if device is None:
        return torch.device(f"cuda:{os.environ.get('LOCAL_RANK', 0)}" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} is not a torch device, such as 'cpu' or 'cuda:0'") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch sees no CUDA here; pass device=None or 'cpu'")
    return resolved


def is_first_process() -> bool:
    """Whether this process is the one that writes and speaks, where `torchrun` started several."""
    return os.environ.get("RANK", "0") == "0"
