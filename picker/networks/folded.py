"""Networks made quicker for inference, with the same answers."""

from __future__ import annotations

import copy
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from picker.machine.memory import give_back_freed_memory
from picker.networks.encoder import ResidualBlock
from picker.networks.slabs import can_be_overwritten, overwritten, with_neighbors
from picker.networks.unet import Upward

if TYPE_CHECKING:
    from picker.networks.network import Network

ONEDNN = "_convolution_pointwise"
"""What PyTorch's compiler calls on CPUs: a private name, which may change."""


def folded(model: Network) -> Network:
    """Return a copy that answers the same, up to rounding, in fewer passes.

    In `eval` mode a batch normalisation is a factor and an offset per channel, which
    the convolution before it can carry; its ReLU, and what is added before that, go
    with it where the hardware has such a kernel. Decoder steps are `Joined`.

    Parameters
    ----------
    model
        Left unchanged. Normalisations that do not follow a convolution in an
        `nn.Sequential` stay.
    """
    model = copy.deepcopy(model).eval()
    for sequence in list(model.modules()):
        if isinstance(sequence, nn.Sequential):
            for i, (before, after) in enumerate(pairwise(list(sequence))):
                if isinstance(before, nn.Conv3d) and isinstance(after, nn.BatchNorm3d):
                    sequence[i] = fuse_conv_bn_eval(before, after)
                    sequence[i + 1] = nn.Identity()
    for parent in list(model.modules()):
        for name, part in parent.named_children():
            if isinstance(part, Upward):
                parent.add_module(name, Joined(part))
            elif isinstance(part, ResidualBlock):
                parent.add_module(name, FoldedBlock(part))
            elif _is_conv_relu(part):
                # Nobody else has what the layer before it in a sequence made.
                alone = isinstance(parent, nn.Sequential) and name != "0"
                parent.add_module(name, ConvReLU(next(part.children()), alone))
    return model


def _is_conv_relu(part: nn.Module) -> bool:
    """Return whether it is `encoder.conv` with its normalisation folded."""
    kinds = [type(module) for module in part.children()]
    return kinds == [nn.Conv3d, nn.Identity, nn.ReLU]


def _cudnn_can(features: Tensor) -> bool:
    """Return whether cuDNN has kernels of several steps for these features.

    In half precision, on NVIDIA's GPUs since Ampere. On AMD's, which PyTorch calls cuda
    too, they have other names.
    """
    return (
        features.is_cuda
        and torch.is_autocast_enabled("cuda")
        and torch.version.hip is None
        and torch.backends.cudnn.enabled
        and torch.cuda.get_device_capability(features.device)[0] >= 8
    )


def _onednn_can(features: Tensor) -> bool:
    """Return whether oneDNN has kernels of several steps for these features.

    They have no gradients, and bfloat16 on some processors alone; elsewhere PyTorch
    computes it by other means.
    """
    if (
        features.device.type != "cpu"
        or torch.is_grad_enabled()
        or not torch.backends.mkldnn.is_available()
        or not hasattr(torch.ops.mkldnn, ONEDNN)
        or not hasattr(torch.ops.mkldnn, f"{ONEDNN}_")
    ):
        return False
    if _kind(features) == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # noqa: SLF001
    return _kind(features) == torch.float32


def _kind(features: Tensor) -> torch.dtype:
    """Return the precision that a convolution on a CPU computes in."""
    if torch.is_autocast_enabled("cpu"):
        return torch.get_autocast_dtype("cpu")
    return features.dtype


class ConvReLU(nn.Module):
    """A convolution and its ReLU, with something added in between or not.

    cuDNN, where autocast asks for half precision, and oneDNN do all of it in one
    kernel; PyTorch passes over the features once for each, which takes as long as the
    convolution.
    """

    def __init__(self, conv: nn.Module, overwrites: bool = False) -> None:
        super().__init__()
        assert isinstance(conv, nn.Conv3d)
        assert conv.padding == (1, 1, 1)
        self.conv = conv
        same = conv.in_channels == conv.out_channels and conv.stride == (1, 1, 1)
        self.overwrites = overwrites and same

    def forward(self, features: Tensor, added: Tensor | None = None) -> Tensor:
        """Return features of the convolution's size, which `added` has too.

        They may overwrite `added`.
        """
        conv = self.conv
        if _cudnn_can(features):
            half = torch.get_autocast_dtype("cuda")
            features, weight = features.to(half), conv.weight.to(half)
            bias = None if conv.bias is None else conv.bias.to(half)
            options = (conv.stride, (1, 1, 1), conv.dilation, conv.groups)
            if added is None:
                return torch.cudnn_convolution_relu(features, weight, bias, *options)
            return torch.cudnn_convolution_add_relu(
                features, weight, added.to(half), 1.0, bias, *options
            )
        if _onednn_can(features):
            if self.overwrites and added is None and can_be_overwritten(features):
                features = features.to(_kind(features))
                return overwritten(features, partial(self.slab, features))
            return self.onednn(features, added)
        found: Tensor = conv(features)
        if added is not None:
            found += added
        return functional.relu(found, inplace=True)

    def slab(
        self, features: Tensor, first: int, last: int, added: Tensor | None = None
    ) -> Tensor:
        """Return planes `first` … `last` of what `onednn` makes of features.

        Parameters
        ----------
        features
            All of them.
        first, last
            Along z, at a stride of 1.
        added
            As many planes.
        """
        return self.onednn(with_neighbors(features, first, last), added, in_z=0)

    def onednn(self, features: Tensor, added: Tensor | None, in_z: int = 1) -> Tensor:
        """Return the same by one of oneDNN's kernels, in autocast's precision.

        Beyond the first and the last plane lie `in_z` of zeros. All is channels last,
        as the networks are: in other layouts PyTorch adds by an operator that does not
        know bfloat16.
        """
        conv = self.conv
        kind = _kind(features)
        layout = torch.channels_last_3d
        weight = conv.weight.to(kind).contiguous(memory_format=layout)
        bias = None if conv.bias is None else conv.bias.to(kind)
        options = ((in_z, 1, 1), conv.stride, conv.dilation, conv.groups)
        features = features.to(kind)
        if added is None:
            run = getattr(torch.ops.mkldnn, ONEDNN)
            found: Tensor = run(features, weight, bias, *options, "relu", [], "")
            return found
        # In place: each feature map is a fifth of a window's memory.
        run = getattr(torch.ops.mkldnn, f"{ONEDNN}_")
        found = added.to(kind).contiguous(memory_format=layout)
        run.binary(found, features, weight, bias, *options, "add", 1.0, "relu", [], "")
        return found


class FoldedBlock(nn.Module):
    """A residual block with its batch normalisations folded."""

    def __init__(self, block: ResidualBlock) -> None:
        super().__init__()
        self.first = ConvReLU(next(block.first.children()))
        self.second = ConvReLU(next(block.second.children()))
        self.shortcut = block.shortcut

    def forward(self, features: Tensor) -> Tensor:
        """Return features of the same size divided by the stride."""
        found: Tensor = self.second(self.first(features), self.shortcut(features))
        return found


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
        first, second = (next(part.children()) for part in step.merge)
        assert isinstance(first, nn.Conv3d)
        weight = first.weight.detach()
        below, beside = weight.split([step.below, weight.shape[1] - step.below], dim=1)
        layout = torch.channels_last_3d
        self.below = below.contiguous(memory_format=layout)
        self.doubling = _doubling(below).contiguous(memory_format=layout)
        first.weight = nn.Parameter(beside.contiguous(memory_format=layout))
        first.in_channels = beside.shape[1]
        self.first, self.second = ConvReLU(first), ConvReLU(second, overwrites=True)

    def forward(self, below: Tensor, beside: Tensor) -> Tensor:
        """Return features of the size of `beside`, which they may overwrite."""
        if _onednn_can(beside) and can_be_overwritten(beside):
            beside = beside.to(_kind(beside))
            # The last step needs the most, and gaps in memory are of no use to it.
            give_back_freed_memory()
            found = overwritten(beside, partial(self._slab, below, beside))
        else:
            found = self.first(beside, self._doubled(below, beside.shape[2:]))
        merged: Tensor = self.second(found)
        return merged

    def _slab(self, below: Tensor, beside: Tensor, first: int, last: int) -> Tensor:
        """Return planes `first` … `last` of the first convolution over both."""
        size = beside.shape[2:]
        # Doubled, the two planes at a cut do not see what lies beyond it.
        start, stop = max(0, first // 2 - 1), last // 2 + 1
        near = below[:, :, start:stop]
        planes = min(2 * near.shape[2], size[0] - 2 * start)
        doubled = self._doubled(near, (planes, *size[1:]))
        doubled = doubled[:, :, first - 2 * start : last - 2 * start]
        return self.first.slab(beside, first, last, doubled)

    def _doubled(self, below: Tensor, size: tuple[int, ...]) -> Tensor:
        """Return doubled features after the part of the convolution over them."""
        doubled = functional.conv_transpose3d(
            below, self.doubling, stride=2, padding=1
        )[..., : size[0], : size[1], : size[2]]
        for axis in range(2, 5):
            if size[axis - 2] % 2:
                self._fix_last_plane(doubled, below, axis)
        return doubled

    def _fix_last_plane(self, doubled: Tensor, below: Tensor, axis: int) -> None:
        """Compute an odd size's last plane with zeros beyond it, not half a voxel."""
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
