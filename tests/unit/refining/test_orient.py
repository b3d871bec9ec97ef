"""Directions from a membrane's mask and along filaments."""

from __future__ import annotations

import numpy as np
import pytest

from picker.refining.orient import normals_at, surface_of, tangents_of

V = 10.0


def angle(one, other):
    """Return the angles between vectors [degrees]."""
    cosine = (one * other).sum(axis=1)
    cosine /= np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return np.rad2deg(np.arccos(np.clip(cosine, -1, 1)))


@pytest.mark.parametrize("is_hollow", [False, True])
def test_normals_of_a_vesicle_point_away_from_its_membrane(is_hollow):
    shape, centre, radius = (60, 64, 68), np.array([30, 33, 31]), 20
    far = np.linalg.norm(np.indices(shape).T - centre, axis=-1).T
    mask = (far <= radius) & ((far > radius - 3) | (not is_hollow))
    out = np.random.default_rng(0).normal(size=(200, 3))
    out /= np.linalg.norm(out, axis=1, keepdims=True)
    surface = surface_of(mask)
    outside = normals_at((centre + (radius + 4) * out) * V, surface, V)
    np.testing.assert_allclose(np.linalg.norm(outside, axis=1), 1)
    assert angle(outside, out).max() < 3
    inside = normals_at((centre + (radius - 6) * out) * V, surface, V)
    assert angle(inside, -out if is_hollow else out).max() < 5


@pytest.mark.parametrize("thickness", [1, 4])
def test_a_flat_membrane_has_a_normal_on_each_side(thickness):
    mask = np.zeros((40, 20, 20), np.bool_)
    mask[20 : 20 + thickness] = True
    above, below = np.array([[10, 9, 3], [30, 0, 19]]) * V
    found = normals_at(np.stack([above, below]), surface_of(mask), V)
    np.testing.assert_allclose(found, [[-1, 0, 0], [1, 0, 0]], atol=1e-6)


def test_a_mask_without_a_surface_is_refused():
    with pytest.raises(ValueError, match="the mask has no surface"):
        surface_of(np.ones((5, 5, 5), np.bool_))


def test_tangents_follow_the_order_of_picks():
    turn = np.linspace(0, 1, 30)
    helix = np.stack([300 * turn, 50 * np.cos(6 * turn), 50 * np.sin(6 * turn)], axis=1)
    along = np.stack(
        [np.full(30, 300), -300 * np.sin(6 * turn), 300 * np.cos(6 * turn)], axis=1
    )
    # Two filaments whose picks take turns, the second one backwards.
    both = np.empty((60, 3))
    both[::2], both[1::2] = helix, helix[::-1] + 1000
    found = tangents_of(both, np.tile([7, 3], 30))
    assert angle(found[::2][1:-1], along[1:-1]).max() < 1
    assert angle(found[1::2][1:-1], -along[::-1][1:-1]).max() < 1
    assert angle(found[::2][[0, -1]], along[[0, -1]]).max() < 6


def test_a_lone_pick_has_no_tangent():
    place = np.array([[0, 0, 0], [5, 5, 5], [5, 5, 5], [1, 2, 3.0]])
    found = tangents_of(place, np.array([0, 1, 1, 2]))
    assert np.isnan(found).all()
