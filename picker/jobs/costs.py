"""What stages took, as Snakemake's benchmark files tell."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.tables.tsv import read_rows
from picker.project.layout import cost_file
from picker.report.costs import StageCost, stage_cost

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

BEFORE = ("preprocess",)
AFTER = (
    *("predict", "predict_noisy", "predict_halves"),
    *("link", "link_noisy", "link_halves"),
    *("calibrate", "pick", "evaluate", "reproducibility"),
)
"""Stages whose costs are shown, before and after training, in the order they run."""


def stage_costs(
    folder: Path | None,
    method: str,
    predicted: Sequence[Path],
    training: Sequence[Path],
) -> dict[str, StageCost]:
    """Return what each stage took whose jobs left benchmark files.

    Of stages in shards only the shards of this run count: files of an earlier table's
    shards may still be there.

    Parameters
    ----------
    folder
        Of the benchmark files; None: nothing is known.
    method
        Name of the method.
    predicted, training
        Files that are named after the run's shards and stages of training.
    """
    if folder is None:
        return {}
    shards = [path.stem for path in predicted]
    stages = (*BEFORE, *(path.stem for path in training), *AFTER)
    paths = {stage: [cost_file(folder, method, stage)] for stage in stages}
    sharded = ("predict", "predict_halves", "link", "link_halves")
    for job in (("preprocess",), *((method, stage) for stage in sharded)):
        paths[job[-1]] = [cost_file(folder, *job, shard) for shard in shards]
    costs = {
        stage: stage_cost(
            row for path in paths[stage] if path.is_file() for row in read_rows(path)
        )
        for stage in stages
    }
    return {stage: cost for stage, cost in costs.items() if cost}
