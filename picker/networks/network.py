"""What all networks have in common."""

from __future__ import annotations

import math

from torch import nn

PRIOR = 0.02
"""What an untrained network answers everywhere: particles are rare."""
PRIOR_LOGIT = math.log(PRIOR / (1 - PRIOR))


class Network(nn.Module):
    """Maps `(batch, 1, z, y, x)` to logits `(batch, class, ⌈z/R⌉, ⌈y/R⌉, ⌈x/R⌉)`.

    Their sigmoid is the heatmap, or the probability of each class at a voxel. But that
    of `networks.detr` maps slices to squares, and has no stride.

    Attributes
    ----------
    stride
        R, input voxels along the edge of one output voxel.
    alignment
        Deepest stride [voxels]: shifts by it shift every feature alike.
    kernel
        Edge of the convolutions there [voxels of theirs].
    """

    stride: int
    alignment: int
    kernel: int = 3
