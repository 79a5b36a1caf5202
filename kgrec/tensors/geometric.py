"""The parts of PyTorch Geometric in use, imported without its torch.jit warnings, which nobody here can act on."""

from __future__ import annotations

import warnings

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message="`torch.jit")
    from torch_geometric.data import HeteroData
    from torch_geometric.nn import MessagePassing
    from torch_geometric.nn.kge import ComplEx, DistMult, KGEModel, RotatE, TransE

__all__ = ["ComplEx", "DistMult", "HeteroData", "KGEModel", "MessagePassing", "RotatE", "TransE"]
