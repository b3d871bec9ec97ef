from dataclasses import replace

import numpy as np
import pytest
import torch

from picker.encodings.discs import Discs
from picker.encodings.squares import (
    discs_from_squares,
    once,
    squares_from_discs,
    turned,
)
from picker.training.augment import apply_symmetry

RADIUS = np.array([8.0, 4.0])


def discs(centre_yx, particle):
    number = np.array(particle, np.int64)
    return Discs(
        slice_z=np.full(len(number), 0),
        centre_yx=np.array(centre_yx, float).reshape(-1, 2),
        diameter=2 * RADIUS[number],
        particle=number,
        score=np.ones(len(number), np.float32),
    )


def test_a_disc_touches_the_sides_of_its_square():
    """A particle at the patch's middle, which lies between two pixels."""
    squares = squares_from_discs(discs([[31.5, 31.5]], [0]), 64)
    assert squares.tolist() == [[0.5, 0.5, 0.25]]
    assert squares.dtype == np.float32


def test_discs_come_back():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid([10, 40, 55], [5, 30, 60], indexing="ij"), axis=-1)
    known = discs(grid.reshape(-1, 2) + rng.uniform(-2, 2, (9, 2)), [0, 1, 1] * 3)
    squares = torch.from_numpy(squares_from_discs(known, 64))
    score = torch.linspace(0.9, 0.5, 9)
    kind = torch.from_numpy(known.particle)
    found = discs_from_squares(squares, kind, score, 64, slice_z=7)
    np.testing.assert_allclose(found.centre_yx, known.centre_yx, atol=1e-4)
    np.testing.assert_allclose(found.diameter, known.diameter, atol=1e-4)
    np.testing.assert_array_equal(found.particle, known.particle)
    np.testing.assert_array_equal(found.score, score)
    assert found.slice_z.tolist() == [7] * 9


def test_within_a_radius_the_best_one_stays():
    """7 pixels apart: one particle of the large class, two of the small one."""
    both = discs([[20, 20], [27, 20], [20, 20], [27, 20]], [0, 0, 1, 1])
    both = replace(both, score=np.array([0.5, 0.9, 0.6, 0.8], np.float32))
    found = once(both, RADIUS)
    assert found.score.tolist() == pytest.approx([0.9, 0.8, 0.6])
    assert found.centre_yx.tolist() == [[27, 20], [27, 20], [20, 20]]
    assert found.particle.tolist() == [0, 1, 1]


def test_nothing_found():
    none = torch.zeros(0, dtype=torch.long)
    found = discs_from_squares(torch.zeros(0, 3), none, torch.zeros(0), 64)
    assert found.centre_yx.shape == (0, 2)
    assert len(once(found, RADIUS)) == 0


def test_no_discs_no_squares():
    assert squares_from_discs(discs([], []), 64).shape == (0, 3)


@pytest.mark.parametrize("turns", [0, 1])
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 1, 0), (0, 0, 1), (1, 1, 1)])
def test_squares_stay_about_what_moves(turns, flips):
    places = np.array([[3, 5], [10, 14]])
    patch = np.zeros((3, 16, 16), np.float32)
    patch[:, places[:, 0], places[:, 1]] = [1, 2]
    squares = squares_from_discs(discs(places, [1, 1]), 16)
    moved = turned(squares, flips, turns)
    y, x = np.floor(16 * moved[:, :2].T).astype(int)
    seen = apply_symmetry(patch, np.array(flips, bool), turns)
    assert seen[1][y, x].tolist() == [1, 2]
    np.testing.assert_array_equal(moved[:, 2], squares[:, 2])
