"""Settings of the method blobs, which needs no training."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picker.config.base import Positive, Settings


class BlobsSettings(Settings):
    """The method blobs: finds blobs of about a particle's size, without any label."""

    sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = (0.9, 1.0, 1.1)
    """Radii of the blobs to find, as fractions of the particle's radius."""
    formula: Literal["own_noise", "as_published"] = "own_noise"
    """How wide the Laplacian of Gaussian of a size is, and how sizes compare:
    - own_noise: as sigma_per_radius says, each divided by its own noise. Better where
      it was measured (docs/blobs.md).
    - as_published: UPicker's equation 1. Its σ of 2/d, as a frequency, is a width of
      0.16 of the size's radius; sizes compare by σ² times the Laplacian."""
    sigma_per_radius: Positive = 0.577
    """With own_noise: width (σ) of the Gaussian as a fraction of the size's radius;
    with 1/√3 it responds most to a ball."""
    threshold_sd: Positive = 4.0
    """Height of a blob with score 0.5, in standard deviations of the noise at its size:
    the threshold of a class of which no particle is known. Noise alone hardly reaches
    4. A higher one gives fewer picks and surer ones."""
