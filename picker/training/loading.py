"""Batches in the order of the steps, cut by other processes ahead of their use."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import torch
from torch.utils.data import DataLoader, get_worker_info

from picker.machine.signals import SIGNALS
from picker.training.boxes import CACHED
from picker.training.patches import PatchDataset

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picker.training.batch import Batch

FEW_CORES = 4
"""Up to this number of cores, training on a CPU cuts its patches itself."""


def batches(
    dataset: PatchDataset, start: int, stop: int, device: torch.device
) -> Iterator[Batch]:
    """Return the batches of steps `start` … `stop` − 1, cut ahead of their use.

    They stay on the CPU, in memory that `device` can copy from while it computes.
    """
    wanted = dataset.settings.num_workers
    return iter(
        DataLoader(
            dataset,
            sampler=range(start, stop),
            batch_size=None,
            num_workers=useful_workers(device) if wanted is None else wanted,
            worker_init_fn=_serve,
            pin_memory=device.type == "cuda",
        )
    )


def useful_workers(device: torch.device) -> int:
    """Return how many processes may cut patches for one that trains on `device`."""
    cores = len(os.sched_getaffinity(0)) // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    if device.type == "cuda":
        return max(1, cores - 1)
    # Of few cores all train, and would wait for the one that a loading process takes:
    # to cut the patches between two steps, on all of them, costs less.
    return 1 if cores > FEW_CORES else 0


def _serve(worker: int) -> None:
    """Set up a loading process: one thread, its share of memory, deaf to signals.

    Slurm sends a job's signals to every process of it. A loader that dies of one would
    end the training before its checkpoint is written; it ends when training has ended.
    """
    del worker
    torch.set_num_threads(1)
    here = get_worker_info()
    assert here is not None
    assert isinstance(here.dataset, PatchDataset)
    here.dataset.boxes.cache.size = CACHED // here.num_workers
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
