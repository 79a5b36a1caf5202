"""How often the intervals of kgrec.experiment hold the truth: `python tests/benchmarks/experiment_coverage.py`.

Made-up shops with known truth (tests/experiment/worlds.py), 1,000 runs of each: a coverage of .95 has a standard error
of .007 then. Beside each interval the plain one that it replaces, around the same estimate.

ab          CTR, CVR, differences and lifts; plain: every row independent, +- 1.96 standard errors
policies    IPS, SNIPS, doubly robust, clipped IPS, by how heavy the weights are; plain: users as clusters, +- 1.96
            standard errors (delta method)
sequential  false alarms and missed truths of a test looked at after every row; plain: a 95% interval at every row
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[2]))

from kgrec.experiment import arm_rates, compare, policy_value, sequential_test
from kgrec.experiment.planning import users_needed
from tests.experiment.worlds import logged, policies, shop, stream

Z = 1.959964
PARTS = ("ab", "policies", "sequential")
Row = tuple[str, float, float, float, float, float]  # name, truth, estimate, low, high, plain standard error


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", nargs="*", help=f"of {', '.join(PARTS)}; none: all")
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    for part in args.part or PARTS:
        begun = time.perf_counter()
        match part:
            case "ab":
                for users in (300, 1000):
                    for heavy in (False, True):
                        show(f"A/B, {users} users an arm{', heavy tail' if heavy else ''}", args, ab_rows, users, heavy)
                power(args)
            case "policies":
                for users, each, sharpness in (
                    (300, 5, 0.0),
                    (300, 5, 1.0),
                    (300, 5, 2.0),
                    (1000, 5, 2.0),
                    (1000, 1, 2.0),
                    (300, 1, 2.0),
                ):
                    worth = each * users * policies(sharpness).effective_share
                    title = f"policies, {users} users, {each * users:,} rows worth {worth:,.0f}"
                    show(title, args, policy_rows, users, each, sharpness)
            case "sequential":
                alarms(args)
        print(f"{part}: {time.perf_counter() - begun:.0f} s", flush=True)


def show(title: str, args: argparse.Namespace, rows_of, *settings) -> None:
    """The coverage of every interval that one world has."""
    found = [row for run in range(args.runs) for row in rows_of(np.random.default_rng([args.seed, run]), *settings)]
    names = ["interval", "truth", "estimate", "low", "high", "plain error"]
    table = pl.DataFrame(found, schema=names, orient="row")
    truth, plain = pl.col("truth"), Z * pl.col("plain error")
    summary = table.group_by("interval", maintain_order=True).agg(
        truth.first(),
        pl.col("estimate").mean(),
        truth.is_between("low", "high").mean().alias("coverage"),
        (truth < pl.col("low")).mean().alias("below"),
        (truth > pl.col("high")).mean().alias("above"),
        ((pl.col("estimate") - truth).abs() <= plain).mean().alias("plain coverage"),
        ((pl.col("high") - pl.col("low")) / (2 * plain)).median().alias("width / plain"),
    )
    print(f"{title}, {args.runs} runs")
    with pl.Config(tbl_rows=-1, tbl_width_chars=160, float_precision=3, tbl_hide_dataframe_shape=True):
        print(summary, flush=True)


def ab_rows(rng: np.random.Generator, users: int, heavy: bool) -> Iterator[Row]:
    world = shop(rng, users, heavy=heavy)
    for metric, truth, columns in (("CTR", world.ctr, ("label", None)), ("CVR", world.cvr, ("converted", "label"))):
        rates = arm_rates(world.rows, *columns, metric=metric)
        old, new = rates["control"], rates["treatment"]
        errors = [np.sqrt(rate.value * (1 - rate.value) / rate.trials) for rate in (old, new)]
        found = compare(old, new)
        yield metric, truth["control"], old.value, old.low, old.high, errors[0]
        gap = truth["treatment"] - truth["control"]
        yield f"{metric} difference", gap, found.difference, *found.difference_interval, float(np.hypot(*errors))
        relative = np.hypot(errors[0] / old.value, errors[1] / new.value) * new.value / old.value
        yield f"{metric} lift", gap / truth["control"], found.lift, *found.lift_interval, float(relative)


def power(args: argparse.Namespace) -> None:
    """How often `users_needed` users find the lift that they were to find four times of five."""
    pilot = arm_rates(shop(np.random.default_rng([args.seed, 10**6]), 20_000, lift=0.0).rows)["control"]
    users = users_needed(pilot, 0.3)
    found = 0
    for run in range(args.runs):
        rates = arm_rates(shop(np.random.default_rng([args.seed, run]), users // 2, lift=0.3).rows)
        found += compare(rates["control"], rates["treatment"]).difference_low > 0
    print(f"a lift of 30% with {users:,} users: found in {found / args.runs:.3f} of {args.runs} runs, .8 was asked for")


def policy_rows(rng: np.random.Generator, users: int, each: float, sharpness: float) -> Iterator[Row]:
    world = policies(sharpness)
    rows = logged(rng, world, users, each)
    for estimator in ("ips", "snips", "doubly_robust"):
        found = policy_value(rows, estimator)
        yield estimator, world.value, found.value, found.low, found.high, found.standard_error
    cut = policy_value(rows, "ips", clip=5)
    yield "ips, clip 5, of its own mean", world.clipped_value(5), cut.value, cut.low, cut.high, cut.standard_error


def alarms(args: argparse.Namespace) -> None:
    """The test after every row: how often it ever leaves out the true difference, and how often it finds one."""
    print(f"sequential, {args.runs} runs looked at after every row; 'wrong': an interval ever left out the truth")
    for users, rows, rate, lift, expected in (
        (2000, 8000, 0.2, 0.0, 0.1),
        (2000, 8000, 0.2, 0.0, 0.3),
        (300, 8000, 0.1, 0.0, 0.3),
        (2000, 8000, 0.05, 0.0, 0.5),
        (2000, 8000, 0.2, 0.3, 0.3),
    ):
        wrong = plain_wrong = decided = 0
        for run in range(args.runs):
            shown = stream(np.random.default_rng([args.seed, run]), users, rows, rate=rate, lift=lift)
            test = sequential_test(shown, "control", "treatment", expected_lift=expected)
            looks = test.looks.filter(pl.col("high").is_finite())
            truth = rate * lift
            wrong += looks.filter(~pl.lit(truth).is_between("low", "high")).height > 0
            plain_wrong += looks.filter((pl.col("difference") - truth).abs() > Z * pl.col("standard_error")).height > 0
            decided += test.is_decided
        print(
            f"{users:,} users, {rows:,} rows, rate {rate}, lift {lift}, expected {expected}: wrong in "
            f"{wrong / args.runs:.3f}, plain {plain_wrong / args.runs:.3f}; decided in {decided / args.runs:.3f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
