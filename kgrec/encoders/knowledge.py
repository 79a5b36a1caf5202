"""Vectors of the graph's nodes, learned from its facts alone (PyG's knowledge graph embeddings)."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from kgrec.config import KnowledgeModel
from kgrec.progress import progress_bar
from kgrec.tensors.geometric import ComplEx, DistMult, HeteroData, KGEModel, RotatE, TransE

FACTS, MOST_STEPS = 4096, 100  # of a step, and of an epoch: with more facts the steps are larger
MOST_FACTS = 10_000_000  # seen in all, from the second pass on


def knowledge_model(name: KnowledgeModel, num_nodes: int, num_relations: int, dim: int) -> KGEModel:
    """The PyG model of that name.

    Source: TransE, Bordes et al. 2013; DistMult, Yang et al. 2015; ComplEx, Trouillon et al. 2016; RotatE, Sun et al.
    2019.
    """
    match name:
        case "TransE":
            return TransE(num_nodes, num_relations, dim)
        case "DistMult":
            return DistMult(num_nodes, num_relations, dim)
        case "ComplEx":
            return ComplEx(num_nodes, num_relations, dim)
        case "RotatE":
            return RotatE(num_nodes, num_relations, dim)


def train_knowledge(
    data: HeteroData,
    *,
    model: KnowledgeModel,
    dim: int,
    epochs: int,
    generator: torch.Generator,
    device: torch.device,
    batch_size: int | None = None,
    learning_rate: float = 0.01,
    progress: bool = False,
) -> dict[str, Tensor]:
    """Embed every node of `data` from its edges.

    Parameters
    ----------
    data : HeteroData
        As made by `kgrec.tensors.hetero.hetero_data`.
    epochs : int
        Passes over the facts; fewer where these see more than ten million facts.
    generator : torch.Generator
        On CPU; decides the start, the order of the facts and the corrupted ones.
    batch_size : int, optional
        Facts in a step; None: 4096, or a hundredth of the facts where that is more. Each step updates all nodes, so
        that with more facts and nodes the work of an epoch would otherwise grow with their product.

    Returns
    -------
    dict of label -> Tensor, shape (num_nodes of that label, width), float32
        Unit length, zero for nodes without a fact; `width` is `dim`, twice that where the model's vectors are complex.
    """
    offset, total = {}, 0
    for label in data.node_types:
        offset[label] = total
        total += data[label].num_nodes
    heads, relations, tails = _facts(data, offset)
    epochs = min(epochs, max(1, MOST_FACTS // max(len(heads), 1)))
    batch_size = batch_size or max(FACTS, math.ceil(len(heads) / MOST_STEPS))
    with torch.random.fork_rng(devices=[]):  # PyG draws its start and its corruptions from the global generator
        torch.manual_seed(int(torch.randint(2**62, (1,), generator=generator)))
        network = knowledge_model(model, max(total, 1), max(len(data.edge_types), 1), dim).to(device)
        optimizer = torch.optim.Adam(network.parameters(), lr=learning_rate, fused=True)
        with progress_bar(f"{model} facts", epochs, progress) as bar:
            for _ in range(epochs if len(heads) else 0):
                for rows in torch.split(torch.randperm(len(heads)), batch_size):
                    optimizer.zero_grad()
                    loss = network.loss(*(part[rows].to(device) for part in (heads, relations, tails)))
                    loss.backward()
                    optimizer.step()
                bar.update()
    vectors = _vectors(network)
    named = torch.zeros(total, dtype=torch.bool)
    named[heads] = named[tails] = True
    vectors = torch.where(named[:, None], torch.nn.functional.normalize(vectors, dim=-1), 0.0)
    return {label: vectors[begin : begin + data[label].num_nodes].clone() for label, begin in offset.items()}


def _facts(data: HeteroData, offset: dict[str, int]) -> tuple[Tensor, Tensor, Tensor]:
    heads, relations, tails = [], [], []
    for place, edge_type in enumerate(data.edge_types):
        head, _, tail = edge_type
        index = data[edge_type].edge_index
        heads.append(index[0] + offset[head])
        tails.append(index[1] + offset[tail])
        relations.append(torch.full((index.shape[1],), place))
    if not heads:
        empty = torch.zeros(0, dtype=torch.long)
        return empty, empty, empty
    return torch.cat(heads), torch.cat(relations), torch.cat(tails)


def _vectors(network: KGEModel) -> Tensor:
    parts = [network.node_emb.weight]
    if isinstance(network, (ComplEx, RotatE)):
        parts.append(network.node_emb_im.weight)
    return torch.cat([part.detach().cpu() for part in parts], dim=1)
