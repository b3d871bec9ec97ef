"""Networks without batch normalisation, for inference."""

from __future__ import annotations

import copy
from itertools import pairwise
from typing import TYPE_CHECKING

from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from picker.models.network import Network


def folded(model: Network) -> Network:
    """Return a copy whose batch normalisations are part of the convolutions before.

    In `eval` mode one is a factor and an offset per channel, which the convolution can
    carry; a pass over the features less, each. The same up to rounding.

    Parameters
    ----------
    model
        Left unchanged. Those of its normalisations stay that do not follow a
        convolution in an `nn.Sequential`.
    """
    model = copy.deepcopy(model).eval()
    for sequence in list(model.modules()):
        if isinstance(sequence, nn.Sequential):
            for i, (before, after) in enumerate(pairwise(list(sequence))):
                if isinstance(before, nn.Conv3d) and isinstance(after, nn.BatchNorm3d):
                    sequence[i] = fuse_conv_bn_eval(before, after)
                    sequence[i + 1] = nn.Identity()
    return model
