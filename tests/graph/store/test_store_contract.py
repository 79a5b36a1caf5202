"""What every graph store must do, on the local server and on a real Neo4j alike."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgrec.errors import GraphError, StoreError
from kgrec.graph.knowledge_graph import EdgeType, KnowledgeGraph
from kgrec.graph.store import GraphStore
from kgrec.graph.store import load as store_load
from tests.same_graph import assert_same_graph

HAS_BRAND: EdgeType = ("Product", "HAS_BRAND", "Brand")
ALSO_BOUGHT: EdgeType = ("Product", "ALSO_BOUGHT", "Product")
HOSTILE = [
    *(
        "'",
        '"',
        "\\",
        "`",
        "\n",
        "\r\n",
        "\t",
        "\0",
        "",
        " ",
        "null",
        "$id",
        "{id}",
        "🦊",
        "é",
        "e\u0301",
        "\u2028",
        "\ufeff",
    ),
    *("A) DETACH DELETE n //", "'}) MATCH (n) DETACH DELETE n //", "\\u0041", "%00", "x" * 2**20, "é" * 2**19),
]


# ---- load and read back


def test_store_read_after_load_gives_an_equal_graph(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    report = graph_store.load(graph)
    assert_same_graph(graph_store.read_graph(), graph)
    assert (report.num_nodes, report.num_edges, report.num_batches) == (5, 4, 4)
    assert report.nodes == {"Brand": 2, "Product": 3}


def test_store_loaded_twice_is_unchanged(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    before = graph_store.counts()
    graph_store.load(graph)
    assert graph_store.counts().equals(before)
    assert_same_graph(graph_store.read_graph(), graph)


def test_store_loaded_in_batches_of_one_gives_the_same_graph(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    assert graph_store.load(graph, batch_size=1).num_batches == 9
    assert_same_graph(graph_store.read_graph(), graph)


def test_store_loaded_with_changed_properties_holds_exactly_the_new_ones(
    graph_store: GraphStore, graph: KnowledgeGraph
) -> None:
    graph_store.load(graph)
    changed = KnowledgeGraph(
        {**graph.nodes, "Product": pl.DataFrame({"id": ["p1", "p2", "p3"], "title": ["New", "Mat", None]})},
        {HAS_BRAND: graph.edges[HAS_BRAND], ALSO_BOUGHT: graph.edges[ALSO_BOUGHT].select("head_id", "tail_id")},
    )
    graph_store.load(changed)
    assert_same_graph(graph_store.read_graph(), changed)


def test_store_loaded_with_a_part_of_the_graph_keeps_the_rest(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    graph_store.load(KnowledgeGraph({"Brand": pl.DataFrame({"id": ["acme"]})}, {}))
    assert_same_graph(graph_store.read_graph(), graph)


def test_store_with_hostile_strings_gives_them_back(graph_store: GraphStore) -> None:
    texts = pl.DataFrame({"id": [f"n{place:02}" for place in range(len(HOSTILE))], "text": HOSTILE})
    names = pl.DataFrame({"id": HOSTILE[:-2], "tags": [[text, text] for text in HOSTILE[:-2]]})
    knows = pl.DataFrame({"head_id": HOSTILE[:-2], "tail_id": HOSTILE[1:-2] + HOSTILE[:1], "how": HOSTILE[:-2]})
    hostile = KnowledgeGraph({"Text": texts, "Name": names}, {("Name", "KNOWS", "Name"): knows})
    graph_store.load(hostile)
    assert_same_graph(graph_store.read_graph(), hostile)


def test_store_with_hostile_property_names_gives_them_back(graph_store: GraphStore) -> None:
    names = ["a b", "a.b", "`", "``", "A) DETACH DELETE n //", "\n", "é", "$x", "@", "match", "head_id", "labels"]
    nodes = pl.DataFrame({"id": ["a"], **{name: [place] for place, name in enumerate(names)}})
    edges = pl.DataFrame({"head_id": ["a"], "tail_id": ["a"], **{name: [name] for name in names if name != "head_id"}})
    hostile = KnowledgeGraph({"A": nodes}, {("A", "TO", "A"): edges})
    graph_store.load(hostile)
    assert_same_graph(graph_store.read_graph(), hostile)


def test_store_with_a_long_value_of_an_indexed_property_gives_it_back(graph_store: GraphStore) -> None:
    short = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1"], "title": ["t"]})}, {})
    long = KnowledgeGraph({"Product": pl.DataFrame({"id": ["p1"], "title": ["t" * 2**20]})}, {})
    graph_store.load(short)  # makes the index
    graph_store.load(long)
    assert_same_graph(graph_store.read_graph(), long)


def test_store_with_a_property_of_whole_and_broken_numbers_reads_it_as_floats(graph_store: GraphStore) -> None:
    graph_store.query("UNWIND [1, 2.5, null] AS x CREATE (:A {id: toString(coalesce(x, 0)), x: x})", write=True)
    assert graph_store.read_graph().nodes["A"]["x"].sort().to_list() == [None, 1.0, 2.5]


def test_store_splits_batches_by_bytes_as_well_as_rows(
    graph_store: GraphStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_load, "MAX_BATCH_BYTES", 1000)
    rows = KnowledgeGraph({"A": pl.DataFrame({"id": list("abcdef"), "text": ["x" * 400] * 5 + ["x" * 5000]})}, {})
    assert graph_store.load(rows).num_batches == 4  # 2, 2, 1 and the long one
    assert_same_graph(graph_store.read_graph(), rows)


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PROPERTIES = st.fixed_dictionaries(
    {
        "s": st.none() | TEXT,
        "i": st.none() | st.integers(-(2**63), 2**63 - 1),
        "f": st.none() | st.floats(),
        "b": st.none() | st.booleans(),
        "l": st.none() | st.lists(TEXT, max_size=3),
    }
)
TYPES = {"s": pl.String, "i": pl.Int64, "f": pl.Float64, "b": pl.Boolean, "l": pl.List(pl.String)}


@st.composite
def graphs(draw: st.DrawFn) -> KnowledgeGraph:
    rows = draw(st.dictionaries(TEXT, PROPERTIES, min_size=1, max_size=6))
    ids = st.sampled_from(sorted(rows))
    links = draw(st.dictionaries(st.tuples(ids, ids), PROPERTIES, max_size=6))
    nodes = pl.DataFrame([{"id": key, **row} for key, row in rows.items()], schema={"id": pl.String, **TYPES})
    edges = pl.DataFrame(
        [{"head_id": head, "tail_id": tail, **row} for (head, tail), row in links.items()],
        schema={"head_id": pl.String, "tail_id": pl.String, **TYPES},
    )
    return KnowledgeGraph({"A": nodes}, {("A", "TO", "A"): edges})


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(graph=graphs())
def test_store_read_after_load_gives_an_equal_graph_whatever_it_holds(
    graph_store: GraphStore, graph: KnowledgeGraph
) -> None:
    graph_store.clear()
    graph_store.load(graph)
    assert_same_graph(graph_store.read_graph(), graph)


def test_store_empty_reads_as_a_graph_without_tables(graph_store: GraphStore) -> None:
    assert_same_graph(graph_store.read_graph(), KnowledgeGraph({}, {}))


def test_store_cleared_holds_nothing(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    graph_store.clear()
    assert graph_store.counts().height == 0


def test_store_counts_are_those_of_the_tables(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    assert graph_store.counts().rows() == [
        ("node", "Brand", None, None, 2),
        ("node", "Product", None, None, 3),
        ("edge", "ALSO_BOUGHT", "Product", "Product", 2),
        ("edge", "HAS_BRAND", "Product", "Brand", 2),
    ]


# ---- what can't be stored or read


def test_store_load_of_values_it_can_not_hold_lists_them_and_stores_nothing(graph_store: GraphStore) -> None:
    nodes = pl.DataFrame({"id": ["x" * 9000, "b"], "tags": [["a", None], None], "text": [None, "x" * 40_000_000]})
    with pytest.raises(StoreError) as caught:
        graph_store.load(KnowledgeGraph({"A": nodes, "B": pl.DataFrame({"id": ["b"]})}, {}))
    assert "3 faults" in str(caught.value)
    assert "nodes 'A': 1 rows hold more than 32 MiB" in str(caught.value)
    assert "nodes 'A': 1 ids longer than 8,000 bytes" in str(caught.value)
    assert "'tags' holds lists with missing values" in str(caught.value)
    assert graph_store.counts().height == 0


def test_store_load_with_batch_size_zero_raises(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    with pytest.raises(StoreError, match="batch_size is 0, expected a whole number >= 1"):
        graph_store.load(graph, batch_size=0)


def test_store_read_of_a_foreign_graph_lists_what_does_not_fit(graph_store: GraphStore) -> None:
    graph_store.query("CREATE (:A {id: 'a', born: date('2024-01-31'), x: 1}), (:A {id: 'b', x: 'one'})", write=True)
    graph_store.query("CREATE (:B {id: 1}), (:C)", write=True)
    with pytest.raises(StoreError) as caught:
        graph_store.read_graph()
    for part in ("nodes 'A': properties of types that kgrec can't hold", "born", "x (", "nodes 'B'", "nodes 'C'"):
        assert part in str(caught.value)


def test_store_read_of_a_foreign_graph_can_skip_what_does_not_fit(graph_store: GraphStore) -> None:
    graph_store.query("CREATE (:A {id: 'a', born: date('2024-01-31'), x: 1})", write=True)
    read = graph_store.read_graph(on_unsupported="skip")
    assert_same_graph(read, KnowledgeGraph({"A": pl.DataFrame({"id": ["a"], "x": [1]})}, {}))


def test_store_read_of_nodes_with_two_labels_raises(graph_store: GraphStore) -> None:
    graph_store.query("CREATE (:A:B {id: 'a'})", write=True)
    with pytest.raises(StoreError, match=r"1 nodes have the labels \['A', 'B'\]"):
        graph_store.read_graph()


def test_store_read_of_parallel_edges_raises(graph_store: GraphStore) -> None:
    graph_store.query("CREATE (a:A {id: 'a'})-[:TO]->(b:A {id: 'b'}), (a)-[:TO]->(b)", write=True)
    with pytest.raises(GraphError, match="1 repeated head_id/tail_id"):
        graph_store.read_graph()


def test_store_refuses_a_second_node_with_the_same_id(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    with pytest.raises(StoreError):
        graph_store.query("CREATE (:Brand {id: 'acme'})", write=True)


def test_load_while_another_load_writes_the_same_nodes_ends_in_the_same_graph(
    graph_store: GraphStore, graph: KnowledgeGraph
) -> None:
    graph_store.load(graph)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: graph_store.load(graph, batch_size=2), range(8)))
    assert len(reports) == 8
    assert_same_graph(graph_store.read_graph(), graph)


def test_store_load_that_keeps_properties_adds_to_what_is_there(graph_store: GraphStore, graph: KnowledgeGraph) -> None:
    graph_store.load(graph)
    products = pl.DataFrame({"id": ["p1", "p2", "p4"], "price": [9.0, None, 4.0], "colour": ["red", None, None]})
    edges = pl.DataFrame({"head_id": ["p1", "p4"], "tail_id": ["p2", "p1"], "count": [7, None], "weight": [None, 2.0]})
    graph_store.load(KnowledgeGraph({"Product": products}, {ALSO_BOUGHT: edges}), keep_properties=True)
    found = graph_store.read_graph()
    assert found.nodes["Product"].select("id", "title", "price", "colour").rows() == [
        ("p1", "Red lamp", 9.0, "red"),
        ("p2", "Mat", None, None),
        ("p3", None, 2.5, None),
        ("p4", None, 4.0, None),
    ]
    assert found.edges[ALSO_BOUGHT].select("head_id", "tail_id", "count", "weight").rows() == [
        ("p1", "p2", 7, 0.5),
        ("p2", "p2", 3, 1.0),
        ("p4", "p1", None, 2.0),
    ]
    assert found.nodes["Brand"].equals(graph.nodes["Brand"])
