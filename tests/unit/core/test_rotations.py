"""Rotations and Euler angles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from picker.core.rotations import (
    first_bad,
    matrix_from_zxz,
    matrix_from_zyz,
    nearest,
    random_rotations,
    reversed_axes,
    unknown,
    z_axis_along,
    zxz_from_matrix,
    zyz_from_matrix,
)

ANGLES = np.random.default_rng(0).uniform(-180, 180, (1000, 3))
WAYS = [
    ("ZYZ", matrix_from_zyz, zyz_from_matrix),
    ("ZXZ", matrix_from_zxz, zxz_from_matrix),
]


def degrees_apart(one, other):
    """Return the largest angle between matrices [degrees]."""
    # An arc cosine would lose half of the decimals near 0.
    chord = np.linalg.norm(one - other, axis=(1, 2)) / np.sqrt(8)
    return np.rad2deg(2 * np.arcsin(chord)).max()


@pytest.mark.parametrize(("axes", "matrix_of", "angles_of"), WAYS)
def test_scipy_has_the_same_matrices(axes, matrix_of, angles_of):
    expected = Rotation.from_euler(axes, ANGLES, degrees=True).as_matrix()
    np.testing.assert_allclose(matrix_of(ANGLES), expected, atol=1e-14)
    np.testing.assert_allclose(
        angles_of(expected),
        Rotation.from_matrix(expected).as_euler(axes, degrees=True),
        atol=1e-9,
    )


@pytest.mark.parametrize(("axes", "matrix_of", "angles_of"), WAYS)
@pytest.mark.parametrize("b", [0, 1e-13, 1e-9, 1e-6, 90, 180 - 1e-9, 180])
def test_angles_give_the_matrix_back_near_the_poles_too(axes, matrix_of, angles_of, b):
    matrix = matrix_of(np.column_stack([ANGLES[:, 0], np.full(1000, b), ANGLES[:, 2]]))
    again = angles_of(matrix)
    assert ((again[:, 1] >= 0) & (again[:, 1] <= 180)).all()
    assert np.abs(again).max() <= 180 + 1e-9
    assert degrees_apart(matrix_of(again), matrix) < 1e-10
    assert axes


def test_no_rotation_has_angles_of_zero():
    assert zyz_from_matrix(np.eye(3)[None]).tolist() == [[0, 0, 0]]


def test_unknown_rotations_stay_unknown():
    assert np.isnan(zyz_from_matrix(unknown(2))).all()
    assert np.isnan(matrix_from_zyz(np.full((2, 3), np.nan))).all()
    assert np.isnan(nearest(unknown(2))).all()
    assert first_bad(unknown(2)) is None


def test_what_is_no_rotation_is_told():
    matrix = random_rotations(4, np.random.default_rng(1))
    assert first_bad(matrix) is None
    for wrong, why in (
        (-np.eye(3), "is left-handed: it mirrors"),
        (1.1 * np.eye(3), "is not orthogonal"),
        (np.diag([1, 1, np.nan]), "is not finite"),
    ):
        matrix[2] = wrong
        assert first_bad(matrix) == (2, why)


def test_rounded_matrices_become_rotations():
    exact = random_rotations(100, np.random.default_rng(2))
    rounded = np.round(exact, 3)
    assert first_bad(rounded) is not None
    assert first_bad(nearest(rounded)) is None
    assert degrees_apart(nearest(rounded), exact) < 0.1


def test_random_rotations_favour_no_direction():
    matrix = random_rotations(20000, np.random.default_rng(3))
    assert np.abs(matrix.mean(axis=0)).max() < 0.02
    np.testing.assert_allclose((matrix**2).mean(axis=0), 1 / 3, atol=0.01)


def test_the_z_axis_is_turned_into_directions():
    direction = np.random.default_rng(4).normal(size=(50, 3))
    direction[:3] = [[1, 0, 0], [-2, 0, 0], [0, 0, 3]]
    rotation = z_axis_along(direction)
    assert first_bad(rotation) is None
    length = np.linalg.norm(direction, axis=1, keepdims=True)
    np.testing.assert_allclose(rotation[:, :, 0], direction / length, atol=1e-14)
    np.testing.assert_array_equal(rotation[0], np.eye(3))
    assert np.isnan(z_axis_along(np.full((1, 3), np.nan))).all()


def test_axes_reversed_twice_are_the_same():
    matrix = random_rotations(3, np.random.default_rng(5))
    vector = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(
        reversed_axes(matrix) @ vector[::-1], (matrix @ vector)[:, ::-1]
    )
