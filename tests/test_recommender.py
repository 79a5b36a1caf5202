"""The contract of the model behind the facade."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import kgrec
from kgrec.baselines import Popularity
from kgrec.errors import ConfigError, DataError, NotFittedError, UnknownIdError
from kgrec.evaluation.metrics import ranking_metrics
from kgrec.graph.knowledge_graph import EdgeType
from kgrec.models.network import RecommenderNetwork
from kgrec.models.serving import UserSide
from kgrec.tensors.vocabulary import Vocabulary
from kgrec.training.fitting import features
from tests.tiny import ITEMS, SMALL, checkerboard, latest, tiny_items


@pytest.fixture(scope="module")
def split() -> kgrec.Split:
    return checkerboard(impressions=True).split("leave_last_out")


@pytest.fixture(scope="module")
def fitted(split: kgrec.Split) -> kgrec.KGRecommender:
    return kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(split.train, validation=split.validation)


def _weights(recommender: kgrec.KGRecommender) -> dict[str, torch.Tensor]:
    model = recommender.model_
    vectors = {"source": model.vectors.source, "target": model.vectors.target, "bias": model.vectors.bias}
    assert model.item_weights is not None
    vectors["closed form"] = torch.from_numpy(model.item_weights.matrix.toarray())
    return {**model.network.state_dict(), **vectors, "share": torch.tensor(model.item_share)}


def _assert_bit_equal(one: kgrec.KGRecommender, other: kgrec.KGRecommender) -> None:
    mine, theirs = _weights(one), _weights(other)
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_recommender_on_a_checkerboard_ranks_the_own_colour_first(fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend(k=1)
    user = lists["user_id"].str.slice(1).cast(pl.Int64)
    item = lists["item_id"].str.slice(1).cast(pl.Int64)
    assert lists.height == 40
    assert ((user % 2) == (item % 2)).mean() > 0.9


@pytest.mark.parametrize("products", [0, 8])
def test_items_that_the_given_graph_lacks_are_ranked_too(split: kgrec.Split, products: int) -> None:
    whole = kgrec.KnowledgeGraph.from_dataset(split.train)
    brands = {"Brand": whole.nodes["Brand"]}
    known = whole.nodes["Product"].head(products)
    edges = {
        kind: table.filter(pl.col("head_id").is_in(known["id"].implode()))
        for kind, table in whole.edges.items()
        if kind[1] == "HAS_BRAND"
    }
    graph = kgrec.KnowledgeGraph({**brands, "Product": known}, edges) if products else kgrec.KnowledgeGraph(brands, {})
    config = dataclasses.replace(SMALL, epochs=4, patience=1)
    recommender = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation, graph=graph)
    model = recommender.model_
    assert set(model.graph.nodes["Product"]["id"]) == set(ITEMS)
    assert recommender.recommend(k=12, filter_seen=False)["item_id"].n_unique() == 12
    assert recommender.explain("u00", "i10").text


def test_recommender_on_a_checkerboard_beats_popularity(fitted: kgrec.KGRecommender, split: kgrec.Split) -> None:
    ours = fitted.evaluate(split.test, ks=(3,))
    theirs = ranking_metrics(Popularity(split.train).recommend_part(split.test, 3), split.test.interactions, ks=(3,))
    assert ours["recall@3"] > 1.5 * theirs["recall@3"]


def test_recommender_never_lists_an_item_of_the_history(fitted: kgrec.KGRecommender, split: kgrec.Split) -> None:
    known = pl.concat([split.train.interactions, split.validation.interactions])
    assert fitted.recommend(k=12).join(known, on=["user_id", "item_id"], how="semi").is_empty()
    unfiltered = fitted.recommend(["u00"], k=12, filter_seen=False)
    assert sorted(unfiltered["item_id"]) == ITEMS
    assert unfiltered["rank"].to_list() == list(range(1, 13))
    assert unfiltered["score"].is_sorted(descending=True)


def test_recommender_with_candidates_lists_only_those(fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend(["u01"], k=12, candidates=["i01", "i04"], filter_seen=False)
    assert sorted(lists["item_id"]) == ["i01", "i04"]


def test_recommender_same_seed_gives_bit_equal_weights(split: kgrec.Split) -> None:
    config = dataclasses.replace(SMALL, epochs=2)
    runs = [kgrec.KGRecommender(config, device="cpu", seed=5).fit(split.train) for _ in range(2)]
    _assert_bit_equal(*runs)
    other = kgrec.KGRecommender(config, device="cpu", seed=6).fit(split.train)
    assert not torch.equal(other.model_.vectors.source, runs[0].model_.vectors.source)


def test_recommender_leaves_the_global_random_state_alone(split: kgrec.Split) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=1), device="cpu").fit(split.train)
    assert torch.equal(torch.rand(3), expected)


def _with_other_held_out_events(split: kgrec.Split, part: str) -> kgrec.Dataset:
    """The same fixed split, every event of one part on another item, of another type, at another time."""
    parts = {name: data.events for name, data in split.parts.items()}
    shifted = {item: ITEMS[(place + 5) % 12] for place, item in enumerate(ITEMS)}
    parts[part] = parts[part].with_columns(
        pl.col("item_id").replace(shifted), pl.col("timestamp") + 77, pl.lit("cart").alias("event")
    )
    return kgrec.Dataset(items=tiny_items(), events=parts)


@pytest.mark.parametrize("part", ["validation", "test"])
def test_fit_when_every_held_out_event_changes_gives_bit_equal_weights(split: kgrec.Split, part: str) -> None:
    config = dataclasses.replace(SMALL, epochs=3)
    runs = []
    for dataset in (
        kgrec.Dataset(items=tiny_items(), events={n: d.events for n, d in split.parts.items()}),
        _with_other_held_out_events(split, part),
    ):
        fixed = dataset.split("fixed")
        runs.append(kgrec.KGRecommender(config, device="cpu", seed=1).fit(fixed.train, validation=fixed.validation))
    _assert_bit_equal(*runs)


def test_fit_with_early_stopping_ignores_every_test_event(split: kgrec.Split) -> None:
    config = dataclasses.replace(SMALL, epochs=8, patience=1)
    runs = []
    for dataset in (
        kgrec.Dataset(items=tiny_items(), events={n: d.events for n, d in split.parts.items()}),
        _with_other_held_out_events(split, "test"),
    ):
        fixed = dataset.split("fixed")
        runs.append(kgrec.KGRecommender(config, device="cpu", seed=1).fit(fixed.train, validation=fixed.validation))
    _assert_bit_equal(*runs)


def test_fit_graph_holds_no_edge_of_a_user(fitted: kgrec.KGRecommender) -> None:
    assert "User" not in fitted.model_.graph.nodes


def test_fit_on_a_graph_with_user_edges_gives_the_same_weights(split: kgrec.Split) -> None:
    config = dataclasses.replace(SMALL, epochs=2)
    plain = kgrec.KGRecommender(config, device="cpu").fit(split.train)
    graph = kgrec.KnowledgeGraph.from_dataset(split.train, users=True)
    assert "User" in graph.nodes
    _assert_bit_equal(plain, kgrec.KGRecommender(config, device="cpu").fit(split.train, graph=graph))


def test_fit_on_a_graph_with_any_names_saves_loads_and_explains(split: kgrec.Split, tmp_path: Path) -> None:
    odd: EdgeType = ("Product", "A) DETACH DELETE n //", "we.ird/ label")
    ends = {"head_id": ITEMS, "tail_id": ["x" if place % 2 else "y" for place in range(len(ITEMS))]}
    nodes = {"Product": pl.DataFrame({"id": ITEMS}), odd[2]: pl.DataFrame({"id": ["x", "y"], "name": ["n", "m"]})}
    graph = kgrec.KnowledgeGraph(nodes, {odd: pl.DataFrame(ends)})
    config = dataclasses.replace(SMALL, epochs=1)
    kgrec.KGRecommender(config, device="cpu").fit(split.train, graph=graph).save(tmp_path)
    loaded = kgrec.KGRecommender.load(tmp_path)
    assert loaded.model_.graph == graph
    best = loaded.recommend(["u00"], k=1)["item_id"][0]
    assert odd[1] in loaded.explain("u00", best).paths[0].text


def test_network_gives_every_parameter_a_finite_gradient(split: kgrec.Split) -> None:
    items = Vocabulary(split.train.items["item_id"])
    data = features(kgrec.KnowledgeGraph.from_dataset(split.train), items, SMALL, seed=0, device=torch.device("cpu"))
    network = RecommenderNetwork(SMALL, data, len(items), UserSide(40, 1, ordered=True))
    histories = kgrec.KGRecommender(SMALL, device="cpu").fit(split.train).model_.histories
    histories = dataclasses.replace(histories, profile=np.ones((40, 1), np.int64))
    vectors = network.item_vectors()
    behaviour, scorer = network.serving.behaviour, network.serving.scorer
    torch.nn.init.normal_(behaviour.following.weight)  # starts at zero, which would hide what lies behind it
    users = network.serving.users(vectors, latest(histories, 6))
    click = scorer.click(
        users, vectors.target[: len(users) % 12 + 1].mean(0).expand_as(users), vectors.bias[0].expand(40)
    )
    newcomer = behaviour.newcomer.sum()
    (scorer.rank(users, vectors.target, vectors.bias).square().sum() + click.square().sum() + newcomer).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_user_vectors_of_a_batch_equal_those_one_by_one(fitted: kgrec.KGRecommender) -> None:
    model = fitted.model_
    together = model.user_vectors(model.histories)
    alone = torch.cat([model.user_vectors(model.histories.take(np.array([user]))) for user in range(40)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_item_order_permuted_gives_the_same_item_vocabulary_scores_shape(split: kgrec.Split) -> None:
    reversed_items = kgrec.Dataset(items=tiny_items().reverse(), events={n: d.events for n, d in split.parts.items()})
    fixed = reversed_items.split("fixed")
    recommender = kgrec.KGRecommender(SMALL, device="cpu", seed=3).fit(fixed.train, validation=fixed.validation)
    lists = recommender.recommend(k=1)
    same = (lists["user_id"].str.slice(1).cast(pl.Int64) % 2) == (lists["item_id"].str.slice(1).cast(pl.Int64) % 2)
    assert same.mean() > 0.9


def test_predict_click_prefers_what_was_clicked(fitted: kgrec.KGRecommender) -> None:
    unseen = fitted.recommend(k=12)
    answer = fitted.predict_click(unseen.select("user_id", "item_id"))
    assert answer["click_probability"].is_between(0, 1).all()
    user, item = (answer[name].str.slice(1).cast(pl.Int64) for name in ("user_id", "item_id"))
    own = user % 2 == item % 2
    assert answer.filter(own)["click_probability"].mean() > 0.1 + answer.filter(~own)["click_probability"].mean()
    assert fitted.model_.click_basis == "impressions"
    frame = fitted.predict_click(pl.DataFrame({"user_id": ["u00"], "item_id": ["i00"], "slot": [1]}))
    assert frame.columns == ["user_id", "item_id", "slot", "click_probability"]


def test_predict_click_without_impressions_says_sampled() -> None:
    split = checkerboard().split("leave_last_out")
    recommender = kgrec.KGRecommender(dataclasses.replace(SMALL, epochs=2), device="cpu").fit(split.train)
    assert recommender.model_.click_basis == "sampled"
    assert 0 <= recommender.evaluate(split.test)["auc"] <= 1


def test_similar_items_are_of_the_same_colour(fitted: kgrec.KGRecommender) -> None:
    near = fitted.similar_items(["i00", "i01"], k=3)
    assert near["rank"].to_list() == [1, 2, 3, 1, 2, 3]
    assert "i00" not in near.filter(pl.col("item_id") == "i00")["similar_item_id"]
    assert near["score"].is_between(-1.001, 1.001).all()


def test_item_vectors_are_those_of_similar_items(fitted: kgrec.KGRecommender) -> None:
    ids, vectors = fitted.item_vectors()
    assert (vectors.shape, vectors.dtype) == ((12, fitted.config.embedding_dim), np.float32)
    best = fitted.similar_items([ids[0]], k=1).row(0, named=True)
    cosine = vectors[ids.index_of(best["similar_item_id"])] @ vectors[0]
    assert cosine == pytest.approx(best["score"], abs=1e-6)


def test_explain_names_the_path_and_the_event(fitted: kgrec.KGRecommender) -> None:
    item = fitted.recommend(["u00"], k=1)["item_id"][0]
    explanation = fitted.explain("u00", item)
    assert explanation.paths
    assert (
        "Even" in explanation.paths[0].text or "Low" in explanation.paths[0].text or "High" in explanation.paths[0].text
    )
    assert "which you" in explanation.reason
    assert explanation.to_dict()["paths"][0]["steps"]
    assert explanation.closest is not None


def test_recommend_for_unknown_users_raises_skips_or_starts_cold(fitted: kgrec.KGRecommender) -> None:
    with pytest.raises(UnknownIdError, match="'nobody'"):
        fitted.recommend(["u00", "nobody"])
    assert fitted.recommend(["u00", "nobody"], on_unknown="skip")["user_id"].unique().to_list() == ["u00"]
    assert fitted.recommend(["nobody"], k=5, on_unknown="cold_start").height == 5


def test_recommend_for_a_session_never_seen_follows_its_items(fitted: kgrec.KGRecommender) -> None:
    session = pl.DataFrame({"user_id": ["s", "s"], "item_id": ["i01", "i03"]})
    first = fitted.recommend(histories=session, k=1)["item_id"][0]
    assert int(first[1:]) % 2 == 1
    assert first not in ("i01", "i03")


def test_recommender_before_fit_says_so() -> None:
    with pytest.raises(NotFittedError, match=r"call fit\(\) first"):
        kgrec.KGRecommender(SMALL, device="cpu").recommend(["u00"])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rec: rec.recommend("u00"), "expected a list of ids"),
        (lambda rec: rec.recommend(["u00"], k=0), "k is 0"),
        (lambda rec: rec.similar_items(["i00"], k=0), "k is 0"),
        (lambda rec: rec.complements(["i00"], k=True), "k is True"),
        (lambda rec: rec.recommend(["u00"], candidates=["zzz"]), "unknown item_ids 'zzz'"),
        (lambda rec: rec.similar_items(["zzz"]), "unknown item_ids 'zzz'"),
        (lambda rec: rec.explain("u00", "zzz"), "unknown item_ids 'zzz'"),
        (lambda rec: rec.explain("nobody", "i00"), "unknown user_id 'nobody'"),
        (lambda rec: rec.predict_click(pl.DataFrame({"user": ["a"]})), "missing columns"),
        (lambda rec: rec.predict_click(("u01", "i01")), "'u01', 'i01' found, expected a list of pairs"),
        (lambda rec: rec.predict_click(["u01", "i01"]), "'u01', 'i01' found, expected a list of pairs"),
        (lambda rec: rec.predict_click([("u01",)]), "expected a list of pairs"),
        (lambda rec: rec.predict_click([("u01", None)]), "item_id holds nothing in place 0"),
        (lambda rec: rec.predict_click({"user_id": [13.0], "item_id": [1]}), "'user_id' holds floating-point numbers"),
        (lambda rec: rec.predict_click(3), "pairs: can't be taken as a table"),
        (lambda rec: rec.recommend([1, "u01"]), "user_ids holds values of the types int, str"),
        (lambda rec: rec.recommend(5), "user_ids is 5, expected a list of ids"),
        (lambda rec: rec.recommend(["u01"], exclude=[1.5]), "exclude holds floating-point numbers"),
        (lambda rec: rec.recommend(["u01"], filters="price"), "filters is 'price', expected a mapping"),
        (lambda rec: rec.explain(13.0, "i00"), "user_id holds floating-point numbers"),
        (lambda rec: rec.profile(13), "unknown user_id '13'"),
        (lambda rec: rec.search("thing", user_id=13.0), "user_id holds floating-point numbers"),
    ],
)
def test_recommender_on_bad_input_raises_one_clear_error(
    fitted: kgrec.KGRecommender, call: object, message: str
) -> None:
    with pytest.raises((ConfigError, DataError, UnknownIdError), match=message):
        call(fitted)  # type: ignore[operator]


def test_evaluate_on_events_that_the_model_knows_says_so(
    fitted: kgrec.KGRecommender, split: kgrec.Split, caplog: pytest.LogCaptureFixture
) -> None:
    fitted.evaluate(split.test)
    assert not caplog.text
    assert fitted.evaluate(split.train, (10,))["recall@10"] == 0
    assert "100% of the interactions are on items of the users' histories" in caplog.text
    caplog.clear()
    fitted.evaluate(split.train, filter_seen=False)
    assert not caplog.text


@pytest.mark.parametrize("ks", [10, [], [2.5], "10"])
def test_evaluate_with_bad_cutoffs_raises_before_it_ranks(
    fitted: kgrec.KGRecommender, split: kgrec.Split, ks: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.evaluating.model_lists", None)
    with pytest.raises(ConfigError, match=r"expected (at least one k|a (list of )?whole number)"):
        fitted.evaluate(split.test, ks)
    with pytest.raises(ConfigError, match="k is 0"):
        fitted.recommend_part(split.test, 0)


def test_device_cuda_without_cuda_raises() -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with pytest.raises(ConfigError, match="sees no CUDA"):
        kgrec.KGRecommender(device="cuda")


@pytest.mark.gpu
def test_recommender_on_cuda_ranks_as_on_cpu(split: kgrec.Split) -> None:
    if not torch.cuda.is_available():
        pytest.skip("no CUDA here")
    lists = (
        kgrec.KGRecommender(SMALL, device="cuda", seed=3).fit(split.train, validation=split.validation).recommend(k=1)
    )
    same = (lists["user_id"].str.slice(1).cast(pl.Int64) % 2) == (lists["item_id"].str.slice(1).cast(pl.Int64) % 2)
    assert same.mean() > 0.9


def test_recommend_leaves_out_what_is_excluded_or_filtered(fitted: kgrec.KGRecommender) -> None:
    lists = fitted.recommend(k=12, exclude=["i00", "i01"], filters={"price": (None, 6), "brand": "Even"})
    assert set(lists["item_id"]) == {"i02", "i04"}  # prices 3 and 5
    with pytest.raises(UnknownIdError, match="exclude"):
        fitted.recommend(exclude=["no such item"])
    alone = fitted.recommend(["u00"], exclude=["i00"], candidates=["i00", "i01"])
    for lenient in ("skip", "cold_start"):
        found = fitted.recommend(["u00"], exclude=["i00", "zz"], candidates=["i00", "i01", "zz"], on_unknown=lenient)
        assert_frame_equal(found, alone)


def test_recommend_with_diversity_starts_alike_and_mixes_the_colours(fitted: kgrec.KGRecommender) -> None:
    def colours(lists: pl.DataFrame) -> pl.Series:
        return lists.group_by("user_id").agg(pl.col("item_id").str.slice(1).cast(int).mod(2).n_unique())["item_id"]

    plain, varied = (fitted.recommend(k=2, diversity=diversity) for diversity in (0.0, 0.9))
    first = pl.col("rank") == 1
    assert_frame_equal(plain.filter(first), varied.filter(first))
    assert colours(varied).mean() > colours(plain).mean()  # type: ignore[operator]
    for wrong in (-0.1, 1.1):
        with pytest.raises(ConfigError, match="diversity"):
            fitted.recommend(diversity=wrong)


def test_evaluate_with_diversity_scores_the_lists_that_recommend_gives_with_it(
    fitted: kgrec.KGRecommender, split: kgrec.Split
) -> None:
    lists = fitted.recommend_part(split.test, 3, diversity=0.9)
    users = split.test.interactions["user_id"].unique(maintain_order=True)
    assert_frame_equal(lists, fitted.recommend(users, k=3, diversity=0.9))  # it knows train and validation
    expected = ranking_metrics(lists, split.test.interactions, ks=(3,), num_items=split.test.items.height)
    found = fitted.evaluate(split.test, ks=(3, 5), diversity=0.9)
    assert {name: found[name] for name in expected} == expected
    assert found["ndcg@3"] != fitted.evaluate(split.test, ks=(3,))["ndcg@3"]
    for rank in (fitted.evaluate, fitted.recommend_part):
        with pytest.raises(ConfigError, match="diversity is 2, expected a number from 0 to 1"):
            rank(split.test, diversity=2)  # type: ignore[operator]


def test_evaluate_with_diversity_is_the_same_for_each_length_whatever_others_are_asked_for(
    fitted: kgrec.KGRecommender, split: kgrec.Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kgrec.ranking.lists.POOL", 1)  # the catalogue is smaller than five lists
    alone, both = (fitted.evaluate(split.test, ks=ks, diversity=1) for ks in ((2,), (2, 6)))
    assert {name: both[name] for name in alone if "@" in name} == {name: alone[name] for name in alone if "@" in name}
    assert {name.partition("@")[2] for name in both if "@" in name} == {"2", "6"}


def test_fit_takes_the_temperature_that_validation_prefers(split: kgrec.Split) -> None:
    config = dataclasses.replace(SMALL, epochs=4, patience=1)
    model = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation).model_
    tried = model.about["temperatures"]
    assert sorted(tried) == ["0.1", "0.2", "0.2, order not read"]
    best = max(tried, key=lambda name: tried[name])
    assert model.network.scorer.temperature.item() == pytest.approx(float(best.split(",")[0]))
    assert model.network.behaviour.reads_order == ("order not read" not in best)
    fixed = dataclasses.replace(config, temperature=0.5)
    other = kgrec.KGRecommender(fixed, device="cpu").fit(split.train, validation=split.validation).model_
    assert other.about["temperatures"] == {}
    assert other.network.scorer.temperature.item() == pytest.approx(0.5)


def test_recommend_for_a_session_of_a_known_user_goes_by_the_user_too(fitted: kgrec.KGRecommender) -> None:
    events = pl.DataFrame({"user_id": ["u00", "nobody"], "item_id": ["i00", "i00"], "event": "view", "timestamp": 1})
    lists = fitted.recommend(histories=events, k=11, filter_seen=True)
    known, stranger = (lists.filter(pl.col("user_id") == user)["score"] for user in ("u00", "nobody"))
    assert not np.allclose(np.sort(known), np.sort(stranger))


def test_vectors_of_known_users_are_made_once_and_in_any_order_the_same(
    fitted: kgrec.KGRecommender, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = fitted.model_
    model._known = None
    asked = []
    make = type(model).user_vectors
    monkeypatch.setattr(type(model), "user_vectors", lambda self, of: asked.append(of.num_users) or make(self, of))
    first = model.known_user_vectors(np.array([3, 1, 3]))
    second = model.known_user_vectors(np.array([1, 2, 3]))
    assert asked == [2, 1]
    whole = make(model, model.histories)
    torch.testing.assert_close(first, whole[[3, 1, 3]])
    torch.testing.assert_close(second, whole[[1, 2, 3]])


def test_fit_on_a_split_that_ignores_time_gives_no_meaning_to_the_order() -> None:
    config = dataclasses.replace(SMALL, epochs=2)
    for method, ordered in (("leave_last_out", True), ("random", False)):
        split = checkerboard().split(method)
        model = kgrec.KGRecommender(config, device="cpu").fit(split.train, validation=split.validation).model_
        assert model.histories.ordered is ordered
        assert (model.network.behaviour.transformer is not None) is ordered
        assert model.item_weights is not None
        assert (model.item_weights.recency < 1) is ordered


def test_recommender_evaluates_a_part_of_items_it_does_not_know_as_missed(fitted: kgrec.KGRecommender) -> None:
    part = kgrec.Dataset(items={"item_id": ["other"]}, events={"user_id": ["u00"], "item_id": ["other"]})
    found = fitted.evaluate(part)
    assert found["recall@10"] == 0
    assert "auc" not in found
