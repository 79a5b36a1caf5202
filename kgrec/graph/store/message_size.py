"""How large a Bolt message would be, counted before it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.errors import StoreError
from kgrec.graph.store.local_server_child import MAX_MESSAGE_BYTES

_OVERHEAD = 1024  # bytes: the message's own header, the database's name and the like


def check_message_size(address: str, cypher: str, parameters: Mapping[str, Any]) -> None:
    """Refuse a query that the local server would never answer because it is over its limit.

    Raises
    ------
    StoreError
        If the query and its parameters take more than `MAX_MESSAGE_BYTES` as Bolt packs them.
    """
    size = _OVERHEAD + packed_bytes(cypher) + packed_bytes(parameters)
    if size > MAX_MESSAGE_BYTES:
        raise StoreError(
            f"{address}: the query and its parameters are {size / 2**20:,.0f} MiB, and the local server takes at most "
            f"{MAX_MESSAGE_BYTES // 2**20} MiB; send the rows in parts, or use a Neo4j"
        )


def packed_bytes(value: Any) -> int:
    """Bytes of one value in Bolt's PackStream form; lists and maps with all that is in them.

    >>> packed_bytes({"rows": [["a", 1], ["b", 300]]})
    17
    """
    total, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case None | bool():
                total += 1
            case str() as text:
                length = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
                total += length + _header_bytes(length)
            case int() as number:
                total += _integer_bytes(number)
            case bytes() | bytearray() as data:
                total += len(data) + 5
            case Mapping() as entries:
                total += _header_bytes(len(entries))
                waiting += entries.keys()
                waiting += entries.values()
            case list() | tuple() as items:
                total += _header_bytes(len(items))
                waiting += items
            case _:  # a float; dates and points take a little more
                total += 9
    return total


def _header_bytes(length: int) -> int:
    if length < 16:
        return 1
    return 2 if length < 2**8 else 3 if length < 2**16 else 5


def _integer_bytes(number: int) -> int:
    if -16 <= number < 2**7:
        return 1
    return next((size + 1 for size in (1, 2, 4) if -(2 ** (8 * size - 1)) <= number < 2 ** (8 * size - 1)), 9)
