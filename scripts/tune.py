#!/usr/bin/env python3
"""Search for settings: Optuna over `RecommenderConfig`, scored on the validation part alone.

Trials are kept in STUDY/trials.log as they come: run the same command again to go on. A trial that falls behind the
others is given up early.

examples:
  python scripts/tune.py data/shop --split temporal --out runs/tuned --trials 20
  python scripts/tune.py DATASET --split leave_last_out --out runs/tuned --minutes 120 \
      --space '{"learning_rate": [3e-4, 3e-3, "log"], "num_layers": [0, 2], "use_text": ["choice", true, false]}'
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from command_line import SPLITS, add_on_unknown, read_split, run_script, write_json
from optuna.storages.journal import JournalFileBackend, JournalStorage

import kgrec
from kgrec.errors import ConfigError, list_first, not_number

SPACE: dict[str, list[Any]] = {
    "learning_rate": [3e-4, 3e-3, "log"],
    "embedding_dim": ["choice", 64, 128, 256],
    "num_layers": [0, 2],
    "history_length": ["choice", 20, 50, 100],
    "dropout": [0.0, 0.5],
    "knowledge_dim": ["choice", 32, 64, 128],
    "user_events": [1.0, 64.0, "log"],
    "temperature": [0.05, 0.3, "log"],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path, help="dataset folder")
    parser.add_argument("--split", choices=SPLITS, required=True)
    add_on_unknown(parser)
    parser.add_argument("--out", type=Path, required=True, metavar="STUDY", help="folder of the study")
    parser.add_argument("--trials", type=int, help="trials in all, those of earlier runs counted (default: no end)")
    parser.add_argument("--minutes", type=float, help="minutes of this run (default: no end)")
    parser.add_argument(
        "--space", type=json.loads, default=SPACE, help="what to try, as JSON (default: see the source)"
    )
    parser.add_argument("--seed", type=int, default=0, help="of split, search and trainings (default: 0)")
    parser.add_argument("--device", help="cpu, cuda, ... (default: CUDA when there)")
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings that stay")
    args = parser.parse_args()
    if args.trials is None and args.minutes is None:
        parser.error("give --trials or --minutes")
    if (args.trials is not None and args.trials < 1) or (args.minutes is not None and not args.minutes > 0):
        parser.error("--trials and --minutes must be above 0")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    logging.basicConfig(level=logging.WARNING)
    dataset, split = read_split(args.dataset, args.split, args.seed, args.on_unknown)
    if not split.validation.interactions.height:
        parser.error("the split has no validation part to score trials on")
    fixed = kgrec.RecommenderConfig.from_text(args.set).to_dict()
    stays = [setting.partition("=")[0].strip() for setting in args.set]
    if args.space is SPACE:
        args.space = {name: form for name, form in SPACE.items() if name not in stays}
    check_space(args.space, fixed)
    if both := [name for name in args.space if name in stays]:
        raise ConfigError(f"--space and --set both name {list_first(both)}: what stays can't be tried")
    args.out.mkdir(parents=True, exist_ok=True)
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(args.out / "trials.log"))),
        study_name="kgrec",
        direction="maximize",
        load_if_exists=True,
        sampler=optuna.samplers.TPESampler(seed=args.seed, multivariate=True),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=4, n_warmup_steps=1),
    )
    check_study(
        study,
        {
            "dataset": dataset.fingerprint(),
            "--split": args.split,
            "--seed": args.seed,
            "--set": fixed,
            "--space": dict(args.space),
        },
        args.out,
    )
    if not study.trials:
        study.enqueue_trial({name: fixed[name] for name, form in args.space.items() if lies_in(fixed[name], form)})
    begun = time.perf_counter()

    def objective(trial: optuna.Trial) -> float:
        config = kgrec.RecommenderConfig.from_dict({**fixed, **suggest(trial, args.space)})
        recommender = kgrec.KGRecommender(config, device=args.device, seed=args.seed)
        recommender.fit(split.train, validation=split.validation, tracker=Pruning(trial), progress=False)
        metric = f"{config.validation_metric}@{config.validation_k}"
        return recommender.evaluate(split.validation, (config.validation_k,))[metric]

    while args.trials is None or done(study) < args.trials:
        if args.minutes is not None and time.perf_counter() - begun > 60 * args.minutes:
            break
        left = None if args.minutes is None else 60 * args.minutes - (time.perf_counter() - begun)
        study.optimize(objective, n_trials=1, timeout=left, callbacks=[say])
    if not study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.COMPLETE,)):
        raise ConfigError(f"{args.out}: no trial came to its end; give more --trials or --minutes")
    best = study.best_trial
    settings = {**{name: fixed[name] for name in stays}, **best.params}
    write_json(args.out / "best.json", {"value": best.value, "settings": settings})
    print(f"best of {done(study)} trials: {best.value:.4f}, trial {best.number}")
    print("--set " + " ".join(f"{name}={json.dumps(value)}" for name, value in settings.items()))


def check_study(study: optuna.Study, asked: Mapping[str, Any], folder: Path) -> None:
    """The trials of a study compare with each other: all of one dataset, split, seed, space and settings that stay."""
    asked = json.loads(json.dumps(asked))
    known = study.user_attrs.get("of")
    if known is None and not study.trials:
        study.set_user_attr("of", asked)
    elif known != asked:
        others = ", ".join(name for name in asked if known is None or known.get(name) != asked[name])
        raise ConfigError(f"the study in {folder} is of another {others}: give another --out")


def done(study: optuna.Study) -> int:
    """Trials that came to an end, early or not."""
    states = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    return len(study.get_trials(deepcopy=False, states=states))


def say(_: optuna.Study, trial: optuna.trial.FrozenTrial) -> None:
    """A line for each trial."""
    value = "given up" if trial.value is None or trial.state.name == "PRUNED" else f"{trial.value:.4f}"
    seconds = trial.duration.total_seconds() if trial.duration else 0
    print(f"trial {trial.number}: {value} in {seconds:.0f} s  {json.dumps(trial.params)}", flush=True)


def check_space(space: Mapping[str, Any], known: Mapping[str, Any]) -> None:
    """Every name a setting, every range one of the two forms."""
    if not isinstance(space, Mapping) or not space:
        raise ConfigError(f"--space is {space!r}, expected settings and what to try of each, as a JSON object")
    faults = [f"{name!r} is no setting" for name in space if name not in known]
    for name, form in space.items():
        is_choice = isinstance(form, list) and len(form) > 1 and form[0] == "choice"
        if not (is_choice or is_range(form)):
            faults.append(f'{name!r} is {form!r}, expected [low, high], [low, high, "log"] or ["choice", ...]')
    if faults:
        raise ConfigError("--space: " + "; ".join(faults))


def is_range(form: Any) -> bool:
    """Whether it is [low, high] or [low, high, "log"]."""
    if not isinstance(form, list) or form[2:] not in ([], ["log"]) or len(form) < 2:
        return False
    low, high = form[:2]
    if not_number(-math.inf, low=low, high=high):
        return False
    return bool(low < high and (low > 0 or not form[2:]))


def lies_in(value: Any, form: list[Any]) -> bool:
    """Whether a value is one of those to try: the first trial starts from the defaults, where it can."""
    if form[0] == "choice":
        return value in form[1:]
    return value is not None and bool(form[0] <= value <= form[1])


def suggest(trial: optuna.Trial, space: Mapping[str, list[Any]]) -> dict[str, Any]:
    """A value of each setting of the space."""
    values: dict[str, Any] = {}
    for name, form in space.items():
        if form[0] == "choice":
            values[name] = trial.suggest_categorical(name, form[1:])
        elif all(isinstance(end, int) for end in form[:2]):
            values[name] = trial.suggest_int(name, form[0], form[1], log=form[2:] == ["log"])
        else:
            values[name] = trial.suggest_float(name, form[0], form[1], log=form[2:] == ["log"])
    return values


class Pruning:
    """A tracker that ends a training which falls behind the trials before."""

    def __init__(self, trial: optuna.Trial) -> None:
        self.trial, self.looks = trial, 0

    def log(self, values: Mapping[str, float], step: int) -> None:  # noqa: ARG002
        if "validation" in values:
            self.looks += 1
            self.trial.report(values["validation"], self.looks)  # looks, not epochs: those come alike in all trials
            if self.trial.should_prune():
                raise optuna.TrialPruned

    def close(self) -> None:
        """Nothing to close."""


if __name__ == "__main__":
    run_script(main)
