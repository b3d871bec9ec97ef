"""Features between pixels, linearly interpolated."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import torch
from torch.nn import functional

if TYPE_CHECKING:
    from torch import Tensor


def sampled(image: Tensor, places: Tensor) -> Tensor:
    """Return features at places; beyond the image there are zeros.

    On a GPU PyTorch's own adds up gradients in an order that varies from run to run;
    there, while training, `gathered` does it.

    Parameters
    ----------
    image
        `(batch, channel, y, x)`.
    places
        `(batch, query, point, 2)` y, x, 0 to 1 from edge to edge.

    Returns
    -------
    `(batch, channel, query, point)`.
    """
    if image.is_cuda and image.requires_grad:
        return gathered(image, places)
    # It wants x before y, in -1 to 1.
    grid = (2 * places - 1).flip(-1)
    return functional.grid_sample(image, grid, align_corners=False)


def gathered(image: Tensor, places: Tensor) -> Tensor:
    """Return the same as `sampled`, by picking out the four pixels about each place."""
    sizes = image.shape[2:]
    at = places * torch.tensor(sizes, device=places.device) - 0.5
    first = at.detach().floor()
    beyond = at - first
    pixels = image.flatten(2)
    channels = image.shape[1]
    result = image.new_zeros(())
    for corner in product((0, 1), repeat=2):
        index = torch.zeros_like(places[..., 0], dtype=torch.long)
        weight = torch.ones_like(places[..., 0])
        for axis, (step, size) in enumerate(zip(corner, sizes, strict=True)):
            pixel = first[..., axis] + step
            share = beyond[..., axis] if step else 1 - beyond[..., axis]
            weight = weight * share * ((pixel >= 0) & (pixel < size))
            index = index * size + pixel.clamp(0, size - 1).long()
        found = pixels.gather(2, index.flatten(1)[:, None].expand(-1, channels, -1))
        result = result + found.unflatten(2, index.shape[1:]) * weight[:, None]
    return result
