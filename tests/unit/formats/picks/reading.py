"""Files of picks that are read for one tomogram, for the tests of their kinds."""

from __future__ import annotations

import logging

import numpy as np

from picker.config import Particle
from picker.formats.picks.known import read_known_picks

SHAPE = (64, 120, 150)
V = 10.0
NAMES = ("ribosome", "virus")
PARTICLES = tuple(Particle(name=name, radius=150) for name in NAMES)
# Voxel 30, 40, 20 in the order x, y, z.
PLACE_ZYX = [200.0, 400.0, 300.0]


def read(path, tomogram="TS_1", **more):
    return read_known_picks([path], tomogram, PARTICLES, V, SHAPE, **more)


def check(path, caplog, kind, places=(PLACE_ZYX,), particle="ribosome", score=1.0):
    """Assert what a file holds and that its kind was told; return the warnings."""
    caplog.set_level(logging.INFO)
    caplog.clear()
    picks, warnings = read(path)
    np.testing.assert_allclose(picks.position_zyx, places, rtol=1e-6)
    assert picks.particle.tolist() == [particle] * len(places)
    np.testing.assert_allclose(picks.score, score)
    assert f"{path}: {len(places)} picks, read as {kind}" in caplog.text
    return warnings


WARP = "data_\nloop_\n_rlnCoordinateX\n_rlnCoordinateY\n_rlnCoordinateZ\n"


def spread(num):
    """Return `(num, 3)` voxels x, y, z that fill the tomogram."""
    place = np.random.default_rng(0).uniform(0.02, 0.98, (num, 3))
    return place * (np.array(SHAPE[::-1]) - 1)
