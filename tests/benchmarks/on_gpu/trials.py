"""Small trainings on phantoms, whose outcomes checks on a GPU compare."""

from __future__ import annotations

import csv
import math
import os
import signal
import socket
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from unittest.mock import patch

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from few_labels import PARTICLES, source

from picker.config import (
    BurnInSettings,
    CoTrainSettings,
    ModelSettings,
    SimulateSettings,
    TrainSettings,
)
from picker.encodings.heatmap import Gaussians
from picker.machine.processes import is_first, process_group
from picker.machine.signals import Interrupted, StopRequest
from picker.networks import build_model
from picker.scoring.match import Counts, pooled_counts
from picker.training.co_training import CoTraining
from picker.training.loop import train
from picker.training.patches import PatchDataset
from picker.training.supervised import heatmap_loss, heatmap_task
from picker.volumes.phantoms.simulate import simulate_tomogram

if TYPE_CHECKING:
    from collections.abc import Sequence

    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.networks.network import Network
    from picker.training.task import Task

NEAR = 0.2
"""Distance of two picks that are the same, as a fraction of the particle's radius."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trial:
    """One training.

    Attributes
    ----------
    shape
        Of the phantoms [voxels].
    patch, steps, preset, precision, accumulate, batch, workers, resident
        As the settings of these names.
    co_train
        Whether a teacher labels a second phantom.
    """

    shape: tuple[int, int, int]
    patch: tuple[int, int, int]
    steps: int
    preset: str = "small"
    precision: str = "auto"
    accumulate: int = 1
    batch: int = 2
    workers: int = 2
    co_train: bool = False
    resident: str = "auto"


def trials(*, toy: bool) -> tuple[Trial, Trial]:
    """Return one of the small network that learns, a short one of the full-size one."""
    if toy:
        tiny = Trial(shape=(24, 48, 48), patch=(16, 32, 32), steps=2, workers=0)
        return tiny, tiny
    small = Trial(shape=(64, 192, 192), patch=(48, 64, 64), steps=500, workers=4)
    return small, replace(small, preset="full", patch=(64, 90, 90), steps=10)


def phantom(shape: Sequence[int], index: int) -> tuple[Tomogram, Picks]:
    """Return a phantom of little noise, which a short training learns."""
    room = math.prod(shape) / 65_536  # as the phantoms of few_labels have
    settings = SimulateSettings(
        shape_zyx=shape, snr=(1.0, 1.5), particles_per_class=max(room, 0.5), seed=5
    )
    return simulate_tomogram(f"TS_{index}", index, PARTICLES, settings)


class StopAfter(StopRequest):
    """Asks to stop after so many steps, as a signal would."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __bool__(self) -> bool:
        """Count a step."""
        self.left -= 1
        if self.left <= 0:
            self.number = signal.SIGUSR1
        return super().__bool__()


def outcome(
    trial: Trial, device: torch.device, *, stopped_after: int = 0
) -> tuple[Network, list[float]]:
    """Return the model of a training, and the losses in its log.

    Parameters
    ----------
    trial, device
        What to train, and where.
    stopped_after
        Step after which it is stopped, and then resumed; 0: it is not.
    """
    with tempfile.TemporaryDirectory() as name:
        where = {"device": device, "checkpoint": Path(name) / "checkpoint.pt"}
        log = Path(name) / "log.tsv"
        if stopped_after:
            task, shared = task_of(trial)
            with suppress(Interrupted):
                stop = StopAfter(stopped_after)
                train(task, shared, log=log, stop=stop, **where)
        task, shared = task_of(trial)
        model = train(task, shared, log=log, **where)
        if not is_first():
            return model, []
        with log.open(newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t"))
    return model, [float(row["loss"]) for row in rows]


def task_of(trial: Trial) -> tuple[Task, TrainSettings]:
    """Return a training at its beginning, and its settings."""
    shared = TrainSettings(
        patch_zyx=trial.patch,
        batch_size=trial.batch,
        accumulate=trial.accumulate,
        precision=trial.precision,
        num_workers=trial.workers,
        resident=trial.resident,
        checkpoint_every=10**6,
    )
    torch.manual_seed(0)
    model = build_model(ModelSettings(preset=trial.preset), len(PARTICLES))
    labeled = [source(*phantom(trial.shape, 0))]
    if trial.co_train:
        settings = CoTrainSettings(steps=trial.steps)
        unlabeled = [source(*phantom(trial.shape, 1), centres=[])]
        patches = PatchDataset(labeled, unlabeled, shared, "co_train", Gaussians())
        loss = heatmap_loss(shared, patches)
        return CoTraining("co_train", settings, model, patches, loss), shared
    settings = BurnInSettings(steps=trial.steps)
    return heatmap_task("burn_in", model, labeled, settings, shared), shared


@cache
def learned(trial: Trial, device: torch.device) -> tuple[Network, list[float]]:
    """Return `outcome`, computed once."""
    return outcome(trial, device)


def weights(model: Network) -> torch.Tensor:
    """Return all weights and statistics as one vector on the CPU."""
    values = model.state_dict().values()
    return torch.cat([v.detach().double().cpu().flatten() for v in values])


def agreement(one: Picks, other: Picks) -> float:
    """Return F1 of one list of picks, taking the other for the truth."""
    counts = sum(
        (pooled_counts({"": one}, {"": other}, p, NEAR) for p in PARTICLES), Counts()
    )
    return counts.f()


def shared_outcome(
    trial: Trial, device: torch.device, backend: str, seconds: float
) -> torch.Tensor:
    """Return the weights of a training that two processes share.

    Raises
    ------
    TimeoutError
        If it takes longer than so many seconds.
    """
    with socket.socket() as place, tempfile.TemporaryDirectory() as name:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
        place.close()
        result = Path(name) / "weights.pt"
        given = (trial, device, backend, port, result)
        context = mp.spawn(_share, given, nprocs=2, join=False)
        try:
            end = time.monotonic() + seconds
            while not context.join(max(end - time.monotonic(), 0)):
                if time.monotonic() >= end:
                    raise TimeoutError(f"two processes took more than {seconds:.0f} s")
        finally:
            for process in context.processes:
                process.kill()
        return torch.load(result, weights_only=True)


def _share(
    rank: int,
    trial: Trial,
    device: torch.device,
    backend: str,
    port: int,
    result: Path,
) -> None:
    """Train as one of two processes; they share a GPU where there is but one."""
    os.environ |= {
        "RANK": str(rank),
        "LOCAL_RANK": str(rank % max(torch.cuda.device_count(), 1)),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
    }
    begin = dist.init_process_group

    def with_backend(_: str, **how: object) -> None:
        begin(backend, **how)

    with (
        patch("picker.machine.processes.dist.init_process_group", with_backend),
        process_group(device) as own,
    ):
        model, _ = outcome(trial, own)
        if is_first():
            torch.save(weights(model), result)
