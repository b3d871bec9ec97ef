from __future__ import annotations

import logging

import numpy as np
import pytest
import torch

from picker.config import Particle, SimulateSettings
from picker.core.rotations import are_known, first_bad
from picker.core.tomogram import Tomogram
from picker.finding.templates import Template, turned
from picker.volumes.phantoms.bodies import body
from picker.volumes.phantoms.simulate import clean_density, simulate_tomogram
from tests.unit.finding import particle

PARTICLES = (
    Particle(name="ribosome", radius=120),
    Particle(name="apo-ferritin", radius=65),
    Particle(name="proteasome", radius=90),
)


SMALL = SimulateSettings(shape_zyx=(40, 72, 88), particles_per_class=3)
RADII = {p.name: p.radius for p in PARTICLES}


def centre_of_mass(volume, centre, reach):
    first = np.maximum(np.floor(centre - reach), 0).astype(int)
    stop = np.minimum(np.ceil(centre + reach) + 1, volume.shape).astype(int)
    where = tuple(slice(a, b) for a, b in zip(first, stop, strict=True))
    grid = np.ogrid[where]
    far = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
    dark = np.where(far <= reach, -volume[where], 0)
    weight = np.maximum(dark - 0.15 * dark.max(), 0)
    return np.array([(weight * g).sum() for g in grid]) / weight.sum()


@pytest.mark.parametrize("place", range(9))
def test_picks_lie_at_the_centre_of_mass(place):
    particles = tuple(Particle(name=f"p{i}", radius=100) for i in range(place + 1))
    settings = SimulateSettings(
        shape_zyx=(52, 60, 68),
        particles_per_class=0.8,
        snr=(1e9, 1e9),
        missing_wedge=0,
        voxel_size=12.5,
    )
    num_seen = 0
    for index in range(60):
        try:
            tomogram, picks = simulate_tomogram("t", index, particles, settings)
        except ValueError:  # with so few particles some tomograms have none
            continue
        centres = picks.position_zyx / 12.5
        last = np.array(tomogram.shape_zyx) - 1
        for i in np.flatnonzero(picks.particle == f"p{place}"):
            distance = np.linalg.norm(centres - centres[i], axis=1)
            alone = (np.delete(distance, i) > 22).all()
            whole = (centres[i] > 10).all() and (last - centres[i] > 10).all()
            if not (alone and whole):
                continue
            found = centre_of_mass(tomogram.volume, centres[i], 9.5)
            assert np.linalg.norm(found - centres[i]) < 0.5
            num_seen += 1
        if num_seen >= 3:
            break
    assert num_seen >= 1


def test_particles_are_dark_with_noise_and_wedge():
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, SMALL)
    grid = np.ogrid[tuple(slice(0, n) for n in tomogram.shape_zyx)]
    near = np.zeros(tomogram.shape_zyx, bool)
    for position, name in zip(picks.position_zyx, picks.particle, strict=True):
        far = sum((10 * g - p) ** 2 for g, p in zip(grid, position, strict=True))
        near |= far < RADII[str(name)] ** 2
    assert tomogram.volume[near].mean() < tomogram.volume[~near].mean() - 0.3


def test_volume_is_normalised_and_named():
    tomogram, picks = simulate_tomogram("phantom-1", 1, PARTICLES, SMALL)
    assert tomogram.name == "phantom-1"
    assert tomogram.voxel_size == 10.0
    assert tomogram.shape_zyx == (40, 72, 88)
    assert tomogram.volume.dtype == np.float32
    assert abs(float(tomogram.volume.mean())) < 1e-4
    assert float(tomogram.volume.std()) == pytest.approx(1, abs=1e-4)
    assert (picks.score == 1).all()
    assert set(picks.particle) == set(RADII)


def test_same_seed_same_tomogram_whatever_came_before():
    first, first_picks = simulate_tomogram("t", 3, PARTICLES, SMALL)
    simulate_tomogram("t", 0, PARTICLES, SMALL)
    np.random.default_rng().random()
    again, again_picks = simulate_tomogram("other", 3, PARTICLES, SMALL)
    assert first.volume.tobytes() == again.volume.tobytes()
    assert first_picks.position_zyx.tobytes() == again_picks.position_zyx.tobytes()


@pytest.mark.parametrize(("seed", "index"), [(1, 4), (2, 3), (-1, 3)])
def test_other_seed_or_index_other_tomogram(seed, index):
    one, _ = simulate_tomogram("t", 3, PARTICLES, SMALL)
    other = simulate_tomogram(
        "t", index, PARTICLES, SMALL.model_copy(update={"seed": seed})
    )[0]
    # From voxel to voxel, as the ice of two tomograms may happen to slope alike.
    changes = [np.diff(volume, axis=2) for volume in (one.volume, other.volume)]
    assert abs(float(np.corrcoef(*map(np.ravel, changes))[0, 1])) < 0.1


def test_counts_are_about_as_asked():
    settings = SimulateSettings(shape_zyx=(32, 128, 120), particles_per_class=6)
    particles = (Particle(name="a", radius=50), Particle(name="b", radius=60))
    counts = [
        np.sum(simulate_tomogram("t", i, particles, settings)[1].particle == name)
        for i in range(12)
        for name in "ab"
    ]
    assert 4.5 < np.mean(counts) < 7.5
    assert min(counts) >= 1
    assert len(set(counts)) > 2


def test_too_many_particles_are_reported(caplog):
    settings = SMALL.model_copy(update={"particles_per_class": 60.0})
    with caplog.at_level(logging.WARNING):
        _, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    assert len(picks) < 180
    assert "particles of ribosome; lower simulate.particles_per_class" in caplog.text


def test_error_when_a_particle_is_smaller_than_a_voxel():
    with pytest.raises(
        ValueError, match=r"radius of dust is 5\.0 Å, expected at least"
    ):
        simulate_tomogram("t", 0, (Particle(name="dust", radius=5),), SMALL)


def test_error_when_nothing_was_placed():
    settings = SMALL.model_copy(update={"particles_per_class": 1e-9})
    with pytest.raises(ValueError, match="no particle was placed in t: "):
        simulate_tomogram("t", 0, PARTICLES, settings)


def test_thin_volumes_work():
    settings = SMALL.model_copy(update={"shape_zyx": (7, 45, 51)})
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
    assert tomogram.shape_zyx == (7, 45, 51)
    assert (picks.position_zyx[:, 0] <= 60).all()


def density_map():
    """Return a map of three blobs of different sizes, of no symmetry, 5 Å voxels."""
    grid = np.ogrid[:40, :44, :48]
    blobs = [((20, 22, 24), 5.0), ((20, 22, 34), 4.0), ((28, 28, 20), 3.5)]
    total = sum(
        np.exp(-sum((g - c) ** 2 for g, c in zip(grid, at, strict=True)) / s**2)
        for at, s in blobs
    )
    solid = -np.expm1(-3 * total).astype(np.float32)
    return Tomogram(name="p0", volume=solid, voxel_size=5.0)


def test_particles_of_a_density_map_lie_at_their_centre_of_mass():
    particles = (Particle(name="p0", radius=90),)
    settings = SimulateSettings(
        shape_zyx=(52, 60, 68), particles_per_class=1.5, snr=(1e9, 1e9), missing_wedge=0
    )
    num_seen = 0
    for index in range(20):
        tomogram, picks = simulate_tomogram(
            "t", index, particles, settings, {"p0": density_map()}
        )
        centres = picks.position_zyx / 10.0
        last = np.array(tomogram.shape_zyx) - 1
        for i, centre in enumerate(centres):
            alone = (
                np.linalg.norm(np.delete(centres, i, 0) - centre, axis=1) > 20
            ).all()
            if alone and (centre > 10).all() and (last - centre > 10).all():
                found = centre_of_mass(tomogram.volume, centre, 9.5)
                assert np.linalg.norm(found - centre) < 0.5
                num_seen += 1
    assert num_seen >= 3


def test_without_clusters_and_membranes_phantoms_are_what_they_were():
    tomogram, picks = simulate_tomogram("t", 0, PARTICLES, SMALL)
    assert len(picks) == 12
    assert tomogram.volume[20, 30, 40] == pytest.approx(0.36538, abs=1e-4)


ROOMY = SimulateSettings(shape_zyx=(60, 90, 90), particles_per_class=1)
"""With some crowders, but particles hardly touch."""


def likeness(volume, place, expected):
    """Return the correlation of a cube around a place [voxels] with an odd cube."""
    first = np.round(place).astype(int) - len(expected) // 2
    if (first < 0).any() or (first + len(expected) > volume.shape).any():
        return None
    there = volume[tuple(slice(a, a + len(expected)) for a in first)]
    return np.corrcoef(there.ravel(), expected.ravel())[0, 1]


def test_the_true_pose_of_a_density_map_is_where_it_was_put():
    three = (Particle(name="three", radius=80),)
    maps = {"three": particle.density_map(5.0, 48)}
    seen = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        volume, picks = clean_density(rng, "t", three, ROOMY, maps)
        place = picks.position_zyx[0] / 10
        middle = place - np.round(place) + 8
        # Rendered anew, by the definition of a rotation.
        right, wrong = (
            likeness(volume, place, particle.density((17,) * 3, middle, rotation))
            for rotation in (picks.rotation[0], picks.rotation[0].T)
        )
        seen += [(right, wrong)] if right else []
    assert len(seen) >= 2
    assert min(right for right, _ in seen) > 0.97
    assert max(wrong for _, wrong in seen) < 0.9


@pytest.mark.parametrize("place", [0, 3, 6])
def test_the_template_turned_by_the_true_rotation_is_what_is_there(place):
    particles = tuple(Particle(name=f"p{i}", radius=60) for i in range(place + 1))
    shape, axis = body(place), np.linspace(-1.6, 1.6, 97, dtype=np.float32)
    step = 3.2 / 96
    template = Template(
        volume=shape.density(*np.ix_(axis, axis, axis)),
        voxel_size=step * 60 / shape.reach,
        centre_zyx=48 + np.array(shape.centre) / step,
    )
    seen = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        volume, picks = clean_density(rng, "t", particles, ROOMY)
        picks = picks.of(f"p{place}")
        both = np.stack([picks.rotation[0], picks.rotation[0].T]).astype(np.float32)
        cubes = next(turned(template, both, 13, 10.0, 90.0, torch.device("cpu")))
        right, wrong = (
            likeness(volume, picks.position_zyx[0] / 10, cube.numpy()) for cube in cubes
        )
        seen += [(right, wrong)] if right else []
    assert len(seen) >= 2
    # Half a voxel off at most.
    assert min(right for right, _ in seen) > 0.85
    right, wrong = np.mean(seen, axis=0)
    assert right > wrong + 0.05, seen


def test_what_looks_the_same_from_everywhere_has_no_rotation():
    _, picks = simulate_tomogram("t", 0, PARTICLES, SMALL)
    known = are_known(picks.rotation)
    assert known.tolist() == (picks.particle != "apo-ferritin").tolist()
    assert first_bad(picks.rotation) is None
