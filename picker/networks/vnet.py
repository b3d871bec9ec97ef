"""V-Net of any width, predicting at the input's resolution.

Source: Milletari et al. 2016, V-Net, in MONAI's form; a baseline of Wang et al. 2025,
SemiETPicker, table 1.
"""

from __future__ import annotations

import torch
from monai.networks.nets import vnet
from torch import Tensor, nn
from torch.nn import functional

from picker.networks.network import PRIOR_LOGIT, Network

ELU = ("elu", {"inplace": True})


class VNet(Network):
    """Logits of every particle class at every input voxel.

    Parameters
    ----------
    num_particles
        Number of classes C.
    width
        Channels at full resolution; 16 is MONAI's V-Net.
    dropout
        Probability of dropping a channel, wherever V-Net does. MONAI's own 0.5 is not
        taken over: all methods are regularised alike.
    """

    stride = 1
    alignment = 16
    kernel = 5

    def __init__(self, num_particles: int, *, width: int, dropout: float = 0.0) -> None:
        super().__init__()
        # MONAI fixes the width: its parts are made again, its way through them is kept.
        with torch.device("meta"):
            self.net = vnet.VNet()
        net, w, both = self.net, width, (dropout, dropout)
        down, up = vnet.DownTransition, vnet.UpTransition
        net.in_tr = vnet.InputTransition(3, 1, w, ELU)
        net.down_tr32 = down(3, w, 1, ELU)
        net.down_tr64 = down(3, 2 * w, 2, ELU)
        net.down_tr128 = down(3, 4 * w, 3, ELU, dropout_prob=dropout)
        net.down_tr256 = down(3, 8 * w, 2, ELU, dropout_prob=dropout)
        net.up_tr256 = up(3, 16 * w, 16 * w, 2, ELU, dropout_prob=both)
        net.up_tr128 = up(3, 16 * w, 8 * w, 2, ELU, dropout_prob=both)
        net.up_tr64 = up(3, 8 * w, 4 * w, 1, ELU, dropout_prob=(None, dropout))
        net.up_tr32 = up(3, 4 * w, 2 * w, 1, ELU, dropout_prob=(None, dropout))
        net.out_tr = vnet.OutputTransition(3, 2 * w, num_particles, ELU)
        # Each class starts from a channel of its own: where chance made its weight
        # negative, ELU's floor would keep its logits down for long.
        nn.init.dirac_(net.out_tr.conv2.weight)
        nn.init.constant_(net.out_tr.conv2.bias, PRIOR_LOGIT)  # type: ignore[arg-type]

    def forward(self, patch: Tensor) -> Tensor:
        """Map `(batch, 1, z, y, x)` to logits `(batch, C, z, y, x)`."""
        z, y, x = patch.shape[2:]
        # It halves four times and cannot join what an odd size leaves over.
        missing = [e for size in (x, y, z) for e in (0, -size % self.alignment)]
        logits: Tensor = self.net(functional.pad(patch, missing, mode="replicate"))
        return logits[..., :z, :y, :x]
