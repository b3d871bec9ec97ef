"""Patches of slices turned by any angle in their plane, and a little magnified.

Quarter turns and flips show a particle in eight ways. Of a few labeled tomograms a
detector learns the noise by heart within some hundred steps; of those that are turned
freely it sees another sample of the noise each time.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from picker.networks.squares.places import place_squares
from picker.networks.squares.sampling import sampled

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

MOST = 0.1
"""Highest logarithm of the magnification, either way: 10 %."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Turning:
    """How a patch is turned about its middle.

    Attributes
    ----------
    angle
        From y towards x [rad].
    magnification
        Size of a particle over what it was.
    """

    angle: float
    magnification: float

    def matrix(self) -> Tensor:
        """Return `(2, 2)`, by which an offset y, x from the middle is multiplied."""
        along, across = math.cos(self.angle), math.sin(self.angle)
        turn = torch.tensor([[along, -across], [across, along]])
        return self.magnification * turn


def draw_turning(rng: np.random.Generator) -> Turning:
    """Return any angle, and a magnification about 1."""
    angle, larger = rng.uniform(0, 2 * math.pi), rng.uniform(-MOST, MOST)
    return Turning(angle=angle, magnification=math.exp(larger))


def turned_image(image: Tensor, turning: Turning) -> Tensor:
    """Return `(batch, channel, edge, edge)` turned; what comes from beyond is 0."""
    edge = image.shape[-1]
    places = place_squares(edge, 1.0, image.device)[:, :2]
    back = torch.linalg.inv(turning.matrix()).to(image.device)
    came_from = (places - 0.5) @ back.T + 0.5
    return sampled(
        image, came_from.view(1, edge, edge, 2).expand(len(image), *[-1] * 3)
    )


def turned_region(region: Tensor, turning: Turning) -> Tensor:
    """Return `(batch, channel, edge, edge)`, 1 where all that comes there is 1."""
    return (turned_image(region, turning) > 1 - 1e-3).float()


def turned_target(target: Tensor, turning: Turning) -> Tensor:
    """Return the `(n, 4)` classes and squares whose centres stay in the patch."""
    centre = (target[:, 1:3] - 0.5) @ turning.matrix().T + 0.5
    side = turning.magnification * target[:, 3:]
    inside = ((centre >= 0) & (centre < 1)).all(dim=1)
    return torch.cat([target[:, :1], centre, side], dim=1)[inside]
