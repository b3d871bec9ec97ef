"""Settings of the method blobs, which needs no training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from picker.config.base import Positive, Settings


class BlobsSettings(Settings):
    """The method blobs: finds blobs of about a particle's size, without any label."""

    sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.85, 1.0, 1.15)
    """Radii of the blobs to find, as fractions of the particle's radius."""
    sigma_per_radius: Positive = 0.577
    """Width (σ) of the Laplacian of Gaussian as a fraction of that radius; with 1/√3
    it responds most to a ball."""
    half_score_sd: Positive = 6.0
    """Height of a blob with score 0.5, in standard deviations of the noise at its
    size."""
