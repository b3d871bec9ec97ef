"""One file a network; every one maps a patch to logits at half its resolution."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.models.unet import AsymmetricUNet

if TYPE_CHECKING:
    from torch import nn

    from picker.config import ModelSettings

OUTPUT_STRIDE = 2
"""R: input voxels along the edge of one output voxel."""


def build_model(settings: ModelSettings, num_particles: int) -> nn.Module:
    """Return an untrained network for as many particle classes.

    It maps `(batch, 1, z, y, x)` to logits `(batch, class, ⌈z/2⌉, ⌈y/2⌉, ⌈x/2⌉)`, with
    weights laid out channels-last, which 3D convolutions run on fastest.
    """
    widths, blocks, stem_pool = settings.architecture
    model: nn.Module = AsymmetricUNet(
        num_particles,
        widths=widths,
        blocks=blocks,
        stem_pool=stem_pool,
        dropout=settings.dropout,
    )
    # Shifts by the deepest stride [voxels] shift every feature alike.
    model.alignment = settings.alignment  # type: ignore[assignment]
    # The stubs of `to` leave memory_format without a device out.
    model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return model
