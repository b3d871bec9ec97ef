"""A lamella's faces are found where they are, and none where there are none."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest

from picker.config import Particle, SimulateSettings
from picker.core.slab import Face, Slab
from picker.volumes.phantoms.simulate import simulate_tomogram
from picker.volumes.slab import are_inside, find_slab, inside_slab
from picker.volumes.spread import LAYER
from tests.unit.volumes.slabs import SHAPE, V, error, lamella, tilted

PARTICLES = (Particle(name="a", radius=60), Particle(name="b", radius=120))


def beads(volume, num=5):
    rng = np.random.default_rng(1)
    grid = np.ogrid[tuple(slice(0, n) for n in volume.shape)]
    for centre in rng.uniform(0, volume.shape, (num, 3)):
        square = sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True))
        volume[square < 25] -= 20
    return volume


def gradient(volume):
    for axis, size in enumerate(volume.shape):
        along = np.linspace(0, 4, size, dtype=np.float32)
        volume += along.reshape([-1 if a == axis else 1 for a in range(3)])
    return volume


def padded(volume):
    volume[:7] = 3.0
    volume[:, :, -9:] = -2.0
    return volume


def same(volume):
    return volume


@pytest.mark.parametrize("change", [same, beads, gradient, padded])
@pytest.mark.parametrize("tilt", [0, 8, 20])
def test_both_faces_are_found(tilt, change):
    low, high = tilted(370, tilt), tilted(830, tilt)
    slab = find_slab(change(lamella(low, high)), V)
    assert error(slab.low, low) < 0.6 * LAYER
    assert error(slab.high, high) < 0.6 * LAYER
    assert slab.low.tilt == pytest.approx(tilt, abs=3)
    assert 1.5 < slab.ratio < 2.2


@pytest.mark.parametrize("smooth", [15, 25])
def test_noise_may_be_smooth(smooth):
    low, high = tilted(370, 6), tilted(830, 6)
    slab = find_slab(lamella(low, high, smooth=smooth), V)
    assert error(slab.low, low) < LAYER
    assert error(slab.high, high) < LAYER


def test_a_tomogram_may_end_inside_of_the_sample():
    face = tilted(500, 5)
    below = find_slab(lamella(face, None), V)
    above = find_slab(lamella(None, face), V)
    assert error(below.low, face) < LAYER
    assert error(above.high, face) < LAYER
    assert (below.high, above.low) == (None, None)


def test_voxels_may_be_large_and_volumes_not_float():
    shape, size = (48, 60, 60), 30.0
    low, high = (tilted(z, 4, shape=shape, voxel_size=size) for z in (450, 1000))
    volume = lamella(low, high, shape=shape, voxel_size=size)
    for kind in (volume, np.round(8 * volume).astype(np.int8), volume * 1e-30):
        slab = find_slab(kind, size)
        assert error(slab.low, low, shape, size) < LAYER
        assert error(slab.high, high, shape, size) < LAYER


@pytest.mark.parametrize("snr", [(0.1, 0.4), (1.0, 2.0)])
@pytest.mark.parametrize("crowd", [8, 40])
def test_phantoms_have_no_faces(snr, crowd):
    for index in range(3):
        settings = SimulateSettings(
            shape_zyx=(72, 128, 128),
            voxel_size=V,
            snr=snr,
            particles_per_class=crowd,
            membranes=3,
            clustering=0.4,
        )
        tomogram, _ = simulate_tomogram("a", index, PARTICLES, settings)
        assert find_slab(tomogram.volume, V) is None


@pytest.mark.parametrize("change", [same, beads, gradient, padded])
@pytest.mark.parametrize("ratio", [1.0, 2.0])
@pytest.mark.parametrize("smooth", [0, 30])
def test_a_sample_that_fills_the_tomogram_has_no_faces(ratio, smooth, change):
    volume = change(lamella(ratio=ratio, smooth=smooth, seed=3))
    assert find_slab(volume, V) is None


def test_a_sample_that_fades_has_no_faces():
    fading = np.linspace(0.5, 1.5, SHAPE[0], dtype=np.float32)[:, None, None]
    assert find_slab(lamella() * fading, V) is None


def test_a_large_vesicle_is_no_vacuum():
    volume = lamella()
    z, y, x = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    volume[(z - 90) ** 2 + (y - 80) ** 2 + (x - 70) ** 2 < 45**2] /= 2
    assert find_slab(volume, V) is None


@pytest.mark.parametrize("shape", [(30, 160, 160), (120, 10, 10), (1, 1, 1)])
def test_too_few_layers_or_columns_have_no_faces(shape):
    assert find_slab(np.random.default_rng(0).normal(size=shape), V) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, 7.0])
def test_what_is_no_image_has_no_faces(value):
    assert find_slab(np.full(SHAPE, value, np.float32), V) is None
    volume = lamella(tilted(370, 0), tilted(830, 0))
    volume[30:33] = value
    find_slab(volume, V)  # and warns of nothing


def test_a_slab_is_thick_enough_everywhere():
    low, high = tilted(370, 0), tilted(700, 8)
    volume = lamella(low, high)
    narrow = min(high.z(y, x) for y in (0, 1590) for x in (0, 1590)) - 370
    assert find_slab(volume, V, narrow - LAYER) is not None
    assert find_slab(volume, V, narrow + LAYER) is None
    one = lamella(tilted(800, 0), None)
    assert find_slab(one, V, 300) is not None
    assert find_slab(one, V, 500) is None


def test_region_and_positions_agree():
    slab = Slab(
        low=tilted(370, 8), high=Face(offset=700, slope_y=0.1, slope_x=0), ratio=2
    )
    for margin in (0.0, 45.0):
        region = inside_slab(slab, SHAPE, V, margin)
        index = np.random.default_rng(0).integers(0, SHAPE, (2000, 3))
        inside = are_inside(slab, index * V, margin)
        assert region[tuple(index.T)].tolist() == inside.tolist()
        assert 0 < inside.sum() < 2000
    assert inside_slab(slab, SHAPE, V, 45.0).sum() > inside_slab(slab, SHAPE, V).sum()
    assert not inside_slab(slab, SHAPE, V)[:, 0, 0][[20, 71]].any()


def test_a_missing_face_leaves_all_beyond():
    low = Slab(low=Face(offset=300, slope_y=0, slope_x=0), high=None, ratio=2)
    assert (
        inside_slab(low, (60, 4, 4), V)[:, 2, 2].tolist() == [False] * 30 + [True] * 30
    )
    assert are_inside(low, np.array([[299.0, 0, 0], [9e9, 0, 0]])).tolist() == [
        False,
        True,
    ]


def test_memory_is_a_fraction_of_the_volume():
    shape = (120, 300, 300)
    volume = np.random.default_rng(0).standard_normal(shape, np.float32)
    volume[40:80] *= 2
    tracemalloc.start()
    slab = find_slab(volume, V)
    inside_slab(slab, shape, V)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * volume.nbytes


@pytest.mark.parametrize(
    ("low", "high"),
    [
        (Face(offset=100, slope_y=0.2, slope_x=-0.1), tilted(500, 10)),
        (Face(offset=3 * V, slope_y=0, slope_x=0), tilted(7 * V, 0)),
        (None, tilted(200, 5)),
        (tilted(200, 5), None),
    ],
)
def test_each_voxel_is_inside_that_lies_between_the_faces(low, high):
    slab = Slab(low=low, high=high, ratio=2.0)
    shape = (40, 13, 17)
    positions = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 3) * V
    expected = are_inside(slab, positions, 7.0).reshape(shape)
    assert 0 < expected.mean() < 1
    np.testing.assert_array_equal(inside_slab(slab, shape, V, 7.0), expected)
