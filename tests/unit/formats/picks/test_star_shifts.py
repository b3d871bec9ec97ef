"""Shifts of a refinement beside coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from picker.formats.picks.known import read_known_picks
from tests.unit.formats.examples import PARTICLE
from tests.unit.formats.picks.star_examples import (
    FOUR,
    OPTICS,
    SHAPE,
    V,
    make_tomogram,
    places_of,
    read_back,
)

ORIGIN = [f"rlnOrigin{a}Angst" for a in "XYZ"]


def centred(*columns):
    """Return the header of RELION 5's table with more columns."""
    names = [f"rlnCenteredCoordinate{a}Angst" for a in "XYZ"]
    lines = [f"_{name}" for name in ("rlnTomoName", *names, *columns)]
    return "\n".join(["data_particles", "loop_", *lines, ""])


def test_shifts_in_angstrom_are_subtracted(tmp_path):
    path = tmp_path / "a.star"
    path.write_text(OPTICS + "1 2.5\n" + FOUR.format(shift=3.5))
    found, position = read_back(path, make_tomogram())
    assert found.warnings == ()
    np.testing.assert_array_equal(position, [[110, 0, 266.5]])
    origin = "".join(f"_{name}\n" for name in ORIGIN)
    names = centred(*ORIGIN)
    path.write_text(names + "TS_1 0 0 0 0 0 0\nTS_2 0 0 0 9 9 9\nTS_1 0 0 0 1 2 -4\n")
    # The centre of 28 x 20 x 12 voxels of 10 Å lies at 140, 100, 60 Å.
    assert places_of(path, "TS_1") == [[60, 100, 140], [64, 98, 139]]
    three = "".join(f"_rlnCoordinate{a}\n" for a in "XYZ")
    path.write_text(f"data_\nloop_\n{three}{origin}10 5 3 10 -20 5\n")
    assert places_of(path, "TS_1") == [[25, 70, 90]]


def test_shifts_in_pixels_are_told_and_left_out(tmp_path):
    path = tmp_path / "a.star"
    text = FOUR.format(shift="3.5").replace("_rlnOriginXAngst", "_rlnOriginX")
    path.write_text(OPTICS + "1 2.5\n" + text)
    found, position = read_back(path, make_tomogram())
    assert "rlnOriginX is not applied, its pixels have no cert" in found.warnings[0]
    np.testing.assert_array_equal(position, [[110, 0, 270]])


def test_the_prior_of_a_shift_is_no_shift(tmp_path):
    path = tmp_path / "a.star"
    prior = [f"rlnOrigin{a}PriorAngst" for a in "XYZ"]
    path.write_text(centred(*ORIGIN, *prior) + "TS_1 0 0 0 10 20 30 9 <NA> nan\n")
    picks, warnings = read_known_picks([path], "TS_1", [PARTICLE], V, SHAPE)
    assert (picks.position_zyx.tolist(), warnings) == ([[30, 80, 130]], [])
    # Nor is it one where there is no other.
    path.write_text(centred(*prior) + "TS_1 0 0 0 9 9 9\n")
    assert places_of(path, "TS_1") == [[60, 100, 140]]


@pytest.mark.parametrize(
    ("angles", "turned_xyz"),
    [
        ("0 0 0", (10, 20, 30)),
        # RELION's matrix takes x to -y at rot 90, and x to z at tilt 90.
        ("90 0 0", (20, -10, 30)),
        ("0 0 90", (20, -10, 30)),
        ("0 90 0", (-30, 20, 10)),
        # psi after tilt after rot: rot 90 gives 20 -10 30, tilt 90 then -30 -10 20.
        ("90 90 0", (-30, -10, 20)),
        ("90 90 90", (-10, 30, 20)),
    ],
)
def test_shifts_of_turned_subtomograms_are_turned(tmp_path, angles, turned_xyz):
    path = tmp_path / "a.star"
    turned = [f"rlnTomoSubtomogram{a}" for a in ("Rot", "Tilt", "Psi")]
    path.write_text(centred(*ORIGIN, *turned) + f"TS_1 0 0 0 10 20 30 {angles}\n")
    x, y, z = turned_xyz
    np.testing.assert_allclose(places_of(path, "TS_1"), [[60 - z, 100 - y, 140 - x]])
