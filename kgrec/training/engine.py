"""What a training runs on: device, precision, processes. The one place that imports Lightning Fabric."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from kgrec.errors import ConfigError

logging.getLogger("lightning_fabric.utilities.rank_zero").setLevel(logging.WARNING)  # it greets on stderr

Precision = Literal["auto", "fp32", "bf16"]


def precision_on(device: torch.device, precision: Precision) -> Precision:
    """What "auto" means there: 16 bits on CPUs that multiply them by themselves, else 32."""
    if precision != "auto":
        return precision
    told: dict[str, bool] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not say
    return "bf16" if device.type == "cpu" and (told.get("avx512_bf16") or told.get("amx_bf16")) else "fp32"


@dataclass(frozen=True, slots=True)
class Machine:
    """What a training is to run on.

    Attributes
    ----------
    device : torch.device
    precision : "fp32" or "bf16"
        bf16: transformer and scores in 16 bits, weights and propagation in 32. "auto" becomes one of them.
    deterministic : bool
        Whether torch may use only algorithms that give the same bits each time.
    """

    device: torch.device
    precision: Precision = "auto"
    deterministic: bool = False

    def __post_init__(self) -> None:
        if self.precision not in get_args(Precision):
            raise ConfigError(f"precision is {self.precision!r}, expected one of {', '.join(get_args(Precision))}")
        object.__setattr__(self, "precision", precision_on(self.device, self.precision))


class Engine:
    """The processes of a training, each with a share of every step; one alone unless `torchrun` started it.

    Each process plans the same steps, works on its share of the rows, and takes the same step after the gradients were
    summed over all of them.

    Parameters
    ----------
    machine : Machine
    """

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        kind, index = machine.device.type, machine.device.index
        processes = local = 1
        if torch.distributed.is_torchelastic_launched():
            processes, local = int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_WORLD_SIZE"])
        self.fabric = Fabric(
            accelerator=kind,
            devices=[index or 0] if kind == "cuda" and processes == 1 else local,
            num_nodes=processes // local,
            strategy="ddp" if processes > 1 else "auto",
            precision="bf16-mixed" if machine.precision == "bf16" else "32-true",
        )
        self.fabric.launch()

    @property
    def num_processes(self) -> int:
        return self.fabric.world_size

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.fabric.is_global_zero

    def autocast(self) -> AbstractContextManager[None]:
        """Inside, products are made in the precision asked for."""
        return self.fabric.autocast()

    def backward(self, loss: Tensor) -> None:
        """Add the loss's gradients."""
        self.fabric.backward(loss)

    def shares(self, num_rows: int, parts: int) -> Iterator[tuple[int, int]]:
        """Begin and end of the rows of a step that are this process's, in `parts` parts; empty ones are left out."""
        edges = np.linspace(0, num_rows, self.num_processes * parts + 1).round().astype(int).tolist()
        first = self.fabric.global_rank * parts
        for begin, end in zip(edges[first : first + parts], edges[first + 1 : first + parts + 1], strict=True):
            if begin < end:
                yield begin, end

    @torch.no_grad()
    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the sum over all; a parameter that none has a gradient of keeps none."""
        if self.num_processes == 1:
            return
        own = list(parameters)
        has = torch.tensor([float(one.grad is not None) for one in own], device=self.machine.device)
        parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in own]
        summed = self.fabric.all_reduce(torch.cat([has, *(part.reshape(-1) for part in parts)]), reduce_op="sum")
        assert isinstance(summed, Tensor)
        found, *pieces = torch.split(summed, [len(own), *(one.numel() for one in own)])
        for parameter, any_has, piece in zip(own, found.tolist(), pieces, strict=True):
            parameter.grad = piece.view_as(parameter).clone() if any_has else None

    def summed(self, values: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
        """What the processes added to the values that all of them began with, in sum."""
        if self.num_processes == 1:
            return dict(values)
        added = torch.tensor([value - before.get(name, 0.0) for name, value in values.items()], dtype=torch.float64)
        total = self.fabric.all_reduce(added.to(self.machine.device), reduce_op="sum")
        assert isinstance(total, Tensor)
        return {name: before.get(name, 0.0) + more for name, more in zip(values, total.tolist(), strict=True)}

    def agree(self, value: float) -> float:
        """The first process's value, on all."""
        return float(self.fabric.broadcast(value)) if self.num_processes > 1 else value

    def first_before_others(self) -> AbstractContextManager[None]:
        """What is inside is done by the first process, then by the others: it may leave them something on disk."""
        return self.fabric.rank_zero_first()

    @contextmanager
    def same_bits(self) -> Iterator[None]:
        """Inside, torch uses algorithms that give the same bits each time, where that is asked for.

        On CUDA `CUBLAS_WORKSPACE_CONFIG=:4096:8` must be in the environment before CUDA is first used; it is set here.
        """
        if not self.machine.deterministic:
            yield
            return
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
        before = torch.are_deterministic_algorithms_enabled()
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
