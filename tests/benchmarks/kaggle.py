"""The Kaggle report's figures beside those of a benchmark, as tables of docs/kaggle.md.

    python -m tests.benchmarks.kaggle benchmark_kaggle/results

reads the cells that docs/benchmark/kaggle.yaml or kaggle_small.yaml made, takes the
mean over seeds, and joins it with docs/benchmark/kaggle_report.tsv.
"""

from __future__ import annotations

import argparse
import csv
import json
import statistics
import sys
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from picker.scoring.match import Counts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

REPORT = Path(__file__).parents[2] / "docs/benchmark/kaggle_report.tsv"
"""The report's figures: table, method, particle, metric, figure, what it counted, and
which of ours stands beside it (cell and measure; empty: none)."""
OF_PARTICLE = {
    "precision": "precision@0.5",
    "recall": "recall@0.5",
    "f1": "f1@0.5",
    "kaggle_f4": "kaggle_f4_by_particle",
    "kaggle_f4_per_pick": "kaggle_f4_per_pick_by_particle",
    "num_picks": "num_picks",
}
"""Measure of a class: its key in metrics.json."""
OF_ALL = {
    "mean_precision": lambda metrics: metrics["precision@0.5"]["mean"],
    "mean_recall": lambda metrics: metrics["recall@0.5"]["mean"],
    "score": lambda metrics: metrics["kaggle_f4"],
}
"""Measure of all classes, from metrics.json."""
POOLED: Mapping[str, Callable[[Counts], float]] = {
    "pooled_precision": lambda counts: counts.precision,
    "pooled_recall": lambda counts: counts.recall,
    "pooled_f1": lambda counts: counts.f(),
    "pooled_f4": lambda counts: counts.f(4.0),
}
"""Measure of all classes' picks together, from by_tomogram.tsv."""


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, help="folder of the benchmark's results")
    results = parser.parse_args().results
    cells = sorted((results / "benchmark/cells").glob("*_labeled/seed_*"))
    if not cells:
        sys.exit(
            f"{results} has no cells of a benchmark; expected the folder results that"
            " snakemake benchmark made with docs/benchmark/kaggle_small.yaml or"
            " kaggle.yaml"
        )
    sys.stdout.write(page(cells))


def page(seeds: Iterable[Path]) -> str:
    """Return all tables as Markdown; `seeds` are folders of cells, one each."""
    seeds = list(seeds)
    with REPORT.open(newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    lines = []
    for table, group in groupby(rows, lambda row: row["table"]):
        lines += ["", f"**Table {table}**", ""]
        lines += ["| method | class | figure | report | it counted | ours | official |"]
        lines += ["|---|---|---|---|---|---|---|"]
        for row in group:
            ours = mean_of(seeds, row["cell"], row["particle"], row["measure"])
            official = (
                mean_of(seeds, row["cell"], row["particle"], "kaggle_f4")
                if row["measure"] == "kaggle_f4_per_pick"
                else ""
            )
            shown = [row[k] for k in ("method", "particle", "metric", "report")]
            lines.append(f"| {' | '.join([*shown, row['counted'], ours, official])} |")
    for seed in seeds:
        for tuned in sorted(seed.glob("*/tuned/tuned.yaml")):
            said = [t for t in tuned.read_text().splitlines() if t.startswith("# ")][:2]
            words = " ".join(line.removeprefix("# ") for line in said)
            lines += ["", f"{seed.name}, {tuned.parents[1].name}: {words}"]
    return "\n".join(lines).lstrip() + "\n"


def mean_of(seeds: Iterable[Path], cell: str, particle: str, measure: str) -> str:
    """Return a measure as text, the mean over seeds; empty where there is none."""
    if not measure:
        return ""
    found = [
        value
        for seed in seeds
        if (value := measured(seed / cell, particle, measure)) is not None
    ]
    if not found:
        return ""
    mean = statistics.fmean(found)
    return f"{mean:.0f}" if measure == "num_picks" else f"{mean:.3f}"


def measured(cell: Path, particle: str, measure: str) -> float | None:
    """Return a measure of one cell; None where the cell or the class is not there."""
    path = cell / "evaluation/metrics.json"
    if not path.is_file():
        return None
    metrics: dict[str, Any] = json.loads(path.read_text())
    if measure == "seconds_per_slice":
        if not (cell / "cell.json").is_file():
            return None
        speed = json.loads((cell / "cell.json").read_text())
        return float(speed["seconds"] / speed["shape_zyx"][0])
    if measure in POOLED:
        return POOLED[measure](pooled(cell / "evaluation/by_tomogram.tsv"))
    if measure in OF_ALL:
        return float(OF_ALL[measure](metrics))
    value = metrics[OF_PARTICLE[measure]].get(particle)
    return None if value is None else float(value)


def pooled(by_tomogram: Path) -> Counts:
    """Return the counts of all classes in all tomograms."""
    with by_tomogram.open(newline="") as file:
        rows = [
            r for r in csv.DictReader(file, delimiter="\t") if r["particle"] == "all"
        ]
    return Counts(
        tp=sum(int(row["right"]) for row in rows),
        fp=sum(int(row["wrong"]) for row in rows),
        fn=sum(int(row["missed"]) for row in rows),
    )


if __name__ == "__main__":
    main()
