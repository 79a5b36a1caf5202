"""Tables of any library, ids and times in any form that `Dataset` takes, and the faults of those that it does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from kgrec.errors import DataError
from kgrec.experiment import (
    ab_report,
    arm_rates,
    interleave,
    interleaving_test,
    policy_value,
    sample_ratio,
    sequential_test,
    with_conversions,
)
from kgrec.experiment.checks import read_table

SHOWN = {
    "user_id": ["u", "u", "v", "w", "x"],
    "item_id": [*"abacd"],
    "arm": ["control", "control", "control", "new", "new"],
    "timestamp": [10, 20, 30, 40, 50],
    "label": [1, 0, 0, 1, 1],
    "propensity": [0.5] * 5,
    "target_propensity": [0.8, 0.2, 0.2, 0.8, 0.2],
    "rank": [1, 2, 1, 1, 1],
}
ASSIGNED = {"user_id": [*"uvwx"], "arm": ["control", "control", "new", "new"]}
BOUGHT = {"user_id": ["w"], "item_id": ["c"], "timestamp": [45], "event": ["purchase"]}
CALLS: dict[str, Callable[[Callable], object]] = {
    "ab_report": lambda table: str(ab_report(table(SHOWN), table(ASSIGNED), table(BOUGHT))),
    "with_conversions": lambda table: with_conversions(table(SHOWN), table(BOUGHT))["converted"].to_list(),
    "arm_rates": lambda table: str(arm_rates(table(SHOWN))["new"]),
    "sample_ratio": lambda table: str(sample_ratio(table(SHOWN), ["control", "new"])),
    "sequential_test": lambda table: str(sequential_test(table(SHOWN), "control", "new")),
    "policy_value": lambda table: str(policy_value(table(SHOWN))),
    "interleave": lambda table: interleave(table(SHOWN), table(SHOWN), experiment="x").rows(),
    "interleaving_test": lambda table: str(interleaving_test(table(SHOWN), names=("control", "new"))),
}


@pytest.mark.parametrize("table", [dict, pd.DataFrame, pa.table, pl.LazyFrame], ids=["dict", "pandas", "arrow", "lazy"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_tables_of_any_library_say_what_polars_says(call: Callable, table: Callable) -> None:
    assert call(table) == call(pl.DataFrame)


def test_pandas_categories_and_its_row_labels_are_read() -> None:
    frame = pd.DataFrame(SHOWN).astype({"user_id": "category", "arm": "category"})[lambda rows: rows["item_id"] != "b"]
    assert str(arm_rates(frame)["control"]) == str(arm_rates(pl.DataFrame(SHOWN).filter(item_id="a"))["control"])


@pytest.mark.parametrize("table", [["u"], None, {"user_id": ["u"], "arm": ["a", "b"]}])
def test_what_is_no_table_is_a_data_error(table: object) -> None:
    with pytest.raises(DataError, match="sample ratio: can't be taken as a table"):
        sample_ratio(table, ["a", "b"])


def test_read_table_reads_ids_as_text_and_times_as_seconds() -> None:
    times = [datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC), datetime(1970, 1, 2, tzinfo=UTC)]
    table = {"user_id": [7, 8], "arm": [0, 1], "timestamp": times, "note": [1, None]}
    found = read_table(table, ["user_id", "arm", "timestamp"], "x")
    assert found.rows() == [("7", "0", 1.5, 1), ("8", "1", 86_400.0, None)]


def test_read_table_lists_the_faults_of_all_columns() -> None:
    table = {
        "user_id": [1.0, 2.0, 3.0],
        "item_id": ["a", "", "c"],
        "timestamp": ["1970-01-01", "noon", "1700000000000"],
    }
    with pytest.raises(DataError) as caught:
        read_table(table, list(table), "x")
    assert str(caught.value).splitlines() == [
        "x: 4 faults",
        "  - 1 row of column 'item_id': no value (row 1: '')",
        "  - column 'user_id' holds floating-point numbers (1.0, 2.0, 3.0), expected text or integers; read the ids as "
        "text, so that none changes its form",
        "  - 1 row with a bad timestamp (row 1: 'noon'); expected UTC epoch seconds or ISO 8601, like "
        "2014-07-21T10:30:00Z",
        "  - 1 row with a timestamp that looks like milliseconds or finer (row 2: '1700000000000'); expected seconds: "
        "divide by 1,000 (milliseconds) or 1,000,000 (microseconds)",
    ]


def test_polars_tables_load_no_pandas() -> None:
    code = (
        "import sys, polars as pl; from kgrec.experiment import sample_ratio\n"
        "sample_ratio(pl.DataFrame({'user_id': ['u'], 'arm': ['a']}), ['a', 'b']); print('pandas' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
