"""The table of docs/vote.md: F1 of members that are made, and of their vote.

python -m tests.benchmarks.vote
"""

from __future__ import annotations

import numpy as np

from tests.unit.refining.made import NUMBER, of_members_and_vote, tomograms

SEEDS = 6


def halves(rng: np.random.Generator) -> list[np.ndarray]:
    first = rng.random(NUMBER) < 0.5
    return [np.where(first, 0.95, 0.3), np.where(first, 0.3, 0.95)]


def part(rng: np.random.Generator) -> list[np.ndarray]:
    """Return chances of 0 or 1: what the second finds, the first finds too."""
    first = rng.random(NUMBER) < 0.9
    return [first * 1.0, (first & (rng.random(NUMBER) < 0.7)) * 1.0]


MEMBERS = {
    "both find 80 %, err apart": (lambda _: [0.8, 0.8], (120, 120), (1, 3)),
    "each finds 95 % of one half, 30 % of the other": (halves, (60, 60), (1, 3)),
    "90 %; 10 % with many high scores": (lambda _: [0.9, 0.1], (80, 400), (1, 0.3)),
    "90 %; 60 % with more wrong ones": (lambda _: [0.9, 0.6], (80, 200), (1, 0.5)),
    "90 %; a part of the same": (part, (80, 200), (1, 0.5)),
}


def main() -> None:
    for name, kind in MEMBERS.items():
        rows = []
        for seed in range(SEEDS):
            made = tomograms(np.random.default_rng(seed), 9, *kind)
            row = []
            for score in ("weighted_mean", "any_right"):
                each, voted = of_members_and_vote(made[:3], made[3:], score=score)
                row += [max(each), voted][bool(row) :]
            rows.append(row)
        table = np.array(rows)
        worst = (table[:, 1] - table[:, 0]).min()
        means = " | ".join(f"{value:.3f}" for value in table.mean(axis=0))
        print(f"| {name} | {means} | {worst:+.3f} |")


if __name__ == "__main__":
    main()
