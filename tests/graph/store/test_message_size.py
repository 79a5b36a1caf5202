from __future__ import annotations

import time
from typing import Any

import pytest
from neo4j._codec.packstream.v1 import PackableBuffer, Packer

from kgrec.errors import StoreError
from kgrec.graph.store import GraphStore
from kgrec.graph.store.local_server_child import MAX_MESSAGE_BYTES
from kgrec.graph.store.message_size import packed_bytes

VALUES = [
    *(None, True, 0, -16, -17, 127, 128, -129, 2**15, -(2**15), 2**31, -(2**31) - 1, 2**62, 0.5),
    *("", "x" * 15, "x" * 16, "é" * 200, "🦊" * 70_000, b"abc"),
    *([], [1] * 16, [["a", 1], ["b", None]], {}, {"a": {"b": [1.5, "c"]}}, {str(key): key for key in range(300)}),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda value: repr(value)[:20])
def test_packed_bytes_are_those_that_the_driver_sends(value: Any) -> None:
    buffer = PackableBuffer()
    Packer(buffer).pack(value)
    assert abs(packed_bytes(value) - len(buffer.data)) <= (3 if isinstance(value, bytes) else 0)


def test_query_over_the_local_servers_limit_is_refused_at_once(local_store: GraphStore) -> None:
    rows = ["x" * 2**20] * 65
    for write in (False, True):
        start = time.monotonic()
        with pytest.raises(StoreError, match="are 65 MiB, and the local server takes at most 64 MiB; send the rows in"):
            local_store.query("RETURN size($rows) AS n", {"rows": rows}, write=write)
        assert time.monotonic() - start < 2.0
    assert local_store.query("RETURN 1 AS one").rows() == [(1,)]


def test_query_just_under_the_local_servers_limit_is_answered(local_store: GraphStore) -> None:
    text = "x" * (MAX_MESSAGE_BYTES - 2048)
    assert local_store.query("RETURN size($text) AS n", {"text": text})["n"].to_list() == [len(text)]


def test_query_over_the_local_servers_limit_is_answered_by_neo4j(neo4j_store: GraphStore) -> None:
    rows = ["x" * 2**20] * 65
    assert neo4j_store.query("RETURN size($rows) AS n", {"rows": rows})["n"].to_list() == [65]
