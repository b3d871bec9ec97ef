"""IMOD contours of several points."""

from __future__ import annotations

import numpy as np
import pytest

from picker.config import Particle
from picker.core.rotations import are_known
from picker.formats.picks import imod
from picker.formats.picks.angles import rotation_from_motl
from picker.formats.picks.known import read_known_picks
from tests.unit.formats.picks.imod_models import (
    CLOSED,
    OPEN,
    PLACES,
    POINTS,
    SCATTERED,
    SHAPE,
    V,
    read,
    write_model,
)

TWO = [POINTS, [(0.5, 0.5, 0.0), (20.5, 10.5, 4.0), (1.5, 2.5, 5.0)]]
APART = [(2.5, 3.5, 4.0), (90.5, 60.5, 60.0)]
TURN = np.array([[20.0, 0, 0]])
FIRST = (3.5, 3.5, 3.0)


def test_contours_of_unknown_meaning_are_refused(tmp_path):
    for kind in (OPEN, CLOSED):
        path = write_model(tmp_path / "a.mod", (SCATTERED, [[FIRST]]), (kind, TWO))
        with pytest.raises(ValueError, match="has 2 contours of 2 to 3 points") as e:
            read(path)
        assert "each of their 5 points is a pick, the first at voxel (10, 12, 5)" in (
            str(e.value)
        )
        assert "each contour's middle, the first at (40, 31, 15)" in str(e.value)
        assert "tomograms.contours (picker convert --contours)" in str(e.value)


def test_contours_are_read_as_the_user_says(tmp_path):
    one = [(2.5, 3.5, 4.0)]
    path = write_model(tmp_path / "a.mod", (OPEN, [*TWO, one]), (SCATTERED, [POINTS]))
    found = imod.read_model(path)
    assert found.drawing is not None
    assert found.drawing.contour.tolist() == [0, 0, 1, 1, 1, -1, -1, -1]
    points, _ = read(path, contours="points")
    assert len(points) == 6  # two of eight are there twice
    middles, _ = read(path, contours="middles")
    np.testing.assert_allclose(
        middles, [[15, 31, 40], [3, 4, 7], [4, 3, 2], *PLACES], rtol=1e-6
    )


def test_a_middle_has_no_orientation_and_a_point_keeps_its_own(tmp_path):
    path = write_model(tmp_path / "a.mod", (OPEN, [TWO[0], *([p] for p in APART)]))
    rows = [",".join([*["0"] * 16, str(10 * row), "0", "0", "0"]) for row in range(4)]
    path.with_suffix(".csv").write_text("\n".join(["CCC,", *rows, ""]))
    particles = [Particle(name="virus", radius=100)]
    # The last point lies just outside.
    found, warnings = read_known_picks(
        [path], "TS_1", particles, V, SHAPE, contours="middles"
    )
    np.testing.assert_allclose(found.position_zyx / V, [[15, 31, 40], [4, 3, 2]])
    assert are_known(found.rotation).tolist() == [False, True]
    np.testing.assert_allclose(found.rotation[1], rotation_from_motl(TURN)[0])
    assert any("left out" in text for text in warnings)


def test_contours_of_one_point_need_no_setting(tmp_path):
    path = write_model(tmp_path / "a.mod", (CLOSED, [[p] for p in POINTS]))
    assert read(path)[0].tolist() == PLACES
