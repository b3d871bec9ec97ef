"""Steps a second against batches that lie in memory; memory against tomograms."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from on_cpu.part import CPU
from on_cpu.table import Row, over
from programs import cost_of, write_settings
from rates import SHAPE, Resident, rate, source

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    Particle,
    TrainSettings,
)
from picker.core.picks import picks_from_arrays
from picker.encodings.heatmap import Gaussians
from picker.formats.picks.star import write_picks
from picker.formats.volumes.ome_zarr import write_volume
from picker.project.manifests import write_manifest
from picker.project.records import Preprocessed
from picker.training.patches import PatchDataset

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from on_cpu.part import Job

    from picker.config import ShapeZYX


def rows(job: Job) -> Iterator[Row]:
    """Yield steps a second of both stages, then peaks of memory."""
    yield from rates_of(job)
    for number in (2,) if job.toy else (5, 50):
        folder = job.folder / f"{number}"
        folder.mkdir()
        yield Row(
            name=f"co-training on {number} unlabeled tomograms, peak memory [MB]",
            rounds=(peak(folder, number, toy=job.toy),),
        )


def rates_of(job: Job) -> Iterator[Row]:
    """Compare training with the same steps on batches that lie in memory."""
    shape = (48, 64, 64) if job.toy else SHAPE
    # The log has a line every 25 steps, and the first is left out.
    steps = 26 if job.toy else 75
    shared = TrainSettings(
        patch_zyx=(16, 16, 16) if job.toy else (48, 64, 64),
        batch_size=2,
        checkpoint_every=10**6,
    )
    folder = job.folder / "patches"
    folder.mkdir()
    labeled = [source(folder, i, labeled=True, shape=shape) for i in range(2)]
    others = [source(folder, i, labeled=False, shape=shape) for i in range(2, 6)]
    stages = {
        "burn_in": (BurnInSettings(steps=steps), []),
        "co_train": (CoTrainSettings(steps=steps), others),
    }
    for stage, (settings, unlabeled) in stages.items():
        real = PatchDataset(labeled, unlabeled, shared, stage, Gaussians())
        ways = {"real": real, "resident": Resident(real, CPU)}
        found: dict[str, list[float]] = {way: [] for way in ways}
        for _ in job.rounds(3):
            for way, dataset in ways.items():
                found[way].append(rate(settings, shared, "small", dataset, CPU))
        yield Row(
            name=f"{stage} [steps a second]; / those on batches that lie in memory",
            rounds=tuple(found["real"]),
            ratios=over(found["real"], found["resident"]),
        )


def peak(folder: Path, number: int, *, toy: bool) -> float:
    """Return the most memory [MB] of co-training on so many unlabeled tomograms."""
    shape: ShapeZYX = (48, 64, 64) if toy else (64, 256, 256)
    patch: ShapeZYX = (16, 16, 16) if toy else (64, 96, 96)
    rng = np.random.default_rng(0)
    entries = []
    for i in range(number + 1):
        volume = folder / f"TS_{i}.zarr"
        data = rng.standard_normal(shape, np.float32).astype(np.float16)
        write_volume(volume, data, 10.0, {"fingerprint": str(i)})
        entries.append(
            Preprocessed(
                tomogram=f"TS_{i}",
                split="unlabeled" if i else "labeled",
                volume=volume,
                fingerprint=str(i),
                voxel_size=10.0,
                shape_zyx=shape,
                source_voxel_size=10.0,
                source_shape_zyx=shape,
                labels=None if i else folder / "labels.star",
            )
        )
    picks = picks_from_arrays([[5.0 * size for size in shape]], ["ribosome"])
    write_picks(folder / "labels.star", picks)
    write_manifest(folder / "labeled.json", entries[:1])
    write_manifest(folder / "unlabeled.json", entries[1:])
    files = write_settings(
        folder,
        particles=[Particle(name="ribosome", radius=120).model_dump()],
        model=ModelSettings(preset="small").model_dump(mode="json"),
        train=TrainSettings(patch_zyx=patch).model_dump(mode="json"),
        burn_in=BurnInSettings(steps=5).model_dump(mode="json"),
        co_train=CoTrainSettings(steps=20).model_dump(mode="json"),
    )
    common = ("--settings", *files, "--log-table", folder / "log.tsv")
    cost_of(
        *("picker", "train", "--stage", "burn_in", *common),
        *("--manifests", folder / "labeled.json"),
        *("--checkpoint", folder / "a.pt", "--output", folder / "a.safetensors"),
    )
    return cost_of(
        *("picker", "train", "--stage", "co_train", *common),
        *("--manifests", folder / "labeled.json", folder / "unlabeled.json"),
        *("--before", folder / "a.safetensors"),
        *("--checkpoint", folder / "b.pt", "--output", folder / "b.safetensors"),
    ).peak
