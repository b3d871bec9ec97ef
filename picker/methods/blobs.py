"""Blobs of about a particle's size: no training, no label.

The Laplacian of Gaussian at several sizes about the particle's, each divided by its own
noise: without that a larger scale, whose response is smoother, would decide alone.

Source: Lindeberg 1998, Feature detection with automatic scale selection,
https://doi.org/10.1023/A:1008045108935 (σ² times the Laplacian; a ball of radius r
answers most at σ = r/√3); Zhang et al. 2024, UPicker, section A-LoG region proposal
generator, equation 1 (`formula: as_published`).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.config import PredictSettings
from picker.config.blobs import BlobsSettings
from picker.core.picks import concatenate
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.finding.finder import Finder
from picker.finding.laplacian import dark_blobs
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
SIGMA_PER_PLACE = 1.5
"""Least width (σ) of a Gaussian on the grid that it is computed on [its steps]: a peak
of its response is three steps wide then."""
PUBLISHED = 1 / (2 * math.pi)
"""Width in space of a Gaussian whose σ in frequency is 2/d, as a fraction of d/2."""


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

    reads_region = True

    def __init__(
        self,
        particles: tuple[Particle, ...],
        settings: BlobsSettings,
        predict: PredictSettings,
    ) -> None:
        self.particles = particles
        self.settings = settings
        self.predict = predict

    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return the peaks of every class [Å], best first.

        Noise is measured in the region alone: vacuum has less of it than ice, and gold
        is none. A micrograph, a volume of one slice, has blobs of two dimensions.
        """
        is_micrograph = volume.shape[0] == 1
        image = np.asarray(volume[:])[0] if is_micrograph else volume
        if is_micrograph and region is not None:
            region = region[0]
        encoding = Gaussians(nms_per_radius=self.predict.nms_per_radius)
        progress = Progress("blobs", len(self.particles), "classes")
        parts = []
        for number, particle in enumerate(self.particles, 1):
            score, stride = self.deviations(image, particle.radius / voxel_size, region)
            score /= score + self.settings.threshold_sd
            if is_micrograph:
                score = score[None]
            parts.append(
                candidates_from_heatmap(
                    torch.from_numpy(score)[None],
                    (particle,),
                    voxel_size,
                    volume.shape,
                    encoding,
                    self.predict.min_score,
                    stride,
                )
            )
            progress.update(number)
        picks = concatenate(parts)
        return picks.select(np.argsort(-picks.score, kind="stable"))

    def deviations(
        self,
        volume: Volume,
        radius: float,
        region: NDArray[np.bool_] | None = None,
    ) -> tuple[NDArray[np.float32], int]:
        """Return the highest response of all sizes at each place, over its noise.

        Parameters
        ----------
        volume
            `(y, x)` or `(z, y, x)` with dark particles.
        radius
            Of the particle [voxels].
        region
            True for the voxels whose noise counts, at any resolution of the same field
            of view; None: all.

        Returns
        -------
        `(⌈y/R⌉, ⌈x/R⌉)` or `(⌈z/R⌉, ⌈y/R⌉, ⌈x/R⌉)` in standard deviations of the noise,
        0 where no size responds; and the stride R [voxels].
        """
        published = self.settings.formula == "as_published"
        width = PUBLISHED if published else self.settings.sigma_per_radius
        sigmas = [width * size * radius for size in self.settings.sizes]
        stride = max(1, int(min(sigmas) / SIGMA_PER_PLACE))
        best: NDArray[np.float32] | None = None
        for sigma in sigmas:
            response = dark_blobs(volume, sigma, stride)
            if published:
                response *= sigma**2
            else:
                _divide_by_noise(response, stride, region)
            best = response if best is None else np.maximum(best, response, out=best)
        assert best is not None
        if published:
            _divide_by_noise(best, stride, region)
        return np.maximum(best, 0, out=best), stride


def _divide_by_noise(
    response: NDArray[np.float32], stride: int, region: NDArray[np.bool_] | None
) -> None:
    """Divide a response by its noise, by which 0 stays where there is none.

    Its noise is the median absolute deviation, which particles hardly change.
    """
    every = max(1, EVERY // stride)
    some = response[(slice(None, None, every),) * response.ndim]
    if region is not None:
        places = (
            np.arange(count) * size // count
            for count, size in zip(some.shape, region.shape, strict=True)
        )
        some = some[region[np.ix_(*places)]]
    noise = MAD * np.median(np.abs(some - np.median(some))) if some.size else 0.0
    response *= np.float32(1 / noise if noise > 0 else 0)


METHOD = Blobs
