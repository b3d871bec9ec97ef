"""Matched filtering with a density map: no training, no label.

The map is turned into all orientations, each with the missing wedge that the tomogram
has, and compared with the voxels around each place. Nothing but a map is learned from,
so what resembles it is found too: membranes, gold, other particles.

Source: Frangakis et al. (2002), Identification of macromolecular complexes in cryo-
electron tomograms of phantom cells, PNAS 99, 14153,
https://doi.org/10.1073/pnas.172520299; for the normalisation see
`picker.finding.matching`.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from fractions import Fraction
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import torch

from picker.averaging.rotations import even_rotations
from picker.config import PredictSettings
from picker.config.template import TemplateSettings
from picker.core.picks import concatenate, no_picks
from picker.core.tomogram import index_from_position
from picker.encodings.heatmap import Gaussians
from picker.finding.candidates import candidates_from_heatmap
from picker.finding.finder import Finder
from picker.finding.matching import Bank, bank_of, best_match, best_rotation
from picker.finding.templates import soft_mask, template_from_map, turned
from picker.methods import Method
from picker.volumes.spectrum import fourier_crop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from torch import Tensor

    from picker.config import Particle
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram
    from picker.finding.finder import Volume
    from picker.methods import ReadSection
    from picker.networks.network import Network

logger = logging.getLogger(__name__)

COARSEST_STEP = 30.0
"""Largest angular step that is chosen for a class [degrees]."""
BINNING = 4
"""Voxels are binned by a multiple of one over this number."""
MAD = 1.4826
"""Standard deviation of a Gaussian over its median absolute deviation."""


class Templates(Method):
    """Finds what resembles density maps; trains nothing."""

    def finder(
        self,
        models: Sequence[Network],
        particles: tuple[Particle, ...],
        section: ReadSection,
        device: torch.device,
    ) -> TemplateFinder:
        """Return the filter.

        Raises
        ------
        ValueError
            If a class has no density map.
        """
        del models
        if missing := [p.name for p in particles if p.name not in self.densities]:
            raise ValueError(
                f"method template has no density map of {', '.join(missing)}; expected"
                " one of every class: name the file as its density in particles, or"
                " leave the class out"
            )
        return TemplateFinder(
            particles,
            self.densities,
            section("template", TemplateSettings),
            section("predict", PredictSettings),
            device,
        )


class TemplateFinder(Finder):
    """The filter over one tomogram after the other."""

    def __init__(
        self,
        particles: tuple[Particle, ...],
        densities: Mapping[str, Tomogram],
        settings: TemplateSettings,
        predict: PredictSettings,
        device: torch.device,
    ) -> None:
        self.particles = particles
        self.densities = densities
        self.settings = settings
        self.predict = predict
        self.device = device
        # Tomograms of one voxel size, as most are, share their templates.
        self._banks: dict[tuple[str, float], Bank] = {}

    def candidates(
        self,
        volume: Volume,
        voxel_size: float,
        region: NDArray[np.bool_] | None = None,
    ) -> Picks:
        """Return the peaks of every class [Å], best first, each with its rotation.

        The region is not needed.

        Raises
        ------
        ValueError
            If a particle is larger than the volume, or a map cannot be of its class.
        """
        del region
        whole = np.asarray(volume[:], np.float32)
        ratio = binning(self.settings.resolution, voxel_size)
        extent = (np.array(whole.shape) - 1) * voxel_size
        binned = fourier_crop(whole, ratio)
        voxel_size *= float(ratio)
        # Maps are light where tomograms are dark.
        light = torch.from_numpy(-binned).to(self.device)
        parts = [
            self._candidates(light, particle, voxel_size) for particle in self.particles
        ]
        found = concatenate(parts)
        found = found.select(np.argsort(-found.score, kind="stable"))
        # Coarse voxels reach beyond the last fine one.
        return replace(found, position_zyx=np.minimum(found.position_zyx, extent))

    def _candidates(
        self, light: Tensor, particle: Particle, voxel_size: float
    ) -> Picks:
        """Return the peaks of one class in a binned volume."""
        shortest = min(light.shape) * voxel_size
        if 2 * particle.radius > shortest:
            raise ValueError(
                f"{particle.name} is {2 * particle.radius:g} Å wide, more than the"
                f" tomogram, whose shortest axis is {shortest:.4g} Å; expected a"
                " particle that fits, check its radius and the tomogram's voxel size"
            )
        bank = self.bank(particle, voxel_size)
        match = best_match(light, bank, is_local=self.settings.normalise == "local")
        deviations = deviations_of(match)
        if deviations is None:
            return no_picks()
        found = candidates_from_heatmap(
            (deviations / (deviations + self.settings.threshold_sd))[None],
            (particle,),
            voxel_size,
            tuple(light.shape),
            Gaussians(nms_per_radius=self.predict.nms_per_radius),
            self.predict.min_score,
            stride=1,
        )
        index = np.rint(index_from_position(found.position_zyx, voxel_size))
        rotation = best_rotation(light, bank, index.astype(np.intp))
        return replace(found, rotation=rotation.astype(np.float64))

    def bank(self, particle: Particle, voxel_size: float) -> Bank:
        """Return the templates of one class for tomograms of a voxel size [Å]."""
        key = (particle.name, voxel_size)
        if key not in self._banks:
            settings = self.settings
            resolution = max(settings.resolution, 2 * voxel_size)
            step = settings.angular_step or chosen_step(resolution, particle.radius)
            rotations = even_rotations(number_of_rotations(step))
            radius = settings.mask_per_radius * particle.radius / voxel_size
            mask = torch.from_numpy(soft_mask(radius)).to(self.device)
            templates = partial(
                turned,
                template_from_map(
                    self.densities[particle.name],
                    particle.radius,
                    resolution,
                    voxel_size,
                ),
                size=mask.shape[0],
                voxel_size=voxel_size,
                max_tilt=settings.max_tilt,
                device=self.device,
            )
            self._banks[key] = bank_of(templates, rotations, mask)
            logger.info(
                "template of %s: %d rotations, %.1f degrees apart, are mixtures of %d;"
                " voxels of %.3g Å",
                particle.name,
                len(rotations),
                step,
                len(self._banks[key].basis),
                voxel_size,
            )
        return self._banks[key]


def binning(resolution: float, voxel_size: float) -> Fraction:
    """Return by how much a filter's resolution [Å] allows larger voxels."""
    ratio = math.floor(BINNING * resolution / (2 * voxel_size))
    return max(Fraction(1), Fraction(ratio, BINNING))


def chosen_step(resolution: float, radius: float) -> float:
    """Return a step [degrees] that moves nothing in a particle by the resolution [Å].

    The resolution over the diameter, in radians: by Crowther et al. (1970), Proc. R.
    Soc. A 317, 319, a map of that resolution needs no more directions.
    """
    return min(COARSEST_STEP, math.degrees(resolution / (2 * radius)))


def number_of_rotations(step: float) -> int:
    """Return how many rotations are that far apart [degrees], evenly spread."""
    return max(1, round(8 * math.pi**2 / math.radians(step) ** 3))


def deviations_of(match: Tensor) -> Tensor | None:
    """Return how far matches are above the median, over their noise.

    Parameters
    ----------
    match
        `(z, y, x)`.

    Returns
    -------
    `(z, y, x)` robust standard deviations, 0 below the median; None if matches do not
    vary.
    """
    median = match.median()
    spread = MAD * (match - median).abs().median()
    if not spread > 0:
        return None
    return ((match - median) / spread).clamp_min(0)


METHOD = Templates
