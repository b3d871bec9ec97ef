"""Finding without training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from picker.config.base import Positive, Settings


class BlobsSettings(Settings):
    """Blobs of about a particle's size, found without any label: the method blobs."""

    sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.85, 1.0, 1.15)
    """Sizes to look for, as fractions of the particle's radius."""
    sigma_per_radius: Positive = 0.577
    """Width (σ) of the Laplacian of Gaussian as a fraction of that size; 1/√3 answers
    most to a ball."""
    half_score_sd: Positive = 6.0
    """A blob so many standard deviations of its scale's noise high has score 0.5."""
