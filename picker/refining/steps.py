"""The steps from all peaks to the candidates that thresholds are chosen for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.refining.contrast import with_contrast
from picker.refining.merge import merged

if TYPE_CHECKING:
    from collections.abc import Callable

    from picker.config import Particle, PickSettings
    from picker.core.picks import Picks
    from picker.core.tomogram import Tomogram


def refined(
    candidates: Picks,
    particles: tuple[Particle, ...],
    settings: PickSettings,
    read_tomogram: Callable[[], Tomogram],
) -> Picks:
    """Return the candidates after the steps that are on; without any as they are.

    Parameters
    ----------
    candidates
        Of one tomogram [Å].
    particles
        The classes.
    settings
        Which steps are on.
    read_tomogram
        Gives the normalised tomogram to a step that looks at it; else not called.
    """
    if settings.contrast.least:
        tomogram = read_tomogram()
        candidates = with_contrast(candidates, particles, settings.contrast, tomogram)
    if settings.merge_per_radius:
        candidates = merged(candidates, particles, settings.merge_per_radius)
    return candidates
