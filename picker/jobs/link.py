"""Candidates of one shard that are linked of detections on slices."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from picker.core.fingerprint import fingerprint
from picker.finding.detections import linked_candidates
from picker.formats.picks.detections import read_detections
from picker.jobs.made_candidates import Making, write_made
from picker.project.claims import claimed
from picker.project.manifests import read_detected
from picker.project.records import Failed

if TYPE_CHECKING:
    from pathlib import Path

    from picker.config import LinkSettings, Particle
    from picker.core.detections import Detections
    from picker.core.picks import Picks
    from picker.project.records import Detected, Half, Preprocessed


@dataclass(frozen=True, kw_only=True, slots=True)
class Links:
    """How the detections of one tomogram are linked, a `Source` of candidates."""

    detected: Detected
    particles: tuple[Particle, ...]
    settings: LinkSettings

    @property
    def file(self) -> str:
        """Name of the file of candidates."""
        return self.detections.name

    @property
    def preprocessed(self) -> Preprocessed:
        """The tomogram."""
        return self.detected.preprocessed

    @property
    def half(self) -> Half | None:
        """Which half; None: the whole."""
        return self.detected.half

    @property
    def detections(self) -> Path:
        """File of detections."""
        return self.detected.detections

    def key(self) -> str:
        """Return a digest of the detections and of how they are linked."""
        return fingerprint(
            self.detected.fingerprint,
            [(particle.name, particle.radius) for particle in self.particles],
            self.settings.key(),
        )

    def candidates(self) -> Picks:
        """Return the candidates [Å]."""
        found = read_detections(self.detections)
        return candidates_of(found, self.preprocessed, self.particles, self.settings)


def candidates_of(
    found: Detections,
    tomogram: Preprocessed,
    particles: tuple[Particle, ...],
    settings: LinkSettings,
) -> Picks:
    """Return the candidates [Å] in a tomogram; errors as `discs_from_detections`."""
    depth = tomogram.shape_zyx[0]
    return linked_candidates(found, particles, tomogram.voxel_size, depth, settings)


def linked_key(detector_key: str, settings: LinkSettings) -> str:
    """Return the digest of what the scores of linked detections come from."""
    return fingerprint(detector_key, [settings.key()])


def write_linked(
    manifest: Path,
    folder: Path,
    output: Path,
    particles: tuple[Particle, ...],
    settings: LinkSettings,
) -> None:
    """Write the candidates of a shard, see `write_made`.

    Parameters
    ----------
    manifest
        Of detections.
    folder
        Where `<tomogram>.star` are written.
    output
        Manifest to write.
    particles
        The classes.
    settings
        What belongs together.

    Raises
    ------
    ValueError
        If the manifest cannot be used.
    OSError
        If the disk takes nothing.
    """
    with claimed(output, folder):
        entries, detector_key = read_detected(manifest)
        links = [
            one
            if isinstance(one, Failed)
            else Links(detected=one, particles=particles, settings=settings)
            for one in entries
        ]
        making = Making(
            name="link",
            particles=particles,
            model=linked_key(detector_key, settings),
        )
        write_made(making, links, folder, output)
