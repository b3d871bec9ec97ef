"""Training as it is, against the same steps on batches that lie in memory: the limit.

python tests/benchmarks/train.py --preset small --patch 64 96 96 --steps 100 --rounds 3

Both in one process, in turns, with the same model and the same kind of batches; prints
steps a second of either stage, and the fraction of the limit that training reaches.
What it lacks is spent on reading, cutting, augmenting and handing over patches, and on
copying them to a GPU.
"""

import argparse
import csv
import statistics
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    PartialSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.formats.volumes.ome_zarr import open_volume, write_volume
from picker.machine.device import choose_device
from picker.machine.memory import keep_freed_memory
from picker.networks import build_model
from picker.training.co_training import CoTraining
from picker.training.loading import batches
from picker.training.loop import train
from picker.training.losses import HeatmapLoss
from picker.training.partial_loss import PartialLoss
from picker.training.patches import PatchDataset
from picker.training.source import PatchSource
from picker.training.supervised import Supervised

SHAPE = (184, 320, 320)
NUM_PARTICLES = 6
RESIDENT = 8
"""Batches that lie in memory."""


def source(folder, number, *, labeled, shape=None):
    """Return a tomogram on disk; its voxels are noise, which costs as much."""
    rng = np.random.default_rng(number)
    path, shape = folder / f"TS_{number}.zarr", shape or SHAPE
    data = rng.standard_normal(shape, np.float32).astype(np.float16)
    write_volume(path, data, 10.0, {})
    num = 100 if labeled else 0
    return PatchSource(
        name=path.stem,
        volume=open_volume(path)[0],
        index_zyx=rng.random((num, 3)) * shape,
        particle=np.arange(num) % NUM_PARTICLES,
        radius=np.linspace(6, 15, NUM_PARTICLES),
    )


class Resident:
    """Batches that lie where they are computed on; the same ones again and again."""

    def __init__(self, dataset, device):
        self.shape = dataset.shape
        self.batches = [dataset[step].to(device) for step in range(RESIDENT)]

    def iterate(self, dataset, start, stop, device):
        return (self.batches[step % RESIDENT] for step in range(start, stop))


def task_of(settings, shared, model, dataset):
    """Return the stage that the settings belong to."""
    loss = HeatmapLoss(background_weight=shared.background_weight)
    if isinstance(settings, CoTrainSettings):
        return CoTraining("co_train", settings, model, dataset, loss)
    loss, decay = PartialLoss(loss, PartialSettings()), settings.ema_decay
    return Supervised("burn_in", settings, model, dataset, loss, decay)


def rate(settings, shared, preset, dataset, device):
    """Return steps a second of one stage, as its own log has them after the first."""
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset=preset), NUM_PARTICLES)
    with tempfile.TemporaryDirectory() as name:
        log = Path(name) / "log.tsv"
        checkpoint = Path(name) / "checkpoint.pt"
        where = getattr(dataset, "iterate", batches)
        with (
            patch("picker.training.loop.batches", where),
            patch("picker.training.loop.save_checkpoint"),  # the disk is not asked
        ):
            task = task_of(settings, shared, model, dataset)
            train(task, shared, device=device, checkpoint=checkpoint, log=log)
        with log.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    return statistics.median(float(row["steps_per_second"]) for row in rows[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--patch", nargs=3, type=int, default=(64, 96, 96))
    parser.add_argument("--batch", type=int, default=2, help="labeled patches")
    parser.add_argument("--workers", type=int, help="as train.num_workers")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    device = choose_device("auto")
    shared = TrainSettings(
        patch_zyx=arguments.patch,
        batch_size=arguments.batch,
        num_workers=arguments.workers,
        checkpoint_every=10**6,
    )
    with tempfile.TemporaryDirectory() as name:
        labeled = [source(Path(name), i, labeled=True) for i in range(2)]
        unlabeled = [source(Path(name), i, labeled=False) for i in range(2, 6)]
        stages = {
            "burn_in": (BurnInSettings(steps=arguments.steps), []),
            "co_train": (CoTrainSettings(steps=arguments.steps), unlabeled),
        }
        for stage_name, (settings, without) in stages.items():
            real = PatchDataset(labeled, without, shared, stage_name, Gaussians())
            ways = {"real": real, "resident": Resident(real, device)}
            found = {way: [] for way in ways}
            for turn in range(arguments.rounds):
                for way, dataset in ways.items():
                    given = (settings, shared, arguments.preset, dataset, device)
                    found[way].append(rate(*given))
                ratio = found["real"][-1] / found["resident"][-1]
                print(
                    f"{stage_name} round {turn + 1}: {found['real'][-1]:.2f} steps/s,"
                    f" resident {found['resident'][-1]:.2f}, ratio {ratio:.3f}",
                    flush=True,
                )


if __name__ == "__main__":
    keep_freed_memory()  # as the verbs do
    main()
