"""What is added to the scores of new items, against its definition."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import kgrec
from kgrec.blending import new_items
from kgrec.blending.new_items import PARTS, TEMPERATURES, new_item_offset, score_temperature, unsold_offset
from kgrec.training.plan import Planner, Step
from tests.tiny import ITEMS, SMALL, checkerboard

CONFIG = dataclasses.replace(SMALL, epochs=20)


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard(60).split("leave_last_out")


@pytest.fixture(scope="module")
def before(split: kgrec.Split) -> kgrec.KGRecommender:
    """Knows the train part alone."""
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_offset_gives_items_taken_for_new_the_share_that_they_have_of_the_events(
    before: kgrec.KGRecommender, split: kgrec.Split, temperature: float
) -> None:
    model, wanted = before.model_, split.validation.interactions
    offset = new_item_offset(model, wanted, temperature)
    part = np.random.default_rng(0).permutation(12) % PARTS
    propagation = model.propagation
    assert propagation is not None
    nothing = torch.zeros_like(propagation.inputs["Product"])  # no texts here: a new item enters with nothing
    as_new = dataclasses.replace(propagation, inputs={**propagation.inputs, "Product": nothing})
    targets = model.network.scorer.targets(as_new.vectors(model.graph, model.items.ids))
    share = 0.0
    for user, _ in wanted.select("user_id", "item_id").iter_rows():
        histories = model.histories.take(model.users.index([user]))
        vector = model.user_vectors(histories)
        score = model.scores(vector, histories)[0]
        new = vector[0] @ targets.T / model.network.scorer.temperature + model.vectors.bias.median() + offset
        score[histories.item_index] = new[histories.item_index] = -torch.inf
        for number in range(PARTS):
            mixed = torch.where(torch.from_numpy(part == number), new, score)
            share += float((mixed / temperature).softmax(0)[part == number].sum())
    assert share == pytest.approx(wanted.height, rel=1e-3)


def test_offset_is_none_where_nothing_tells(before: kgrec.KGRecommender, split: kgrec.Split) -> None:
    wanted = split.validation.interactions
    assert new_item_offset(before.model_, wanted.clear(), 1.0) == 0.0
    assert new_item_offset(dataclasses.replace(before.model_, propagation=None), wanted, 1.0) == 0.0
    assert score_temperature(before.model_, wanted.clear()) == 1.0
    assert before.model_.about["new_items"]["offset"] == 0.0


def test_without_patience_validation_chooses_no_offset(split: kgrec.Split) -> None:
    config = dataclasses.replace(CONFIG, epochs=1, patience=None)
    fitted = kgrec.KGRecommender(config, device="cpu").fit(split.train, split.validation)
    said = fitted.model_.about["new_items"]
    assert (said["offset"], said["unsold"]) == (0.0, 0.0)


def test_new_items_get_the_offset_that_validation_gave(
    split: kgrec.Split, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(new_items, "MOST_USERS", 30)
    fitted = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, split.validation)
    offset = fitted.model_.about["new_items"]["offset"]
    fitted.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    usual = float(loaded.model_.vectors.bias.median())
    loaded.update(new_items={"item_id": ["new"], "title": ["red thing"], "brand": ["Odd"], "category": ["All > Low"]})
    assert float(loaded.model_.vectors.bias[-1]) == pytest.approx(usual + offset, abs=1e-5)


@pytest.fixture(scope="module")
def unsold(split: kgrec.Split) -> kgrec.Split:
    """The shop with two products that nobody had before the validation part, one of each brand."""
    more = pl.DataFrame({"item_id": ["even", "odd"], "title": ["blue", "red"], "brand": ["Even", "Odd"]})
    parts = {
        name: kgrec.Dataset(items=pl.concat([part.items, more], how="diagonal"), events=part.events)
        for name, part in split.parts.items()
    }
    bought = {"user_id": ["u00", "u02", "u03"], "item_id": ["even", "even", "odd"], "timestamp": [1_700_000_000] * 3}
    validation = kgrec.Dataset(
        items=parts["validation"].items,
        events=pl.concat([parts["validation"].events, pl.DataFrame(bought)], how="diagonal_relaxed"),
    )
    return kgrec.Split(**(parts | {"validation": validation}), method=split.method)


@pytest.fixture(scope="module")
def fitted(unsold: kgrec.Split) -> kgrec.KGRecommender:
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(unsold.train, unsold.validation)


def test_items_without_events_have_no_vector_of_their_own_and_stand_apart(
    fitted: kgrec.KGRecommender, unsold: kgrec.Split
) -> None:
    model = fitted.model_
    cold = torch.from_numpy(model.items.index(["even", "odd"]))
    assert model.propagation is not None
    assert not model.propagation.inputs["Product"][cold].any()
    assert model.propagation.inputs["Product"][: cold[0]].any(dim=1).all()
    said, usual = model.about["new_items"], float(model.vectors.bias[: cold[0]].median())
    assert said["bias"] == pytest.approx(usual + said["offset"], abs=1e-5)
    assert model.vectors.bias[cold].tolist() == pytest.approx([usual] * 2, abs=1e-5)
    first = max(said["offset"], said["unsold"])  # somebody had them in the validation part, which the model knows now
    assert model.prior is not None
    assert model.cold is not None
    assert np.flatnonzero(model.cold).tolist() == cold.tolist()
    assert model.prior[cold].tolist() == pytest.approx([first] * 2, abs=1e-5)
    assert model.as_after(unsold.train.events).prior[cold].tolist() == pytest.approx([said["unsold"]] * 2, abs=1e-5)
    assert torch.equal(model.network.scorer.item_bias, model.vectors.bias)


@pytest.mark.parametrize("temperature", [1.0, 0.5])
def test_items_without_events_get_their_share_of_the_validation_events(unsold: kgrec.Split, temperature: float) -> None:
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(unsold.train).model_
    cold, wanted = model.items.index(["even", "odd"]), unsold.validation.interactions
    offset, share = unsold_offset(model, wanted, temperature), 0.0
    for user in wanted["user_id"]:
        histories = model.histories.take(model.users.index([user]))
        scores = model.scores(model.user_vectors(histories), histories)[0]
        scores[histories.item_index] = -torch.inf
        scores[cold] += offset
        share += float((scores / temperature).softmax(0)[cold].sum())
    num_events = wanted.height
    assert share == pytest.approx(num_events * (3 + 0.5) / (num_events + 1), rel=1e-3)
    had = model.histories.take(model.users.index(wanted["user_id"].unique(maintain_order=True)))
    again = pl.DataFrame(
        {
            "user_id": wanted["user_id"].unique(maintain_order=True).gather(had.user_index()),
            "item_id": model.items.take(had.item_index),
        }
    )
    with_repeats = pl.concat([wanted.select("user_id", "item_id"), again])
    # what a user has had is not ranked there
    assert unsold_offset(model, with_repeats, temperature) == pytest.approx(offset)
    assert unsold_offset(model, wanted.clear(), temperature) == 0.0


@pytest.mark.parametrize("sureness", [0.3, 4.0])
def test_the_temperature_of_scores_makes_the_events_on_what_was_sold_likeliest(
    unsold: kgrec.Split, sureness: float
) -> None:
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(unsold.train).model_
    with torch.no_grad():
        model.network.scorer.temperature /= sureness
    model.item_share *= sureness
    wanted, cold = unsold.validation.interactions, model.items.index(["even", "odd"])
    likelihood = dict.fromkeys(TEMPERATURES, 0.0)
    for user, item in wanted.filter(~pl.col("item_id").is_in(["even", "odd"])).select("user_id", "item_id").iter_rows():
        histories = model.histories.take(model.users.index([user]))
        scores = model.scores(model.user_vectors(histories), histories)[0]
        scores[histories.item_index] = scores[cold] = -torch.inf
        for temperature in TEMPERATURES:
            likelihood[temperature] += float((scores / temperature).log_softmax(0)[model.items.index([item])[0]])
    assert score_temperature(model, wanted) == max(likelihood, key=likelihood.get)  # type: ignore[arg-type]


def test_items_without_events_are_nothing_that_users_passed_over(
    unsold: kgrec.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared: set[int] = set()
    planned = Planner.step

    def step(planner: Planner, window: np.ndarray) -> Step:
        made = planned(planner, window)
        compared.update(*(softmax.candidates.tolist() for softmax in made.softmaxes), made.shown.item.tolist())
        return made

    monkeypatch.setattr(Planner, "step", step)
    config = dataclasses.replace(CONFIG, epochs=3, softmax_items=2)
    kgrec.KGRecommender(config, device="cpu").fit(unsold.train)
    assert compared == set(range(12))


def test_items_without_events_are_ranked_by_their_place_in_the_graph(fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend(k=2, candidates=["even", "odd"]).filter(pl.col("rank") == 1)
    own = pl.when(lists["user_id"].str.slice(1).cast(int) % 2 == 0).then(pl.lit("even")).otherwise(pl.lit("odd"))
    assert (lists["item_id"] == lists.select(own).to_series()).mean() > 0.9


@pytest.mark.parametrize("first", [-15.0, 15.0])
def test_of_two_offsets_the_one_that_ranks_the_validation_events_better_is_taken(
    unsold: kgrec.Split, monkeypatch: pytest.MonkeyPatch, first: float
) -> None:
    model = kgrec.KGRecommender(CONFIG, device="cpu").fit(unsold.train).model_
    cold, known = model.items.index(["even", "odd"]), pl.col("item_id").is_in(ITEMS)
    given = iter([first, -first] * 2)
    monkeypatch.setattr(new_items, "unsold_offset", lambda *_: next(given))
    for wanted, best in ((known, -15.0), (~known, 15.0)):
        model.prior = model.cold = None
        new_items.place_new_items(model, model.histories, unsold.validation.interactions.filter(wanted))
        assert model.about["new_items"]["unsold"] == best
        assert model.prior is not None
        assert model.prior.tolist() == [0.0] * 12 + [best] * 2
        assert cold.tolist() == [12, 13]


def test_users_who_have_had_everything_tell_nothing_of_new_items(unsold: kgrec.Split) -> None:
    fan = {"user_id": ["fan"] * 12, "item_id": ITEMS, "timestamp": [1_600_000_000] * 12}
    known = pl.concat([unsold.train.events, pl.DataFrame(fan)], how="diagonal_relaxed")
    train = kgrec.Dataset(items=unsold.train.items, events=known)
    model = kgrec.KGRecommender(dataclasses.replace(CONFIG, epochs=2), device="cpu").fit(train).model_
    wanted = unsold.validation.interactions
    again = pl.DataFrame({"user_id": ["fan"], "item_id": ["i00"], "timestamp": [1_700_000_001]})
    more = pl.concat([wanted, again], how="diagonal_relaxed")
    for offset in (new_item_offset, unsold_offset):
        assert offset(model, more, 2.0) == offset(model, wanted, 2.0)
        assert offset(model, more.tail(1), 2.0) == 0.0
    assert score_temperature(model, more) == score_temperature(model, wanted)
    assert score_temperature(model, more.tail(1)) == 1.0
