"""A fitted model takes in new events and new items at once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import kgrec
from kgrec.errors import ConfigError, DataError, GraphError, NotFittedError, StoreError, UnknownIdError
from kgrec.graph.store import GraphStore
from kgrec.models.fitted import FittedModel
from kgrec.models.popularity import Popularity
from tests.tiny import SMALL, checkerboard

NEW = {
    "item_id": ["n-odd", "n-even"],
    "title": ["red thing 12", "blue thing 13"],
    "brand": ["Odd", "Even"],
    "category": ["All > Low", "All > High"],
    "price": [3.0, 4.0],
}
LATER = 1_700_000_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Even users like even items (brand Even), odd ones odd items; each user has seen three of six."""
    split = checkerboard(impressions=True).split("leave_last_out")
    config = dataclasses.replace(SMALL, epochs=50)
    fitted = kgrec.KGRecommender(config, device="cpu", seed=3).fit(split.train, validation=split.validation)
    fitted.model_.prior = torch.linspace(0, 0.1, 12)  # as if validation had chosen it
    fitted.model_.about["popularity"] = {"of": "all", "share": 0.1, "half_life": 3600.0 * 24}
    made = tmp_path_factory.mktemp("fitted")
    fitted.save(made)
    return made


@pytest.fixture
def rec(folder: Path) -> kgrec.KGRecommender:
    return kgrec.KGRecommender.load(folder, device="cpu")


def _state(model: FittedModel) -> dict[str, object]:
    """Everything in a model that could change."""
    histories, propagation = model.histories, model.propagation
    assert model.item_weights is not None
    assert propagation is not None
    assert histories.profile is not None
    arrays = [histories.start, histories.item_index, histories.event_index, histories.timestamp, histories.profile]
    tensors = [*model.network.state_dict().values(), model.vectors.source, model.vectors.target, model.vectors.bias]
    tensors += [model.item_weights.item, model.item_weights.column, model.item_weights.value, model.prior]
    tensors += [*propagation.inputs.values(), *(layer.weight for layer in propagation.layers)]
    return {
        **{f"array {place}": array.copy() for place, array in enumerate(arrays)},
        **{f"tensor {place}": tensor.numpy().copy() for place, tensor in enumerate(tensors)},
        "ids": [model.users.ids.to_list(), model.items.ids.to_list(), model.titles.to_list()],
        "nodes": {label: table.rows() for label, table in model.graph.nodes.items()},
        "edges": {edge_type: table.rows() for edge_type, table in model.graph.edges.items()},
    }


def _events_of(model: FittedModel, user_id: str) -> list[tuple[str, int]]:
    histories = model.histories.take(model.users.index([user_id]))
    return list(zip(model.items.take(histories.item_index).to_list(), histories.timestamp.tolist(), strict=True))


def test_update_with_an_event_changes_the_users_next_list(rec: kgrec.KGRecommender) -> None:
    before = rec.recommend(k=12)
    own = before.filter(pl.col("user_id") == "u00")
    seen = own["item_id"][0]
    report = rec.update({"user_id": ["u00"], "item_id": [seen], "event": ["purchase"], "timestamp": [LATER]})
    assert (report.events, report.repeated, report.users, report.items) == (1, 0, 0, 0)
    after = rec.recommend(["u00"], k=12)
    assert seen not in after["item_id"].to_list()
    assert _events_of(rec.model_, "u00")[-1] == (seen, LATER)
    assert not np.allclose(own.filter(pl.col("item_id") != seen)["score"].sort(), after["score"].sort(), atol=1e-3)


def test_update_with_an_event_lifts_items_like_it(rec: kgrec.KGRecommender) -> None:
    def odd_scores() -> float:
        lists = rec.recommend(["u00"], k=12, filter_seen=False)
        return float(lists.filter(pl.col("item_id").str.slice(1).cast(int) % 2 == 1)["score"].mean())  # type: ignore[arg-type]

    before = odd_scores()
    rec.update({"user_id": ["u00", "u00"], "item_id": ["i01", "i03"], "timestamp": [LATER, LATER + 1]})
    assert odd_scores() > before + 1


def test_update_makes_an_unknown_user_known(rec: kgrec.KGRecommender) -> None:
    with pytest.raises(UnknownIdError):
        rec.recommend(["new"])
    assert rec.update({"user_id": ["new", "new"], "item_id": ["i01", "i03"], "timestamp": [5, 6]}).users == 1
    best = rec.recommend(["new"], k=3)["item_id"].to_list()
    assert all(int(item[1:]) % 2 == 1 for item in best)
    assert not set(best) & {"i01", "i03"}
    assert rec.explain("new", best[0]).paths


def test_update_gives_the_histories_of_a_model_that_knew_the_events_before(rec: kgrec.KGRecommender) -> None:
    model = rec.model_
    base = 1_600_000_000
    rows = [
        ("u03", "i00", "view", base - 5),  # before all others
        ("new", "i02", "click", base),
        ("u03", "i02", "cart", base + 3600 + 3),  # of the second of u03's second event: after it
        ("u03", "i04", "review", LATER),
    ]
    events = pl.DataFrame(rows, schema=["user_id", "item_id", "event", "timestamp"], orient="row")
    old = _events_of(model, "u03")
    others = _events_of(model, "u04")
    rec.update(events)
    assert _events_of(rec.model_, "u03") == [("i00", base - 5), *old[:2], ("i02", base + 3603), old[2], ("i04", LATER)]
    assert _events_of(rec.model_, "u04") == others
    assert _events_of(rec.model_, "new") == [("i02", base)]
    asked = rec.recommend(["u03", "u04", "new"], k=4)
    again = kgrec.KGRecommender(SMALL, device="cpu")
    again._model = dataclasses.replace(rec.model_, _known=None)
    assert_frame_equal(again.recommend(["u03", "u04", "new"], k=4), asked)


def test_update_keeps_the_vectors_made_of_other_users(rec: kgrec.KGRecommender) -> None:
    rec.recommend(k=1)
    old = rec.model_
    made = old.known_user_vectors(np.arange(40)).clone()
    rec.update({"user_id": ["u07", "new"], "item_id": ["i02", "i02"], "timestamp": [LATER, LATER]})
    model = rec.model_
    assert model._known is not None
    assert sorted(np.flatnonzero(~model._known[2])[:2].tolist()) == [7, 40]
    fresh = model.user_vectors(model.histories)
    torch.testing.assert_close(model.known_user_vectors(np.arange(41)), fresh)
    torch.testing.assert_close(old.known_user_vectors(np.arange(40)), made)


def test_update_with_an_event_come_again_counts_it_once(rec: kgrec.KGRecommender) -> None:
    events = {"user_id": ["u00", "new"], "item_id": ["i00", "i01"], "timestamp": [LATER, LATER]}
    rec.update(events)
    state = _state(rec.model_)
    again = rec.update(events)
    assert (again.events, again.repeated) == (0, 2)
    np.testing.assert_equal(_state(rec.model_), state)


def test_update_with_an_event_without_a_time_puts_it_last_each_time(rec: kgrec.KGRecommender) -> None:
    last = int(rec.model_.histories.timestamp.max())
    for _ in range(2):
        rec.update({"user_id": ["u00"], "item_id": ["i05"]})
    assert _events_of(rec.model_, "u00")[-2:] == [("i05", last), ("i05", last)]


def test_update_takes_impressions_and_negatives_for_no_liking(rec: kgrec.KGRecommender) -> None:
    before = _events_of(rec.model_, "u00")
    events = {"user_id": ["u00"] * 2, "item_id": ["i01", "i03"], "event": ["impression", "view"], "label": [None, 0]}
    assert rec.update({**events, "timestamp": [LATER, LATER]}).events == 0
    assert _events_of(rec.model_, "u00") == before


def test_update_moves_what_is_popular(rec: kgrec.KGRecommender) -> None:
    model = rec.model_
    rec.update({"user_id": list("abcdefgh"), "item_id": ["i05"] * 8, "timestamp": [1_600_090_000] * 8})
    expected = Popularity.of(rec.model_.histories, 12, 3600.0 * 24).logarithm()
    assert expected is not None
    assert rec.model_.prior is not None
    np.testing.assert_allclose(rec.model_.prior.numpy(), 0.1 * expected, rtol=1e-5)
    assert int(rec.model_.prior.argmax()) == 5
    assert model.prior is not None
    assert int(model.prior.argmax()) == 11  # the old model is as it was


def test_update_with_new_items_recommends_them_before_any_event(rec: kgrec.KGRecommender) -> None:
    report = rec.update(new_items=NEW)
    assert (report.items, report.events) == (2, 0)
    seen = rec.model_.histories
    assert seen.num_users == 40
    lists = rec.recommend(k=14)
    place = {
        (user % 2, item): lists.filter(
            (pl.col("user_id").str.slice(1).cast(int) % 2 == user) & (pl.col("item_id") == item)
        )["rank"].mean()
        for user in (0, 1)
        for item in NEW["item_id"]
    }
    assert place[1, "n-odd"] < place[0, "n-odd"] - 1  # type: ignore[operator]
    assert place[0, "n-even"] < place[1, "n-even"] - 1  # type: ignore[operator]
    only = rec.recommend(["u01"], candidates=["n-odd", "n-even", "i02", "i04"], k=1)
    assert only["item_id"].to_list() == ["n-odd"]


def test_update_with_the_first_event_of_an_item_lets_it_stand_as_new_items_do(
    rec: kgrec.KGRecommender, tmp_path: Path
) -> None:
    rec.update(new_items=NEW)
    model = rec.model_
    model.about["new_items"] |= {"offset": 50.0, "unsold": -50.0}
    model.cold = np.arange(14) >= 12  # as if the two had been in the catalogue all along, unsold
    model.prior = before = model.prior_after(model.histories)
    assert before is not None
    rec.update({"user_id": ["u01", "u01"], "item_id": ["n-even", "i00"], "timestamp": [LATER, LATER]})
    prior = rec.model_.prior
    assert prior is not None
    assert prior[12:].tolist() == [-50.0, pytest.approx(50.0, abs=1)]
    assert rec.recommend(["u03"], k=1)["item_id"].to_list() == ["n-even"]
    assert model.prior is before  # the old model is as it was
    known = checkerboard(impressions=True).split("leave_last_out").test.history
    torch.testing.assert_close(rec.model_.as_after(known).prior, before)
    rec.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu").model_
    torch.testing.assert_close(loaded.prior_after(loaded.histories), prior)
    model.about["new_items"] |= {"offset": -60.0}  # a first event lowers no item
    assert model.prior_with(None, rec.model_.histories)[12:].tolist() == [-50.0, -50.0]  # type: ignore[index]


def test_update_with_new_items_finds_them_by_likeness_filters_paths_and_clicks(rec: kgrec.KGRecommender) -> None:
    rec.explain("u01", "i03")  # the paths of the old graph are made
    rec.update(new_items=NEW)
    near = rec.similar_items(["n-odd"], k=3)
    assert all(int(item[1:]) % 2 == 1 for item in near["similar_item_id"])
    assert "n-odd" in rec.similar_items(["i03"], k=4)["similar_item_id"].to_list()
    cheap = rec.recommend(["u01"], filters={"brand": "Odd", "price": (2.5, 3.5)}, filter_seen=False)
    assert cheap["item_id"].to_list() == ["n-odd"]  # i02 costs 3 too, and is of the other brand
    explanation = rec.explain("u01", "n-odd")
    assert explanation.title == "red thing 12"
    assert explanation.paths
    clicks = rec.predict_click([("u01", "n-odd"), ("u01", "n-even")])["click_probability"]
    assert clicks[0] > clicks[1]


def test_update_with_new_items_leaves_the_vectors_of_the_others(rec: kgrec.KGRecommender) -> None:
    before = rec.model_.vectors
    rec.update(new_items=NEW)
    after = rec.model_.vectors
    for name in ("source", "target", "bias"):
        assert torch.equal(getattr(after, name)[:12], getattr(before, name))
    torch.testing.assert_close(after.source[12:].norm(dim=1), torch.ones(2))


def test_update_with_a_new_brand_and_category_takes_them_into_the_graph(rec: kgrec.KGRecommender) -> None:
    items = {"item_id": ["x"], "brand": ["Third"], "category": ["All > Low > Lowest"], "attributes": ['{"size": "L"}']}
    rec.update(new_items=items)
    graph = rec.model_.graph
    assert "Third" in graph.nodes["Brand"]["id"].to_list()
    assert graph.nodes["AttributeValue"]["id"].to_list() == ["size=L"]
    assert ("All > Low > Lowest", "All > Low") in graph.edges["Category", "SUBCATEGORY_OF", "Category"].rows()
    assert rec.recommend(["u01"], filters={"category": "All > Low > Lowest"}, k=2)["item_id"].to_list() == ["x"]


def test_update_with_known_items_as_they_are_changes_nothing(rec: kgrec.KGRecommender) -> None:
    rec.update(new_items=NEW)
    state = _state(rec.model_)
    report = rec.update(new_items=NEW)
    assert (report.items, report.changed) == (0, 0)
    assert report.cleaning.rows("items", "known already, nothing changed") == 2
    np.testing.assert_equal(_state(rec.model_), state)


def test_update_one_item_at_a_time_gives_the_same_vectors_as_both_at_once(rec: kgrec.KGRecommender) -> None:
    one_by_one = kgrec.KGRecommender(SMALL, device="cpu")
    one_by_one._model = rec.model_
    for place in range(2):
        one_by_one.update(new_items={name: values[place : place + 1] for name, values in NEW.items()})
    rec.update(new_items=NEW)
    torch.testing.assert_close(one_by_one.model_.vectors.source, rec.model_.vectors.source)


def test_update_saved_and_loaded_answers_the_same(rec: kgrec.KGRecommender, tmp_path: Path) -> None:
    rec.update({"user_id": ["new", "u00"], "item_id": ["n-odd", "i01"], "timestamp": [LATER, LATER]}, NEW)
    rec.save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path, device="cpu")
    assert_frame_equal(loaded.recommend(k=14), rec.recommend(k=14))
    assert_frame_equal(loaded.similar_items(["n-odd"]), rec.similar_items(["n-odd"]))
    pairs = [("new", "n-even"), ("u00", "n-odd")]
    assert_frame_equal(loaded.predict_click(pairs), rec.predict_click(pairs))
    more = {"item_id": ["n3"], "title": ["red thing 14"], "brand": ["Odd"], "category": ["All > High"]}
    for model in (loaded, rec):
        model.update({"user_id": ["new"], "item_id": ["n3"], "timestamp": [LATER + 1]}, more)
    ours, theirs = _state(loaded.model_), _state(rec.model_)
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        if isinstance(value, np.ndarray):
            np.testing.assert_allclose(value, theirs[name], rtol=1e-5, atol=1e-6)
        else:
            assert value == theirs[name]


@pytest.mark.parametrize(
    ("events", "items", "error", "messages"),
    [
        (
            {"user_id": ["u00", "u01"], "item_id": ["i00", "nothing"], "timestamp": ["noon", "5"]},
            {"item_id": ["n", "n"], "price": [1.0, 2.0]},
            DataError,
            ["3 faults", "'nothing'", "noon", "duplicate item_id"],
        ),
        ({"user_id": ["u00"]}, NEW, DataError, ["missing required column 'item_id'"]),
        (None, {**NEW, "attributes": ["{", "no"]}, DataError, ["attributes"]),
        (None, None, DataError, ["nothing was given"]),
    ],
)
def test_update_with_faulty_input_names_every_fault_and_changes_nothing(
    rec: kgrec.KGRecommender,
    events: dict[str, list[object]] | None,
    items: dict[str, list[object]] | None,
    error: type[Exception],
    messages: list[str],
) -> None:
    before, lists = _state(rec.model_), rec.recommend(k=3)
    with pytest.raises(error) as caught:
        rec.update(events, items)
    assert all(message in str(caught.value) for message in messages)
    np.testing.assert_equal(_state(rec.model_), before)
    assert_frame_equal(rec.recommend(k=3), lists)


def test_update_with_a_property_of_another_type_says_so_and_changes_nothing(rec: kgrec.KGRecommender) -> None:
    rec.update(new_items={"item_id": ["a"], "stock": [3]})
    before = _state(rec.model_)
    with pytest.raises(GraphError, match="Product: 'stock' is Int64 in one, String in the other"):
        rec.update({"user_id": ["u00"], "item_id": ["b"]}, {"item_id": ["b"], "stock": ["plenty"]})
    np.testing.assert_equal(_state(rec.model_), before)


def test_update_with_a_store_tells_it_what_is_new_and_twice_changes_nothing(
    rec: kgrec.KGRecommender, local_store: GraphStore
) -> None:
    split = checkerboard(impressions=True).split("leave_last_out")
    local_store.load(kgrec.KnowledgeGraph.from_dataset(split.train))
    events = {
        "user_id": ["u00", "u00", "new"],
        "item_id": ["n-odd", "n-odd", "i03"],
        "event": ["cart", "cart", "purchase"],
        "timestamp": [LATER, LATER + 9, LATER],
    }
    report = rec.update(events, NEW, store=local_store)
    assert report.stored is not None
    stored = local_store.read_graph()
    rec.update(events, NEW, store=local_store)
    assert local_store.read_graph() == stored
    products = rec.model_.graph.nodes["Product"]
    assert_frame_equal(stored.nodes["Product"], products)
    assert sorted(stored.nodes["User"]["id"]) == ["new", "u00"]
    assert stored.edges["User", "CARTED", "Product"].to_dicts() == [
        {"head_id": "u00", "tail_id": "n-odd", "count": 2, "last_at": LATER + 9}
    ]
    for edge_type, table in rec.model_.graph.edges.items():
        assert_frame_equal(stored.edges[edge_type], table)


def test_update_with_a_store_that_refuses_changes_nothing(rec: kgrec.KGRecommender, local_store: GraphStore) -> None:
    before = _state(rec.model_)
    with pytest.raises(StoreError, match="'@rid'"):
        rec.update({"user_id": ["u00"], "item_id": ["i05"]}, {**NEW, "@rid": ["a", "b"]}, store=local_store)
    assert local_store.counts().is_empty()
    np.testing.assert_equal(_state(rec.model_), before)


def test_warm_start_goes_on_from_the_weights_of_before(rec: kgrec.KGRecommender) -> None:
    split = checkerboard(impressions=True).split("leave_last_out")
    before = rec.model_
    rec.config = dataclasses.replace(rec.config, warm_epochs=1, learning_rate=1e-8)
    rec.fit(split.train, validation=split.validation, warm_start=True)
    after = rec.model_
    assert after is not before
    torch.testing.assert_close(after.vectors.source, before.vectors.source, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(after.network.behaviour.own, before.network.behaviour.own, atol=1e-5, rtol=1e-4)
    assert after.network.scorer.temperature == before.network.scorer.temperature
    assert after.about["closed_form"]["penalty"] == before.about["closed_form"]["penalty"]


def test_warm_start_without_a_validation_part_keeps_what_one_chose_before(rec: kgrec.KGRecommender) -> None:
    split = checkerboard(impressions=True).split("leave_last_out")
    about = rec.model_.about
    about["popularity"] = {"of": "half-life 0.05", "share": 0.3, "half_life": 3600.0}
    about["closed_form"] |= {"penalty": 77.0, "share": 0.4}
    about["new_items"] |= {"offset": 1.5, "unsold": -0.5}
    rec.config = dataclasses.replace(rec.config, warm_epochs=1)
    rec.fit(split.train, warm_start=True)
    after, popularity = rec.model_, Popularity.of(rec.model_.histories, 12, 3600.0)
    assert after.prior is not None
    np.testing.assert_allclose(after.prior, 0.3 * np.log1p(popularity.weight) / np.log1p(popularity.weight).std(), 1e-5)
    assert after.item_share == 0.4
    assert after.about["closed_form"]["penalty"] == 77.0
    assert after.about["popularity"] == about["popularity"]
    assert after.about["new_items"]["offset"] == 1.5
    assert after.about["new_items"]["unsold"] == -0.5


def test_warm_start_with_more_users_and_items_keeps_what_is_known_in_place(rec: kgrec.KGRecommender) -> None:
    before = rec.model_
    shop = checkerboard(num_users=44)
    items = pl.concat([shop.items.select("item_id", "title", "brand", "category", "price"), pl.DataFrame(NEW)])
    split = kgrec.Dataset(items=items.reverse(), events=shop.events.reverse()).split("leave_last_out")
    rec.config = dataclasses.replace(rec.config, warm_epochs=1, learning_rate=1e-8)
    rec.fit(split.train, warm_start=True)
    after = rec.model_
    place = torch.from_numpy(after.items.index(before.items.ids))
    known = after.vectors.source[place]
    cosine = (known * before.vectors.source).sum(1)
    assert cosine.min() > 0.99  # the new items are neighbours of their brands and categories, no more
    assert len(after.users) == 44
    near = rec.similar_items(["n-odd"], k=3)["similar_item_id"].to_list()
    assert all(item == "n-odd" or int(item[1:]) % 2 == 1 for item in near)


def test_warm_start_with_other_settings_or_no_model_says_so(rec: kgrec.KGRecommender) -> None:
    rec.config = dataclasses.replace(rec.config, embedding_dim=32, num_layers=2)
    with pytest.raises(ConfigError, match="2 faults") as caught:
        rec.fit(checkerboard(), warm_start=True)
    assert "embedding_dim is 32, and 16 in the model" in str(caught.value)
    with pytest.raises(NotFittedError):
        kgrec.KGRecommender(SMALL, device="cpu").fit(checkerboard(), warm_start=True)


def test_update_leaves_the_store_what_it_does_not_know(rec: kgrec.KGRecommender, local_store: GraphStore) -> None:
    """What others keep in the database: properties of products, and how a user found an item."""
    events = checkerboard().split("leave_last_out").train.events
    first = events.row(0, named=True)
    local_store.load(rec.model_.graph)
    had = {"head_id": [first["user_id"]], "tail_id": [first["item_id"]], "sentiment": [0.5]}
    product = pl.DataFrame({"id": had["tail_id"], "tag": ["hot"]})
    nodes = {"User": pl.DataFrame({"id": had["head_id"]}), "Product": product}
    edges = {("User", "CLICKED", "Product"): pl.DataFrame(had)}
    local_store.load(kgrec.KnowledgeGraph(nodes, edges), keep_properties=True)
    rec.update({"user_id": had["head_id"], "item_id": had["tail_id"], "timestamp": [LATER]}, store=local_store)
    stored = local_store.read_graph()
    clicked = stored.edges["User", "CLICKED", "Product"].row(0, named=True)
    assert (clicked["last_at"], clicked["sentiment"]) == (LATER, 0.5)
    product = stored.nodes["Product"].filter(pl.col("id") == first["item_id"]).row(0, named=True)
    assert product["tag"] == "hot"
    assert product["title"] == rec.model_.title(first["item_id"])


def test_update_with_events_without_times_is_the_same_before_and_after_saving(
    rec: kgrec.KGRecommender, tmp_path: Path
) -> None:
    untimed = {"user_id": ["u00", "nobody"], "item_id": ["i05", "i05"]}
    rec.update(untimed)
    rec.save(tmp_path)
    again = kgrec.KGRecommender.load(tmp_path, device="cpu")
    for one in (rec, again):
        one.update({"user_id": ["u01"], "item_id": ["i03"]})
    assert rec.model_.prior is not None
    assert again.model_.prior is not None
    np.testing.assert_allclose(rec.model_.prior.numpy(), again.model_.prior.numpy(), rtol=1e-6)
