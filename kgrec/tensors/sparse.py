"""Sparse products on CSR matrices whose transpose is made once."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import sparse
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Adjacency:
    """A sparse matrix and its transpose, both CSR float32.

    `matrix` has shape (num_targets, num_sources): row i gathers what node i receives.
    """

    matrix: Tensor
    transpose: Tensor

    def to(self, device: torch.device) -> Adjacency:
        """The same matrices on another device."""
        return Adjacency(self.matrix.to(device), self.transpose.to(device))


def mean_adjacency(target_index: np.ndarray, source_index: np.ndarray, num_targets: int, num_sources: int) -> Adjacency:
    """The operator that gives each target the mean of its sources (rows without a source stay zero).

    Parameters
    ----------
    target_index, source_index : arrays of int64, shape (num_edges,)
        The ends of each edge.
    """
    degree = np.bincount(target_index, minlength=num_targets)
    weight = 1.0 / degree[target_index]
    matrix = sparse.csr_array((weight, (target_index, source_index)), shape=(num_targets, num_sources))
    return Adjacency(csr_tensor(matrix), csr_tensor(matrix.T.tocsr()))


def csr_tensor(matrix: sparse.csr_array) -> Tensor:
    """The same matrix for torch, float32."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")  # "CSR support is in beta"
        return torch.sparse_csr_tensor(
            torch.from_numpy(matrix.indptr.astype(np.int64)),
            torch.from_numpy(matrix.indices.astype(np.int64)),
            torch.from_numpy(matrix.data.astype(np.float32)),
            size=matrix.shape,
        )


class _SparseProduct(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, matrix: Tensor, transpose: Tensor, dense: Tensor) -> Tensor:
        ctx.transpose = transpose
        return matrix @ dense

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[None, None, Tensor]:
        return None, None, ctx.transpose @ gradients[0]


def sparse_product(adjacency: Adjacency, dense: Tensor) -> Tensor:
    """`adjacency.matrix @ dense`, differentiable in `dense`; the backward pass uses the ready transpose.

    Parameters
    ----------
    dense : Tensor, shape (num_sources, dim), float32

    Returns
    -------
    Tensor, shape (num_targets, dim), float32
    """
    product: Tensor = _SparseProduct.apply(adjacency.matrix, adjacency.transpose, dense.float())
    return product
