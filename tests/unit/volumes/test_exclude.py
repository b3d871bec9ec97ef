"""Slabs, gold beads and masks exclude voxels, as one region."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from pydantic import ValidationError

from picker.config import (
    PreprocessSettings,
    TomogramRow,
)
from picker.volumes.exclude import allowed_region, away_from_gold

SHAPE = (24, 40, 56)
V = 10.0
GOLD = PreprocessSettings(avoid_gold=0.0, gold_diameter=50)


def noise(shape=SHAPE, seed=0):
    return np.random.default_rng(seed).normal(7, 3, shape).astype(np.float32)


def ball(centre, radius, shape=SHAPE):
    """Return where a ball [voxels] is."""
    square = sum(
        (g - c) ** 2
        for g, c in zip(np.ogrid[tuple(map(slice, shape))], centre, strict=True)
    )
    return square <= radius**2


@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("gain", [1.0, 1e-3])
def test_beads_are_found_and_nothing_else_is(sign, gain):
    bead, particle = ball((12, 20, 12), 4), ball((12, 20, 40), 8)
    volume = noise()
    volume[bead] += sign * 60
    volume[particle] += sign * 6  # twice the noise, as particles at most are
    volume[3, 3, 3] += sign * 200  # a hot pixel
    volume[ball((4, 33, 30), 1)] += sign * 60  # too small for a bead
    volume[ball((20, 8, 50), 4)] -= sign * 60  # of the other sign
    are = "dark" if sign < 0 else "light"
    settings = GOLD.model_copy(update={"particles_are": are})
    away, beads = away_from_gold(gain * volume - 5, V, settings)
    assert len(beads) == 1
    np.testing.assert_array_equal(~away, bead)


def test_the_distance_counts_from_the_bead_s_surface():
    volume = noise()
    bead = ball((12, 20, 28), 4)
    volume[bead] -= 60
    settings = GOLD.model_copy(update={"avoid_gold": 50.0})
    away, _ = away_from_gold(volume, V, settings)
    places = np.argwhere(bead)
    far = np.array(
        [
            np.sqrt(((places - index) ** 2).sum(axis=1)).min() * V
            for index in np.argwhere(np.ones(SHAPE))
        ]
    ).reshape(SHAPE)
    np.testing.assert_array_equal(away, far > 50)


def test_beads_at_the_faces_and_beside_each_other():
    volume = noise()
    beads = ball((0, 0, 0), 5) | ball((23, 39, 50), 4) | ball((23, 39, 40), 4)
    volume[beads] -= 60
    away, found = away_from_gold(volume, V, GOLD.model_copy(update={"avoid_gold": 20}))
    assert len(found) == 3
    assert not away[beads].any()
    assert not away[23, 39, 45]
    assert away[12, 20, 28]


def test_gold_outside_of_the_mask_does_not_set_the_spread():
    volume = noise()
    mask = np.zeros(SHAPE, bool)
    mask[8:16] = True
    volume[~mask] = 0  # written so by programs that cut out a lamella
    bead = ball((12, 20, 12), 3)
    volume[bead] -= 60
    with pytest.raises(ValueError, match=r"more than half of the voxels are 0.* mask"):
        allowed_region(volume, V, GOLD)
    region, _, warnings = allowed_region(volume, V, GOLD, mask)
    np.testing.assert_array_equal(region, mask & ~bead)
    assert warnings == []
    assert mask[bead].all()


def test_slab_and_mask_are_joined():
    mask = np.zeros(SHAPE, bool)
    mask[:, :, 30:] = True
    before = mask.copy()
    settings = PreprocessSettings()
    region, _, _ = allowed_region(noise(), V, settings, mask, (50, 120.5))
    assert np.unique(np.nonzero(region)[0]).tolist() == [5, 6, 7, 8, 9, 10, 11, 12]
    assert np.unique(np.nonzero(region)[2]).tolist() == list(range(30, 56))
    np.testing.assert_array_equal(mask, before)
    region, _, _ = allowed_region(noise(), V, settings, None, (None, 30))
    assert np.unique(np.nonzero(region)[0]).tolist() == [0, 1, 2, 3]


def test_nothing_is_made_where_nothing_is_excluded():
    assert allowed_region(noise(), V, PreprocessSettings()) == (None, None, [])
    mask = np.ones(SHAPE, bool)
    assert allowed_region(noise(), V, PreprocessSettings(), mask)[0] is mask


def test_errors_say_what_to_do():
    with pytest.raises(ValueError, match=r"slab from 300 to - Å .* from 0 to 230 Å"):
        allowed_region(noise(), V, PreprocessSettings(), None, (300, None))
    mask = np.zeros(SHAPE, bool)
    mask[0] = True
    with pytest.raises(ValueError, match="no voxel of the tomogram and its mask"):
        allowed_region(noise(), V, PreprocessSettings(), mask, (100, None))
    volume = noise()
    volume[ball((12, 20, 28), 4)] -= 60
    settings = GOLD.model_copy(update={"avoid_gold": 150.0})
    _, _, (warning,) = allowed_region(volume, V, settings)
    assert "within 150 Å of 1 gold beads; if that is not gold, raise" in warning
    settings = GOLD.model_copy(update={"avoid_gold": 9000.0})
    with pytest.raises(ValueError, match="1 gold beads leave nothing"):
        allowed_region(volume, V, settings)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        ({"slab_z_low": 500, "slab_z_high": 100}, "expected the lower face first"),
        ({"slab_z_low": "nan"}, "finite"),
    ],
)
def test_a_row_refuses_an_impossible_slab(values, match):
    with pytest.raises(ValidationError, match=match):
        TomogramRow(tomogram="a", path="a.mrc", split="predict", **values)


def test_little_memory_is_used_beside_the_input(monkeypatch):
    monkeypatch.setattr("picker.volumes.exclude.NUM_SAMPLED", 10_000)
    volume = noise((60, 90, 120))
    for centre in ((10, 20, 30), (40, 60, 100)):
        volume[ball(centre, 4, volume.shape)] -= 60
    settings = GOLD.model_copy(update={"avoid_gold": 50.0})
    tracemalloc.start()
    try:
        allowed_region(volume, V, settings)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * volume.nbytes


def test_a_bead_in_a_micrograph_is_a_disc():
    shape = (1, 60, 80)
    bead, small = ball((0, 20, 20), 3, shape), ball((0, 40, 60), 1, shape)
    volume = noise(shape)
    volume[bead | small] -= 60
    away, beads = away_from_gold(volume, V, GOLD)
    assert len(beads) == 1
    np.testing.assert_array_equal(~away, bead)


@pytest.mark.parametrize("depth", [24, 1])
def test_a_bead_is_told_as_the_ball_of_its_volume(depth):
    shape, centre = (depth, 40, 56), (depth // 2, 21, 30)
    volume = noise(shape)
    volume[ball(centre, 5, shape)] -= 60
    _, (bead,), _ = allowed_region(volume, V, GOLD)
    assert [bead.z, bead.y, bead.x] == [c * V for c in centre]
    assert bead.radius == pytest.approx(5 * V, abs=0.25 * V)
    assert allowed_region(noise(), V, GOLD).gold == ()
    assert allowed_region(noise(), V, PreprocessSettings()).gold is None
