"""What heads that look at every place of a map are made of."""

from __future__ import annotations

from torch import Tensor, nn

from picker.networks.squares.backbone import normalised_conv


def branch(width: int, layers: int) -> nn.Sequential:
    """Return `layers` convolutions of 3² that keep the size and number of channels."""
    steps: list[nn.Module] = []
    for _ in range(layers):
        steps += [normalised_conv(width, width, 3), nn.ReLU()]
    return nn.Sequential(*steps)


def of_places(width: int, outputs: int, bias: float = 0.0) -> nn.Conv2d:
    """Return what gives each place `outputs` numbers, at first all about `bias`."""
    last = nn.Conv2d(width, outputs, 1)
    nn.init.normal_(last.weight, std=0.01)
    nn.init.constant_(last.bias, bias)  # type: ignore[arg-type]
    return last


def listed(level: Tensor) -> Tensor:
    """Return `(batch, place, channel)` of `(batch, channel, y, x)`."""
    return level.flatten(2).transpose(1, 2)
