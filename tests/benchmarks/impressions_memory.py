"""Memory that a log of impressions takes: `python tests/benchmarks/impressions_memory.py [--rows 1000000 4000000]`.

A made-up shop of 2,000 items, 5,000 users and 50,000 events, and so many impressions as Parquet: ids of text, a time, a
session, a position, a label; in order of time. Each size is read, split by time and trained on for one short pass (the
scoring module on, texts off), each in a process of its own. Printed for each phase: seconds, the most memory held
(`resident`, files that are mapped among it, which the system can drop, and `own` without these), and between two sizes
the bytes by which `own` grows with each impression.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

ITEMS, USERS, EVENTS, DAYS = 2_000, 5_000, 50_000, 60
START = 1_700_000_000
CHUNK = 500_000  # impressions made at a time
PARTS = 150_000  # impressions of an epoch for which each of its steps gets one part more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 4_000_000], help="numbers of impressions")
    parser.add_argument("--in-memory", choices=["yes", "no", "by-size"], default="no", help="as in read_dataset")
    parser.add_argument("--until", choices=["split", "train"], default="train", help="the last phase")
    parser.add_argument("--json", action="store_true", help="a last line of JSON too")
    parser.add_argument("--folder", type=Path, help="a shop made before, measured by this process alone")
    args = parser.parse_args()
    in_memory = {"yes": True, "no": False, "by-size": None}[args.in_memory]
    if args.folder:
        print(json.dumps(measure(args.folder, in_memory, args.until)))
        return
    found: dict[int, dict[str, dict[str, float]]] = {}
    for rows in args.rows:
        with tempfile.TemporaryDirectory() as folder:
            make_shop(Path(folder), rows)
            options = ["--folder", folder, "--in-memory", args.in_memory, "--until", args.until]
            done = subprocess.run([sys.executable, __file__, *options], stdout=subprocess.PIPE, text=True, check=True)
        found[rows] = json.loads(done.stdout.splitlines()[-1])
        print(f"{rows:,} impressions")
        for phase, numbers in found[rows].items():
            print(f"  {phase:<8}" + ", ".join(f"{name} {value:,.0f}" for name, value in numbers.items()), flush=True)
    least, most = min(found), max(found)
    for phase in found[least] if most > least else ():
        more = found[most][phase]["own MB"] - found[least][phase]["own MB"]
        print(f"{phase}: {more * 1e6 / (most - least):,.0f} bytes an impression")
    if args.json:
        print(json.dumps(found))


def make_shop(folder: Path, rows: int) -> None:
    """Write the tables, the impressions chunk by chunk, so that the making takes little memory."""
    rng = np.random.default_rng(0)
    group = np.arange(ITEMS) % 20
    names = [f"item-{index:05}" for index in range(ITEMS)]
    table = {"item_id": names, "brand": [f"b{of}" for of in group], "category": [f"c{of % 5}" for of in group]}
    pl.DataFrame(table).write_parquet(folder / "items.parquet")
    item_ids, user_ids = pl.Series(names), pl.Series([f"user-{index:06}" for index in range(USERS)])
    user = rng.integers(0, USERS, EVENTS)
    liked = np.where(rng.random(EVENTS) < 0.7, user % 20 + 20 * rng.integers(0, ITEMS // 20, EVENTS), -1)
    item = np.where(liked >= 0, liked, rng.integers(0, ITEMS, EVENTS))
    moment = START + np.sort(rng.integers(0, DAYS * 86_400, EVENTS))
    events = {"user_id": user_ids.gather(user), "item_id": item_ids.gather(item), "timestamp": moment}
    pl.DataFrame(events).write_parquet(folder / "events.parquet")
    with tempfile.TemporaryDirectory() as pieces:
        for begin in range(0, rows, CHUNK):
            size = min(CHUNK, rows - begin)
            lists = np.arange(begin, begin + size) // 10  # of ten each, shown to one user at one time
            user = (lists * 7919 + lists // USERS) % USERS
            item = rng.integers(0, ITEMS, size)
            chance = np.where(item % 20 == user % 20, 0.5, 0.05)
            impressions = {
                "user_id": user_ids.gather(user),
                "item_id": item_ids.gather(item),
                "timestamp": START + (lists * (DAYS * 86_400 / (rows / 10))).astype(np.int64),
                "session_id": pl.Series(lists // 3).cast(pl.String),
                "position": np.arange(begin, begin + size) % 10 + 1,
                "label": (rng.random(size) < chance).astype(np.int8),
            }
            pl.DataFrame(impressions).write_parquet(Path(pieces) / f"{begin:012}.parquet")
        pl.scan_parquet(Path(pieces) / "*.parquet").sink_parquet(folder / "impressions.parquet", row_group_size=CHUNK)


def measure(folder: Path, in_memory: bool | None, until: str) -> dict[str, dict[str, float]]:
    """Seconds and the most memory of reading, splitting and training, in megabytes."""
    import kgrec

    found: dict[str, dict[str, float]] = {}
    dataset = _phase(found, "read", lambda: kgrec.read_dataset(folder, in_memory=in_memory))
    split = _phase(found, "split", lambda: dataset.split("temporal"))
    if until == "train":
        _phase(found, "train", lambda: train(split))
    return found


def train(split: Any) -> Any:
    """One short pass, its steps done in parts of as many impressions whatever their number; few pairs to score.

    Else what these take, which has nothing to do with the size of a table in a shop, would hide what a row takes.
    """
    import kgrec
    import kgrec.scoring.fitting as scoring

    scoring.MOST_PAIRS, scoring.EPOCHS = 5_000, 1
    config = kgrec.RecommenderConfig(
        use_text=False,
        embedding_dim=32,
        knowledge_dim=16,
        knowledge_epochs=1,
        history_length=20,
        epochs=1,
        patience=1,
        batch_size=2_000,
        accumulation=max(1, split.train.events.height // PARTS),
        temperature=0.1,
    )
    recommender = kgrec.KGRecommender(config, device="cpu", seed=0)
    recommender.fit(split.train, validation=split.validation)
    assert recommender.model_.scoring is not None
    return recommender


def _phase(found: dict[str, dict[str, float]], name: str, work: Callable[[], Any]) -> Any:
    begin = time.perf_counter()
    with most_memory() as most:
        made = work()
    found[name] = {"seconds": time.perf_counter() - begin, "resident MB": most["VmRSS"], "own MB": most["RssAnon"]}
    return made


@contextmanager
def most_memory() -> Iterator[dict[str, float]]:
    """Look again and again at what this process holds, and keep the most, in megabytes."""
    most = dict.fromkeys(("VmRSS", "RssAnon"), 0.0)
    stop = threading.Event()

    def look() -> None:
        while True:
            lines = (line.split() for line in Path("/proc/self/status").read_text("utf-8").splitlines())
            now = {line[0].rstrip(":"): float(line[1]) / 1e3 for line in lines if line[0].rstrip(":") in most}
            most.update({name: max(most[name], now[name]) for name in most})
            if stop.wait(0.005):
                return

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield most
    finally:
        stop.set()
        watcher.join()


if __name__ == "__main__":
    main()
