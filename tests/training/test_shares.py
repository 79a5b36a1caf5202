"""A step done in shares, on one process or two, is the step done whole."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

import kgrec
from kgrec.errors import ConfigError
from kgrec.models.fitted import FittedModel
from kgrec.training.engine import Machine
from tests.tiny import SMALL, checkerboard

# nothing is left out at random: each process has its own dropout
CONFIG = dataclasses.replace(
    SMALL, epochs=4, dropout=0.0, user_events=0.0, item_events=0.0, softmax_items=3, knowledge_epochs=1
)
FIT = """
import sys, torch
from kgrec.training.device import is_first_process
from tests.training.test_shares import fit_with_validation, state_of
model = fit_with_validation()
if is_first_process():
    torch.save(state_of(model), sys.argv[1])
    print(model.about["processes"], model.about["training"]["best_epoch"])
    print(*(row["ranking_loss"] for row in model.about["training"]["rows"]))
"""


def fit_with_validation() -> FittedModel:
    split = checkerboard(impressions=True).split("leave_last_out")
    config = dataclasses.replace(CONFIG, patience=1)
    fitted = kgrec.KGRecommender(config, device="cpu", seed=1).fit(split.train, split.validation, precision="fp32")
    return fitted.model_


def state_of(model: FittedModel) -> dict[str, torch.Tensor]:
    return {**model.network.state_dict(), "source": model.vectors.source}


def fitted(split: kgrec.Split, **changes: object) -> dict[str, torch.Tensor]:
    precision = changes.pop("precision", "fp32")
    config = dataclasses.replace(CONFIG, **changes)  # type: ignore[arg-type]
    return state_of(kgrec.KGRecommender(config, device="cpu", seed=1).fit(split.train, precision=precision).model_)  # type: ignore[arg-type]


@pytest.mark.parametrize("impressions", [False, True])
def test_fit_with_each_step_in_three_parts_is_that_in_one(impressions: bool) -> None:
    split = checkerboard(impressions=impressions).split("leave_last_out")
    whole, parts = fitted(split), fitted(split, accumulation=3)
    assert_close(parts, whole, atol=2e-4, rtol=1e-3)


def test_fit_in_16_bits_is_near_that_in_32() -> None:
    split = checkerboard().split("leave_last_out")
    whole, half = fitted(split), fitted(split, precision="bf16")
    cosine = (whole["source"] * half["source"]).sum(dim=1)
    assert cosine.min() > 0.99
    assert not torch.equal(whole["source"], half["source"])


def test_auto_precision_is_16_bits_on_cpus_with_units_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[str, bool]
    for told, expected in (({"avx512_bf16": True}, "bf16"), ({"amx_bf16": True}, "bf16"), ({"avx512_f": True}, "fp32")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda told=told: told, raising=False)
        assert Machine(torch.device("cpu")).precision == expected
        assert Machine(torch.device("cpu"), "fp32").precision == "fp32"
        assert Machine(torch.device("cuda")).precision == "fp32"
    monkeypatch.delattr(torch.cpu, "get_capabilities")  # older torch
    assert Machine(torch.device("cpu")).precision == "fp32"
    with pytest.raises(ConfigError, match="precision is 'fp16', expected one of auto, fp32, bf16"):
        Machine(torch.device("cpu"), "fp16")  # type: ignore[arg-type]


def test_clip_norm_bounds_the_first_step() -> None:
    split = checkerboard().split("leave_last_out")
    free, clipped = fitted(split, epochs=1), fitted(split, epochs=1, clip_norm=1e-8)
    start = fitted(split, epochs=1, learning_rate=1e-8)
    moved = [(one["source"] - start["source"]).norm() for one in (free, clipped)]
    assert moved[1] < moved[0]


@pytest.mark.timeout(280)
def test_two_processes_give_the_model_of_one(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    script = tmp_path / "fit.py"
    script.write_text(FIT, "utf-8")
    path = os.pathsep.join([str(root), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": path}
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    file = tmp_path / "two.pt"
    done = subprocess.run([*launch, str(script), str(file)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    whole = fit_with_validation()
    first, losses = done.stdout.splitlines()
    assert first.split() == ["2", str(whole.about["training"]["best_epoch"])]
    expected = [row["ranking_loss"] for row in whole.about["training"]["rows"]]
    assert [float(loss) for loss in losses.split()] == pytest.approx(expected, rel=1e-3)  # of both shares
    assert_close(torch.load(file, weights_only=True), state_of(whole), atol=2e-4, rtol=1e-3)
