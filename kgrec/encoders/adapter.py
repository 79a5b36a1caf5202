"""Low-rank changes of a BERT's attention, learned while its own weights stay (LoRA)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from kgrec.encoders.text import TextEncoder, mean_pool, tokenize

RANK = 16
# of BERT and its relatives; all linear layers of a model without any of these
ADAPTED = frozenset({"query", "value", "q_lin", "v_lin", "q_proj", "v_proj", "q", "v"})
_PREFIX, _DOWN, _UP = "adapter.", ".down", ".up"


@dataclass(frozen=True, slots=True)
class Adapter:
    """What is added to some weight matrices: W + up @ down.

    Attributes
    ----------
    down : dict of str to Tensor, each of shape (rank, in_features)
        By the name of the linear layer.
    up : dict of str to Tensor, each of shape (out_features, rank)
    """

    down: dict[str, Tensor]
    up: dict[str, Tensor]

    @torch.no_grad()
    def merge_into(self, model: nn.Module) -> None:
        """Add the changes to the weights of a model, in place."""
        for name, down in self.down.items():
            weight = model.get_submodule(name).weight
            assert isinstance(weight, Tensor)
            change = self.up[name].float() @ down.float()
            weight.copy_(weight + change.to(weight.device))

    def mark(self) -> str:
        """Tells adapters apart, for keys of caches."""
        digest = hashlib.sha256()
        for name, value in sorted(self.tensors().items()):
            digest.update(name.encode() + value.cpu().numpy().tobytes())
        return digest.hexdigest()

    def tensors(self) -> dict[str, Tensor]:
        """What is to be saved."""
        parts = {_DOWN: self.down, _UP: self.up}
        return {f"{_PREFIX}{name}{end}": value for end, part in parts.items() for name, value in part.items()}

    @classmethod
    def of(cls, tensors: dict[str, Tensor]) -> Adapter | None:
        """The inverse of `tensors`, which may hold others too; None where there is no adapter among them."""
        down, up = (
            {
                name.removeprefix(_PREFIX).removesuffix(end): value
                for name, value in tensors.items()
                if name.startswith(_PREFIX) and name.endswith(end)
            }
            for end in (_DOWN, _UP)
        )
        return cls(down, up) if down else None


class _Changed(nn.Module):
    def __init__(self, weight: Tensor, rank: int, generator: torch.Generator) -> None:
        super().__init__()
        rows, columns = weight.shape
        self.down = nn.Parameter((torch.randn(rank, columns, generator=generator) / columns**0.5).to(weight.device))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.up @ self.down


class AdaptedBert:
    """A copy of an encoder's BERT, of which low-rank changes of queries' and values' maps can be trained.

    Source: Hu et al. 2022 (LoRA), section 4; they too adapt these two.
    """

    def __init__(self, encoder: TextEncoder, generator: torch.Generator, rank: int = RANK) -> None:
        self._encoder = encoder
        self._tokenizer, self._model = encoder.load_copy()
        self._model.requires_grad_(requires_grad=False)
        self._changes: dict[str, _Changed] = {}
        layers: list[tuple[str, Any]] = [
            (name, layer) for name, layer in self._model.named_modules() if isinstance(layer, nn.Linear)
        ]
        known = [(name, layer) for name, layer in layers if name.rpartition(".")[2] in ADAPTED]
        for name, layer in known or layers:
            self._changes[name] = _Changed(layer.weight, rank, generator)
            parametrize.register_parametrization(layer, "weight", self._changes[name])

    def parameters(self) -> Iterator[nn.Parameter]:
        """Those to be trained."""
        return (parameter for change in self._changes.values() for parameter in change.parameters())

    def __call__(self, texts: Sequence[str]) -> Tensor:
        """Vectors of a few texts, shape (num_texts, text_dim), unit length."""
        tokens = tokenize(self._tokenizer, texts, self._encoder.max_length).to(self._encoder.device)
        return mean_pool(self._model(**tokens).last_hidden_state, tokens["attention_mask"])

    def adapter(self) -> Adapter:
        """The changes as they are now."""
        return Adapter(
            {name: change.down.detach().clone() for name, change in self._changes.items()},
            {name: change.up.detach().clone() for name, change in self._changes.items()},
        )
