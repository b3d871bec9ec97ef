"""The same networks, made quicker for inference."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING, cast

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from picker.models.unet import Upward

if TYPE_CHECKING:
    from picker.models.network import Network


def folded(model: Network, *, join: bool = False) -> Network:
    """Return a copy whose batch normalisations are part of the convolutions before.

    In `eval` mode one is a factor and an offset per channel, which the convolution can
    carry; a pass over the features less, each. The same up to rounding.

    Parameters
    ----------
    model
        Left unchanged. Those of its normalisations stay that do not follow a
        convolution in an `nn.Sequential`.
    join
        Let the decoder's steps be `Joined`.
    """
    model = copy.deepcopy(model).eval()
    for sequence in list(model.modules()):
        if isinstance(sequence, nn.Sequential):
            for i, (before, after) in enumerate(pairwise(list(sequence))):
                if isinstance(before, nn.Conv3d) and isinstance(after, nn.BatchNorm3d):
                    sequence[i] = fuse_conv_bn_eval(before, after)
                    sequence[i + 1] = nn.Identity()
    if join:
        for parent in list(model.modules()):
            for name, step in parent.named_children():
                if isinstance(step, Upward):
                    parent.add_module(name, Joined(step))
    return model


class Joined(nn.Module):
    """A decoder step that neither doubles features nor copies them together.

    The convolution over both is the sum of one over each, and doubling before it is a
    transposed convolution with stride 2: 8 products a voxel in place of 27. The same
    up to rounding.

    Parameters
    ----------
    step
        With its batch normalisations folded.
    """

    def __init__(self, step: Upward) -> None:
        super().__init__()
        first, *after = list(cast("nn.Sequential", step.merge[0]))
        assert isinstance(first, nn.Conv3d)
        weight = first.weight.detach()
        below, beside = weight.split([step.below, weight.shape[1] - step.below], dim=1)
        layout = torch.channels_last_3d
        self.below = below.contiguous(memory_format=layout)
        self.beside = beside.contiguous(memory_format=layout)
        self.doubling = _doubling(below).contiguous(memory_format=layout)
        self.bias = first.bias
        self.after = nn.Sequential(*after, *list(step.merge)[1:])

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return features of the size of `beside`."""
        size = beside.shape[2:]
        joined = functional.conv3d(beside, self.beside, self.bias, padding=1)
        doubled = functional.conv_transpose3d(
            below, self.doubling, stride=2, padding=1
        )[..., : size[0], : size[1], : size[2]]
        for axis in range(2, 5):
            if beside.shape[axis] % 2:
                self._mend_last_plane(doubled, below, axis)
        joined += doubled
        after: Tensor = self.after(joined)
        return after

    def _mend_last_plane(self, doubled: Tensor, below: Tensor, axis: int) -> None:
        """Give an odd size's last plane zeros beyond, not the other half of a voxel."""
        near = below.narrow(
            axis, max(0, below.shape[axis] - 2), min(2, below.shape[axis])
        )
        size = list(doubled.shape[2:])
        size[axis - 2] = 2 * near.shape[axis] - 1
        plain = functional.interpolate(near, scale_factor=2.0, mode="nearest")
        plain = plain[..., : size[0], : size[1], : size[2]]
        plain = functional.conv3d(plain, self.below, padding=1)
        doubled.select(axis, -1).copy_(plain.select(axis, -1))


def _doubling(weight: Tensor) -> Tensor:
    """Return `(in, out, 4, 4, 4)` transposed weights for doubling, then `weight`.

    Along an axis voxel 2i of the doubled features sees i−1, i, i and voxel 2i+1 sees i,
    i, i+1: two neighbours each, of which one has the sum of two weights.
    """
    for axis in (2, 3, 4):
        before, here, after = weight.unbind(axis)
        weight = torch.stack([after, here + after, before + here, before], axis)
    return weight.transpose(0, 1)
