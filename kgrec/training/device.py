"""Where to compute."""

from __future__ import annotations

import torch

from kgrec.errors import ConfigError


def resolve_device(device: str | torch.device | None) -> torch.device:
    """None: CUDA when there, else the CPU.

    Raises
    ------
    ConfigError
        If a device is asked for that this machine or this torch does not have.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError as error:
        raise ConfigError(f"device {device!r} is not a torch device, such as 'cpu' or 'cuda:0'") from error
    if resolved.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device {device!r} was asked for, but torch sees no CUDA here; pass device=None or 'cpu'")
    return resolved
