"""Volumes that lie on the GPU, so that patches are cut and augmented there.

What is random is drawn on the CPU all the same, but for the voxels of white noise.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.machine.progress import tracked
from picker.training.chunks import name_of

if TYPE_CHECKING:
    from torch import Tensor

    from picker.training.boxes import Box, Boxes
    from picker.training.plan import Batches
    from picker.training.source import Voxels

logger = logging.getLogger(__name__)

DTYPE = torch.float16
"""As the pipeline stores volumes."""
SHARE = 0.5
"""Fraction of a GPU's memory that volumes may take; training needs the rest."""
SLICES = 64
"""Slices that are read at once: the chunks of stored volumes are as high."""


class ResidentVolumes:
    """Volumes in the memory of a device, to cut boxes from.

    Parameters
    ----------
    boxes
        Which volumes, and the shape of a box.
    device
        Where they are to lie.

    Raises
    ------
    ValueError
        If the device has less memory free than they need.
    """

    def __init__(self, boxes: Boxes, device: torch.device) -> None:
        self.boxes = boxes
        by_name = _by_name(boxes)
        held: dict[str, Tensor] = {}
        try:
            for name, volume in tracked(
                by_name.items(), f"reading onto {device}", len(by_name), "volumes"
            ):
                held[name] = _moved(volume, device)
        except torch.OutOfMemoryError as error:
            raise ValueError(
                f"the volumes to train on take {_gigabytes(size(boxes))} of the GPU's"
                " memory, and so much is not free; end what else uses this GPU, or set"
                " train.resident: never"
            ) from error
        self.volumes = [held[name_of(volume)] for volume in boxes.volumes]

    def cut(self, box: Box) -> Tensor:
        """Return its `(1, z, y, x)` float32 voxels, where the volumes lie."""
        y, x = (
            slice(first, first + edge)
            for first, edge in zip(box.corner[1:], self.boxes.shape[1:], strict=True)
        )
        volume = self.volumes[box.volume]
        index = self.boxes.slices(box, len(volume))
        low, high = index[0], index[-1] + 1
        voxels = volume[None, low:high, y, x]
        if high - low < len(index):
            voxels = voxels[:, [z - low for z in index]]
        if box.turns:
            voxels = torch.rot90(voxels, box.turns, (-2, -1))
        axes = [axis - 3 for axis in range(3) if box.flips[axis]]
        # Turned voxels would stay in their old order in memory.
        return voxels.flip(axes).to(
            torch.float32, memory_format=torch.contiguous_format
        )


def resident_volumes(patches: Batches, device: torch.device) -> ResidentVolumes | None:
    """Return all volumes on a device, or None: patches are cut on the CPU.

    Whether they fit depends on the GPU alone, not on what else runs on it: the same
    seed gives the same weights on the same machine, and a training that is resumed goes
    on as it began.

    Raises
    ------
    ValueError
        As `ResidentVolumes` does.
    """
    most = room_on(device)
    if patches.settings.resident == "never" or not most:
        return None
    needed = size(patches.boxes)
    if needed > most:
        logger.info(
            "patches are cut on the CPU: the volumes take %s, more than the %s that"
            " they may have on the GPU",
            _gigabytes(needed),
            _gigabytes(most),
        )
        return None
    return ResidentVolumes(patches.boxes, device)


def room_on(device: torch.device) -> int:
    """Return how much memory volumes may take on a device [bytes]; 0 on a CPU."""
    if device.type != "cuda":
        return 0
    _, total = torch.cuda.mem_get_info(device)
    return int(SHARE * total)


def size(boxes: Boxes) -> int:
    """Return how much memory the volumes take on a device [bytes]."""
    voxels = sum(int(np.prod(volume.shape)) for volume in _by_name(boxes).values())
    return voxels * DTYPE.itemsize


def _by_name(boxes: Boxes) -> dict[str, Voxels]:
    """Return each volume once: one with labels may be among the unlabeled ones too."""
    return {name_of(volume): volume for volume in boxes.volumes}


def _moved(volume: Voxels, device: torch.device) -> Tensor:
    """Return a volume on a device; a part at a time is in the computer's memory."""
    moved = torch.empty(volume.shape, dtype=DTYPE, device=device)
    for first in range(0, len(moved), SLICES):
        part = slice(first, first + SLICES)
        moved[part] = torch.from_numpy(np.array(volume[part], np.float16)).to(device)
    return moved


def _gigabytes(number: int) -> str:
    return f"{number / 1e9:.1f} GB"
