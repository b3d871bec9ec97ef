"""Blobs of about a particle's size: no training, no label.

The Laplacian of Gaussian at several sizes about the particle's, each divided by its own
noise: without that a larger scale, whose response is smoother, would decide alone.

Source: Lindeberg 1998, Feature detection with automatic scale selection,
https://doi.org/10.1023/A:1008045108935 (σ² times the Laplacian; a ball of radius r
answers most at σ = r/√3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage

from picker.config import PredictSettings
from picker.config.blobs import BlobsSettings
from picker.core.picks import concatenate
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.finding.finder import Finder
from picker.machine.progress import Progress
from picker.methods import Method

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.finding.finder import Volume
    from picker.methods import ReadSection
    from picker.networks.network import Network

MAD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""
EVERY = 8
"""Steps along each axis [voxels] to measure the noise at: fewer voxels are enough."""


class Blobs(Method):
    """Finds dark blobs; trains nothing."""

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> BlobFinder:
        """Return the filter, which computes on the CPU."""
        del models, device
        return BlobFinder(
            particles,
            section("blobs", BlobsSettings),
            section("predict", PredictSettings),
        )


class BlobFinder(Finder):
    """The filter over one tomogram after the other."""

    def __init__(
        self,
        particles: tuple[Particle, ...],
        settings: BlobsSettings,
        predict: PredictSettings,
    ) -> None:
        self.particles = particles
        self.settings = settings
        self.predict = predict

    def candidates(self, volume: Volume, voxel_size: float) -> Picks:
        """Return the peaks of every class [Å], best first."""
        whole = np.asarray(volume[:], np.float32)
        encoding = Gaussians(nms_per_radius=self.predict.nms_per_radius)
        progress = Progress("blobs", len(self.particles), "classes")
        parts = []
        for number, particle in enumerate(self.particles, 1):
            deviations = self.deviations(whole, particle.radius / voxel_size)
            score = deviations / (deviations + self.settings.half_score_sd)
            parts.append(
                candidates_from_heatmap(
                    torch.from_numpy(score)[None],
                    (particle,),
                    voxel_size,
                    whole.shape,
                    encoding,
                    self.predict.min_score,
                    stride=1,
                )
            )
            progress.update(number)
        picks = concatenate(parts)
        return picks.select(np.argsort(-picks.score, kind="stable"))

    def deviations(
        self, volume: NDArray[np.float32], radius: float
    ) -> NDArray[np.float32]:
        """Return the highest response of all sizes at each voxel, over its noise.

        Parameters
        ----------
        volume
            `(z, y, x)` with dark particles.
        radius
            Of the particle [voxels].

        Returns
        -------
        `(z, y, x)` in standard deviations of the noise, 0 where no size responds.
        """
        best = np.zeros_like(volume)
        for size in self.settings.sizes:
            sigma = self.settings.sigma_per_radius * size * radius
            # Positive where it is darker than around.
            response = ndimage.gaussian_laplace(volume, sigma, mode="nearest")
            some = response[::EVERY, ::EVERY, ::EVERY]
            noise = MAD * np.median(np.abs(some - np.median(some)))
            if noise > 0:
                np.maximum(best, response / noise, out=best)
        return best


METHOD = Blobs
