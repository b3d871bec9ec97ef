"""The figures of docs/tune.md: a planted optimum, found by search and by chance.

python -m tests.benchmarks.tune
"""

from __future__ import annotations

import time

import numpy as np

from picker.scoring.bayesian import evenly_spread, highest
from tests.unit.scoring.test_bayesian import planted


def main() -> None:
    for seed in range(4):
        rng = np.random.default_rng(seed)
        value = planted(rng.uniform(0.15, 0.85, 6))
        began = time.process_time()
        _, found = highest(value, evenly_spread(10, 6, seed), 50, seed)
        seconds = time.process_time() - began
        chance = max(value(point) for point in rng.random((60, 6)))
        print(f"{seed}: {found.max():.2f} in {seconds:.1f} s, by chance {chance:.2f}")


if __name__ == "__main__":
    main()
