"""What goes together is counted in histories and the graph, and what would do instead is left out."""

from __future__ import annotations

import dataclasses

import numpy as np
import polars as pl
import pytest

import kgrec
from kgrec.errors import UnknownIdError
from kgrec.models.fitted import FittedModel
from kgrec.ranking.complements import choose_pairing, complement_lists, last_pairs
from kgrec.ranking.together import DECAY, Pairing, Together, event_pairs, sessions
from kgrec.tensors.sequences import EVENT_NAMES, Histories
from tests.tiny import ITEMS, SMALL, checkerboard

VIEW, BUY = EVENT_NAMES.index("view"), EVENT_NAMES.index("purchase")
UNKNOWN = np.iinfo(np.int64).min


@pytest.fixture(scope="module")
def fitted() -> kgrec.KGRecommender:
    return kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(checkerboard().split("leave_last_out").train)


def _histories(lists: list[list[tuple[int, int, int]]], *, ordered: bool = True) -> Histories:
    """Of users' events: (item, time, event)."""
    start = np.cumsum([0, *map(len, lists)])
    item, time, event = np.array([one for events in lists for one in events], dtype=np.int64).reshape(-1, 3).T
    return Histories(start, item, event, time, ordered, profile=np.zeros((len(lists), 0), np.int64))


def _with(model: FittedModel, lists: list[list[tuple[int, int, int]]]) -> FittedModel:
    return dataclasses.replace(model, histories=_histories(lists))


def _best(model: FittedModel, item: int, k: int) -> list[str]:
    ids = pl.Series([ITEMS[item]])
    return complement_lists(model, Together.of(model), ids, np.array([item]), k)["complement_item_id"].to_list()


def test_sessions_end_with_a_gap_and_with_the_user() -> None:
    times = [[(0, 0, 0), (1, 1800, 0), (2, 3601, 0)], [(0, 3601, 0), (1, UNKNOWN, 0)]]
    assert sessions(_histories(times)).tolist() == [0, 0, 1, 2, 2]
    assert sessions(_histories([[], []])).tolist() == []


def test_event_pairs_weigh_less_the_more_events_between() -> None:
    histories = _histories([[(0, 1, VIEW), (1, 2, VIEW), (2, 3, VIEW)], [(1, 1, VIEW), (0, 9, VIEW), (0, 10, VIEW)]])
    expected = np.zeros((3, 3))
    expected[0, 1] = 1 + 1 + DECAY  # in the first history once, in the second twice
    expected[1, 2], expected[0, 2] = 1, DECAY
    np.testing.assert_allclose(event_pairs(histories, 3).toarray(), expected + expected.T)
    unordered = dataclasses.replace(histories, ordered=False)
    assert event_pairs(unordered, 3)[0, 2] == 1


def test_event_pairs_of_some_events_are_of_one_session() -> None:
    histories = _histories([[(0, 0, BUY), (1, 60, VIEW), (2, 90, BUY), (3, 9000, BUY)]])
    found = event_pairs(histories, 4, only=histories.event_index == BUY).toarray()
    assert np.argwhere(found).tolist() == [[0, 2], [2, 0]]


def test_complements_are_chosen_by_the_same_people(fitted: kgrec.KGRecommender) -> None:
    pair = [[(0, 0, BUY), (5, 60, BUY)]] * 30 + [[(2, 0, BUY), (7, 60, BUY)]] * 30
    model = _with(fitted.model_, pair)
    assert _best(model, 0, 1) == ["i05"]
    nobody = np.zeros((2, 0))
    found = Together.of(model).probabilities(np.array([0, 7]), nobody.astype(np.int64), nobody)
    assert found.argmax(axis=1).tolist() == [5, 2]
    np.testing.assert_allclose(found.sum(axis=1), 1.0)


def test_near_items_are_left_out_unless_bought_with_it(
    fitted: kgrec.KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.ranking.complements.SUBSTITUTES", 2)
    first, second = fitted.similar_items(["i00"], k=2)["similar_item_id"].to_list()
    places = fitted.model_.items.index([first, second])
    viewed = [[(0, 0, VIEW), (int(places[0]), 60, VIEW)], [(0, 0, BUY), (int(places[1]), 60, BUY)]] * 20
    found = _best(_with(fitted.model_, viewed), 0, 12)
    assert first not in found
    assert found[0] == second
    assert len(found) == 10


def test_near_items_are_kept_where_nothing_is_ever_bought(fitted: kgrec.KGRecommender) -> None:
    viewed = [[(0, 0, VIEW), (2, 60, VIEW)]] * 20
    assert len(_best(_with(fitted.model_, viewed), 0, 12)) == 11


def test_item_without_events_goes_with_what_like_items_go_with(fitted: kgrec.KGRecommender) -> None:
    like = fitted.model_.items.index(fitted.similar_items(["i00"], k=5)["similar_item_id"])
    other = next(item for item in range(11, 0, -1) if item not in like)
    model = _with(fitted.model_, [[(int(item), 0, VIEW), (other, 60, VIEW)] for item in like] * 100)
    ids, asked = pl.Series(["i00"]), np.array([0])
    together = Together.of(model)
    assert together.pairs[[0]].nnz == 0
    alone = together.probabilities(asked, np.zeros((1, 0), np.int64), np.zeros((1, 0)))[0]
    lent = together.probabilities(asked, like[None], np.ones((1, 5)))[0]
    assert lent[other] > 1.3 * alone[other]
    assert complement_lists(model, together, ids, asked, 3).height == 3


def test_items_linked_in_the_graph_go_together(fitted: kgrec.KGRecommender) -> None:
    ends = pl.DataFrame({"head_id": ["i00"], "tail_id": ["i09"]})
    old = fitted.model_.graph
    graph = kgrec.KnowledgeGraph(old.nodes, {**old.edges, ("Product", "ALSO_BOUGHT", "Product"): ends})
    together = Together.of(dataclasses.replace(_with(fitted.model_, [[(1, 0, VIEW)]]), graph=graph))
    assert np.argwhere(together.pairs.toarray()).tolist() == [[0, 9], [9, 0]]


def test_complements_of_a_fitted_model_are_ranked_lists_without_the_item(fitted: kgrec.KGRecommender) -> None:
    found = fitted.complements(["i00", "i07"], k=3)
    assert found.columns == ["item_id", "complement_item_id", "rank", "score"]
    assert found["rank"].to_list() == [1, 2, 3, 1, 2, 3]
    assert (found["item_id"] != found["complement_item_id"]).all()
    assert found.filter(pl.col("item_id") == "i00")["score"].is_sorted(descending=True)
    assert fitted.complements([]).height == 0


def test_complements_of_an_unknown_item_say_so(fitted: kgrec.KGRecommender) -> None:
    with pytest.raises(UnknownIdError, match="complements: unknown item_ids 'nothing'"):
        fitted.complements(["nothing"])


def test_last_pairs_are_of_one_session_and_two_items() -> None:
    lists = [[(3, 0, VIEW), (0, 10, VIEW), (5, 60, BUY)], [(1, 0, VIEW), (2, 9000, VIEW)], [(1, 0, VIEW), (1, 9, VIEW)]]
    histories = _histories([*lists, [(1, UNKNOWN, VIEW), (2, 5, VIEW)], [(4, 1, VIEW)], []])
    first, second, last = last_pairs(histories)
    assert (first.tolist(), second.tolist(), last.tolist()) == ([0], [5], [2])
    assert histories.without(last).item_index.tolist() == [3, 0, 1, 2, 1, 1, 1, 2, 4]
    assert histories.without(last).start.tolist() == [0, 2, 4, 6, 8, 9, 9]


def test_pairing_counts_likeness_where_sessions_hold_like_items_and_not_where_they_do_not(
    fitted: kgrec.KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.ranking.complements.SUBSTITUTES", 0)
    source = fitted.model_.vectors.source
    cosine = (source @ source.T).fill_diagonal_(-2.0).numpy()
    like, unlike = cosine.argmax(1), np.where(np.eye(12), 2.0, cosine).argmin(1)

    def sessions_of(other: np.ndarray) -> list[list[tuple[int, int, int]]]:
        return [[(item, 0, VIEW), (int(other[item]), 60, VIEW)] for item in range(12) for _ in range(10)]

    assert choose_pairing(_with(fitted.model_, sessions_of(like))).affinity >= 4.0
    assert choose_pairing(_with(fitted.model_, sessions_of(unlike))).affinity == 0.0
    assert choose_pairing(_with(fitted.model_, sessions_of(unlike)[:90])) == Pairing()


def test_fit_keeps_the_pairing_and_complements_go_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    shop = checkerboard(120)
    minutes = shop.events.with_columns(pl.col("timestamp") // 10)  # one session each
    shop = kgrec.Dataset(items=shop.items, events=minutes)
    model = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=2), device="cpu").fit(shop).model_
    assert len(last_pairs(model.histories)[0]) == 120
    assert Pairing(**model.about["complements"]) == choose_pairing(model) != Pairing()
    other = {"affinity": 0.0, "popular": 1e9, "lent": 1e9}
    changed = dataclasses.replace(model, about={**model.about, "complements": other})
    monkeypatch.setattr("kgrec.ranking.complements.SUBSTITUTES", 0)
    together = Together.of(changed)
    scores = complement_lists(changed, together, pl.Series(["i00"]), np.array([0]), 3)["score"]
    np.testing.assert_allclose(scores.exp().to_list(), np.sort(together.popular[1:])[::-1][:3], rtol=1e-2)
