from __future__ import annotations

import numpy as np
import pytest

from picker.config import SimulateSettings
from picker.volumes.phantoms import place
from picker.volumes.phantoms.simulate import simulate_tomogram
from tests.unit.volumes.phantoms.test_simulate import PARTICLES, RADII, SMALL


@pytest.mark.parametrize("index", range(4))
def test_picks_lie_inside_and_do_not_overlap(index):
    settings = SMALL.model_copy(update={"particles_per_class": 8.0})
    tomogram, picks = simulate_tomogram("t", index, PARTICLES, settings)
    centres = picks.position_zyx / tomogram.voxel_size
    assert (centres >= 0).all()
    assert (centres <= np.array(tomogram.shape_zyx) - 1).all()
    radii = np.array([RADII[str(name)] for name in picks.particle])
    distance = np.linalg.norm(
        picks.position_zyx[:, None] - picks.position_zyx[None], axis=2
    )
    np.fill_diagonal(distance, np.inf)
    assert (distance >= 0.9 * (radii[:, None] + radii) - 1e-6).all()


def test_clustering_brings_particles_of_a_class_together():
    def nearest(clustering):
        """Return the mean distance [radii] to the nearest of the same class."""
        settings = SimulateSettings(
            shape_zyx=(48, 128, 128), particles_per_class=10, clustering=clustering
        )
        found = []
        for index in range(3):
            _, picks = simulate_tomogram("t", index, PARTICLES, settings)
            for name, radius in RADII.items():
                place = picks.of(name).position_zyx
                gap = np.linalg.norm(place[:, None] - place, axis=2)
                np.fill_diagonal(gap, np.inf)
                assert gap.min() >= 1.8 * radius - 1e-6  # still apart
                found.append(gap.min(axis=1).mean() / radius)
        return np.mean(found)

    assert nearest(0.9) < 0.8 * nearest(0.0)


def test_membranes_are_dark_shells_that_particles_keep_off():
    few = {"shape_zyx": (48, 160, 160), "particles_per_class": 20, "snr": (1e9, 1e9)}
    settings = SimulateSettings(**few, membranes=3, missing_wedge=0, seed=6)
    bare = settings.model_copy(update={"membranes": 0.0})
    shells = []

    class Spy(place.Layout):
        def add_shell(self, centre, radius, half):
            shells.append((centre * 10.0, radius * 10.0))
            super().add_shell(centre, radius, half)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(place, "Layout", Spy)
        tomogram, picks = simulate_tomogram("t", 0, PARTICLES, settings)
        assert len(shells) > 1
        for i, (centre, radius) in enumerate(shells):
            for other, size in shells[:i]:
                assert np.linalg.norm(centre - other) >= radius + size + 60 - 1e-6
        number = len(shells)
        simulate_tomogram("t", 0, PARTICLES, bare)
        assert len(shells) == number
    grid = np.moveaxis(np.indices(tomogram.shape_zyx), 0, -1) * 10.0
    for centre, radius in shells:
        off = np.linalg.norm(grid - centre, axis=-1) - radius
        # Much darker than its surroundings.
        assert tomogram.volume[np.abs(off) < 15].mean() < (
            tomogram.volume[(np.abs(off) > 60) & (np.abs(off) < 90)].mean() - 0.5
        )
        for name, size in RADII.items():
            away = np.linalg.norm(picks.of(name).position_zyx - centre, axis=1)
            assert (np.abs(away - radius) >= 0.9 * size).all()
