"""The interface of everything that finds particles: a volume in, candidates out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    import numpy as np
    import zarr
    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.volumes.steps import Normalised

    Volume = NDArray[np.floating] | zarr.Array[Any] | Normalised | torch.Tensor

CPU = torch.device("cpu")


class Finder(ABC):
    """Finds candidates in one tomogram after the other.

    Attributes
    ----------
    particles
        The classes that it finds.
    device
        Where it computes.
    reads_region
        Whether `candidates` makes anything of the region.
    """

    particles: tuple[Particle, ...]
    device: torch.device = CPU
    reads_region: bool = False

    def __str__(self) -> str:
        """Return where it computes, for the log."""
        return str(self.device)

    def on_device(self, volume: Volume) -> Volume:
        """Return the volume where `candidates` needs it, copied ahead of its turn."""
        return volume

    @abstractmethod
    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return every candidate [Å], best first, within the region and outside.

        Parameters
        ----------
        volume
            `(z, y, x)`, normalised.
        voxel_size
            Edge of a voxel [Å].
        region
            `(z, y, x)` true where picks may lie, at any resolution of the same field of
            view; None: everywhere, or nobody asked.
        """
