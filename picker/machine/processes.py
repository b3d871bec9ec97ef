"""Several processes that train as one: they share a batch, with the same result.

`torchrun` starts one process for each GPU; without it everything here does nothing. The
result does not depend on their number, because a step takes every mean over the whole
batch: gradients, the loss's denominators, batch statistics.
"""

from __future__ import annotations

import os
import time
from contextlib import contextmanager, nullcontext
from datetime import timedelta
from typing import TYPE_CHECKING

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce
from torch.distributed.rendezvous import rendezvous
from torch.nn.parallel import DistributedDataParallel

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

PATIENCE = timedelta(hours=2)
"""Longest time that processes wait for the first one to validate or to write."""
LOOK = 1.0
"""Seconds between two checks whether the first process has begun."""
BEGUN = "picker/begun"
"""Key in the launcher's store that the first process sets when it begins."""


@contextmanager
def process_group(
    device: torch.device, first: AbstractContextManager[None] | None = None
) -> Generator[torch.device]:
    """Join the processes that `torchrun` started, and give this process's device.

    Parameters
    ----------
    device
        The device that was chosen; with CUDA each process gets its own.
    first
        A context, such as a claim, that the first process enters for all before they
        join. The others wait for it without limit: if the first process dies,
        `torchrun` ends them.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        with first or nullcontext():
            yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    store, rank, num = next(rendezvous("env://", timeout=PATIENCE))
    with (first if rank == 0 else None) or nullcontext():
        if rank == 0:
            store.set(BEGUN, "")
        while not store.check([BEGUN]):
            time.sleep(LOOK)
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            timeout=PATIENCE,
            store=store,
            rank=rank,
            world_size=num,
        )
        try:
            yield device
        finally:
            dist.destroy_process_group()


def num_processes() -> int:
    """Return the number of processes that train as one."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first() -> bool:
    """Return whether this is the first process, the one that writes files."""
    return not dist.is_initialized() or dist.get_rank() == 0


def share_of(
    batch_size: int, parts: int = 1, setting: str = "train.batch_size"
) -> range:
    """Return the numbers of this process's patches in a batch.

    Parameters
    ----------
    batch_size
        Patches of all processes together.
    parts
        Number of parts in which each process computes its share.
    setting
        What says how large the batch is.

    Raises
    ------
    ValueError
        If processes and parts do not divide the batch evenly.
    """
    num = num_processes()
    if batch_size % (num * parts):
        each = f" in {parts} parts" if parts > 1 else ""
        raise ValueError(
            f"{setting} is {batch_size}, but {num} processes train{each};"
            f" expected a multiple of {num * parts}, change it"
        )
    return range(dist.get_rank() if num > 1 else 0, batch_size, num)


def total(value: Tensor) -> Tensor:
    """Return the sum of a tensor over all processes; no gradient flows through it."""
    if num_processes() > 1:
        value = value.detach().clone()
        dist.all_reduce(value)
    return value


def any_process(flag: bool, device: torch.device) -> bool:
    """Return whether the flag is true in at least one process."""
    if num_processes() == 1:
        return flag  # a GPU is not asked, and need not end what it does
    return bool(total(torch.tensor(float(flag), device=device)) > 0)


def shared_out(model: nn.Module) -> nn.Module:
    """Return the model with gradients averaged over the processes."""
    if num_processes() == 1:
        return model
    devices = [next(model.parameters()).device]
    return DistributedDataParallel(
        model,
        device_ids=devices if devices[0].type == "cuda" else None,
        broadcast_buffers=False,  # statistics are already those of the whole batch
    )


class SharedBatchNorm(nn.BatchNorm3d):
    """Batch normalisation by the mean and variance of all processes' patches.

    torch's SyncBatchNorm does the same, but only on GPUs.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return `(batch, channel, z, y, x)` features, normalised."""
        if not self.training:
            return super().forward(features)
        exact = features.float()
        axes = (0, 2, 3, 4)
        number = exact.new_full((1,), exact.numel() / exact.shape[1])
        sums = all_reduce(
            torch.cat([exact.sum(axes), exact.square().sum(axes), number])
        )
        count = sums[-1].detach()
        mean, square = (sums[:-1] / count).chunk(2)
        variance = (square - mean.square()).clamp_min(0)
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        assert self.momentum is not None
        with torch.no_grad():
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * count / (count - 1), self.momentum)
            self.num_batches_tracked += 1
        scale = self.weight * (variance + self.eps).rsqrt()
        shift = self.bias - mean * scale
        shape = (1, -1, 1, 1, 1)
        normalised: Tensor = exact * scale.view(shape) + shift.view(shape)
        return normalised.to(features.dtype)


def share_statistics(model: nn.Module) -> None:
    """Make every batch normalisation use all processes' patches; weights stay."""
    if num_processes() == 1:
        return
    for module in model.modules():
        if type(module) is nn.BatchNorm3d:
            module.__class__ = SharedBatchNorm
