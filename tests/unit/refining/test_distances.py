"""Distances of positions from membranes, faces, edges and gold, by exact geometry."""

from __future__ import annotations

import numpy as np
import pytest

from picker.core.gold import Bead
from picker.core.slab import Face, Slab, level_slab
from picker.refining.distances import (
    edge_distance,
    face_distance,
    gold_distance,
    mask_distance,
    segmentation,
)
from picker.refining.select import in_region

V = 8.0


def places(shape, number=300, seed=0):
    """Return positions anywhere in a volume, between its voxels [Å]."""
    rng = np.random.default_rng(seed)
    return rng.uniform(0, np.array(shape) - 1, (number, 3)) * V


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_flat_membrane_is_exact_between_voxels(axis):
    shape = (30, 44, 58)
    mask = np.zeros(shape, np.bool_)
    mask.swapaxes(0, axis)[12:15] = True
    there = places(shape)
    # Its faces are those of its voxels, 11.5 and 14.5.
    beyond = np.abs(there[:, axis] - 13 * V) - 1.5 * V
    found = mask_distance(there, segmentation(mask, V))
    apart = beyond > 0
    assert 30 < apart.sum() < 290
    # Beside a pick the nearest voxel's centre is up to half a voxel away sideways.
    near = there / V - np.round(there / V)
    near[:, axis] = 0
    sideways = np.linalg.norm(near, axis=1) * V
    expected = np.hypot(beyond + V / 2, sideways) - V / 4
    np.testing.assert_allclose(found[apart], expected[apart], atol=1e-9)
    # The farther, the less does that matter.
    far = beyond > 3 * V
    assert np.abs(found - beyond - V / 4)[far].max() < 0.08 * V
    assert (found[beyond < 0] == 0).all()


@pytest.mark.parametrize("is_hollow", [False, True])
def test_a_vesicle_is_right_to_a_fraction_of_a_voxel(is_hollow):
    shape, centre, radius = (50, 60, 72), np.array([23.3, 30.6, 35.1]), 17.4
    from_centre = np.linalg.norm(np.indices(shape).T - centre, axis=-1).T
    mask = (from_centre <= radius) & ((from_centre > radius - 4) | (not is_hollow))
    there = places(shape, 2000)
    out = np.linalg.norm(there - centre * V, axis=1)
    exact = out - radius * V
    if is_hollow:
        exact = np.maximum(exact, (radius - 4) * V - out)
    found = mask_distance(there, segmentation(mask, V))
    error = (found - exact)[exact > V] / V
    assert len(error) > 1000
    assert abs(error.mean()) < 0.1
    assert error.std() < 0.15
    assert np.abs(error).max() < 0.8
    assert found[exact < -V / 2].max() == 0


def test_a_segmentation_may_have_other_voxels():
    mask = np.zeros((10, 12, 14), np.bool_)
    mask[:, :, 9] = True
    there = np.array([[40.0, 20.0, 100.0], [40.0, 20.0, 188.0]])
    np.testing.assert_allclose(
        mask_distance(there, segmentation(mask, 20.0)), [75.0, 0.0]
    )


def test_a_membrane_in_a_micrograph_is_a_line():
    mask = np.zeros((1, 40, 30), np.bool_)
    mask[:, 20] = True
    found = mask_distance(np.array([[0.0, 5 * V, 3 * V]]), segmentation(mask, V))
    np.testing.assert_allclose(found, 14.75 * V)


def test_without_a_membrane_all_is_far_and_within_a_full_one_nothing():
    shape = (10, 12, 14)
    there = places(shape, 5)
    none = segmentation(np.zeros(shape, np.bool_), V)
    assert np.isposinf(mask_distance(there, none)).all()
    full = segmentation(np.ones(shape, np.bool_), V)
    assert (mask_distance(there, full) == 0).all()
    assert mask_distance(np.zeros((0, 3)), full).shape == (0,)


def test_the_volume_s_own_faces_are_no_membrane():
    mask = np.zeros((10, 12, 14), np.bool_)
    mask[:4] = True
    surface = segmentation(mask, V).surface
    assert set(surface.data[:, 0]) == {3.0}


def test_faces_are_planes_and_the_outside_is_negative():
    level = level_slab(100, 500)
    there = np.array([[150.0, 0, 0], [480, 9, 9], [60, 0, 0], [530, 0, 0]])
    np.testing.assert_allclose(face_distance(there, level), [50, 20, -40, -30])
    # One face, with slopes 3/4 and 0: a point 50 Å above it along z is 40 Å off.
    tilted = Slab(low=Face(offset=100, slope_y=0.75, slope_x=0), high=None)
    there = np.array([[100 + 0.75 * 200 + 50, 200.0, 70.0]])
    np.testing.assert_allclose(face_distance(there, tilted), [40])
    assert level_slab(None, None) is None


@pytest.mark.parametrize("shape", [(20, 30, 40), (1, 30, 40)])
def test_the_edge_is_that_of_the_edge_margin(shape):
    there = places(shape)
    found = edge_distance(there, V, shape)
    for margin in (0.0, 20.0, 55.5):
        inside = in_region(there, V, shape, margin, None)
        assert ((found >= margin) == inside).all()
    assert edge_distance(np.array([[0.0, -5.0, 9.0]]), V, shape)[0] == -5


def test_gold_is_a_ball():
    gold = (
        Bead(z=0, y=0, x=0, radius=40),
        Bead(z=0, y=300, x=400, radius=100),
    )
    there = np.array([[0.0, 0, 100], [0, 30, 0], [0, 300, 100], [0, 0, 4000]])
    np.testing.assert_allclose(
        gold_distance(there, gold), [60, 0, 200, np.hypot(3600, 300) - 100]
    )
    assert np.isposinf(gold_distance(there, ())).all()
