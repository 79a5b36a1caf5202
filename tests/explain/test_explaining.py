"""An explanation's numbers are measured on the model, and its words name what counted."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

import kgrec
from kgrec.errors import ConfigError
from kgrec.explain.explaining import MEASURED_PATHS, Explainer
from kgrec.explain.item_score import Change
from kgrec.models.fitted import FittedModel
from kgrec.tensors.sequences import Histories


def _pairs(recommender: kgrec.KGRecommender, users: int = 12) -> list[tuple[str, str]]:
    wanted = recommender.model_.users.ids[:users].to_list()
    return list(recommender.recommend(wanted, k=2).select("user_id", "item_id").iter_rows())


def test_explanation_has_the_score_of_the_list(fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend(["u00", "u05"], k=2)
    for user_id, item_id, _, score in lists.iter_rows():
        assert fitted.explain(user_id, item_id).score == pytest.approx(score, abs=1e-5)


def test_influences_are_what_leaving_the_events_out_gives(fitted: kgrec.KGRecommender) -> None:
    model, explainer = fitted.model_, Explainer(fitted.model_)
    for user_id, item_id in _pairs(fitted):
        found = fitted.explain(user_id, item_id, max_events=10)
        history = model.histories.take(model.users.index([user_id]))
        drops = {}
        for place, item in enumerate(history.item_index.tolist()):
            rows = np.delete(np.arange(len(history.item_index)), place)
            parts = {name: getattr(history, name)[rows] for name in ("item_index", "event_index", "timestamp")}
            left = dataclasses.replace(history, start=np.array([0, len(rows)]), **parts)
            score = float(model.scores(model.user_vectors(left), left)[0, model.items.index([item_id])[0]])
            drops[model.items.ids[item]] = found.score - score
        named = {one.item_id: one.drop for one in found.influences}
        assert named == pytest.approx({name: drop for name, drop in drops.items() if drop > 0}, abs=1e-5)
        assert list(named.values()) == sorted(named.values(), reverse=True)
        given = explainer.score_of(user_id, int(model.items.index([item_id])[0]))
        whole = given.closed_form(np.ones((1, len(history.item_index)), dtype=bool)).sum()
        if len(named) == len(drops):
            assert sum(one.closed_form for one in found.influences) == pytest.approx(whole)


def test_paths_drop_by_what_cutting_their_edges_gives(fitted: kgrec.KGRecommender) -> None:
    explainer = Explainer(fitted.model_)
    measured = []
    for user_id, item_id in _pairs(fitted):
        found = fitted.explain(user_id, item_id)
        asked = explainer.score_of(user_id, int(fitted.model_.items.index([item_id])[0]))
        for path in found.paths:
            assert path.steps[-1].id == item_id
            left = asked.of([explainer.without_edges(asked, path.edges)])[0]
            assert path.drop == pytest.approx(found.score - left, abs=1e-4)
            measured.append(path.drop)
    assert max(measured) > 0.01  # an edge counts


def test_shares_are_drops_over_the_personal_part(fitted: kgrec.KGRecommender) -> None:
    shares = 0
    for user_id, item_id in _pairs(fitted):
        found = fitted.explain(user_id, item_id)
        assert found.personal == pytest.approx(found.score - found.base)
        for one in (*found.influences, *found.paths):
            if found.personal > 0:
                assert one.share == pytest.approx(one.drop / found.personal)
                shares += 1
            else:
                assert one.share is None
    assert shares


def test_paths_over_different_neighbours_of_the_item_come_first(fitted: kgrec.KGRecommender) -> None:
    for user_id, item_id in _pairs(fitted):
        paths = fitted.explain(user_id, item_id, max_paths=20).paths
        last = [path.edges[-1] for path in paths]
        kinds = len(set(last))
        assert len(set(last[:kinds])) == kinds
        drops = [round(path.drop, 4) for path in paths[:kinds]]
        assert drops == sorted(drops, reverse=True)


def test_paths_beyond_what_is_measured_are_left_out(
    fitted: kgrec.KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    user_id, item_id = _pairs(fitted)[0]
    every = fitted.explain(user_id, item_id, max_paths=100).paths
    assert 3 < len(every) <= MEASURED_PATHS
    monkeypatch.setattr("kgrec.explain.explaining.MEASURED_PATHS", 3)
    few = fitted.explain(user_id, item_id, max_paths=100).paths
    assert len(few) == 3
    assert {path.edges for path in few} <= {path.edges for path in every}


def test_evidence_named_counts_more_than_evidence_drawn(fitted: kgrec.KGRecommender) -> None:
    model, explainer = fitted.model_, Explainer(fitted.model_)
    named, drawn = [], []
    for user_id, item_id in _pairs(fitted, users=40):
        found = fitted.explain(user_id, item_id, max_events=1)
        asked = explainer.score_of(user_id, int(model.items.index([item_id])[0]))
        named += [one.drop for one in found.influences]
        drops = found.score - asked.of([Change(left_out=(place,)) for place in range(asked.num_events)])
        drawn += [float(drops.mean())] * len(found.influences)
    assert len(named) > 40
    assert np.mean(named) > 1.5 * np.mean(drawn) > 0  # of three events, one of which is the named one


def test_repeated_events_on_an_item_count_together(fitted: kgrec.KGRecommender) -> None:
    old = fitted.model_
    events = np.array([0, 2, 0, 4, 0])
    only = Histories(
        np.array([0, 5]), events, np.array([0, 0, 0, 0, 4]), np.arange(5), True, np.array([0]), old.profile[:1]
    )
    model = dataclasses.replace(old, histories=only)
    found = Explainer(model).explain("u00", 6, 3, 10)
    one = next(one for one in found.influences if one.item_id == "i00")
    assert (one.times, one.event) == (3, "purchase")
    asked = Explainer(model).score_of("u00", 6)
    assert one.drop == pytest.approx(found.score - asked.of([Change(left_out=(0, 2, 4))])[0], abs=1e-4)


def test_text_match_drops_by_what_the_texts_give(with_texts: kgrec.KGRecommender) -> None:
    explainer = Explainer(with_texts.model_)
    for user_id, item_id in _pairs(with_texts, users=3):
        match = with_texts.explain(user_id, item_id).text_match
        assert match is not None
        asked = explainer.score_of(user_id, int(with_texts.model_.items.index([item_id])[0]))
        change = explainer.without_texts(asked)
        assert set(change.fused) == {asked.item, *asked.history.item_index.tolist()}
        assert abs(match.drop) > 1e-4
        assert match.closest is not None
        assert match.closest.cosine <= 1.0001


def test_explanation_of_a_model_without_texts_has_no_text_match(fitted: kgrec.KGRecommender) -> None:
    assert fitted.explain("u00", "i00").text_match is None


def test_reason_without_evidence_names_a_like_item_only_where_one_is_like(fitted: kgrec.KGRecommender) -> None:
    found = dataclasses.replace(fitted.explain("u00", "i01"), influences=(), paths=())
    assert found.closest is not None
    near, far = (dataclasses.replace(found.closest, cosine=cosine) for cosine in (0.5, 0.004))
    assert dataclasses.replace(found, closest=near).reason.startswith(f"most like '{near.title}'")
    assert dataclasses.replace(found, closest=far).reason == "for everyone alike: nothing ties it to what you did"


def test_explanation_of_a_user_without_events_says_popular(fitted: kgrec.KGRecommender) -> None:
    model = dataclasses.replace(fitted.model_, histories=fitted.model_.histories.take(np.full(40, -1)))
    found = Explainer(model).explain("u00", 0, 3, 3)
    assert (found.influences, found.paths, found.closest) == ((), (), None)
    assert found.reason == "popular with everyone: nothing is known of this user"


def test_explanation_is_a_sentence_lines_and_json(with_texts: kgrec.KGRecommender) -> None:
    user_id, item_id = _pairs(with_texts)[0]
    found = with_texts.explain(user_id, item_id)
    assert "which you" in found.reason
    lines = found.text.splitlines()
    assert len(lines) == 2 + len(found.influences) + len(found.paths) + 2
    assert str(found) == found.text
    again = json.loads(json.dumps(found.to_dict()))
    assert [path["cypher"] for path in again["paths"]] == [path.cypher for path in found.paths]
    assert again["personal"] == found.personal
    assert again["text_match"]["drop"] == found.text_match.drop  # type: ignore[union-attr]


def test_reason_names_the_item_that_counted_most_beside_the_path(fitted: kgrec.KGRecommender) -> None:
    named = [fitted.explain(*pair) for pair in _pairs(fitted, users=40)]
    both = [one for one in named if "what counted most" in one.reason]
    assert both
    for one in both:
        assert one.influences[0].title in one.reason
        assert one.influences[0].item_id != next(path for path in one.paths if path.drop > 0).from_id


@pytest.mark.parametrize("wrong", [{"max_paths": -1}, {"max_events": True}, {"max_paths": 1.5}])
def test_explain_with_a_wrong_number_says_which(fitted: kgrec.KGRecommender, wrong: dict[str, int]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        fitted.explain("u00", "i00", **wrong)


def test_model_without_parts_names_paths_that_weigh_nothing(fitted: kgrec.KGRecommender) -> None:
    model: FittedModel = dataclasses.replace(fitted.model_, propagation=None)
    found = Explainer(model).explain(*_first(fitted), 3, 3)
    assert found.paths
    assert [path.drop for path in found.paths] == pytest.approx([0.0] * len(found.paths), abs=1e-4)


def _first(recommender: kgrec.KGRecommender) -> tuple[str, int]:
    user_id, item_id = _pairs(recommender)[0]
    return user_id, int(recommender.model_.items.index([item_id])[0])
