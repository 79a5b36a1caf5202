"""The numbers of pairs, each against its definition."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import kgrec
from kgrec.models.fitted import FittedModel
from kgrec.scoring import features
from kgrec.scoring.features import Columns, PairFeatures, is_of_the_moment
from kgrec.scoring.pairs import Pairs
from kgrec.scoring.past import Past
from tests.tiny import SMALL, checkerboard

UNKNOWN = np.iinfo(np.int64).min
DAY = 24 * 3600


@pytest.fixture(scope="module")
def model() -> FittedModel:
    split = checkerboard().split("leave_last_out")
    config = kgrec.RecommenderConfig.from_dict({**SMALL.to_dict(), "epochs": 2})
    return kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation).model_


def pairs(user: list[int], place: list[int], item: list[int], **moment: np.ndarray) -> Pairs:
    size = len(user)
    nothing = {
        "timestamp": np.full(size, UNKNOWN),
        "position": np.full(size, np.nan),
        "shown_with": np.full(size, -1),
        "query": np.full(size, None),
    }
    return Pairs(np.array(user), np.array(place), np.array(item), **nothing | moment)


def columns(model: FittedModel, asked: Pairs) -> Columns:
    return PairFeatures.of(model).columns(asked, Past.of(model))


def test_ranker_features_sum_to_the_ranking_score(model: FittedModel) -> None:
    user, item = [0, 3, 5], [1, 4, 11]
    found = columns(model, pairs(user, [int(n) for n in model.histories.lengths[user]], item))
    histories = model.histories.take(np.array(user))
    scores = model.scores(model.user_vectors(histories), histories)[range(3), item].numpy()
    temperature = float(model.network.scorer.temperature)
    summed = found["cosine"] / temperature + found["liked by all"] + model.item_share * found["closed form"]
    np.testing.assert_allclose(summed, scores, rtol=1e-4, atol=1e-5)


def test_features_see_nothing_of_what_came_after(model: FittedModel) -> None:
    """The events from `place` on are exchanged for others: no number moves but those of popularity."""
    asked = pairs([0, 1, 2], [2, 1, 0], [3, 4, 5], timestamp=np.full(3, 1_600_009_000))
    before = columns(model, asked)
    lengths = model.histories.lengths
    within = np.arange(lengths.sum()) - np.repeat(model.histories.start[:-1], lengths)
    later = within >= np.array([2, 1, 0] + [0] * (len(lengths) - 3))[model.histories.user_index()]
    item = np.where(later, (model.histories.item_index + 5) % len(model.items), model.histories.item_index)
    past = Past.of(model)
    after = PairFeatures.of(model).columns(asked, replace(past, histories=replace(model.histories, item_index=item)))
    for name, values in before.items():
        np.testing.assert_array_equal(after[name], values, err_msg=name)


def test_history_features_of_known_events(model: FittedModel) -> None:
    own = model.histories.of(0)[:2]  # two even items
    found = columns(model, pairs([0, 0], [2, 2], [int(own[0]), int((own[0] + 1) % 12)]))
    assert found["HAS_BRAND Brand of the ever"].tolist() == [1.0, 0.0]
    price = np.log([own[0] + 1.0, own[1] + 1.0])
    assert found["price beside the ever"][0] == pytest.approx(price[0] - price.mean(), abs=1e-5)
    assert found["price beside the last"][0] == pytest.approx(price[0] - price[1], abs=1e-5)
    fading = np.array([0.7, 1.0]) / 1.7
    assert found["price beside the lately"][0] == pytest.approx(price[0] - fading @ price, abs=1e-5)
    source = model.vectors.source.numpy()
    alike = (fading[:, None] * source[own]).sum(axis=0) @ source[own[0]]
    assert found["like the lately"][0] == pytest.approx(alike, abs=1e-5)
    assert found["events of the user"][0] == pytest.approx(np.log(3))


def test_features_without_a_history_or_a_moment_are_unknown(model: FittedModel) -> None:
    found = columns(model, pairs([0], [0], [1]))
    names = (
        "like the ever",
        "price beside the last",
        "time since the last event",
        "position",
        "query",
        "sine of the hour",
    )
    assert all(np.isnan(found[name][0]) for name in names)


def test_features_of_the_moment(model: FittedModel) -> None:
    last = int(model.histories.timestamp[model.histories.start[1] - 1])
    place = int(model.histories.lengths[0])
    now = (last // DAY + 3) * DAY + DAY // 4  # six in the morning
    asked = pairs(
        [0, 0],
        [place] * 2,
        [1, 2],
        timestamp=np.full(2, now),
        position=np.array([1.0, 4.0]),
        query=np.array(["red", None]),
    )
    found = columns(model, asked)
    np.testing.assert_allclose(found["position"], [0, np.log(4)], rtol=1e-6)
    np.testing.assert_allclose(found["time since the last event"], np.log1p((now - last) / DAY), rtol=1e-6)
    np.testing.assert_allclose(found["sine of the hour"], 1, atol=1e-6)
    np.testing.assert_allclose(found["cosine of the hour"], 0, atol=1e-6)
    assert 0 < found["query"][0] < 1  # "red thing 1"
    assert np.isnan(found["query"][1])


def test_features_of_a_list_compare_with_the_others_in_it(model: FittedModel) -> None:
    """i00, i02 and i01 in one list: the first two of one brand. i04 stands alone."""
    asked = pairs([0] * 4, [1] * 4, [0, 2, 1, 4], shown_with=np.array([5, 5, 5, 6]))
    found = columns(model, asked)
    np.testing.assert_allclose(found["HAS_BRAND Brand of the list"], [0.5, 0.5, 0.0, np.nan])
    cosine = found["cosine"]
    np.testing.assert_allclose(found["cosine beside the list"][:3], cosine[:3] - cosine[:3].mean(), atol=1e-6)
    assert np.isnan(found["cosine beside the list"][3])


@pytest.mark.parametrize("limit", ["BLOCK", "BLOCK_EVENTS"])
def test_features_are_the_same_in_any_order_and_any_blocks(
    model: FittedModel, monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    rng = np.random.default_rng(0)
    size = 60
    user = rng.integers(0, 40, size)
    asked = pairs(
        user.tolist(),
        rng.integers(0, model.histories.lengths[user] + 1).tolist(),
        rng.integers(0, 12, size).tolist(),
        shown_with=rng.integers(-1, 9, size),
    )
    whole = columns(model, asked)
    monkeypatch.setattr(features, limit, 7)
    order = rng.permutation(size)
    for name, values in columns(model, asked.take(order)).items():
        np.testing.assert_allclose(values, whole[name][order], atol=1e-5, err_msg=name)


def test_blocks_are_smaller_where_histories_are_long_and_cut_no_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "BLOCK_EVENTS", 10)
    events_read = np.array([0, 4, 6, 1, 30, 30, 2, 2, 2, 2, 2, 2])
    lists = np.array([-1, -1, -1, -1, -1, -1, 3, 3, 3, 3, 3, 3])
    blocks = [(some.start, some.stop) for some in features._blocks(lists, events_read)]
    assert blocks == [(0, 3), (3, 4), (4, 5), (5, 6), (6, 12)]


def test_what_a_caller_may_not_know_is_of_the_moment(model: FittedModel) -> None:
    """All that is unknown without a moment, and nothing else."""
    place = int(model.histories.lengths[0])
    found = columns(model, pairs([0, 1], [place, place], [1, 2]))
    assert {name for name, values in found.items() if np.isnan(values).all()} == set(filter(is_of_the_moment, found))
