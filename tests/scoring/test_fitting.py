"""The scoring module on a shop whose clicks and purchases follow known probabilities."""

from __future__ import annotations

import dataclasses
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

import kgrec
from kgrec.errors import DataError
from kgrec.evaluating import part_pairs
from kgrec.models.fitted import FittedModel
from kgrec.scoring import fitting
from kgrec.scoring.fitting import fit_scoring, scoring_stream, some_pairs
from kgrec.scoring.pairs import LabelledPairs, pairs_with_context
from kgrec.scoring.past import Past
from kgrec.scoring.query_match import QueryMatch
from tests.tiny import ITEMS, SMALL, checkerboard, tiny_items

CONFIG = dataclasses.replace(SMALL, epochs=3)
LIKED, OTHER, SECOND, BUYS = 0.8, 0.2, 0.4, 0.4
MOMENT = ["user_id", "item_id", "timestamp", "position"]


def shop(num_users: int = 250, turns: int = 20, kept: float = 1.0) -> tuple[kgrec.Split, pl.DataFrame]:
    """Lists of two items; a click's probability is that of the colour, less in the second place; 40 % of clicks buy.

    Split by time; with it all impressions and the true probability of each. Of those without a click the split holds
    a share.
    """
    rng = np.random.default_rng(0)
    before = checkerboard(num_users).events
    start = int(before["timestamp"].max()) + 10
    shown, events = [], []
    for turn in range(turns):
        for user in range(num_users):
            moment = start + turn * 100_000 + 337 * user  # at all hours
            for position, item in enumerate(rng.permutation(12)[:2].tolist(), start=1):
                chance = (LIKED if item % 2 == user % 2 else OTHER) * (1 if position == 1 else SECOND)
                clicked = rng.random() < chance
                shown.append((f"u{user:02}", ITEMS[item], moment, position, int(clicked), chance))
                if clicked:
                    kind = "purchase" if rng.random() < BUYS else "click"
                    events.append((f"u{user:02}", ITEMS[item], kind, moment + 1))
    impressions = pl.DataFrame(shown, schema=[*MOMENT, "label", "chance"], orient="row")
    later = pl.DataFrame(events, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    dataset = kgrec.Dataset(
        items=tiny_items(),
        events=pl.concat([before.select(later.columns), later]),
        impressions=impressions.drop("chance").filter(
            (pl.col("label") == 1) | pl.Series(rng.random(impressions.height) < kept)
        ),
    )
    return dataset.split("temporal", (0.6, 0.2, 0.2)), impressions


@pytest.fixture(scope="module")
def fitted() -> tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame]:
    split, impressions = shop()
    recommender = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    begin = split.test.events["timestamp"].min()
    return recommender, split, impressions.filter(pl.col("timestamp") >= begin)


def test_click_probabilities_are_near_the_true_ones(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, split, shown = fitted
    found = recommender.predict_click(shown.select(MOMENT))
    difference = (found["click_probability"] - shown["chance"]).abs()
    assert difference.mean() < 0.08  # the base rate alone: .22
    metrics = recommender.evaluate(split.test)
    chance, label = shown["chance"].to_numpy(), shown["label"].to_numpy()
    best = -np.log(np.where(label == 1, chance, 1 - chance)).mean()
    assert best < metrics["log_loss"] < best + 0.03
    assert metrics["ece"] < 0.05


def test_click_probability_without_a_position_is_the_average(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, _, shown = fitted
    found = recommender.predict_click(shown.select("user_id", "item_id"))["click_probability"]
    liked = shown["chance"].is_in([LIKED, LIKED * SECOND])
    mean = (1 + SECOND) / 2
    assert found.filter(liked).mean() == pytest.approx(LIKED * mean, abs=0.1)
    assert found.filter(~liked).mean() == pytest.approx(OTHER * mean, abs=0.06)


def test_conversion_probability_is_of_a_click_and_a_purchase(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, _, shown = fitted
    found = recommender.predict_click(shown.select(MOMENT))
    assert (found["conversion_probability"] < found["click_probability"]).all()
    assert (found["conversion_probability"].sum() / found["click_probability"].sum()) == pytest.approx(BUYS, abs=0.08)


def test_saved_scoring_module_gives_the_same_probabilities(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame], tmp_path: Path
) -> None:
    recommender, _, shown = fitted
    recommender.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert_frame_equal(loaded.predict_click(shown.select(MOMENT)), recommender.predict_click(shown.select(MOMENT)))


def test_same_seed_gives_the_same_scoring_module(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, split, shown = fitted
    again = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    assert_frame_equal(again.predict_click(shown.select(MOMENT)), recommender.predict_click(shown.select(MOMENT)))


def test_fit_with_too_few_clicks_or_without_scoring_leaves_the_click_network() -> None:
    split = checkerboard(impressions=True).split("leave_last_out")
    few = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    assert few.model_.scoring is None
    assert few.predict_click([("u00", "i00")]).columns == ["user_id", "item_id", "click_probability"]
    large, _ = shop(100, 4)
    config = dataclasses.replace(CONFIG, use_scoring=False)
    assert kgrec.KGRecommender(config, device="cpu").fit(large.train, large.validation).model_.scoring is None


@pytest.mark.parametrize(
    ("moment", "part"),
    [
        ({"timestamp": ["today"]}, r"a bad timestamp \(row 1: 'today'\)"),
        ({"timestamp": [1_600_000_000_000]}, "milliseconds or finer"),
        ({"position": [0]}, "a position not >= 1"),
        ({"position": ["top"], "timestamp": ["today"]}, "(?s)2 faults.*timestamp.*position"),
        ({"session_id": [1.5]}, "'session_id' holds floating-point numbers"),
    ],
)
def test_predict_click_of_a_moment_that_is_none_raises(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame], moment: dict[str, list[object]], part: str
) -> None:
    with pytest.raises(DataError, match=part):
        fitted[0].predict_click({"user_id": ["u00"], "item_id": ["i00"]} | moment)


@pytest.mark.parametrize(
    "timestamp",
    [
        pl.Series([datetime(2020, 9, 13, 12, 26, 40), None]),
        pl.Series([datetime(2020, 9, 13, 12, 26, 40), None]).dt.cast_time_unit("ns"),
        ["2020-09-13T14:26:40+02:00", None],
        [1_600_000_000.0, float("nan")],
    ],
)
def test_predict_click_reads_times_as_a_dataset_does(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame], timestamp: object
) -> None:
    pairs = {"user_id": ["u01", "u01"], "item_id": ["i00", "i01"]}
    expected = fitted[0].predict_click({**pairs, "timestamp": [1_600_000_000, None]})["click_probability"]
    assert_series_equal(fitted[0].predict_click({**pairs, "timestamp": timestamp})["click_probability"], expected)


def test_predict_click_takes_a_date_for_its_midnight(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    pairs = {"user_id": "u01", "item_id": ITEMS[:2]}
    day, second = (
        fitted[0].predict_click({**pairs, "timestamp": time})["click_probability"]
        for time in (date(2020, 9, 13), 1_599_955_200)
    )
    assert_series_equal(day, second)


def _pairs_of(user: np.ndarray, seed: int = 0) -> LabelledPairs:
    """Pairs of some users of the checkerboard, clicked where the colour is theirs."""
    rng = np.random.default_rng(seed)
    item = rng.integers(0, 12, len(user))
    pairs = pairs_with_context(user, np.zeros_like(user), item, pl.DataFrame({"user_id": user.astype(str)}))
    clicked = (item % 2 == user % 2).astype(np.float32)
    return LabelledPairs(pairs, clicked, np.full(len(user), np.nan, np.float32), "labels")


@pytest.fixture(scope="module")
def ranker() -> FittedModel:
    return kgrec.KGRecommender(CONFIG, device="cpu").fit(checkerboard().split("leave_last_out").train).model_


def test_fit_to_the_pairs_of_one_user_learns_what_it_likes(ranker: FittedModel) -> None:
    found = _pairs_of(np.full(300, 3))
    module = fit_scoring(ranker, found, Past.of(ranker), scoring_stream(0))
    assert module is not None
    assert module.features is not None
    columns = module.features.columns(found.pairs, Past.of(ranker))
    click = module.logits(columns, 300)[:, 0]
    assert click[found.clicked == 1].mean() > click[found.clicked == 0].mean() + 1


@pytest.mark.parametrize("column", ["query", "position"])
def test_what_is_known_of_one_users_pairs_alone_is_learned_from(column: str) -> None:
    """Most folds of users then have no pair with a value."""
    data = checkerboard(120, impressions=True)
    one = pl.col("user_id") == "u03"
    value = pl.lit("red thing") if column == "query" else pl.int_range(pl.len()) % 3 + 1
    shown = data.events.filter(event="impression").with_columns(pl.when(one).then(value).alias(column)).drop("event")
    events = data.events.filter(pl.col("event") != "impression")
    split = kgrec.Dataset(items=data.items, events=events, impressions=shown).split("temporal")
    assert (
        split.validation.events.filter(pl.col("user_id") == "u03")[column].null_count() < split.validation.events.height
    )
    fitted = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    assert fitted.model_.scoring is not None
    chance = fitted.predict_click([("u00", "i02"), ("u03", "i02")])["click_probability"]
    assert chance.is_between(0, 1).all()


def test_more_pairs_than_are_learned_from_leave_whole_users_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fitting, "MOST_PAIRS", 450)
    of = np.arange(1000) % 10
    user, count = np.unique(of[some_pairs(of, scoring_stream(0))], return_counts=True)
    assert len(user) == 4
    assert (count == 100).all()


def test_query_match_is_the_cosine_of_rare_words(ranker: FittedModel) -> None:
    match = QueryMatch(ranker)
    found = match.scores(np.array(["Thing 3", "thing 3", "nosuch", None], dtype=object), np.array([3, 4, 3, 3]))
    assert found[0] > found[1] > 0
    assert found[2] == 0
    assert np.isnan(found[3])


def test_predict_click_of_known_users_is_the_same_with_a_stranger_among_them(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, _, shown = fitted
    some = shown.select("user_id", "item_id").head(50)
    alone = recommender.predict_click(some)
    among = recommender.predict_click(pl.concat([some, pl.DataFrame({"user_id": ["new"], "item_id": ["i00"]})]))
    assert_frame_equal(among.head(50), alone, abs_tol=1e-6)
    assert 0 < among["click_probability"][50] < 1


def test_clicks_on_what_was_shown_before_tell_an_item_from_its_like() -> None:
    """Half of the items are clicked three times as often, whoever sees them; no event but the clicks says so."""
    rng = np.random.default_rng(1)
    users, turns = 120, 80
    user, turn = (part.ravel() for part in np.meshgrid(np.arange(users), np.arange(turns), indexing="ij"))
    item = rng.integers(0, 12, len(user))
    clicked = rng.random(len(user)) < np.where(item % 4 < 2, 0.45, 0.15)
    shown = pl.DataFrame({"user_id": [f"u{n:02}" for n in user], "item_id": [ITEMS[n] for n in item], "label": clicked})
    shown = shown.with_columns(
        pl.col("label").cast(pl.Int8), pl.Series("timestamp", 1_600_000_000 + turn * 90_000 + user * 60)
    )
    events = (
        checkerboard(users).events.select("user_id", "item_id", "timestamp").with_columns(pl.lit("view").alias("event"))
    )
    events = events.with_columns(pl.col("timestamp") + rng.integers(0, turns * 90_000, events.height))
    split = kgrec.Dataset(items=tiny_items(), events=events, impressions=shown).split("temporal", (0.5, 0.25, 0.25))
    recommender = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    assert recommender.model_.scoring is not None
    assert "clicks on the item" in recommender.model_.scoring.names
    pairs = [("u15", name) for name in ITEMS]
    found = recommender.predict_click(pairs)["click_probability"].to_numpy()
    often = np.arange(12) % 4 < 2
    assert found[often].min() > found[~often].max()
    assert abs(found[often].mean() - 0.45) < 0.06
    assert abs(found[~often].mean() - 0.15) < 0.06


def test_update_with_impressions_moves_click_probabilities(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame], tmp_path: Path
) -> None:
    recommender, _, shown = fitted
    recommender.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    log = loaded.model_.shown
    assert log is not None
    later = shown.select(MOMENT).head(40).with_columns(pl.lit("impression").alias("event"), pl.lit(0).alias("label"))
    before = loaded.predict_click([("u00", name) for name in ITEMS])
    for _ in range(2):  # sent twice, it counts once
        loaded.update(later)
        assert loaded.model_.shown is not None
        assert len(loaded.model_.shown) == len(log) + later.unique(["user_id", "item_id", "timestamp"]).height
    after = loaded.predict_click([("u00", name) for name in ITEMS])
    assert not after["click_probability"].equals(before["click_probability"])


def test_update_with_the_click_after_the_impression_is_as_with_both(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame], tmp_path: Path
) -> None:
    recommender, _, shown = fitted
    recommender.save(tmp_path)
    moment = int(shown["timestamp"].max()) + 9  # type: ignore[call-overload]
    pair = {"user_id": ["u00"], "item_id": ["i03"]}
    impression = pl.DataFrame({**pair, "event": ["impression"], "timestamp": [moment]})
    click = pl.DataFrame({**pair, "event": ["click"], "timestamp": [moment + 5]})
    chances = []
    for updates in ([pl.concat([impression, click])], [impression, click], [click, impression]):
        loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
        for update in updates:
            loaded.update(update)
        log = loaded.model_.shown
        assert log is not None
        assert log.clicked[log.timestamp == moment].tolist() == [1.0]
        chances.append(loaded.predict_click({**pair, "timestamp": [moment + 60]})["click_probability"][0])
    assert chances[1:] == pytest.approx(chances[:1] * 2)


def test_clicks_of_a_part_are_judged_by_what_came_earlier_in_it(
    fitted: tuple[kgrec.KGRecommender, kgrec.Split, pl.DataFrame],
) -> None:
    recommender, split, _ = fitted
    assert split.test.history is not None
    labelled, past = part_pairs(recommender.model_, split.test, seed=0)
    users = split.test.events["user_id"].unique(maintain_order=True)
    events = pl.concat([split.test.history, split.test.events]).filter(pl.col("event") != "impression")
    impressions = split.test.events.filter(pl.col("event") == "impression")
    for row in range(0, len(labelled.clicked), 97):
        user = users[int(labelled.pairs.user_index[row])]
        assert impressions["user_id"][row] == user
        earlier = events.filter(pl.col("user_id") == user, pl.col("timestamp") < impressions["timestamp"][row])
        assert labelled.pairs.place[row] == earlier.height
    assert past.histories.lengths.sum() > labelled.pairs.place.max()


def test_labels_without_times_are_judged_by_what_came_before_the_part() -> None:
    rng = np.random.default_rng(2)
    rows = [
        (f"u{user:02}", ITEMS[item], int(item % 2 == user % 2)) for user in range(60) for item in rng.permutation(12)
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "label"], orient="row")
    split = kgrec.Dataset(items=tiny_items(), events=events).split("random", (0.5, 0.25, 0.25))
    recommender = kgrec.KGRecommender(CONFIG, device="cpu").fit(split.train, validation=split.validation)
    labelled, past = part_pairs(recommender.model_, split.test, seed=0)
    assert split.test.history is not None
    asked = split.test.events["user_id"].unique().implode()
    liked = split.test.history.filter(pl.col("label") == 1, pl.col("user_id").is_in(asked))
    assert past.histories.lengths.sum() == liked.height
    assert (labelled.pairs.place == past.histories.lengths[labelled.pairs.user_index]).all()
    assert past.shown is not None
    assert len(past.shown) == split.test.history.height
