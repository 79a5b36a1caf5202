"""Text, knowledge and behaviour vectors."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from kgrec.config import DEFAULT_EVENT_WEIGHTS, KnowledgeModel
from kgrec.encoders.behaviour import BehaviourEncoder
from kgrec.encoders.knowledge import train_knowledge
from kgrec.encoders.text import TextEncoder
from kgrec.errors import ConfigError
from kgrec.tensors.geometric import HeteroData
from kgrec.tensors.sequences import Batch

CPU = torch.device("cpu")
TEXTS = ["red running shoes", "crimson sneakers for joggers", "cast iron frying pan", "", "red running shoes"]


@pytest.fixture(scope="module")
def encoded(tmp_path_factory: pytest.TempPathFactory) -> tuple[np.ndarray, Path]:
    cache = tmp_path_factory.mktemp("cache")
    return TextEncoder(None, device=CPU, cache=cache).encode(TEXTS), cache


def test_text_vectors_of_like_texts_are_close(encoded: tuple[np.ndarray, Path]) -> None:
    vectors, _ = encoded
    assert vectors.shape == (5, 384)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
    np.testing.assert_allclose(np.linalg.norm(vectors[:3], axis=1), 1, atol=1e-3)
    assert not vectors[3].any()
    assert (vectors[0] == vectors[4]).all()


def test_text_vectors_asked_for_again_come_from_the_cache(
    encoded: tuple[np.ndarray, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    vectors, cache = encoded
    monkeypatch.setattr(TextEncoder, "_load", lambda _: pytest.fail("the model was loaded"))
    again = TextEncoder(None, device=CPU, cache=cache).encode(TEXTS[::-1])
    assert (again == vectors[::-1]).all()


def test_text_cache_is_of_the_files_as_they_are_now(tmp_path: Path) -> None:
    """Further training changes a model's weights, not the size of their file."""
    (tmp_path / "weights.bin").write_bytes(b"1234")
    encoder = TextEncoder(str(tmp_path), device=CPU, cache=tmp_path / "cache")
    before = encoder._key(["a"])
    assert encoder._key(["a"]) == before
    (tmp_path / "weights.bin").write_bytes(b"4321")
    os.utime(tmp_path / "weights.bin", ns=(0, 1))
    assert encoder._key(["a"]) != before


def test_text_cache_that_is_damaged_is_made_again(tmp_path: Path) -> None:
    encoder = TextEncoder(None, device=CPU, cache=tmp_path)
    first = encoder.encode(TEXTS[:2])
    file = next(tmp_path.glob("*.safetensors"))
    file.write_bytes(b"not a tensor")
    assert (encoder.encode(TEXTS[:2]) == first).all()


def test_text_model_that_is_not_there_says_so(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    with pytest.raises(ConfigError, match="can't be loaded"):
        TextEncoder(str(tmp_path / "model"), device=CPU, cache=tmp_path).encode(["a"])


def _two_cliques() -> HeteroData:
    """Products 0-3 of brand 0, products 4-7 of brand 1, product 8 of none."""
    data = HeteroData()
    data["Product"].num_nodes, data["Brand"].num_nodes = 9, 2
    data["Product", "HAS_BRAND", "Brand"].edge_index = torch.tensor([list(range(8)), [0] * 4 + [1] * 4])
    return data


@pytest.mark.parametrize(("name", "width"), [("TransE", 8), ("DistMult", 8), ("ComplEx", 16), ("RotatE", 16)])
def test_knowledge_vectors_of_a_brand_are_close_to_each_other(name: KnowledgeModel, width: int) -> None:
    vectors = train_knowledge(
        _two_cliques(), model=name, dim=8, epochs=300, generator=torch.Generator().manual_seed(0), device=CPU
    )
    products = vectors["Product"]
    assert products.shape == (9, width)
    assert not products[8].any()
    same = (products[:4] @ products[:4].T).mean()
    other = (products[:4] @ products[4:8].T).mean()
    assert same > other


def _encoder(layers: int) -> BehaviourEncoder:
    torch.manual_seed(0)
    encoder = BehaviourEncoder(
        8, length=5, layers=layers, heads=2, dropout=0.0, recency=0.5, event_weights=DEFAULT_EVENT_WEIGHTS
    ).eval()
    if layers:
        torch.nn.init.normal_(encoder.following.weight)
    return encoder


def _batch(items: list[list[int]], events: list[list[int]] | None = None) -> Batch:
    index = torch.tensor(items)
    kinds = torch.tensor(events) if events else torch.where(index >= 0, 1, -1)
    no_profile = torch.zeros(len(index), 0, dtype=torch.long)
    return Batch(index, kinds, (index >= 0).sum(1), torch.arange(len(index)), no_profile)


@pytest.mark.parametrize("layers", [0, 2])
def test_behaviour_never_looks_ahead(layers: int) -> None:
    items = torch.nn.functional.normalize(torch.randn(4, 8, generator=torch.Generator().manual_seed(1)), dim=-1)
    encoder = _encoder(layers)
    one, other = encoder(items, _batch([[0, 1, 2]])), encoder(items, _batch([[0, 1, 3]]))
    torch.testing.assert_close(one[:, :3], other[:, :3])
    assert not torch.allclose(one[:, 3], other[:, 3])


def test_behaviour_without_transformer_is_the_weighted_mean() -> None:
    # events: view (weight .5) of item 0, then purchase (weight 2) of item 1; half a weight per step back
    items = torch.eye(8)[:2]
    user = _encoder(0)(items, _batch([[0, 1]], [[0, 4]]))[0, 2]
    expected = torch.nn.functional.normalize(0.5 * 0.5 * items[0] + 2.0 * items[1], dim=0)
    torch.testing.assert_close(user, expected)


def test_behaviour_without_recency_counts_all_events_alike() -> None:
    plain = {"length": 5, "layers": 0, "heads": 2, "dropout": 0.0, "event_weights": {}}
    encoder = BehaviourEncoder(8, **plain, recency=None).eval()
    there, back = encoder(torch.eye(8)[:3], _batch([[0, 1, 2], [2, 1, 0]]))
    torch.testing.assert_close(there[3], back[3])
    torch.testing.assert_close(there[3], torch.nn.functional.normalize(torch.eye(8)[:3].sum(0), dim=0))


def test_behaviour_in_training_without_an_order_knows_all_but_what_comes_next() -> None:
    plain = {"length": 5, "layers": 0, "heads": 2, "dropout": 0.0, "event_weights": {}}
    encoder = BehaviourEncoder(8, **plain, recency=None).train()
    items = torch.eye(8)[:4]
    user, shorter = encoder(items, _batch([[0, 1, 2, 1], [3, 0, -1, -1]]))

    def mean(counts: list[float]) -> torch.Tensor:
        return torch.nn.functional.normalize(torch.tensor(counts) @ items, dim=0)

    torch.testing.assert_close(user[0], torch.nn.functional.normalize(encoder.newcomer, dim=0))
    torch.testing.assert_close(user[1], mean([1.0, 0.0, 1.0, 0.0]))  # next is item 1, which is there twice
    torch.testing.assert_close(user[2], mean([1.0, 2.0, 0.0, 0.0]))
    torch.testing.assert_close(user[3], user[1])
    torch.testing.assert_close(user[4], mean([1.0, 2.0, 1.0, 0.0]))
    torch.testing.assert_close(shorter[1], mean([0.0, 0.0, 0.0, 1.0]))
    torch.testing.assert_close(shorter[2], mean([1.0, 0.0, 0.0, 1.0]))  # all of a history shorter than the batch
    same = encoder(items, _batch([[2, 2, 2]]))[0]  # nothing else is left: as of a newcomer
    torch.testing.assert_close(same[:3], user[0].expand(3, -1))
    torch.testing.assert_close(encoder.eval()(items, _batch([[0, 1, 2, 1]]))[0, 4], user[4])


def test_behaviour_of_an_empty_history_is_the_newcomer() -> None:
    encoder = _encoder(0)
    user = encoder(torch.eye(8), _batch([[-1]]))[0, 0]
    torch.testing.assert_close(user, torch.nn.functional.normalize(encoder.newcomer, dim=0))


def test_behaviour_adds_the_own_vector_of_users_it_knows_and_of_no_other() -> None:
    torch.manual_seed(0)
    plain = {"length": 5, "layers": 0, "heads": 2, "dropout": 0.0, "recency": 0.5, "event_weights": {}}
    encoder = BehaviourEncoder(8, **plain, num_users=2, user_events=1e9)
    batch = dataclasses.replace(_batch([[0, 1], [0, 1], [0, 1]]), user=torch.tensor([1, -1, 2]))
    items = torch.eye(8)[:2]
    known, stranger, newer = encoder.eval()(items, batch)
    torch.testing.assert_close(stranger, newer)
    torch.testing.assert_close(known, torch.nn.functional.normalize(stranger + encoder.own[1], dim=-1))
    torch.testing.assert_close(encoder.train()(items, batch)[0], stranger)  # always left out, in training
