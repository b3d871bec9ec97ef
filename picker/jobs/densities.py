"""The density maps of classes, from the files that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.formats.volumes.read import read_tomogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from picker.config import Particle
    from picker.core.tomogram import Tomogram


def read_densities(particles: Iterable[Particle]) -> dict[str, Tomogram]:
    """Return the density map of each class that has one, by the class's name.

    Raises
    ------
    ValueError
        If a file is missing, cannot be read, has no voxel size or is constant.
    """
    found = {}
    for particle in particles:
        if particle.density is None:
            continue
        try:
            density, _ = read_tomogram(particle.density, particle.name)
            if density.is_micrograph:
                raise ValueError(
                    f"{particle.density} has one slice; expected a volume, give the"
                    " particle's map and no image of it"
                )
            found[particle.name] = density
        except (ValueError, FileNotFoundError) as error:
            raise ValueError(
                f"density map of {particle.name}: {error}. A map's voxel size [Å] is"
                " what its file says"
            ) from error
    return found
