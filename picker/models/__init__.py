"""One file a network; every one maps a patch to logits at half its resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

from picker.models.unet import AsymmetricUNet

if TYPE_CHECKING:
    from torch import nn

    from picker.config import ModelSettings

OUTPUT_STRIDE = 2
"""R: input voxels along the edge of one output voxel."""


def build_model(settings: ModelSettings, num_particles: int) -> nn.Module:
    """Return an untrained network for as many particle classes.

    It maps `(batch, 1, z, y, x)` to logits `(batch, class, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)`.
    """
    widths, blocks, stem_pool = settings.architecture
    return AsymmetricUNet(
        num_particles,
        widths=widths,
        blocks=blocks,
        stem_pool=stem_pool,
        dropout=settings.dropout,
    )
