"""A tomogram to candidates, slice by slice, by any detector in two dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import torch

from picker.encodings.discs import joined, slices_from
from picker.finding.detections import detections_from_discs, linked_candidates
from picker.finding.finder import CPU, Finder
from picker.machine.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import LinkSettings, Particle
    from picker.core.detections import Detections
    from picker.core.picks import Picks
    from picker.encodings.discs import Discs
    from picker.finding.finder import Volume


class SliceDetector(Protocol):
    """Finds particles on one slice after the other."""

    def on_slice(
        self, image: Tensor, slice_z: int, radius: NDArray[np.float64]
    ) -> Discs:
        """Return every disc on a slice.

        Parameters
        ----------
        image
            `(channel, y, x)` float32: the slice, or with neighbours on both sides.
        slice_z
            Number of the slice.
        radius
            `(class,)` of the particles [pixels].
        """


@dataclass(kw_only=True)
class SliceFinder(Finder):
    """A detector on every slice of a tomogram, or on a micrograph, which has one.

    Attributes
    ----------
    detector
        What finds discs.
    particles
        Its classes.
    link
        How discs become particles.
    channels
        Slices that the detector sees: an odd number, of which it looks at the middle.
    min_chord
        Smallest disc that it looks for, as a fraction of the particle's diameter.
    step
        It looks at every `step`-th slice, the first among them.
    device
        Where slices are to lie.
    """

    detector: SliceDetector
    particles: tuple[Particle, ...]
    link: LinkSettings
    channels: int = 1
    min_chord: float = 0.0
    step: int = 1
    device: torch.device = CPU

    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return every candidate [Å], best first; the region is not needed.

        Raises
        ------
        ValueError
            If the detector cannot find such particles.
        """
        del region
        found = self.detections(volume, voxel_size)
        depth = volume.shape[0]
        return linked_candidates(found, self.particles, voxel_size, depth, self.link)

    def detections(self, volume: Volume, voxel_size: float) -> Detections:
        """Return what the detector finds on all slices [Å], before it is linked.

        Raises
        ------
        ValueError
            If the detector cannot find such particles.
        """
        radius = np.array([p.radius for p in self.particles]) / voxel_size
        # A chunk of a stored volume has many slices.
        whole = torch.as_tensor(volume[:])
        depth = len(whole)
        looked_at = range(0, depth, self.step)
        progress = Progress("slices", len(looked_at), "slices")
        parts = []
        for number, z in enumerate(looked_at, 1):
            image = whole[slices_from(z - self.channels // 2, self.channels, depth)]
            image = image.to(self.device, torch.float32)
            parts.append(self.detector.on_slice(image, z, radius))
            progress.update(number)
        return detections_from_discs(
            joined(parts), self.particles, voxel_size, self.min_chord, self.step
        )
