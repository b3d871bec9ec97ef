import math

import numpy as np
import pytest
import torch

from picker.training.turning import (
    Turning,
    draw_turning,
    turned_image,
    turned_region,
    turned_target,
)

QUARTER = Turning(angle=math.pi / 2, magnification=1.0)


def blob(y, x, edge=64, sigma=3.0):
    """Return `(1, 2, edge, edge)` with a Gaussian about y, x [pixels] in channel 1."""
    along = torch.arange(edge) + 0.5
    height = torch.exp(-((along - y) ** 2) / (2 * sigma**2))
    width = torch.exp(-((along - x) ** 2) / (2 * sigma**2))
    one = height[:, None] * width
    return torch.stack([torch.zeros_like(one), one])[None]


@pytest.mark.parametrize(("angle", "larger"), [(0.0, 1.0), (0.7, 1.1), (4.0, 0.9)])
def test_squares_stay_about_what_they_are_about(angle, larger):
    turning = Turning(angle=angle, magnification=larger)
    image = turned_image(blob(42.0, 24.0), turning)
    ((kind, y, x, side),) = turned_target(
        torch.tensor([[2.0, 42 / 64, 24 / 64, 0.25]]), turning
    ).tolist()
    along = torch.arange(64) + 0.5
    mass = image[0, 1] / image[0, 1].sum()
    assert (mass.sum(1) @ along).item() == pytest.approx(64 * y, abs=0.05)
    assert (mass.sum(0) @ along).item() == pytest.approx(64 * x, abs=0.05)
    # The channels stay apart, and areas grow with the side's square.
    assert image[0, 0].abs().max() == 0
    grown = image[0, 1].sum() / blob(42.0, 24.0).sum()
    assert grown.item() == pytest.approx((side / 0.25) ** 2, rel=0.02)
    assert kind == 2


def test_a_quarter_turn_takes_every_pixel_along():
    image = torch.randn(1, 1, 8, 8)
    turned = turned_image(image, QUARTER)
    # y goes to x, and x to minus y.
    torch.testing.assert_close(turned, torch.rot90(image, -1, (-1, -2)))


def test_what_leaves_a_patch_is_gone():
    corner = torch.tensor([[0.0, 0.02, 0.02, 0.1], [1.0, 0.5, 0.5, 0.1]])
    found = turned_target(corner, Turning(angle=math.pi / 4, magnification=1.0))
    assert found[:, 0].tolist() == [1]
    assert turned_target(corner[:0], QUARTER).shape == (0, 4)


def test_what_came_from_beyond_is_unknown():
    known = turned_region(
        torch.ones(1, 1, 64, 64), Turning(angle=math.pi / 4, magnification=1.0)
    )
    assert known[0, 0, 32, 32] == 1
    assert known[0, 0, 0, 0] == known[0, 0, -1, 0] == 0
    # A regular octagon is left of a square, but for its rim.
    assert known.mean().item() == pytest.approx(2 * (math.sqrt(2) - 1), abs=0.05)


def test_angles_are_anywhere_and_sizes_about_1():
    rng = np.random.default_rng(0)
    drawn = [draw_turning(rng) for _ in range(200)]
    turns = np.histogram([one.angle for one in drawn], 4, (0, 2 * math.pi))[0]
    assert turns.min() > 30
    assert 0.9 < min(one.magnification for one in drawn) < 0.92
    assert 1.08 < max(one.magnification for one in drawn) < 1.11
