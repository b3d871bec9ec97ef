"""A stored copy to candidates: ours, and the ways that others do it, in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from on_cpu.part import CPU, seconds
from on_cpu.table import Row, over
from ways import VOXEL, Ways

from picker.config import PredictSettings
from picker.formats.volumes.ome_zarr import write_volume
from picker.jobs.model_card import read_model
from picker.machine.precision import choose_precision

if TYPE_CHECKING:
    from collections.abc import Iterator

    from on_cpu.part import Job

WAYS = {
    "monai": "MONAI's sliding window (96³, overlap .25, Gaussian), maximum filter",
    "monai_float32": "the same in float32, MONAI's default",
    "components": "MONAI's sliding window, thresholded, connected components",
    "bare": "the model alone on data in memory, every voxel once",
}


def rows(job: Job) -> Iterator[Row]:
    """Yield seconds of each way, and how many times ours they are."""
    data = np.random.default_rng(0).standard_normal(job.shape, np.float32)
    write_volume(job.folder / "volume.zarr", data.astype(np.float16), VOXEL, {})
    half = choose_precision("auto", CPU).is_half
    for preset in job.presets:
        model = read_model(job.model(preset), CPU)[0]
        ways = Ways(job.folder, model, PredictSettings(flips=False), CPU)
        names = [name for name in WAYS if half or name != "monai_float32"]
        if preset == "full" and half:
            names.remove("monai_float32")  # minutes a tomogram
        yield Row(
            name=f"{preset}: ours, the first of a process [s]",
            rounds=(seconds(ways.ours)[0],),
        )
        taken: dict[str, list[float]] = {name: [] for name in ("ours", *names)}
        for _ in job.rounds(2 if preset == "full" else 3):
            for name, found in taken.items():
                found.append(seconds(getattr(ways, name))[0])
        yield Row(name=f"{preset}: ours [s]", rounds=tuple(taken["ours"]))
        for name in names:
            yield Row(
                name=f"{preset}: {WAYS[name]} [s]; / ours",
                rounds=tuple(taken[name]),
                ratios=over(taken[name], taken["ours"]),
            )
