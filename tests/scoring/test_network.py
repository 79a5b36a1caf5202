"""The scoring network and its loss, against their definitions."""

from __future__ import annotations

import math

import pytest
import torch

from kgrec.config import ListLoss
from kgrec.scoring.network import CrossLayer, PiecewiseLinear, ScoringNetwork, scoring_loss

WEIGHTS = {"click_weight": 1.0, "ranking_weight": 0.0, "conversion_weight": 0.0}


def network() -> ScoringNetwork:
    torch.manual_seed(0)
    made = ScoringNetwork(torch.tensor([1.0, 5.0]), torch.tensor([2.0, 1.0]), torch.tensor([[0.0, 1, 4], [5, 5, 6]]))
    for parameter in made.parameters():
        torch.nn.init.normal_(parameter, std=0.3)
    return made.eval()


def test_piecewise_linear_is_how_far_each_bin_is_filled() -> None:
    bins = PiecewiseLinear(torch.tensor([[0.0, 1.0, 3.0, 3.0]]))
    found = bins(torch.tensor([[-1.0], [0.25], [2.0], [9.0]]))
    assert found.tolist() == [[0, 0, 0], [0.25, 0, 0], [1, 0.5, 0], [1, 1, 0]]


def test_cross_layer_is_the_identity_at_first_and_its_definition_after() -> None:
    layer = CrossLayer(3, 2)
    inputs, crossed = torch.randn(5, 3), torch.randn(5, 3)
    assert torch.equal(layer(inputs, crossed), crossed)
    torch.nn.init.normal_(layer.up.weight)
    torch.nn.init.normal_(layer.up.bias)
    matrix = layer.up.weight @ layer.down.weight
    torch.testing.assert_close(layer(inputs, crossed), inputs * (crossed @ matrix.T + layer.up.bias) + crossed)


def test_network_reads_an_unknown_feature_as_its_mean() -> None:
    unknown = network()(torch.tensor([[torch.nan, 5.5], [3.0, torch.nan]]))
    assert torch.equal(unknown, network()(torch.tensor([[1.0, 5.5], [3.0, 5.0]])))


def test_network_like_its_state_gives_the_same_logits() -> None:
    made, features = network(), torch.randn(7, 2)
    assert torch.equal(ScoringNetwork.like(made.state_dict())(features), made(features))


def test_loss_of_clicks_and_purchases_is_that_of_the_whole_space() -> None:
    """Click .8 and purchase given it .5: a purchase over all that was shown has .4 (ESMM)."""
    logits = torch.tensor([[math.log(4.0), 0.0]] * 3)
    clicked, bought = torch.tensor([1.0, 1.0, 0.0]), torch.tensor([1.0, 0.0, torch.nan])
    found = scoring_loss(logits, clicked, bought, torch.full((3,), -1), **WEIGHTS | {"conversion_weight": 2.0})
    click = -(2 * math.log(0.8) + math.log(0.2)) / 3
    purchase = -(math.log(0.4) + math.log(0.6)) / 2
    assert float(found) == pytest.approx(click + 2 * purchase, rel=1e-5)


def test_loss_over_lists_is_the_share_of_the_clicked() -> None:
    logits = torch.tensor([[0.0, 0.0], [math.log(3.0), 0.0], [2.0, 0.0], [5.0, 0.0]])
    lists, clicked = torch.tensor([7, 7, 9, -1]), torch.tensor([1.0, 0.0, 0.0, 1.0])
    nothing = torch.full((4,), torch.nan)
    found = scoring_loss(logits, clicked, nothing, lists, **WEIGHTS | {"click_weight": 0.0, "ranking_weight": 1.0})
    assert float(found) == pytest.approx(-math.log(1 / 4), rel=1e-5)  # list 9 has no click, the last is in none
    without = scoring_loss(
        logits, torch.zeros(4), nothing, lists, **WEIGHTS | {"click_weight": 0.0, "ranking_weight": 1.0}
    )
    assert float(without) == 0.0


def test_ranking_losses_of_two_lists_are_those_worked_out_by_hand() -> None:
    # list 7: clicked 2, unclicked 1 and 0; list 9: clicked 0, unclicked 1; the last pair is in no list
    logits = torch.tensor([[2.0, 0], [1.0, 0], [0.0, 0], [0.0, 0], [1.0, 0], [5.0, 0]])
    clicked = torch.tensor([1.0, 0, 0, 1, 0, 0])
    lists = torch.tensor([7, 7, 7, 9, 9, -1])

    def loss(kind: ListLoss) -> float:
        weights = {"click_weight": 0.0, "ranking_weight": 1.0, "conversion_weight": 0.0}
        nothing = torch.full((6,), torch.nan)
        return float(scoring_loss(logits, clicked, nothing, lists, **weights, list_loss=kind))  # type: ignore[arg-type]

    def softplus(value: float) -> float:
        return math.log1p(math.exp(value))

    def square(score: float, label: int) -> float:
        return (1 / (1 + math.exp(-score)) - label) ** 2

    both = [math.log(math.e**2 + math.e + 1) - 2, math.log(1 + math.e)]
    assert loss("listwise") == pytest.approx(sum(both) / 2)
    assert loss("pairwise") == pytest.approx((softplus(-1) + softplus(-2) + softplus(1)) / 3)
    first, second = (square(2, 1) + square(1, 0) + square(0, 0)) / 3, (square(0, 1) + square(1, 0)) / 2
    assert loss("rmspe") == pytest.approx((first**0.5 + second**0.5) / 2)
