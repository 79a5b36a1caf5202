"""Splits: their definitions worked out by hand, and the laws that no event may break."""

from __future__ import annotations

import pickle
from collections import defaultdict

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kgrec.data.dataset import Dataset, Split
from kgrec.data.splitting import comes_after
from kgrec.errors import ConfigError, DataError

ITEM_IDS = list("abcdefgh")
PARTS = ("train", "validation", "test")


def dataset(*rows: tuple[object, ...], columns: str = "user_id item_id timestamp event label") -> Dataset:
    """A dataset of event rows; columns beyond a row's length are null."""
    names = columns.split()
    numbers = "timestamp", "label", "position"
    schema = {name: pl.Int64 if name in numbers else pl.String for name in names}
    padded = [(*row, *[None] * (len(names) - len(row))) for row in rows]
    return Dataset(items={"item_id": ITEM_IDS}, events=pl.DataFrame(padded, schema=schema, orient="row"))


def part_of(split: Split) -> dict[tuple[object, ...], str]:
    """(user, item, timestamp) -> the part it is in."""
    return {
        row: name
        for name, part in split.parts.items()
        for row in part.events.select("user_id", "item_id", "timestamp").rows()
    }


def items(part: Dataset) -> list[str]:
    return part.events["item_id"].to_list()


# --- leave_last_out


def test_leave_last_out_takes_last_as_test_and_the_one_before_as_validation() -> None:
    split = dataset(("u", "c", 3), ("u", "a", 1), ("u", "d", 4), ("u", "b", 2)).split("leave_last_out")
    assert (items(split.train), items(split.validation), items(split.test)) == (["a", "b"], ["c"], ["d"])


def test_leave_last_out_ties_keep_the_order_of_the_file() -> None:
    split = dataset(("u", "b", 1), ("u", "a", 1), ("u", "c", 1)).split("leave_last_out")
    assert (items(split.train), items(split.validation), items(split.test)) == (["b"], ["a"], ["c"])


def test_leave_last_out_without_timestamps_takes_the_order_of_the_file(caplog: pytest.LogCaptureFixture) -> None:
    split = dataset(("u", "c"), ("v", "a"), ("u", "b"), ("u", "a")).split("leave_last_out")
    assert "give row numbers as timestamps" in caplog.text
    assert part_of(split) == {
        ("u", "c", None): "train",
        ("u", "b", None): "validation",
        ("u", "a", None): "test",
        ("v", "a", None): "test",
    }


def test_leave_last_out_events_without_time_count_as_the_earliest() -> None:
    split = dataset(("u", "a", 9), ("u", "b", None), ("u", "c", 8)).split("leave_last_out")
    assert (items(split.train), items(split.validation), items(split.test)) == (["b"], ["c"], ["a"])


def test_leave_last_out_short_histories_fill_test_first() -> None:
    split = dataset(("one", "a", 1), ("two", "a", 1), ("two", "b", 2), *[("u", i, 1) for i in "abc"])
    parts = part_of(split.split("leave_last_out"))
    assert parts["one", "a", 1] == "test"
    assert (parts["two", "a", 1], parts["two", "b", 2]) == ("validation", "test")


def test_leave_last_out_impressions_and_negatives_go_by_time() -> None:
    """u likes a, b, c at 10, 20, 30: the rows of d at 5, 20, 29 and 30 go to train, validation, validation, test."""
    likes = [("u", "a", 10), ("u", "b", 20), ("u", "c", 30)]
    shown = [("u", "d", time, "impression") for time in (5, 20, 29, 30)] + [("u", "e", 31, "click", 0)]
    parts = part_of(dataset(*shown, *likes).split("leave_last_out"))
    assert [parts["u", "d", time] for time in (5, 20, 29, 30)] == ["train", "validation", "validation", "test"]
    assert parts["u", "e", 31] == "test"


def test_leave_last_out_earlier_rows_of_a_held_out_pair_leave_train() -> None:
    likes = [("u", "a", 10), ("u", "b", 20), ("u", "c", 30), ("v", "c", 1), ("v", "d", 2), ("v", "e", 3)]
    shown = [
        ("u", "c", 1, "impression"),
        ("u", "b", 2, "click", 0),
        ("v", "e", 0, "impression"),
        ("u", "e", 3, "impression"),
    ]
    parts = part_of(dataset(*shown, *likes).split("leave_last_out"))
    assert parts["u", "c", 1] == "test"
    assert parts["u", "b", 2] == "validation"
    assert parts["v", "e", 0] == "test"
    assert parts["u", "e", 3] == "train"  # held out for v only


def test_leave_last_out_rows_of_a_pair_held_out_twice_go_to_the_earlier_part_unless_they_are_later() -> None:
    """u buys c as validation and again as test: of its impressions those from the test event on go to test."""
    likes = [("u", "a", 10), ("u", "c", 20), ("u", "c", 30)]
    shown = [("u", "c", moment, "impression") for moment in (1, 29, 30, 40)]
    parts = part_of(dataset(*shown, *likes).split("leave_last_out"))
    assert [parts["u", "c", moment] for moment in (1, 29)] == ["validation"] * 2
    assert [parts["u", "c", moment] for moment in (30, 40)] == ["test"] * 2  # of 30 both the event and the impression


def test_leave_last_out_rows_of_the_validation_pair_are_never_before_their_time() -> None:
    likes = [("u", "a", 10), ("u", "b", 20), ("u", "c", 30)]
    parts = part_of(dataset(("u", "b", 35, "impression"), *likes).split("leave_last_out"))
    assert parts["u", "b", 35] == "test"


def test_leave_last_out_users_without_interactions_and_rows_without_time_stay_in_train() -> None:
    likes = [("u", "a", 10), ("u", "b", 20), ("u", "c", 30)]
    parts = part_of(
        dataset(("z", "a", 99, "impression"), ("u", "d", None, "impression"), *likes).split("leave_last_out")
    )
    assert parts["z", "a", 99] == parts["u", "d", None] == "train"


def test_leave_last_out_a_list_with_a_held_out_pair_moves_whole() -> None:
    likes = [("u", "a", 10), ("u", "b", 20), ("u", "c", 30)]
    shown = [
        *[("u", item, 4, "impression", None, "s1", place) for place, item in enumerate("adb", 1)],  # b: validation
        *[("u", item, 5, "impression", None, "s1", place) for place, item in enumerate("de", 1)],  # another list
        *[("u", item, 6, "impression", None, "s1", place) for place, item in enumerate("bcf", 1)],  # both parts' items
        *[("v", item, 4, "impression", None, "s1", place) for place, item in enumerate("db", 1)],  # of somebody else
        *[("u", item, 7, "impression") for item in "gb"],  # nothing says that they are a list
    ]
    columns = "user_id item_id timestamp event label session_id position"
    parts = part_of(dataset(*shown, *likes, columns=columns).split("leave_last_out"))
    assert [parts["u", item, 4] for item in "adb"] == ["validation"] * 3
    assert [parts["u", item, 5] for item in "de"] == ["train"] * 2
    assert [parts["u", item, 6] for item in "bcf"] == ["test"] * 3
    assert [parts["v", item, 4] for item in "db"] == ["train"] * 2
    assert [parts["u", item, 7] for item in "gb"] == ["train", "validation"]


def reference_leave_last_out(rows: list[tuple[str, str, int]]) -> dict[str, dict[str, list[str]]]:
    """As `../shared/bench/eval_ranking.py` does it."""
    parts: dict[str, dict[str, list[str]]] = {name: {} for name in PARTS}
    by_user = defaultdict(list)
    for user, item, timestamp in rows:
        by_user[user].append((float(timestamp), item))
    for user, events in by_user.items():
        ordered = [item for _, item in sorted(events, key=lambda event: event[0])]
        parts["train"][user], parts["validation"][user], parts["test"][user] = (
            ordered[:-2],
            ordered[-2:-1],
            ordered[-1:],
        )
    return parts


EVENT = st.tuples(st.sampled_from("uvwx"), st.sampled_from(ITEM_IDS), st.integers(0, 6))


@given(st.lists(EVENT, min_size=3, max_size=40, unique=True))
def test_leave_last_out_equals_the_reference(rows: list[tuple[str, str, int]]) -> None:
    whole = dataset(*rows)
    expected = reference_leave_last_out(rows)
    if not any(expected["train"].values()):
        with pytest.raises(DataError, match="no interaction is left in train"):
            whole.split("leave_last_out")
        return
    for name, part in whole.split("leave_last_out").parts.items():
        found = part.events.sort("timestamp", maintain_order=True).group_by("user_id").agg("item_id").rows()
        assert dict(found) == {user: wanted for user, wanted in expected[name].items() if wanted}


@given(
    st.permutations(
        [(user, item, time) for time, (user, item) in enumerate(zip("uvuvuvuvw" * 2, "abcdefgha" * 2, strict=True))]
    )
)
def test_leave_last_out_with_distinct_times_ignores_the_order_of_the_file(rows: list[tuple[str, str, int]]) -> None:
    assert part_of(dataset(*rows).split("leave_last_out")) == part_of(dataset(*sorted(rows)).split("leave_last_out"))


# --- leave_users_out


def _twenty_users() -> Dataset:
    """u00 to u19, four events each, the last of them on d; and one of a single event."""
    rows = [(f"u{user:02}", item, place) for user in range(20) for place, item in enumerate("abcd")]
    return dataset(*rows, ("single", "a", 9))


def test_leave_users_out_asks_for_the_last_event_of_users_that_train_does_not_know() -> None:
    whole = _twenty_users()
    split = whole.split("leave_users_out", ratio=(0.7, 0.1, 0.2))
    users = {name: set(part.events["user_id"]) for name, part in split.parts.items()}
    assert [len(found) for found in users.values()] == [15, 2, 4]
    assert "single" in users["train"]
    assert not users["train"] & users["validation"] | users["test"] & (users["train"] | users["validation"])
    assert items(split.validation) == ["d"] * 2
    assert items(split.test) == ["d"] * 4
    assert split.report()["new_users"].to_list() == [15, 0, 0]
    for seed in (0, 1):
        same = whole.split("leave_users_out", ratio=(0.7, 0.1, 0.2), seed=seed).test.events.equals(split.test.events)
        assert same == (seed == 0)


def test_leave_users_out_gives_what_came_before_and_train_none_of_it() -> None:
    whole = _twenty_users()
    split = whole.split("leave_users_out", ratio=(0.7, 0.1, 0.2))
    asked, tested = set(split.validation.events["user_id"]), set(split.test.events["user_id"])
    assert split.validation.history is not None
    assert split.test.history is not None
    given = split.validation.history.join(split.train.events, on="user_id", how="anti")
    assert set(given["user_id"]) == asked
    assert given["item_id"].to_list() == list("abc") * 2
    rest = split.test.history.join(split.validation.history, on=["user_id", "item_id"], how="anti")
    assert sorted(rest.filter(pl.col("user_id").is_in(tested))["item_id"]) == sorted("abc" * 4)
    assert rest.filter(pl.col("user_id").is_in(asked)).equals(split.validation.events)
    assert split.test.history.height + split.test.events.height == whole.events.height
    assert not tested & set(split.known.events["user_id"])
    assert split.known.events.height == whole.events.height - 16


def test_leave_users_out_without_times_draws_the_event() -> None:
    rows = [(f"u{user:03}", item) for user in range(100) for item in ITEM_IDS]
    split = dataset(*rows).split("leave_users_out")
    assert split.test.events["timestamp"].null_count() == split.test.events.height == 15
    assert len(set(items(split.test)) | set(items(split.validation))) > 4


def test_leave_users_out_impressions_before_the_last_event_are_given() -> None:
    rows = [("u", "a", 1, "impression"), ("u", "a", 2), ("u", "b", 3, "impression"), ("u", "c", 4)]
    split = dataset(*rows, ("single", "a", 1)).split("leave_users_out", ratio=(0.1, 0.0, 0.9))
    assert items(split.test) == ["c"]
    assert split.test.history is not None
    assert split.test.history.filter(pl.col("user_id") == "u")["item_id"].to_list() == ["a", "a", "b"]


# --- laws of all methods

ANY_EVENT = st.tuples(
    st.sampled_from("uvwx"),
    st.sampled_from(ITEM_IDS),
    st.integers(0, 9),
    st.sampled_from(["click", "purchase", "impression"]),
    st.sampled_from([None, 0, 1]),
)


@given(st.lists(ANY_EVENT, min_size=8, max_size=40), st.sampled_from(["leave_last_out", "temporal", "random"]))
def test_split_parts_are_a_partition_and_train_never_shows_a_held_out_event(
    rows: list[tuple[object, ...]], method: str
) -> None:
    whole = dataset(*rows)
    numbered = whole.events.with_row_index("row")
    try:
        split = whole.split(method)  # type: ignore[arg-type]
    except DataError:
        return  # nothing to train on
    together = pl.concat([part.events for part in split.parts.values()])
    assert sorted(map(repr, together.rows())) == sorted(map(repr, numbered.drop("row").rows()))
    held_out = {(*row,) for part in (split.validation, split.test) for row in part.interactions.rows()}
    assert not held_out & {(*row,) for row in split.train.events.rows()}
    for name, part in split.parts.items():
        assert part.events.rows() == [row for row in whole.events.rows() if row in set(part.events.rows())], name
        assert part.items.equals(whole.items)


@given(st.lists(ANY_EVENT, min_size=8, max_size=40))
def test_leave_users_out_keeps_users_apart_and_loses_no_event(rows: list[tuple[object, ...]]) -> None:
    whole = dataset(*rows)
    try:
        split = whole.split("leave_users_out", ratio=(0.4, 0.3, 0.3))
    except DataError:
        return  # nothing to train on
    before, given = split.test.history, split.validation.history
    assert before is not None
    assert given is not None
    assert sorted(map(repr, [*before.rows(), *split.test.events.rows()])) == sorted(map(repr, whole.events.rows()))
    train, asked, tested = ({*part.events["user_id"]} for part in split.parts.values())
    assert not train & (asked | tested)
    assert not asked & tested
    assert {*given["user_id"]} <= train | asked
    assert {*split.known.events["user_id"]} == train | asked
    for part in (split.validation, split.test):
        assert part.interactions["user_id"].n_unique() == part.interactions.height


@given(st.lists(ANY_EVENT, min_size=8, max_size=40))
def test_leave_last_out_train_never_shows_a_new_held_out_pair(rows: list[tuple[object, ...]]) -> None:
    """A held-out pair is in train only when the user already liked the item then."""
    try:
        split = dataset(*rows).split("leave_last_out")
    except DataError:
        return
    pair = ["user_id", "item_id"]
    held_out = pl.concat([split.validation.interactions, split.test.interactions]).select(pair)
    shown = split.train.events.join(held_out, on=pair, how="semi")
    liked = split.train.interactions
    assert shown.join(liked, on=["user_id", "item_id", "timestamp", "event"], how="anti").height == 0


# --- temporal


def test_temporal_cuts_all_rows_at_the_same_moments() -> None:
    """10 interactions at 0..9 and (.6, .2, .2): the cuts are at 6 and 8."""
    likes = [("u", "a", time) for time in range(10)]
    split = dataset(*likes, ("v", "b", 7, "impression"), ("v", "b", 5, "impression")).split("temporal", (0.6, 0.2, 0.2))
    assert split.train.events["timestamp"].sort().to_list() == [0, 1, 2, 3, 4, 5, 5]
    assert split.validation.events["timestamp"].sort().to_list() == [6, 7, 7]
    assert split.test.events["timestamp"].sort().to_list() == [8, 9]


def test_temporal_ties_at_a_cut_go_to_the_later_part() -> None:
    """Of 0 1 1 1 the third, at half, has time 1: so have all three, and all are test."""
    split = dataset(*[("u", item, time) for item, time in zip("abcd", (0, 1, 1, 1), strict=True)])
    parts = split.split("temporal", (0.5, 0.0, 0.5))
    assert (items(parts.train), items(parts.validation), items(parts.test)) == (["a"], [], ["b", "c", "d"])


def test_temporal_without_test_share_has_no_test_events() -> None:
    split = dataset(*[("u", "a", time) for time in range(4)]).split("temporal", (0.75, 0.25, 0.0))
    assert [part.events.height for part in split.parts.values()] == [3, 1, 0]


def test_temporal_with_missing_timestamps_is_a_data_error() -> None:
    with pytest.raises(DataError, match="1 of 2 rows have no timestamp, and a temporal split needs every one"):
        dataset(("u", "a", 1), ("u", "b", None)).split("temporal")


# --- random


def _checkerboard() -> Dataset:
    rows = [(f"u{user}", item, user) for user in range(25) for item in ITEM_IDS]
    return dataset(*rows, *[(f"u{user}", "a", 100, "impression") for user in range(25)], ("z", "a", 1, "impression"))


def test_random_shares_out_pairs_by_ratio() -> None:
    split = _checkerboard().split("random")
    assert [part.interactions.height for part in split.parts.values()] == [140, 30, 30]


def test_random_same_seed_same_split_and_other_seed_another() -> None:
    whole = _checkerboard()
    first, again, other = (whole.split("random", seed=seed).train.events for seed in (3, 3, 4))
    assert first.equals(again)
    assert not first.equals(other)


def test_random_of_a_seed_never_changes() -> None:
    """Noted once: a change here makes every earlier random split irreproducible."""
    whole = dataset(*[("u", item, 1) for item in ITEM_IDS], ("u", "a", 2, "impression"), ("v", "b", 3, "impression"))
    split = whole.split("random", (0.5, 0.25, 0.25), seed=7)
    assert (items(split.train), items(split.validation), items(split.test)) == (list("acfhab"), ["b", "d"], ["e", "g"])


def test_random_keeps_all_rows_of_a_pair_in_one_part() -> None:
    split = _checkerboard().split("random", (0.4, 0.3, 0.3))
    pairs = [set(part.events.select("user_id", "item_id").rows()) for part in split.parts.values()]
    assert not pairs[0] & pairs[1]
    assert not pairs[0] & pairs[2]
    assert not pairs[1] & pairs[2]


def test_random_repeats_of_a_pair_stay_together() -> None:
    whole = dataset(*[("u", item, time) for item in "abcdef" for time in range(4)])
    for seed in range(5):
        for part in whole.split("random", (0.5, 0.25, 0.25), seed=seed).parts.values():
            assert part.events.height == 4 * part.events["item_id"].n_unique()


# --- fixed, errors, what a split holds


def test_fixed_part_has_no_parts_of_its_own() -> None:
    parts = {part: {"user_id": ["u"], "item_id": [item]} for part, item in zip(PARTS, "abc", strict=True)}
    split = Dataset(items={"item_id": ITEM_IDS}, events=parts).split("fixed")
    with pytest.raises(DataError, match="no fixed parts"):
        split.train.split("fixed")


def test_fixed_without_given_parts_is_a_data_error() -> None:
    with pytest.raises(DataError, match=r"no fixed parts: give events\.train, events\.validation, events\.test"):
        dataset(("u", "a", 1)).split("fixed")


@pytest.mark.parametrize(
    "ratio", [(0.5, 0.5), (0.5, 0.5, 0.5), (-0.1, 0.6, 0.5), (0.0, 0.5, 0.5), (float("nan"), 0.5, 0.5)]
)
def test_split_with_bad_ratio_is_a_config_error(ratio: tuple[float, ...]) -> None:
    with pytest.raises(ConfigError, match="ratio is"):
        dataset(("u", "a", 1)).split("random", ratio)


@pytest.mark.parametrize("seed", [-1, 1.5, True])
def test_split_with_bad_seed_is_a_config_error(seed: object) -> None:
    with pytest.raises(ConfigError, match="seed is"):
        dataset(("u", "a", 1)).split("random", seed=seed)  # type: ignore[arg-type]


def test_split_with_unknown_method_is_a_config_error() -> None:
    expected = "method is 'last', expected leave_last_out, leave_users_out, temporal, random or fixed"
    with pytest.raises(ConfigError, match=expected):
        dataset(("u", "a", 1)).split("last")  # type: ignore[arg-type]


def test_split_history_holds_the_events_of_earlier_parts_in_order() -> None:
    whole = dataset(("u", "c", 3), ("u", "a", 1), ("u", "d", 4), ("u", "b", 2))
    split = whole.split("leave_last_out")
    assert whole.history is None
    assert split.train.history is None
    assert split.validation.history is not None
    assert split.test.history is not None
    assert split.validation.history["item_id"].to_list() == ["a", "b"]
    assert split.test.history["item_id"].to_list() == ["c", "a", "b"]
    assert split.known.events.equals(split.test.history)
    assert split.known.items.equals(whole.items)
    assert split.known.history is None


def test_parts_made_elsewhere_get_the_history_of_a_split() -> None:
    split = dataset(("u", "c", 3), ("u", "a", 1), ("u", "d", 4), ("u", "b", 2)).split("leave_last_out")
    train, validation, test = (Dataset(items=part.items, events=part.events) for part in split.parts.values())
    made = Split(train, validation, test, method="fixed")
    assert made.validation.history is not None
    assert made.test.history is not None
    assert made.validation.history.equals(train.events)
    assert made.test.history["item_id"].to_list() == ["a", "b", "c"]
    assert made.known.events.height == 3
    assert pickle.loads(pickle.dumps(made)).test.history.equals(made.test.history)


def test_split_report_counts_known_pairs_and_new_users() -> None:
    """u buys a again as validation and b again as test; v is new in test, w in validation."""
    rows = [("u", "a", 1), ("u", "b", 2), ("u", "a", 3), ("u", "b", 4), ("v", "c", 5), ("w", "c", 6), ("w", "d", 7)]
    split = dataset(*rows).split("leave_last_out")
    assert split.report().rows() == [
        ("train", 2, 2, 1, 2, 0, 1),
        ("validation", 2, 2, 2, 2, 1, 1),
        ("test", 3, 3, 3, 3, 1, 1),
    ]
    assert "1 of items the user had before" in str(split)
    assert "1 users without history" in str(split)


def test_split_does_not_touch_the_global_random_state() -> None:
    state = np.random.get_state()[1].tolist()
    _checkerboard().split("random")
    assert np.random.get_state()[1].tolist() == state


def test_interactions_leave_out_impressions_and_negatives() -> None:
    whole = dataset(("u", "a", 1, "impression", 1), ("u", "b", 2, "click", 0), ("u", "c", 3, "click", 1), ("u", "d", 4))
    assert whole.interactions["item_id"].to_list() == ["c", "d"]


def test_comes_after_tells_a_split_by_time_from_one_that_ignores_it() -> None:
    rng = np.random.default_rng(0)
    rows = {
        "user_id": np.repeat([f"u{user}" for user in range(30)], 20),
        "item_id": [f"i{place}" for place in range(600)],
        "timestamp": rng.integers(1_600_000_000, 1_700_000_000, 600),
    }
    shop = Dataset(items={"item_id": rows["item_id"]}, events=pl.DataFrame(rows))
    for method, expected in (("leave_last_out", True), ("temporal", True), ("random", False)):
        split = shop.split(method)
        assert comes_after(split.validation.interactions, split.train.interactions) is expected
    no_times = split.validation.interactions.with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
    assert comes_after(no_times, split.train.interactions)


def test_comes_after_learns_nothing_from_events_of_one_day() -> None:
    rng = np.random.default_rng(0)
    day = np.repeat(rng.integers(0, 100, 30), 20)
    day += np.tile(np.arange(20) >= 16, 30)  # most events of a user are of one day, the last four of the next
    rows = {
        "user_id": np.repeat([f"u{user}" for user in range(30)], 20),
        "item_id": [f"i{place}" for place in range(600)],
        "timestamp": 1_600_000_000 + 86_400 * day,
    }
    shop = Dataset(items={"item_id": rows["item_id"]}, events=pl.DataFrame(rows))
    split = shop.split("random")
    assert not comes_after(split.validation.interactions, split.train.interactions)


def test_a_split_can_be_pickled_before_and_after_the_history_is_asked_for() -> None:
    split = dataset(*((user, item, time) for time, (user, item) in enumerate(zip("uuuvvv", "abcabc", strict=True))))
    parts = split.split("leave_last_out")
    for _ in range(2):
        test = pickle.loads(pickle.dumps(parts)).test
        assert test.events.equals(parts.test.events)
        assert test.history is not None
        assert test.history.equals(parts.test.history)
