"""Batches in the order of the steps, made ahead of their use."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import torch
from torch.utils.data import DataLoader, Dataset, get_worker_info

from picker.machine.signals import SIGNALS
from picker.training.boxes import CACHED
from picker.training.plan import Batches, Plan, made
from picker.training.resident import resident_volumes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from picker.training.batch import Batch

FEW_CORES = 4
"""Up to this number of cores, training on a CPU cuts its patches itself."""
PLANNING = 4
"""Most processes that plan for one GPU: a plan takes them some milliseconds."""


def batches(
    dataset: Batches, start: int, stop: int, device: torch.device
) -> Iterator[Batch]:
    """Yield the batches of steps `start` … `stop` − 1 on a device.

    Where all volumes fit onto a GPU batches are planned by other processes ahead of
    their use, and made there. Else those processes make them too.

    Raises
    ------
    ValueError
        If the GPU has less memory free than the volumes need.
    """
    steps = range(start, stop)
    # A stage that has ended reads no volume.
    resident = resident_volumes(dataset, device) if steps else None
    if resident is None:
        for batch in _ahead(dataset, steps, device, useful_workers(device)):
            yield batch.to(device)
    else:
        workers = min(useful_workers(device), PLANNING)
        for plan in _ahead(Plans(dataset), steps, device, workers):
            yield made(plan.to(device), resident)


class Plans(Dataset[Plan]):
    """How to make the batches of a data set, by step number."""

    def __init__(self, patches: Batches) -> None:
        self.patches = patches
        self.settings = patches.settings

    def __getitem__(self, step: int) -> Plan:
        """Return how the batch of one step is made."""
        return self.patches.plan(step)


def _ahead(
    dataset: Batches | Plans, steps: range, device: torch.device, useful: int
) -> DataLoader[Any]:
    """Return what a data set has for each step, in memory that a GPU can copy from."""
    wanted = dataset.settings.num_workers
    return DataLoader(
        dataset,
        sampler=steps,
        batch_size=None,
        num_workers=useful if wanted is None else wanted,
        worker_init_fn=_serve,
        pin_memory=device.type == "cuda",
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
    if isinstance(here.dataset, Batches):
        here.dataset.boxes.cache.size = CACHED // here.num_workers
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
