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

    def rows(self, index: Tensor) -> Adjacency:
        """Some rows of the matrix, in the order of `index`, int64, shape (num_rows,)."""
        begin, matrix = self.matrix.crow_indices(), self.matrix
        count = begin[index + 1] - begin[index]
        crow = _running_sum(count)
        line = torch.repeat_interleave(torch.arange(len(index), device=index.device), count)
        at = torch.arange(len(line), device=index.device) + (begin[index] - crow[:-1])[line]
        column, value = matrix.col_indices()[at], matrix.values()[at]
        order = torch.argsort(column, stable=True)
        columns = _running_sum(torch.bincount(column, minlength=matrix.shape[1]))
        shape = len(index), matrix.shape[1]
        return Adjacency(_csr(crow, column, value, shape), _csr(columns, line[order], value[order], shape[::-1]))


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
    return _csr(
        torch.from_numpy(matrix.indptr.astype(np.int64)),
        torch.from_numpy(matrix.indices.astype(np.int64)),
        torch.from_numpy(matrix.data.astype(np.float32)),
        matrix.shape,
    )


def _csr(crow: Tensor, column: Tensor, value: Tensor, shape: tuple[int, ...]) -> Tensor:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Sparse")  # "CSR support is in beta"
        return torch.sparse_csr_tensor(crow, column, value, size=shape)


def _running_sum(count: Tensor) -> Tensor:
    return torch.cat([count.new_zeros(1), torch.cumsum(count, 0)])


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
