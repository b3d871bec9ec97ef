"""How many picks lie around each, per volume in which picks may be."""

from __future__ import annotations

import math

import numpy as np
import pytest

from picker.refining.density import neighbours, volume_that_counts

V, SHAPE, RADIUS = 10.0, (60, 70, 80), 200.0
BALL = 4 / 3 * math.pi * 0.02**3  # of RADIUS [µm³]


def test_neighbours_are_counted_without_oneself():
    there = np.random.default_rng(0).uniform(0, 600, (80, 3))
    gap = np.linalg.norm(there[:, None] - there, axis=2)
    np.testing.assert_array_equal(neighbours(there, 150), (gap <= 150).sum(axis=1) - 1)
    assert neighbours(np.zeros((0, 3)), 150).shape == (0,)


@pytest.mark.parametrize(
    ("position", "part"),
    [
        ((300, 350, 400), 1),
        # Voxels reach half of their edge beyond their centres.
        ((-5, 350, 400), 1 / 2),
        ((-5, -5, 400), 1 / 4),
        ((595, 695, 795), 1 / 8),
    ],
)
def test_what_lies_outside_of_the_tomogram_does_not_count(position, part):
    found = volume_that_counts(np.array([position], np.float64), RADIUS, V, SHAPE, None)
    np.testing.assert_allclose(found, part * BALL, atol=0.005 * BALL)


def test_nor_does_what_the_mask_leaves_out():
    mask = np.zeros(SHAPE, np.bool_)
    mask[:, :35] = True
    there = np.array([[300.0, 345, 400], [300, 245, 400], [300, 699, 400]])
    found = volume_that_counts(there, RADIUS, V, SHAPE, mask)
    # A cap of height h of a ball of radius r has h² (3 r - h) / (4 r³) of its volume.
    np.testing.assert_allclose(
        found[:2] / BALL, [0.5, 1 - 100**2 * (600 - 100) / (4 * 200**3)], atol=0.01
    )
    assert 0 < found[2] < 0.01 * BALL


def test_in_a_micrograph_it_is_an_area():
    there = np.array([[0.0, 350, 400], [0, -5, 400]])
    found = volume_that_counts(there, RADIUS, V, (1, 70, 80), None)
    disc = math.pi * 0.02**2
    np.testing.assert_allclose(found, [disc, disc / 2], atol=0.005 * disc)


def test_picks_that_are_spread_evenly_have_one_density_at_faces_and_inside():
    rng = np.random.default_rng(0)
    number, size = 6000, np.array(SHAPE) * V
    there = rng.uniform(-V / 2, size - V / 2, (number, 3))
    found = neighbours(there, 100) / volume_that_counts(there, 100, V, SHAPE, None)
    true = number / np.prod(size / 1e4)
    near = ((there < 50) | (there > size - 50)).any(axis=1)
    assert found[near].mean() == pytest.approx(true, rel=0.03)
    assert found[~near].mean() == pytest.approx(true, rel=0.03)
