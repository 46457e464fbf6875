"""The backtest of many customers: seconds to judge twelve snapshots, each with intervals; reading not included.

    python -m engagement_assets_tests.benchmarks.backtest [--customers 100000] [--dates 12]

Every snapshot is judged as a month's last day is, the dearest kind: six predictors over three horizons, the BG/NBD model fitted,
200 resamples for three of them. The customers are made up, all of them buyers. The target is 60 s of wall time.
"""

from __future__ import annotations

import argparse
import os
import time
from datetime import date

import numpy as np
from rich.console import Console

from engagement_assets.analysis.backtest.bg_nbd import Purchases
from engagement_assets.analysis.backtest.evaluation import RESAMPLES, judge
from engagement_assets.analysis.backtest.outcomes import FollowedSnapshot
from engagement_assets.domain.catalogue import HORIZONS

TARGET_SECONDS = 60.0


def made_up(customers: int, seed: int) -> FollowedSnapshot:
    """Buyers of two years: gamma distributed rates, a beta distributed chance to stop after each purchase."""
    generator = np.random.default_rng(seed)
    rates, stops = generator.gamma(0.6, 1 / 20, customers), generator.beta(0.5, 3, customers)
    age = generator.integers(0, 730, customers).astype(float)
    repeats, latest, stopped = np.zeros(customers), np.zeros(customers), np.zeros(customers, dtype=bool)
    clock = np.zeros(customers)
    for _ in range(200):
        clock = clock + np.ceil(generator.exponential(1 / np.maximum(rates, 1e-6)))
        buys = (clock <= age) & ~stopped
        repeats, latest = repeats + buys, np.where(buys, clock, latest)
        stopped |= buys & (generator.uniform(size=customers) < stops)
    ordered, spent = {}, {}
    for days in HORIZONS:
        ordered[days] = (generator.uniform(size=customers) < -np.expm1(-rates * days)) & ~stopped
        spent[days] = ordered[days] * np.round(generator.lognormal(4, 1, customers), 2)
    parts = generator.uniform(size=(3, customers))
    score = 0.4 * (1 - (age - latest) / 730) + 0.3 * repeats / max(1.0, repeats.max()) + 0.3 * parts[0]
    predictors = {
        "score": score,
        "reference_score": score + 0.01 * parts[1],
        "recency": latest - age,
        "frequency": repeats + 1,
        "rfm_quintiles": generator.integers(3, 16, customers).astype(float),
    }
    earlier = {name: values + parts[2] for name, values in predictors.items() if name != "rfm_quintiles"}
    return FollowedSnapshot(predictors, earlier, Purchases(repeats, latest, age), score < 0.3, ordered, spent)


def main() -> None:
    """Judge the snapshots and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--customers", type=int, default=100_000)
    parser.add_argument("--dates", type=int, default=12)
    asked = parser.parse_args()
    console, wall, processor = Console(highlight=False), 0.0, 0.0
    for number in range(asked.dates):
        found = made_up(asked.customers, seed=number)
        started = time.perf_counter(), time.process_time()
        judge(date(2026, 1, 31), found, resamples=RESAMPLES)
        wall, processor = wall + time.perf_counter() - started[0], processor + time.process_time() - started[1]
    console.print(
        f"{asked.customers:,} customers, {asked.dates} dates: {wall:.1f} s wall (target {TARGET_SECONDS:.0f} s), "
        f"{processor:.1f} s of processor; load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores"
    )


if __name__ == "__main__":
    main()
