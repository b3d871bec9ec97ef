"""Training as it is, against the same steps on batches that lie in memory: the limit.

With the same model and the same kind of batches. What training lacks is spent on
reading, cutting, augmenting and handing over patches, and on copying them to a GPU.
"""

import csv
import statistics
import tempfile
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch

from picker.config import (
    CoTrainSettings,
    ModelSettings,
    PartialSettings,
)
from picker.formats.volumes.ome_zarr import open_volume, write_volume
from picker.networks import build_model
from picker.training.co_training import CoTraining
from picker.training.loading import batches
from picker.training.loop import train
from picker.training.losses import HeatmapLoss
from picker.training.partial_loss import PartialLoss
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
        self.shape, self.stride = dataset.shape, dataset.stride
        self.unlabeled = dataset.unlabeled
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
