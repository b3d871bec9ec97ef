"""What is predicted and with what: tomograms of noise, and an untrained network."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import numpy as np
import torch
from ways import PARTICLES, VOXEL, trained_looking

from picker.config import ModelSettings, PreprocessSettings
from picker.formats.volumes.mrc import write_volume
from picker.jobs.model_card import ModelCard, write_model
from picker.jobs.preprocess import preprocess_shard
from picker.networks import build_model
from picker.project.manifests import read_preprocessed
from picker.project.records import Failed

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Literal

    from picker.config import ShapeZYX
    from picker.project.records import Preprocessed

SAMPLE = 0.2, 0.8
"""Where a slab begins and ends, as a fraction of z."""


def write_raw(path: Path, shape: ShapeZYX, seed: int, *, slab: bool = False) -> None:
    """Write noise as a program for reconstruction writes a tomogram.

    With a slab, it is twice as strong between two faces as beyond them.
    """
    rng = np.random.default_rng(seed)
    data = rng.standard_normal(shape, np.float32)
    if slab:
        low, high = (round(part * shape[0]) for part in SAMPLE)
        data[low:high] *= 2
    write_volume(path, data, VOXEL)


def write_table(path: Path, files: list[Path], number: int) -> None:
    """Write a table of tomograms to predict; they are links to the files in turn."""
    lines = ["tomogram\tpath\tsplit"]
    for i in range(number):
        name = f"TS_{i}"
        file = files[i % len(files)].with_name(f"{path.stem}_{name}.mrc")
        file.hardlink_to(files[i % len(files)])
        lines.append(f"{name}\t{file}\tpredict")
    path.write_text("\n".join(lines) + "\n")


def prepare(
    folder: Path, table: Path, keep: Literal["trained", "all"] = "all"
) -> float:
    """Preprocess the tomograms of a table; return the seconds that it took.

    The manifest lies beside the table.
    """
    begin = time.monotonic()
    preprocess_shard(
        table,
        PARTICLES,
        PreprocessSettings(keep=keep),
        volumes=folder / "volumes",
        labels=folder / "labels",
        masks=folder / "masks",
        noise=folder / "noise",
        manifest=table.with_suffix(".json"),
    )
    return time.monotonic() - begin


def usable(manifest: Path) -> list[Preprocessed]:
    """Return a manifest's tomograms, none of which may have failed."""
    entries = read_preprocessed([manifest])
    for entry in entries:
        if isinstance(entry, Failed):
            raise RuntimeError(f"{entry.tomogram} failed: {entry.reason}")
    return entries


def write_untrained(
    path: Path, preset: str, shape: ShapeZYX, device: torch.device
) -> None:
    """Write an untrained network with peaks in noise: its work is the same."""
    torch.manual_seed(0)
    settings = ModelSettings(preset=preset)
    model = build_model(settings, len(PARTICLES)).to(device)
    z, y, x = shape
    rng = torch.Generator().manual_seed(0)
    card = ModelCard(
        stage="burn_in",
        method="supervised",
        particles=PARTICLES,
        model=settings,
        preprocess=PreprocessSettings(),
        training_voxel_size=VOXEL,
    )
    write_model(path, trained_looking(model, (z, y // 2, x // 2), rng), card)
