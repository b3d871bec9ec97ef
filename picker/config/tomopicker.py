"""Settings of the methods tomopicker_pn, tomopicker_pu and tomopicker_kl."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from picker.config.base import Positive, Settings


class TomoPickerSettings(Settings):
    """The methods tomopicker_pn, _pu and _kl: a voxel is in a particle or not.

    They take their labels from tomograms of the splits labeled and partial, and their
    steps, learning rate and average from burn_in and co_train; of the section partial
    they read held_out and expected_factor.
    """

    positive_weight: Literal["mean", "as_published"] = "mean"
    """γ, what the mean over labeled voxels is multiplied by:
    - mean: 1, as in the equations without γ.
    - as_published: 10 (pn), 1 (pu) or 100 (kl) times the fraction of the batch's voxels
      that are labeled, as the authors' code computes; with few labels they count
      little."""
    prior_weight: Annotated[float, Field(ge=0)] = 10.0
    """With kl: λ, no unit, weight of the expected fraction against that found."""
    divergence: Literal["of_found", "of_expected"] = "of_found"
    """With kl, how they are compared:
    - of_found: KL(found ‖ expected), as the paper writes.
    - of_expected: KL(expected ‖ found), as the authors' code computes; grows without
      limit where nothing is found."""
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    """Part of every mean over voxels that earlier batches make up, in 0..1; 0: each
    batch alone, as published with batches of 8 patches."""
    smooth_per_radius: Positive = 0.4
    """Width (σ) of the Gaussian that smooths the probability before peaks are taken, as
    a fraction of the particle's radius."""
