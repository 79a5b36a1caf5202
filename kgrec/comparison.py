"""Our model, the simple rankers and our model with a part taken away, measured alike."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import multiprocessing
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from scipy import sparse

from kgrec.baselines import EASE, ItemKNN, LightGCN, Popularity, Ranker
from kgrec.config import RecommenderConfig
from kgrec.data import columns as c
from kgrec.data.dataset import Dataset, Split
from kgrec.data.fingerprint import fingerprint
from kgrec.errors import ComparisonError, ConfigError, KgrecError, check_whole, list_first
from kgrec.evaluating import part_click_metrics
from kgrec.evaluation.list_metrics import list_metrics
from kgrec.evaluation.metrics import check_cutoffs, ranking_metrics
from kgrec.evaluation.slices import slice_metrics
from kgrec.graph.knowledge_graph import KnowledgeGraph
from kgrec.graph.shuffle import shuffle_graph
from kgrec.learning import can_choose, own_validation
from kgrec.models.side_information import item_features
from kgrec.recommender import KGRecommender
from kgrec.training.device import resolve_device
from kgrec.training.fitting import about

Run = tuple[str, int | None]  # model and seed
SIMPLE = ("popularity", "item-kNN", "EASE", "EASE with text and graph")  # without randomness
PEERS = (*SIMPLE, "LightGCN")
FUSED = "kgrec"
SHUFFLED = "kgrec with shuffled graph"
ABLATIONS: dict[str, dict[str, bool]] = {
    "kgrec without graph": {"use_graph": False},
    SHUFFLED: {},
    "kgrec without text": {"use_text": False},
    "kgrec without sequence encoder": {"use_sequence": False},
    "kgrec without user vectors": {"use_user_vectors": False},
    "kgrec without closed form": {"use_item_weights": False},
}


def compare(
    split: Split,
    *,
    config: RecommenderConfig | None = None,
    seeds: Collection[int] = (0,),
    models: Sequence[str] = (*SIMPLE, FUSED),
    part: str = c.TEST,
    ks: Sequence[int] = (10, 20),
    jobs: int | None = None,
    slices: bool = False,
    kept: Path | None = None,
    on_row: Callable[[str], None] = lambda _: None,
) -> pl.DataFrame:
    """Train everything on `split.train` and score it on one part.

    Parameters
    ----------
    seeds : list or range of int
        One training each; the simple rankers have no randomness.
    models : sequence of str
        Any of `PEERS`, `FUSED` and the names of `ABLATIONS`.
    jobs : int, optional
        Trainings at a time, each in a process of its own with its share of the cores: with more than one more of them
        get done, while the seconds of each are longer than alone; call it in a file, below `if __name__ ==
        "__main__":`, which each process reads anew. None: all in this process.
    slices : bool
        Also what each model is worth for cold and tail items, new users, short and long histories.
    kept : Path, optional
        A file of rows (JSON lines). Each row is added to it as soon as it is there; those that it already holds of the
        same data, settings, code of kgrec and versions (of torch and others) are not made again.
    on_row : callable
        Told the name of each model before it is trained (with several jobs, when it is put in line).

    Returns
    -------
    polars.DataFrame
        One row per model and seed: `model, seed, seconds` (of training), `memory_gb` (the most that its process held,
        where it has one of its own) and every metric; those of a slice are named `<metric>, <slice>`.

    Raises
    ------
    ConfigError
        If something asked for is not there, before anything is trained.
    ComparisonError
        With `jobs`, after all have been tried, if some failed; it holds the rows of the others.
    """
    unknown = [name for name in models if name not in (*PEERS, FUSED, *ABLATIONS)]
    if unknown:
        raise ConfigError(f"unknown models {list_first(unknown)}; known: {', '.join((*PEERS, FUSED, *ABLATIONS))}")
    held = [name for name in (c.VALIDATION, c.TEST) if split.parts[name].interactions.height]
    if part not in held:
        raise ConfigError(f"part is {part!r}, expected one with interactions: {list_first(held) or 'there is none'}")
    check_cutoffs(ks)
    if jobs is not None:
        check_whole(1, jobs=jobs)
    if isinstance(seeds, str) or not isinstance(seeds, Collection):
        raise ConfigError(f"seeds is {seeds!r}, expected a list of whole numbers >= 0")
    check_whole(0, **{f"seed {place}": seed for place, seed in enumerate(seeds)})
    ks, seeds = [int(k) for k in ks], [int(seed) for seed in seeds]  # numpy's can't be kept
    config = config or RecommenderConfig()
    vectors = item_features(split.train, config) if slices else None
    work = functools.partial(_row, split, config, part, ks, vectors=vectors, alone=jobs is not None)
    named = [(name, seed) for name in models for seed in ((None,) if name in SIMPLE else seeds)]
    runs: list[Run] = list(dict.fromkeys(named))
    if not runs:
        raise ConfigError("nothing to train: give a model, and a seed where it is random")
    rows = KeptRows(kept, {"config": config.to_dict(), "part": part, "ks": list(ks), "slices": slices}, split)
    missing = [run for run in runs if run not in rows.made]
    failed: dict[Run, Exception] = {}
    if jobs is None:
        for run in _told(missing, on_row):
            rows.add(run, work(*run))
    else:
        alone = functools.partial(_in_its_own_process, work, max(1, torch.get_num_threads() // jobs))
        with ThreadPoolExecutor(jobs) as pool:
            waiting = {pool.submit(alone, run): run for run in _told(missing, on_row)}
            try:
                for done in as_completed(waiting):  # one that fails, or is killed, costs the others nothing
                    error = done.exception()
                    if error is None:
                        rows.add(waiting[done], done.result())
                    elif isinstance(error, Exception):
                        failed[waiting[done]] = error
            except BaseException:  # ctrl-C, a full disk: none of those in line is begun
                pool.shutdown(cancel_futures=True)
                raise
    made = pl.DataFrame([rows.made[run] for run in runs if run in rows.made], infer_schema_length=None)
    if failed:
        faults = [f"\n  {_named(run)}: {_fault(failed[run])}" for run in runs if run in failed]
        raise ComparisonError(f"{len(failed)} of {len(missing)} trainings failed:{''.join(faults)}", made)
    return made


def _in_its_own_process(work: Callable[..., dict[str, Any]], threads: int, run: Run) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")  # a fork would copy torch's locks without its threads
    with ProcessPoolExecutor(1, context, torch.set_num_threads, (threads,)) as pool:
        return pool.submit(work, *run).result()


def _fault(error: Exception) -> str:
    if isinstance(error, BrokenProcessPool):
        return (
            "its process ended: killed, as the system does where memory runs out (fewer jobs take less), or it could "
            "not begin (what it wrote to stderr says why; a script needs `if __name__ == '__main__':`)"
        )
    return str(error) if isinstance(error, KgrecError) else repr(error)


def _named(run: Run) -> str:
    name, seed = run
    return name if seed is None else f"{name}, seed {seed}"


def _told(runs: Sequence[Run], on_row: Callable[[str], None]) -> Iterator[Run]:
    """The runs, each told of before it is given out."""
    for run in runs:
        on_row(_named(run))
        yield run


class KeptRows:
    """Rows by model and seed, in memory and in a file.

    Attributes
    ----------
    made : dict
        From (model, seed) to the row.
    """

    def __init__(self, file: Path | None, settings: dict[str, Any], split: Split) -> None:
        self.file, self.made = None if file is None else Path(file), dict[Run, dict[str, Any]]()
        if self.file is None:
            return
        data = [part.fingerprint() for part in split.parts.values()]
        catalogue = split.train.items.select(c.ITEM_ID)
        data.append(fingerprint({c.ITEMS: catalogue}, ordered=frozenset({c.ITEMS})))  # what ties goes by its order
        if split.method == "leave_users_out" and split.test.history is not None:  # what is given is in no part
            data.append(fingerprint({c.EVENTS: split.test.history}, ordered=frozenset({c.EVENTS})))
        known = json.dumps([settings, data, about(), str(resolve_device(None)), _code()], sort_keys=True)
        self.of = hashlib.sha256(known.encode()).hexdigest()[:16]
        for row in kept_rows(self.file, self.of):
            self.made[row["model"], row["seed"]] = row

    def add(self, run: Run, row: dict[str, Any]) -> None:
        """Keep a new row."""
        self.made[run] = row
        if self.file is not None:
            keep_row(self.file, self.of, row)


def _code() -> str:
    """What tells this code of kgrec from another, which its version does not while it is worked on."""
    files = sorted(Path(__file__).parent.rglob("*.py"))
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def kept_rows(file: Path, of: str) -> list[dict[str, Any]]:
    """The rows of a file that `keep_row` put there for the run `of`."""
    rows = [_read(line) for line in file.read_text("utf-8", "replace").splitlines()] if file.exists() else []
    return [row for row in rows if row.pop("of", None) == of]


def keep_row(file: Path, of: str, row: Mapping[str, Any]) -> None:
    """Add a row of the run `of` to a file; a line that a kill has cut short costs none but itself."""
    file.parent.mkdir(parents=True, exist_ok=True)
    cut_short = file.exists() and not file.read_bytes().endswith(b"\n")
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n" * cut_short + json.dumps({"of": of, **row}) + "\n")


def _read(line: str) -> dict[str, Any]:
    """A row of the file; nothing where a kill has cut the line short."""
    try:
        row: dict[str, Any] = json.loads(line)
    except ValueError:
        return {}
    return row if isinstance(row, dict) else {}


def _row(
    split: Split,
    config: RecommenderConfig,
    part: str,
    ks: Sequence[int],
    name: str,
    seed: int | None,
    *,
    vectors: Mapping[str, np.ndarray | sparse.csr_array] | None,
    alone: bool,
) -> dict[str, Any]:
    begun = time.perf_counter()
    model = _train(name, split, config, seed)
    row: dict[str, Any] = {"model": name, "seed": seed, "seconds": time.perf_counter() - begun}
    if alone:
        row["memory_gb"] = _peak_memory_gb()
    lists = model.recommend_part(split.parts[part], max(ks))
    row |= measure(model, split.parts[part], ks, lists)
    if vectors is not None:
        for values in slice_metrics(lists, split.parts[part], split.train, ks).to_dicts():
            of = values.pop("slice")
            row |= {f"{metric}, {of}": value for metric, value in values.items()}
        row |= list_metrics(lists, split.train, ks[0], vectors)
    return row


def _peak_memory_gb() -> float:
    """The most memory that this process has held."""
    status = Path("/proc/self/status")
    if status.is_file():  # on Linux a new process's `ru_maxrss` begins at that of the one that started it
        return int(next(line for line in status.read_text().splitlines() if line.startswith("VmHWM")).split()[1]) / 1e6
    import resource  # not on Windows

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1e9 if sys.platform == "darwin" else 1e6)  # bytes there, kilobytes here


def summary(rows: pl.DataFrame) -> pl.DataFrame:
    """Mean and spread (standard deviation) over the seeds, in the order of the rows."""
    metrics = [name for name in rows.columns if name not in ("model", "seed")]
    return rows.group_by("model", maintain_order=True).agg(
        pl.len().alias("runs"),
        *(pl.col(name).mean() for name in metrics),
        *(pl.col(name).std().alias(f"{name} sd") for name in metrics if name not in ("seconds", "memory_gb")),
    )


def worth(rows: pl.DataFrame) -> pl.DataFrame:
    """What each part of kgrec adds: its metrics minus those of the same seed without the part.

    Returns
    -------
    polars.DataFrame
        One row per model of `ABLATIONS` in `rows`, with seeds in common: `model, runs`, and of every metric that both
        have the mean and the spread over these seeds (`<metric>`, `<metric> sd`).
    """
    whole, parts = rows.filter(pl.col("model") == FUSED), rows.filter(pl.col("model").is_in(list(ABLATIONS)))
    metrics = [name for name in rows.columns if name not in ("model", "seed", "seconds", "memory_gb")]
    both = parts.join(whole, on="seed", suffix=", whole", maintain_order="left")
    gains = both.select("model", "seed", *((pl.col(f"{name}, whole") - pl.col(name)).alias(name) for name in metrics))
    return summary(gains)


Model = Ranker | KGRecommender


def _train(name: str, split: Split, config: RecommenderConfig, seed: int | None) -> Model:
    match name:
        case "popularity":
            return Popularity(split.train)
        case "item-kNN":
            return ItemKNN(split.train)
        case "EASE":
            return _ease(split, None)
        case "EASE with text and graph":
            return _ease(split, config)
        case "LightGCN":
            return _lightgcn(split, seed or 0)
    change = {} if name == FUSED else ABLATIONS[name]
    variant = dataclasses.replace(config, **change)  # type: ignore[arg-type]
    graph = shuffle_graph(KnowledgeGraph.from_dataset(split.train), seed or 0) if name == SHUFFLED else None
    return KGRecommender(variant, seed=seed or 0).fit(split.train, validation=split.validation, graph=graph)


def _ease(split: Split, side: RecommenderConfig | None) -> EASE:
    held = _held(split, 0)
    if held is None:
        return EASE(split.train, split.validation, side=side)
    return EASE(split.train, side=side, settings=EASE(held.train, held.validation, side=side).settings)


def _lightgcn(split: Split, seed: int) -> LightGCN:
    held = _held(split, seed)
    if held is None:
        return LightGCN(split.train, split.validation, seed=seed)
    return LightGCN(split.train, epochs=LightGCN(held.train, held.validation, seed=seed).epochs, seed=seed)


def _held(split: Split, seed: int) -> Split | None:
    """What chooses in place of a validation part that can't, as for kgrec: a part of train, if it is enough."""
    return None if can_choose(split.train, split.validation) else own_validation(split.train, seed)


def measure(
    model: Model, part: Dataset, ks: Sequence[int] = (10, 20), lists: pl.DataFrame | None = None
) -> dict[str, float]:
    """Every metric that the model has on a part: click metrics only where it predicts clicks.

    Parameters
    ----------
    lists : frame, optional
        The model's lists for the part, of `max(ks)` items, where they are at hand.
    """
    lists = model.recommend_part(part, max(ks)) if lists is None else lists
    metrics = ranking_metrics(lists, part.interactions, ks=ks, num_items=part.items.height)
    if isinstance(model, KGRecommender):
        metrics |= part_click_metrics(model.model_, part, model.seed)
    return metrics
