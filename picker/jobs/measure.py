"""One cell of the benchmark: how well a trained method picks, and how fast."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.jobs.stored import stored_volume
from picker.report.benchmark import Cell

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from picker.finding.finder import Finder
    from picker.jobs.loaded import Loaded
    from picker.project.records import Preprocessed


def measured(
    loaded: Loaded,
    entry: Preprocessed,
    metrics: Mapping[str, Mapping[str, float | None]],
    *,
    labeled: int,
    seed: int,
    repeats: int,
    variant: str = "",
) -> Cell:
    """Return a cell: the evaluation's F1 and the median time of one tomogram.

    Parameters
    ----------
    loaded
        What finds particles.
    entry
        The tomogram that is predicted, from its volume in memory to its candidates.
    metrics
        What the evaluation wrote.
    labeled, seed
        Number of tomograms and seed that it was trained with.
    repeats
        How often the tomogram is predicted, once more than that in all.
    variant
        Name of the method with other settings.

    Raises
    ------
    ValueError
        If the evaluation could not tell F1.
    """
    f1 = _f1(metrics)
    finder = loaded.finder
    volume = np.asarray(stored_volume(entry)[:], np.float32)
    seconds = [_seconds(finder, volume, entry.voxel_size) for _ in range(repeats + 1)]
    return Cell(
        method=loaded.card.method,
        variant=variant,
        labeled=labeled,
        seed=seed,
        seconds=statistics.median(seconds[1:]),  # the first one warms up
        shape_zyx=entry.shape_zyx,
        device=_device(finder),
        f1=f1,
    )


def measured_together(
    members: Sequence[Cell],
    metrics: Mapping[str, Mapping[str, float | None]],
    variant: str = "",
) -> Cell:
    """Return a cell of a vote: its F1, and the time of its members one by one.

    Joining what they found takes no time worth counting.

    Parameters
    ----------
    members
        Their cells, of the same labels and seed.
    metrics
        What the evaluation of the vote wrote.
    variant
        Name of the vote with other settings.

    Raises
    ------
    ValueError
        If the evaluation could not tell F1.
    """
    return members[0].model_copy(
        update={
            "method": "vote",
            "variant": variant,
            "seconds": sum(cell.seconds for cell in members),
            "f1": _f1(metrics),
        }
    )


def _f1(
    metrics: Mapping[str, Mapping[str, float | None]],
) -> dict[str, dict[str, float | None]]:
    """Return F1 of each particle at each match distance."""
    found = {
        key.removeprefix("f1@"): dict(values)
        for key, values in metrics.items()
        if key.startswith("f1@")
    }
    if not found:
        raise ValueError(
            "the benchmark compares F1, which partial tomograms do not tell: expected"
            " test or validation tomograms all of whose particles are known, give some"
            " rows of the table one of these splits, and picks"
        )
    return found


def _seconds(finder: Finder, volume: np.ndarray, voxel_size: float) -> float:
    """Return the time [s] to find a volume's candidates."""
    started = time.perf_counter()
    # Its result is on the CPU: nothing is left to be waited for.
    finder.candidates(volume, voxel_size)
    return time.perf_counter() - started


def _device(finder: Finder) -> str:
    """Return what the finder runs on, in words."""
    if finder.device.type == "cuda":
        return torch.cuda.get_device_name(finder.device)
    return f"CPU, {torch.get_num_threads()} threads"
