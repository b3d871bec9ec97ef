"""One file a network; every one maps a patch to logits, see `Network`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from picker.networks.deepfindet import DeepFindET
from picker.networks.fpn import FeaturePyramid
from picker.networks.resunet import ResidualUNet
from picker.networks.unet import AsymmetricUNet

if TYPE_CHECKING:
    from picker.config import ModelSettings
    from picker.config.methods import NetworkName
    from picker.networks.network import Network


def build_model(
    settings: ModelSettings, num_particles: int, network: NetworkName = "unet"
) -> Network:
    """Return an untrained network for as many particle classes.

    Its weights are laid out channels-last, which 3D convolutions run on fastest.
    """
    model = _untrained(settings, num_particles, network)
    assert model.alignment == settings.alignment(network)
    # The stubs of `to` leave memory_format without a device out.
    model.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
    return model


def _untrained(
    settings: ModelSettings, num_particles: int, network: NetworkName
) -> Network:
    small = settings.preset == "small"
    if network == "vnet":
        # Here, for it alone needs MONAI, which takes longer to load than PyTorch.
        from picker.networks.vnet import VNet

        return VNet(num_particles, width=4 if small else 16, dropout=settings.dropout)
    if network in ("deepfindet", "deepfindet_published"):
        return DeepFindET(
            num_particles,
            widths=(12, 16, 20) if small else (48, 64, 80),
            dropout=settings.dropout,
            published=network == "deepfindet_published",
        )
    if network == "resunet":
        return ResidualUNet(
            num_particles,
            widths=(8, 16, 32, 64) if small else (32, 64, 128, 256),
            dropout=settings.dropout,
        )
    widths, blocks, stem_pool = settings.architecture
    kind = AsymmetricUNet if network == "unet" else FeaturePyramid
    return kind(
        num_particles,
        widths=widths,
        blocks=blocks,
        stem_pool=stem_pool,
        dropout=settings.dropout,
    )
